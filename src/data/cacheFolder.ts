/**
 * One conversion on disk.
 *
 * ```text
 * manifest.json    key, size, schema, length of every file, and a digest of all this
 * image.npy        [size, height, width, channels], of a field with a fixed shape
 * scene.bin        the rows of a field whose shape varies or that is JSON, one after the other
 * scene.index.npy  float64 [size, 1 + rank]: start of the row, its shape
 * image.crc.npy    uint32 [size]: checksums of the rows
 * ```
 *
 * The checksum of a row (CRC-32) covers what it is a row of, too: the key of the cache, the name of the field, the
 * index, and the shape. So rows, files or folders that changed places are noticed like other damage. Indices and
 * checksums themselves have their SHA-256 in the manifest.
 */

import { createHash } from "node:crypto";
import { type FileHandle, open, writeFile } from "node:fs/promises";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import {
  type Dataset,
  type Field,
  type FieldSpec,
  makeDataset,
  type Sample,
  type Schema,
} from "./dataset.ts";
import { CorruptError, DataError, SampleShapeError, TruncatedError } from "./errors.ts";
import { openFile, type RandomAccessFile, readJson } from "./files.ts";
import {
  bytesPerElement,
  dtypeOf,
  elements,
  fromBytes,
  isNdArray,
  toBytes,
  type TypedArray,
} from "./ndarray.ts";
import { npyHeader } from "./formats/npy.ts";

/** Another form of folder has another number, and another name. */
export const VERSION = 2;
const HEADER = 128;

const isFixed = ({ shape, dtype }: FieldSpec) => dtype !== "json" && !shape.includes(null);
const fileName = (field: string, suffix: string) => `${encodeURIComponent(field)}${suffix}`;
const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

interface FileEntry {
  readonly length: number;
  /** Of files that are read as a whole when a cache is opened. */
  readonly sha256?: string;
}
type Files = { readonly [name: string]: FileEntry };

interface Manifest<S extends Sample> {
  readonly version: number;
  readonly key: unknown;
  readonly size: number;
  readonly schema: Schema<S>;
  readonly files: Files;
}

/** The checksum of a row. Besides its bytes it covers the cache, the index and the shape of the row. */
function checksum(owner: string, index: number, shape: readonly number[], row: Uint8Array): number {
  return crc32(row, crc32(`${owner} ${index} [${shape}]`));
}

const ownerOf = (key: unknown, field: string) => `${sha256(JSON.stringify(key ?? null))} ${field}`;

/** Writes all samples of a stream into a folder. */
export async function writeCacheFolder<S extends Sample>(
  folder: string,
  { schema, samples }: { readonly schema: Schema<S>; readonly samples: AsyncIterable<S> },
  { key, onProgress }: {
    readonly key: unknown;
    readonly onProgress?: ((done: number) => void) | undefined;
  },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const writers = new Map<string, Writer>();
  try {
    for (const [name, spec] of Object.entries<FieldSpec>(schema)) {
      writers.set(name, await openWriter(folder, name, spec, ownerOf(key, name)));
    }
    let size = 0;
    for await (const sample of samples) {
      for (const [name, writer] of writers) {
        const field = sample[name];
        checkField(name, field, schema[name]!, size);
        await writer.add(field!);
      }
      size++;
      onProgress?.(size);
    }
    const files: Record<string, FileEntry> = {};
    for (const writer of writers.values()) Object.assign(files, await writer.finish(size));
    const manifest: Manifest<S> = { version: VERSION, key: key ?? null, size, schema, files };
    const text = JSON.stringify({ digest: sha256(JSON.stringify(manifest)), ...manifest }, null, 2);
    await writeFile(join(folder, "manifest.json"), text);
  } finally {
    for (const writer of writers.values()) await writer.close();
  }
}

function checkField(name: string, field: Field | undefined, spec: FieldSpec, index: number): void {
  const found = field === undefined
    ? "nothing"
    : isNdArray(field)
    ? `${dtypeOf(field.data)}[${field.shape}]`
    : "json";
  const fits = isNdArray(field)
    ? dtypeOf(field.data) === spec.dtype && field.shape.length === spec.shape.length &&
      field.shape.every((length, axis) => (spec.shape[axis] ?? length) === length)
    : field !== undefined && spec.dtype === "json";
  if (fits) return;
  throw new SampleShapeError(
    `"${name}" of sample ${index} is ${found}, but its schema says ${spec.dtype}[${spec.shape}]`,
    { hint: "Make schema and samples agree; null in a shape stands for a length that varies" },
  );
}

interface Writer {
  add(field: Field): Promise<void>;
  finish(size: number): Promise<Files>;
  close(): Promise<void>;
}

// Appends to a file through a buffer, since labels of four bytes are as common as images.
async function openAppender(path: string) {
  const handle: FileHandle = await open(path, "wx");
  let length = 0;
  let waiting: Uint8Array[] = [];
  let waitingLength = 0;
  const flush = async () => {
    for (const bytes of waiting.length > 1 ? [Buffer.concat(waiting)] : waiting) {
      let written = 0;
      while (written < bytes.length) {
        written += (await handle.write(bytes, written, bytes.length - written, null)).bytesWritten;
      }
    }
    waiting = [];
    waitingLength = 0;
  };
  return {
    length: () => length,
    async append(bytes: Uint8Array) {
      waiting.push(bytes);
      waitingLength += bytes.length;
      length += bytes.length;
      if (waitingLength >= 1 << 20) await flush();
    },
    flush,
    handle,
  };
}

async function openWriter(
  folder: string,
  name: string,
  spec: FieldSpec,
  owner: string,
): Promise<Writer> {
  const fixed = isFixed(spec);
  const file = fileName(name, fixed ? ".npy" : ".bin");
  const out = await openAppender(join(folder, file));
  const checksums: number[] = [];
  const index: number[] = [];
  const header = (size: number) => fixed ? rowsHeader(spec, size) : new Uint8Array(0);
  await out.append(header(0)); // written again when the size is known
  // A file that is read as a whole when the cache is opened.
  const table = async (suffix: string, data: Uint32Array | Float64Array, shape: number[]) => {
    const bytes = Buffer.concat([npyHeader(dtypeOf(data), shape, HEADER), toBytes(data)]);
    await writeFile(join(folder, fileName(name, suffix)), bytes);
    return { [fileName(name, suffix)]: { length: bytes.length, sha256: sha256(bytes) } };
  };
  return {
    async add(field) {
      const array = spec.dtype !== "json" && isNdArray(field) ? field : undefined;
      const row = array ? toBytes(array.data) : new TextEncoder().encode(JSON.stringify(field));
      checksums.push(checksum(owner, checksums.length, array?.shape ?? [], row));
      if (!fixed) index.push(out.length(), ...array?.shape ?? []);
      await out.append(row);
    },
    async finish(size) {
      await out.flush();
      const bytes = header(size);
      if (fixed) await out.handle.write(bytes, 0, bytes.length, 0);
      const columns = 1 + spec.shape.length;
      return {
        [file]: { length: out.length() },
        ...await table(".crc.npy", Uint32Array.from(checksums), [size]),
        ...fixed ? {} : await table(".index.npy", Float64Array.from(index), [size, columns]),
      };
    },
    close: () => out.handle.close(),
  };
}

function rowsHeader({ shape, dtype }: FieldSpec, size: number): Uint8Array {
  if (dtype === "json") throw new Error("JSON has no fixed shape");
  return npyHeader(dtype, [size, ...shape as readonly number[]], HEADER);
}

/**
 * Opens what {@linkcode writeCacheFolder} wrote for this key.
 *
 * @throws {TruncatedError} and {@linkcode CorruptError} when it is damaged or belongs to another key; rows are
 * checked as they are read.
 */
export async function openCacheFolder<S extends Sample>(
  folder: string,
  key: unknown,
): Promise<Dataset<S>> {
  const hint = `Delete the folder ${folder}; it will be made again`;
  const { size, schema, files } = await readManifest<S>(folder, key, hint);
  const opened = new Map<string, RandomAccessFile>();
  const close = async () => {
    for (const file of opened.values()) await file.close();
  };
  try {
    for (const [name, { length }] of Object.entries(files)) {
      const file = await openFile(join(folder, name)).catch((cause) => {
        throw new CorruptError("a file of the cache is missing", {
          path: join(folder, name),
          hint,
          cause,
        });
      });
      opened.set(name, file);
      if (file.size !== length) {
        throw new (file.size < length ? TruncatedError : CorruptError)(
          `the cache file has ${file.size} bytes instead of ${length}`,
          { path: file.path, offset: Math.min(file.size, length), hint },
        );
      }
    }
    const readers = new Map<string, (index: number) => Promise<Field>>();
    for (const [name, spec] of Object.entries<FieldSpec>(schema)) {
      readers.set(
        name,
        await openReader({ opened, files, size, hint }, name, spec, ownerOf(key, name)),
      );
    }
    return makeDataset<S>({
      size,
      schema,
      async get(i) {
        const entries = [...readers].map(async ([name, read]) => [name, await read(i)] as const);
        return Object.fromEntries(await Promise.all(entries)) as S; // the manifest is S's schema
      },
      close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}

async function readManifest<S extends Sample>(
  folder: string,
  key: unknown,
  hint: string,
): Promise<Manifest<S>> {
  const path = join(folder, "manifest.json");
  const found = await readJson(path).catch((cause) => {
    if (!(cause instanceof DataError)) throw cause;
    throw new CorruptError(`the manifest of the cache cannot be read: ${cause.what}`, {
      path,
      offset: cause.offset,
      hint,
      cause,
    });
  });
  const { digest, ...manifest } = typeof found === "object"
    ? { ...found } as Record<string, unknown>
    : {};
  if (digest !== sha256(JSON.stringify(manifest))) {
    throw new CorruptError("the manifest of the cache does not have its digest", {
      path,
      offset: 0,
      hint,
    });
  }
  const checked = manifest as unknown as Manifest<S>; // what has its digest was written here
  if (checked.version !== VERSION || JSON.stringify(checked.key) !== JSON.stringify(key ?? null)) {
    throw new CorruptError("the cache holds other data than its name says", { path, hint });
  }
  return checked;
}

interface Opened {
  readonly opened: ReadonlyMap<string, RandomAccessFile>;
  readonly files: Files;
  readonly size: number;
  readonly hint: string;
}

async function openReader(
  { opened, files, size, hint }: Opened,
  name: string,
  spec: FieldSpec,
  owner: string,
): Promise<(index: number) => Promise<Field>> {
  const damaged = (what: string, { path }: RandomAccessFile, offset: number) =>
    new CorruptError(what, { path, offset, hint });
  const table = async <D extends "uint32" | "float64">(suffix: string, dtype: D) => {
    const file = opened.get(fileName(name, suffix))!;
    const bytes = await file.read(0, file.size);
    if (sha256(bytes) !== files[fileName(name, suffix)]!.sha256) {
      throw damaged("the cache file does not have its digest", file, 0);
    }
    return fromBytes(dtype, bytes.subarray(HEADER));
  };
  const checksums = await table(".crc.npy", "uint32");
  const fixed = isFixed(spec);
  const file = opened.get(fileName(name, fixed ? ".npy" : ".bin"))!;
  if (fixed && Buffer.compare(rowsHeader(spec, size), await file.read(0, HEADER)) !== 0) {
    throw damaged("the header of the cache file is damaged", file, 0);
  }
  const index: TypedArray = fixed ? new Float64Array(0) : await table(".index.npy", "float64");
  const columns = 1 + spec.shape.length;
  const { dtype } = spec;
  const placeOf = (i: number) => {
    if (dtype !== "json" && fixed) {
      const shape = spec.shape as readonly number[];
      const length = elements(shape) * bytesPerElement(dtype);
      return { start: HEADER + i * length, length, shape };
    }
    const start = index[i * columns]!;
    const end = i + 1 < size ? index[(i + 1) * columns]! : file.size;
    const shape = Array.from(index.subarray(i * columns + 1, (i + 1) * columns));
    return { start, length: end - start, shape };
  };
  return async (i) => {
    const { start, length, shape } = placeOf(i);
    const row = await file.read(start, length);
    if (checksum(owner, i, shape, row) !== checksums[i]) {
      throw damaged(`row ${i} of "${name}" does not have its checksum`, file, start);
    }
    if (dtype === "json") return JSON.parse(new TextDecoder().decode(row));
    return { data: fromBytes(dtype, row), shape };
  };
}
