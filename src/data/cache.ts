/**
 * The conversion cache: a dataset written down once, in a form that is read back at disk speed.
 *
 * Gzipped, badly chunked or compressed sources become a folder with one `.npy` file for each field of
 * fixed shape, and one `.bin` file with an index for each field whose shape varies or that is JSON:
 *
 * ```text
 * <directory>/<hash of the key>/manifest.json   key, size, schema, length of every file
 *                               image.npy       [size, height, width, channels]
 *                               scene.bin       the rows, one after the other
 *                               scene.index.npy float64 [size, 1 + rank]: start of the row, its shape
 * ```
 */

import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFolderAtomically } from "./atomic.ts";
import {
  type Dataset,
  type Field,
  type FieldSpec,
  makeDataset,
  mapFields,
  type Sample,
  type Schema,
} from "./dataset.ts";
import { CorruptError, ShapeError, TruncatedError } from "./errors.ts";
import { exists, openFile, type RandomAccessFile, readJson } from "./files.ts";
import { bytesPerElement, dtypeOf, elements, fromBytes, isNdArray, toBytes } from "./ndarray.ts";
import { npyHeader, parseNpyHeader } from "./npy.ts";

const VERSION = 1;
const HEADER = 128;

/** Where a cache lives and what it is a cache of. */
export interface CacheOptions {
  /** The folder that holds caches; created when missing. */
  readonly directory: string;
  /**
   * Everything the contents depend on, as JSON: source, options, {@linkcode fileStamp}s. Another key is
   * another cache.
   */
  readonly key: unknown;
  /** Told after every sample of a conversion how many there are. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * The dataset that `make` makes, through the cache: the first call converts, later ones open the result
 * without calling `make`.
 *
 * A conversion that fails or is killed leaves nothing that a later call would take for a cache.
 *
 * @throws whatever `make` and its samples throw; {@linkcode TruncatedError} and
 * {@linkcode CorruptError} when the cache itself was damaged.
 */
export async function cached<S extends Sample>(
  make: () => Promise<Dataset<S>>,
  options: CacheOptions,
): Promise<Dataset<S>> {
  return await cachedSamples(async () => {
    const dataset = await make();
    return { schema: dataset.schema, samples: inOrder(dataset), close: () => dataset.close() };
  }, options);
}

/** Samples that come one after the other, for sources that cannot be read at random. */
export interface SampleStream<S extends Sample> {
  /** Shape and dtype of every field. */
  readonly schema: Schema<S>;
  /** The samples, read once. */
  readonly samples: AsyncIterable<S>;
  /** Called after the last sample, or when something fails. */
  close?(): Promise<void>;
}

/** As {@linkcode cached}, from samples in order. */
export async function cachedSamples<S extends Sample>(
  make: () => Promise<SampleStream<S>>,
  { directory, key, onProgress }: CacheOptions,
): Promise<Dataset<S>> {
  const text = JSON.stringify({ version: VERSION, key });
  const name = createHash("sha256").update(text).digest("hex").slice(0, 24);
  const folder = join(directory, name);
  if (!(await exists(folder))) {
    await createFolderAtomically(folder, async (temporary) => {
      const source = await make();
      try {
        await convert(temporary, source, key, onProgress);
      } finally {
        await source.close?.();
      }
    });
  }
  return await openCache<S>(folder);
}

// Reads a few samples ahead, so that decoding threads have work while the disk is written.
async function* inOrder<S extends Sample>(dataset: Dataset<S>, ahead = 8): AsyncGenerator<S> {
  const pending: Promise<S>[] = [];
  for (let i = 0, next = 0; i < dataset.size; i++) {
    for (; next < dataset.size && next <= i + ahead; next++) {
      const sample = dataset.get(next);
      sample.catch(() => {}); // reported when its turn comes
      pending.push(sample);
    }
    yield await pending.shift()!;
  }
}

const isFixed = ({ shape, dtype }: FieldSpec) => dtype !== "json" && !shape.includes(null);
const fileName = (field: string, suffix: string) => `${encodeURIComponent(field)}${suffix}`;

interface Manifest<S extends Sample> {
  readonly version: number;
  readonly key: unknown;
  readonly size: number;
  readonly schema: Schema<S>;
  readonly files: { readonly [name: string]: number };
}

async function convert<S extends Sample>(
  folder: string,
  { schema, samples }: SampleStream<S>,
  key: unknown,
  onProgress: CacheOptions["onProgress"],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const writers = new Map<string, Writer>();
  try {
    for (const [name, spec] of Object.entries<FieldSpec>(schema)) {
      const writer = isFixed(spec)
        ? await fixedWriter(folder, name, spec)
        : await variableWriter(folder, name, spec);
      writers.set(name, writer);
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
    const files: Record<string, number> = {};
    for (const writer of writers.values()) Object.assign(files, await writer.finish(size));
    const manifest: Manifest<S> = { version: VERSION, key, size, schema, files };
    await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest, null, 2));
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
  throw new ShapeError(
    `"${name}" of sample ${index} is ${found}, its schema says ${spec.dtype}[${spec.shape}]`,
    { cure: "Make schema and samples agree; null in a shape stands for a length that varies" },
  );
}

interface Writer {
  add(field: Field): Promise<void>;
  finish(size: number): Promise<{ readonly [name: string]: number }>;
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

async function fixedWriter(folder: string, name: string, spec: FieldSpec): Promise<Writer> {
  const file = fileName(name, ".npy");
  const out = await openAppender(join(folder, file));
  const { shape, dtype } = spec as {
    shape: readonly number[];
    dtype: Exclude<FieldSpec["dtype"], "json">;
  };
  await out.append(npyHeader(dtype, [0, ...shape], HEADER));
  return {
    add: async (field) => isNdArray(field) ? await out.append(toBytes(field.data)) : undefined,
    async finish(size) {
      await out.flush();
      await out.handle.write(npyHeader(dtype, [size, ...shape], HEADER), 0, HEADER, 0);
      return { [file]: out.length() };
    },
    close: () => out.handle.close(),
  };
}

async function variableWriter(folder: string, name: string, spec: FieldSpec): Promise<Writer> {
  const file = fileName(name, ".bin");
  const out = await openAppender(join(folder, file));
  const index: number[] = [];
  return {
    async add(field) {
      index.push(out.length());
      if (spec.dtype !== "json" && isNdArray(field)) {
        index.push(...field.shape);
        await out.append(toBytes(field.data));
      } else {
        await out.append(new TextEncoder().encode(JSON.stringify(field)));
      }
    },
    async finish(size) {
      await out.flush();
      const indexFile = fileName(name, ".index.npy");
      const bytes = Buffer.concat([
        npyHeader("float64", [size, 1 + spec.shape.length], HEADER),
        toBytes(Float64Array.from(index)),
      ]);
      await writeFile(join(folder, indexFile), bytes);
      return { [file]: out.length(), [indexFile]: bytes.length };
    },
    close: () => out.handle.close(),
  };
}

async function openCache<S extends Sample>(folder: string): Promise<Dataset<S>> {
  const cure = `Delete the folder ${folder}; it will be made again`;
  const path = join(folder, "manifest.json");
  const manifest = await readJson(path) as Manifest<S>;
  if (manifest.version !== VERSION || typeof manifest.files !== "object") {
    throw new CorruptError("this is no manifest of a cache", { path, offset: 0, cure });
  }
  const { schema, size } = manifest;
  const open = new Map<string, RandomAccessFile>();
  const close = async () => {
    for (const file of open.values()) await file.close();
  };
  try {
    for (const [name, length] of Object.entries(manifest.files)) {
      const file = await openFile(join(folder, name));
      open.set(name, file);
      if (file.size !== length) {
        throw new (file.size < length ? TruncatedError : CorruptError)(
          `the cache file has ${file.size} bytes instead of ${length}`,
          { path: file.path, offset: Math.min(file.size, length), cure },
        );
      }
    }
    const readers = new Map<string, (index: number) => Promise<Field>>();
    for (const [name, spec] of Object.entries<FieldSpec>(schema)) {
      readers.set(
        name,
        await (isFixed(spec) ? fixedReader : variableReader)(open, name, spec, size),
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

function fixedReader(
  open: ReadonlyMap<string, RandomAccessFile>,
  name: string,
  { shape, dtype }: FieldSpec,
): Promise<(index: number) => Promise<Field>> {
  const file = open.get(fileName(name, ".npy"))!;
  const fixed = shape as readonly number[];
  if (dtype === "json") throw new Error("JSON has no fixed shape");
  const length = elements(fixed) * bytesPerElement(dtype);
  return Promise.resolve(async (i) => ({
    data: fromBytes(dtype, await file.read(HEADER + i * length, length)),
    shape: fixed,
  }));
}

async function variableReader(
  open: ReadonlyMap<string, RandomAccessFile>,
  name: string,
  { shape, dtype }: FieldSpec,
  size: number,
): Promise<(index: number) => Promise<Field>> {
  const file = open.get(fileName(name, ".bin"))!;
  const indexFile = open.get(fileName(name, ".index.npy"))!;
  const bytes = await indexFile.read(0, indexFile.size);
  const { dataOffset } = parseNpyHeader(bytes, indexFile.path);
  const index = fromBytes("float64", bytes.subarray(dataOffset));
  const columns = 1 + shape.length;
  return async (i) => {
    const start = index[i * columns]!;
    const end = i + 1 < size ? index[(i + 1) * columns]! : file.size;
    const row = await file.read(start, end - start);
    if (dtype === "json") return JSON.parse(new TextDecoder().decode(row));
    return {
      data: fromBytes(dtype, row),
      shape: Array.from(index.subarray(i * columns + 1, (i + 1) * columns)),
    };
  };
}

/** The fields of a schema, one line each, for people. */
export function describeSchema(schema: Schema): string {
  const lines = mapFields(
    schema,
    ({ dtype, shape }) =>
      dtype === "json" ? "json" : `${dtype}[${shape.map((length) => length ?? "?").join(", ")}]`,
  );
  return Object.entries(lines).map(([name, line]) => `${name}: ${line}`).join("\n");
}
