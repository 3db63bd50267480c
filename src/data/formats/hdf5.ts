/**
 * HDF5 arrays through h5wasm, with the checks it leaves out.
 *
 * h5wasm reads lazily from disk, but on its own it returns uninitialized memory when HDF5 fails: for a
 * damaged chunk, and for any compression it has no filter for, such as h5py's LZF. So HDF5's throwing
 * error handler is switched on, the filters are checked when an array is opened, and the length of the
 * file is compared with what its superblock says. Elements that are no plain numbers are refused, see
 * `formats/hdf5Type.ts`.
 *
 * An error that HDF5 throws leaves the file open inside it until the process ends, and opening the same
 * file again would show its earlier state. A file that was overwritten in place while HDF5 holds it is refused.
 */

import h5wasm from "h5wasm/node";
import {
  CorruptError,
  DataError,
  TruncatedError,
  UnsupportedError,
  WrongKindError,
} from "../errors.ts";
import { stat } from "node:fs/promises";
import { fileError, openFile, openingFile } from "../files.ts";
import { oddElements } from "./hdf5Type.ts";
import { checkLimit, type Limits } from "../limits.ts";
import { type DType, dtypeOf, elements, type NdArray, type TypedArray } from "../ndarray.ts";

/** An array inside an HDF5 file. */
export interface Hdf5Array {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /**
   * The part with index `i` on `axis`, that axis left out; int64 becomes int32.
   *
   * @throws {CorruptError} when a chunk cannot be read, {@linkcode LimitError} when the part is too large.
   */
  take(i: number, axis?: number): NdArray;
}

/** An open HDF5 file. */
export interface Hdf5File {
  readonly path: string;
  /** The names in a group; none when there is no such group. */
  keys(group?: string): readonly string[];
  /**
   * An array by its path inside the file.
   *
   * @throws {WrongKindError} when there is none, {@linkcode UnsupportedError} when it is compressed in a
   * way, or has an element type, that would be read wrongly, {@linkcode LimitError} when its chunks are too large.
   */
  array(name: string): Promise<Hdf5Array>;
  close(): void;
}

// deflate, shuffle, fletcher32: compiled into h5wasm
const knownFilters = new Set([1, 2, 3]);
const again = "Download the file again";
const rewrite = "Rewrite it as an array of (u)int8/16/32, int64, float32 or float64 of whole bytes";

/** Opens an HDF5 file after checking its signature and length. */
export async function openHdf5(path: string, limits?: Partial<Limits>): Promise<Hdf5File> {
  const base = await checkSuperblock(path);
  const module = await h5wasm.ready;
  await refuseStale(module.FS as unknown as HeldFiles, path);
  module.activate_throwing_error_handler();
  const file = guard(path, "the HDF5 file cannot be opened", () => new h5wasm.File(path, "r"));
  return {
    path,
    keys: (group = "/") =>
      guard(path, `${group} cannot be read`, () => {
        const found = file.get(group);
        return found instanceof h5wasm.Group ? found.keys() : [];
      }),
    async array(name) {
      const [found, address] = guard(path, `${name} cannot be read`, () => {
        const found = file.get(name);
        if (!(found instanceof h5wasm.Dataset)) {
          const names = file.keys().join(", ") || "nothing";
          throw new WrongKindError(`the HDF5 file has no array "${name}"`, {
            path,
            offset: 0,
            hint: `It has ${names}; check that it is the right dataset`,
          });
        }
        const reference = Uint8Array.from(found.create_reference().ref_data);
        return [found, Number(new DataView(reference.buffer).getBigUint64(0, true))] as const;
      });
      await refuseOdd(path, name, base, address);
      return guard(path, `${name} cannot be read`, () => describe(path, name, found, limits));
    },
    close: () => void file.close(),
  };
}

/** The part of emscripten's file system that knows which files are open. */
interface HeldFiles {
  readonly streams: readonly ({ readonly fd: number } | null | undefined)[];
  fstat(fd: number): { readonly dev: number; readonly ino: number };
}

// When files had changed that were opened, by device and inode.
const opened = new Map<string, number>();

// HDF5 keeps a file open after an error, and would show its old contents when it is opened again.
async function refuseStale(held: HeldFiles, path: string): Promise<void> {
  const { dev, ino, mtimeMs } = await stat(path).catch((error) => {
    throw fileError(error, path);
  });
  const identity = `${dev}:${ino}`;
  const before = opened.get(identity);
  opened.set(identity, mtimeMs);
  if (before === undefined || before === mtimeMs) return;
  const holds = held.streams.some((stream) => {
    if (!stream || stream.fd <= 2) return false;
    const found = held.fstat(stream.fd);
    return found.dev === dev && found.ino === ino;
  });
  if (!holds) return;
  opened.set(identity, before);
  throw new UnsupportedError("HDF5 still holds an earlier state of this file", {
    path,
    hint: "Start the process anew, or replace the file by renaming instead of overwriting",
  });
}

async function refuseOdd(path: string, name: string, base: number, address: number): Promise<void> {
  const odd = await openingFile(path, async (file) => {
    try {
      return await oddElements(file, base, address);
    } finally {
      await file.close();
    }
  }).catch((cause) => {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CorruptError(`the header of "${name}" is damaged`, { path, hint: again, cause });
  });
  if (odd === undefined) return;
  throw new UnsupportedError(`"${name}" ${odd}`, { path, hint: rewrite });
}

function describe(
  path: string,
  name: string,
  dataset: InstanceType<typeof h5wasm.Dataset>,
  limits: Partial<Limits> | undefined,
): Hdf5Array {
  const unknown = dataset.filters.find(({ id }) => !knownFilters.has(id));
  if (unknown !== undefined) {
    throw new UnsupportedError(
      `"${name}" is compressed with ${unknown.name} (filter ${unknown.id})`,
      { path, hint: "Rewrite it with gzip, for example: h5repack -f GZIP=4 in.h5 out.h5" },
    );
  }
  const { chunks, size } = dataset.metadata;
  const shape = dataset.shape ?? [];
  if (shape.length === 0) {
    throw new UnsupportedError(`"${name}" is a single value, not an array`, {
      path,
      hint: rewrite,
    });
  }
  const chunkBytes = elements(chunks ?? []) * size;
  checkLimit("chunkBytes", chunkBytes, `a chunk of "${name}" has ${chunkBytes} bytes`, limits, {
    path,
  });
  const slice = (ranges: [number, number][]): TypedArray => {
    const what = `"${name}"[${ranges.map(([from, to]) => `${from}:${to}`).join(", ")}] is damaged`;
    return toTyped(path, name, guard(path, what, () => dataset.slice(ranges)));
  };
  const whole = shape.map((length): [number, number] => [0, length]);
  return {
    name,
    shape,
    // An empty slice has the type of the array and reads nothing.
    dtype: dtypeOf(slice(shape.map((): [number, number] => [0, 0]))),
    take(i, axis = 0) {
      const rest = shape.filter((_, a) => a !== axis);
      const bytes = elements(rest) * size;
      checkLimit("partBytes", bytes, `a part of "${name}" has ${bytes} bytes`, limits, { path });
      const data = slice(whole.map((range, a) => a === axis ? [i, i + 1] : range));
      if (data.length !== elements(rest)) {
        throw new CorruptError(`"${name}" gave ${data.length} of ${elements(rest)} values`, {
          path,
          hint: again,
        });
      }
      return { data, shape: rest };
    },
  };
}

function toTyped(path: string, name: string, data: unknown): TypedArray {
  const unsupported = (what: string) =>
    new UnsupportedError(`"${name}" ${what}`, {
      path,
      hint: rewrite,
    });
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const small = Int32Array.from(data, Number);
    if (small.some((value, i) => BigInt(value) !== data[i])) {
      throw unsupported("has integers that do not fit into 32 bits");
    }
    return small;
  }
  if (!ArrayBuffer.isView(data) || data instanceof DataView) {
    throw unsupported("does not hold numbers");
  }
  return data as TypedArray; // dtypeOf refuses what is not one
}

// Runs a call into HDF5; its many-line diagnosis becomes our error, with the deepest line in front.
function guard<T>(path: string, what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof DataError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const reason = [...message.matchAll(/^\s*#\d+: .*?\(\): (.*)$/gm)].at(-1)?.[1] ?? message;
    throw new CorruptError(`${what}: ${reason}`, { path, hint: again, cause: error });
  }
}

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

// The superblock stands at byte 0, 512, 1024, 2048, … and holds the address where the file ends. Gives where
// addresses count from.
async function checkSuperblock(path: string): Promise<number> {
  const file = await openFile(path);
  try {
    const { size } = file;
    if (size === 0) {
      throw new TruncatedError("the file is empty", { path, offset: 0, hint: again });
    }
    for (let start = 0; start + 8 <= size; start = start === 0 ? 512 : 2 * start) {
      const found = await file.read(start, 8);
      if (!signature.every((byte, i) => found[i] === byte)) continue;
      const end = endOfFile(await file.read(start, Math.min(96, size - start)));
      if (end === undefined || end > size) {
        throw new TruncatedError(`the HDF5 file has ${size} of ${end ?? "at least 48"} bytes`, {
          path,
          offset: size,
          hint: again,
        });
      }
      return start;
    }
    throw new WrongKindError("this is not an HDF5 file: its signature is missing", {
      path,
      offset: 0,
      hint: "Check that the download is the dataset and not, say, an error page",
    });
  } finally {
    await file.close();
  }
}

function endOfFile(superblock: Uint8Array): number | undefined {
  const version = superblock[8] ?? 0;
  const width = superblock[version < 2 ? 13 : 9] ?? 8; // bytes of an address
  // Version 0 and 1: base, free space, end; version 2 and 3: base, extension, end.
  const at = (version === 0 ? 24 : version === 1 ? 28 : 12) + 2 * width;
  if (at + width > superblock.length) return undefined;
  const view = new DataView(superblock.buffer, superblock.byteOffset);
  return width === 8 ? Number(view.getBigUint64(at, true)) : view.getUint32(at, true);
}
