/**
 * TFRecord files: records framed by lengths and checksums, plain or gzipped as a whole.
 *
 * Each record is `uint64 length, uint32 crc(length), bytes, uint32 crc(bytes)`, little-endian, with
 * masked CRC-32C checksums. A plain file is indexed by its lengths and read at random; a gzipped one can
 * only be read from front to back.
 */

import { Readable } from "node:stream";
import { constants, createGunzip } from "node:zlib";
import { crc32c } from "./crc32c.ts";
import { CorruptError, TruncatedError, WrongKindError } from "../errors.ts";
import { dataOptions, limitsKind } from "../options.ts";
import { openFile, pieces, plainBytes, type RandomAccessFile } from "../files.ts";
import { checkLimit, type Limits } from "../limits.ts";

const HEADER = 12;
const FOOTER = 4;
const again = "Download the file again";

/** One record of a TFRecord file. */
export interface TfRecord {
  /** Its contents. */
  readonly bytes: Uint8Array;
  /** The offset of the record, in the file or, if it is gzipped, in the inflated data. */
  readonly offset: number;
}

/** The checksum of TFRecord files: CRC-32C, rotated by 15 bits and shifted by a constant. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// The length of the record that a header announces.
function readHeader(
  header: Uint8Array,
  offset: number,
  path: string,
  number: number,
  limits: Partial<Limits> | undefined,
): number {
  const view = new DataView(header.buffer, header.byteOffset, HEADER);
  if (maskedCrc(header.subarray(0, 8)) !== view.getUint32(8, true)) {
    throw new (number === 0 ? WrongKindError : CorruptError)(
      number === 0
        ? "this is not a TFRecord file: its first length does not match its checksum"
        : `the checksum of the length of record ${number} is wrong`,
      { path, offset, hint: `Check that the file is a TFRecord file. ${again}` },
    );
  }
  const length = Number(view.getBigUint64(0, true));
  const what = `record ${number} has ${length} bytes`;
  checkLimit("recordBytes", length, what, limits, { path, offset });
  return length;
}

function checkBody(body: Uint8Array, footer: Uint8Array, at: TfRecord["offset"], path: string) {
  const view = new DataView(footer.buffer, footer.byteOffset, FOOTER);
  if (maskedCrc(body) !== view.getUint32(0, true)) {
    throw new CorruptError("the checksum of a record is wrong", {
      path,
      offset: at + HEADER,
      hint: again,
    });
  }
}

const cutOff = (path: string, offset: number, number: number) =>
  new TruncatedError(`the file ends inside record ${number}`, { path, offset, hint: again });

function refuseEmpty({ path, size }: RandomAccessFile): void {
  if (size > 0) return;
  throw new TruncatedError("the file is empty", { path, offset: 0, hint: again });
}

/** True if a file is gzipped, by its first two bytes. */
export async function isGzip(file: RandomAccessFile): Promise<boolean> {
  if (file.size < 2) return false;
  const [first, second] = await file.read(0, 2);
  return first === 0x1f && second === 0x8b;
}

type ReadOptions = { readonly limits?: Partial<Limits> | undefined };
const checkRead = dataOptions<ReadOptions>("readTfRecords", ["path"], { limits: limitsKind });
const checkIndex = dataOptions<ReadOptions>("indexTfRecords", ["file"], { limits: limitsKind });

/**
 * The records of a TFRecord file from front to back, gzipped or not, all checksums verified.
 *
 * @throws {MissingFileError}, {@linkcode WrongKindError}, {@linkcode TruncatedError},
 * {@linkcode CorruptError}, {@linkcode LimitError} for records of more than 64 MiB unless given.
 */
export async function* readTfRecords(
  path: string,
  options: { readonly limits?: Partial<Limits> | undefined } = {},
): AsyncGenerator<TfRecord> {
  checkRead(options);
  const { limits } = options;
  const file = await openFile(path);
  try {
    refuseEmpty(file);
    const gzipped = await isGzip(file);
    const take = taker(gzipped ? inflate(file) : pieces(file));
    for (let number = 0, offset = 0;; number++) {
      const header = await take(HEADER);
      if (header.length === 0) return;
      if (header.length < HEADER) throw cutOff(path, offset + header.length, number);
      const length = readHeader(header, offset, path, number, limits);
      const bytes = await take(length);
      const footer = await take(FOOTER);
      if (footer.length < FOOTER) {
        throw cutOff(path, offset + HEADER + bytes.length + footer.length, number);
      }
      checkBody(bytes, footer, offset, path);
      yield { bytes, offset };
      offset += HEADER + length + FOOTER;
    }
  } finally {
    await file.close();
  }
}

/** A plain TFRecord file whose records can be read in any order. */
export interface TfRecordIndex {
  /** The number of records. */
  readonly size: number;
  /** Record `i`, its checksum verified. */
  get(i: number): Promise<TfRecord>;
}

/**
 * Finds all records of a plain (not gzipped) TFRecord file by walking its headers.
 *
 * @throws {WrongKindError}, {@linkcode TruncatedError}, {@linkcode CorruptError}, {@linkcode LimitError}
 */
export async function indexTfRecords(
  file: RandomAccessFile,
  options: { readonly limits?: Partial<Limits> | undefined } = {},
): Promise<TfRecordIndex> {
  checkIndex(options);
  const { limits } = options;
  refuseEmpty(file);
  const { path, size } = file;
  const starts: number[] = [];
  let offset = 0;
  while (offset < size) {
    const number = starts.length;
    if (offset + HEADER > size) throw cutOff(path, size, number);
    const length = readHeader(await file.read(offset, HEADER), offset, path, number, limits);
    starts.push(offset);
    offset += HEADER + length + FOOTER;
    if (offset > size) throw cutOff(path, size, number);
  }
  return {
    size: starts.length,
    async get(i) {
      const start = starts[i]!;
      const end = starts[i + 1] ?? size;
      const record = await file.read(start, end - start);
      const bytes = record.subarray(HEADER, record.length - FOOTER);
      checkBody(bytes, record.subarray(record.length - FOOTER), start, path);
      return { bytes, offset: start };
    },
  };
}

// Inflates a gzip file piece by piece; zlib's errors become ours.
async function* inflate(file: RandomAccessFile): AsyncGenerator<Uint8Array> {
  const { path, size } = file;
  let given = 0;
  const source = Readable.from((async function* () {
    for await (const piece of pieces(file)) {
      given += piece.length;
      yield piece;
    }
  })());
  const gunzip = createGunzip({ finishFlush: constants.Z_FINISH, chunkSize: 1 << 18 });
  source.on("error", (error) => gunzip.destroy(error));
  try {
    for await (const piece of source.pipe(gunzip)) yield plainBytes(piece);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "Z_BUF_ERROR") {
      throw new TruncatedError("the gzip file ends before its contents do", {
        path,
        offset: size,
        hint: again,
        cause: error,
      });
    }
    if (error instanceof Error && "code" in error && error.code === "Z_DATA_ERROR") {
      throw new CorruptError(`the gzip file cannot be inflated near here: ${error.message}`, {
        path,
        offset: given,
        hint: again,
        cause: error,
      });
    }
    throw error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

// Regroups pieces: each call takes exactly `length` bytes, or what is left at the end.
function taker(source: AsyncIterable<Uint8Array>): (length: number) => Promise<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return async (length) => {
    const taken: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (rest.length === 0) {
        const { done, value } = await iterator.next();
        if (done) break;
        rest = value;
        continue;
      }
      const part = rest.subarray(0, missing);
      taken.push(part);
      rest = rest.subarray(part.length);
      missing -= part.length;
    }
    if (taken.length === 1) return taken[0]!;
    const joined = new Uint8Array(length - missing);
    let at = 0;
    for (const part of taken) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  };
}
