/**
 * NumPy's `.npz`: a zip archive of `.npy` arrays, read row by row, for archives larger than memory.
 */

import { Readable } from "node:stream";
import { constants, crc32, createInflateRaw } from "node:zlib";
import {
  CorruptError,
  DataError,
  TruncatedError,
  UnsupportedError,
  WrongKindError,
} from "../errors.ts";
import { openFile, pieces, plainBytes, type RandomAccessFile } from "../files.ts";
import { mostInflated } from "./inflate.ts";
import type { Limits } from "../limits.ts";
import { bytesPerElement, elements } from "../ndarray.ts";
import { type NpyHeader, parseNpyHeader } from "./npy.ts";

/** One array of the archive. */
export interface NpzEntry {
  readonly name: string;
  readonly method: number;
  /** Bit 0: encrypted; bit 3: lengths and checksum follow the data instead of preceding it. */
  readonly flags: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** The offset of its local header in the file. */
  readonly offset: number;
}

/** An open archive. */
export interface NpzFile {
  readonly path: string;
  /** Its arrays by name, without `.npy`. */
  readonly entries: ReadonlyMap<string, NpzEntry>;
  /**
   * Streams one array: first its header, then its bytes in pieces.
   *
   * @throws {WrongKindError} when there is none of that name; {@linkcode CorruptError} at the end when
   * the checksum is wrong, so use nothing before the stream has ended.
   */
  stream(name: string): Promise<{
    readonly header: NpyHeader;
    readonly data: AsyncIterable<Uint8Array>;
  }>;
  close(): Promise<void>;
}

const again = "Download the file again";

/** Opens an archive by its directory, which stands at its end. */
export async function openNpz(path: string, limits?: Partial<Limits>): Promise<NpzFile> {
  const file = await openFile(path);
  try {
    const entries = await readDirectory(file).catch((error) => {
      if (!(error instanceof RangeError)) throw error;
      throw new CorruptError("the directory of the zip archive is damaged", {
        path,
        offset: file.size,
        hint: again,
        cause: error,
      });
    });
    return {
      path,
      entries,
      async stream(name) {
        const entry = entries.get(name);
        if (entry === undefined) {
          throw new WrongKindError(`the archive has no array "${name}"`, {
            path,
            offset: 0,
            hint: `It has ${[...entries.keys()].join(", ")}; check that it is the right dataset`,
          });
        }
        const { header, data } = await splitHeader(contents(file, entry), path, limits);
        // Checked before anyone allocates what a damaged header claims.
        const { dtype, shape, dataOffset } = header;
        const width = dtype === "int64" ? 8 : bytesPerElement(dtype);
        if (dataOffset + elements(shape) * width !== entry.size) {
          throw new CorruptError(
            `"${name}" has ${entry.size - dataOffset} bytes, not ${dtype}[${shape}]`,
            { path, offset: entry.offset, hint: again },
          );
        }
        return { header, data };
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

async function readDirectory(file: RandomAccessFile): Promise<Map<string, NpzEntry>> {
  const { path, size } = file;
  if (size === 0) throw new TruncatedError("the file is empty", { path, offset: 0, hint: again });
  const start = await file.read(0, Math.min(4, size));
  const isZip = start[0] === 0x50 && start[1] === 0x4b;
  // The end record is 22 bytes and a comment of at most 65,535, which may look like one itself.
  const tailLength = Math.min(size, 22 + 65535);
  const tail = viewOf(await file.read(size - tailLength, tailLength));
  const isEnd = (at: number) =>
    tail.getUint32(at, true) === 0x06054b50 &&
    at + 22 + tail.getUint16(at + 20, true) === tailLength;
  let at = tailLength - 22;
  while (at >= 0 && !isEnd(at)) at--;
  if (at < 0) {
    throw isZip
      ? new TruncatedError("the zip archive has no directory at its end", {
        path,
        offset: size,
        hint: again,
      })
      : new WrongKindError("this is not a zip archive", {
        path,
        offset: 0,
        hint: "Check that the download is the dataset and not, say, an error page",
      });
  }
  const corrupt = (what: string, offset: number) =>
    new CorruptError(what, { path, offset, hint: again });
  const endAt = size - tailLength + at;
  let directoryEnd = endAt;
  let count = tail.getUint16(at + 10, true);
  let length = tail.getUint32(at + 12, true);
  let offset = tail.getUint32(at + 16, true);
  if (offset === 0xffffffff || length === 0xffffffff || count === 0xffff) {
    // zip64: a locator of 20 bytes precedes the end record, and a larger record precedes that.
    directoryEnd = endAt - 20 - 56;
    if (directoryEnd < 0) throw corrupt("the directory of the zip archive is damaged", endAt);
    const record = viewOf(await file.read(directoryEnd, 56));
    if (record.getUint32(0, true) !== 0x06064b50) {
      throw corrupt("the directory of the zip archive is damaged", directoryEnd);
    }
    count = Number(record.getBigUint64(32, true));
    length = Number(record.getBigUint64(40, true));
    offset = Number(record.getBigUint64(48, true));
  }
  // Offsets count from where the archive begins, which need not be where the file does.
  const prefix = directoryEnd - length - offset;
  if (!(prefix >= 0 && length >= 46 * count)) {
    throw corrupt("the directory of the zip archive is damaged", endAt);
  }
  const from = prefix + offset;
  const bytes = await file.read(from, length);
  const directory = viewOf(bytes);
  const entries = new Map<string, NpzEntry>();
  for (let i = 0, p = 0; i < count; i++) {
    if (p + 46 > length || directory.getUint32(p, true) !== 0x02014b50) {
      throw corrupt("the directory of the zip archive is damaged", from + p);
    }
    const nameLength = directory.getUint16(p + 28, true);
    const extraLength = directory.getUint16(p + 30, true);
    const name = new TextDecoder().decode(bytes.subarray(p + 46, p + 46 + nameLength));
    const extra = bytes.subarray(p + 46 + nameLength, p + 46 + nameLength + extraLength);
    const wide = wideFields(extra);
    const field = (at: number) => {
      const value = directory.getUint32(p + at, true);
      return value === 0xffffffff ? wide() : value;
    };
    // The order matters: zip64 lists only the fields that overflow, in this order.
    const [full, compressedSize, start] = [field(24), field(20), field(42)];
    const key = name.replace(/\.npy$/, "");
    if (entries.has(key)) throw corrupt(`the archive has two arrays "${key}"`, from + p);
    entries.set(key, {
      name,
      method: directory.getUint16(p + 10, true),
      flags: directory.getUint16(p + 8, true),
      crc: directory.getUint32(p + 16, true),
      compressedSize,
      size: full,
      offset: prefix + start,
    });
    p += 46 + nameLength + extraLength + directory.getUint16(p + 32, true);
  }
  return entries;
}

// The 64-bit numbers of the zip64 extra field, one after the other.
function wideFields(extra: Uint8Array): () => number {
  const view = viewOf(extra);
  let at = 0;
  while (at + 4 <= extra.length && view.getUint16(at, true) !== 1) {
    at += 4 + view.getUint16(at + 2, true);
  }
  at += 4;
  return () => {
    const value = Number(view.getBigUint64(at, true));
    at += 8;
    return value;
  };
}

// Where the data of an entry begins. Its own header repeats what the directory says; where they differ, one is wrong.
async function startOf(file: RandomAccessFile, entry: NpzEntry): Promise<number> {
  const { path } = file;
  const { name, method, flags, crc, size, compressedSize, offset } = entry;
  const unsupported = (what: string) =>
    new UnsupportedError(`"${name}" is ${what}`, {
      path,
      offset,
      hint: "Write the archive with numpy.savez or numpy.savez_compressed",
    });
  if ((flags & 1) !== 0) throw unsupported("encrypted");
  if (method !== 0 && method !== 8) throw unsupported(`compressed with method ${method}`);
  const local = viewOf(await file.read(offset, 30));
  const nameLength = local.getUint16(26, true);
  const ownName = new TextDecoder().decode(await file.read(offset + 30, nameLength));
  const sizes = [local.getUint32(18, true), local.getUint32(22, true)];
  const agrees = local.getUint32(0, true) === 0x04034b50 && ownName === name &&
    local.getUint16(8, true) === method &&
    ((flags & 8) !== 0 || local.getUint32(14, true) === crc &&
        sizes.every((own, i) => own === 0xffffffff || own === [compressedSize, size][i]));
  const possible = method === 0 ? size === compressedSize : size <= mostInflated(compressedSize);
  if (!agrees || !possible) {
    throw new CorruptError(`the entry "${name}" is damaged`, { path, offset, hint: again });
  }
  return offset + 30 + nameLength + local.getUint16(28, true);
}

async function* contents(file: RandomAccessFile, entry: NpzEntry): AsyncGenerator<Uint8Array> {
  const { path } = file;
  const start = await startOf(file, entry);
  const raw = pieces(file, start, start + entry.compressedSize);
  let crc = 0;
  let length = 0;
  try {
    for await (const piece of entry.method === 0 ? raw : inflate(raw)) {
      crc = crc32(piece, crc);
      length += piece.length;
      if (length > entry.size) break;
      yield plainBytes(piece);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new CorruptError(`"${entry.name}" cannot be inflated after ${length} bytes`, {
      path,
      offset: start,
      hint: again,
      cause: error,
    });
  }
  if (crc !== entry.crc || length !== entry.size) {
    throw new CorruptError(`the checksum or length of "${entry.name}" is wrong`, {
      path,
      offset: start,
      hint: again,
    });
  }
}

function inflate(raw: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(raw);
  const inflated = createInflateRaw({ finishFlush: constants.Z_FINISH, chunkSize: 1 << 18 });
  source.on("error", (error) => inflated.destroy(error));
  return source.pipe(inflated);
}

// Collects pieces until the header is complete; the rest of them follows as data.
async function splitHeader(
  source: AsyncGenerator<Uint8Array>,
  path: string,
  limits: Partial<Limits> | undefined,
) {
  let head: Uint8Array = new Uint8Array(0);
  for (;;) {
    const { done, value } = await source.next();
    if (!done) head = head.length === 0 ? value : plainBytes(Buffer.concat([head, value]));
    try {
      const header = parseNpyHeader(head, path, limits);
      return { header, data: rest(head.subarray(header.dataOffset), source) };
    } catch (error) {
      if (done || !(error instanceof TruncatedError)) throw error;
    }
  }
}

async function* rest(first: Uint8Array, source: AsyncGenerator<Uint8Array>) {
  if (first.length > 0) yield first;
  yield* source;
}
