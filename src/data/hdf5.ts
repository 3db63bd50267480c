/**
 * HDF5 arrays through h5wasm, with the checks it leaves out.
 *
 * h5wasm reads lazily from disk, but on its own it returns uninitialized memory when HDF5 fails: for a
 * damaged chunk, and for any compression it has no filter for, such as h5py's LZF. So HDF5's throwing
 * error handler is switched on, the filters are checked when an array is opened, and the length of the
 * file is compared with what its superblock says.
 *
 * An error that HDF5 throws leaves the file open inside it until the process ends, and opening the same
 * file again would show its earlier state. A damaged file that was overwritten in place is refused.
 */

import h5wasm from "h5wasm/node";
import {
  CorruptError,
  DataError,
  TruncatedError,
  UnsupportedError,
  WrongKindError,
} from "./errors.ts";
import { stat } from "node:fs/promises";
import { openFile } from "./files.ts";
import { type DType, dtypeOf, elements, type NdArray, type TypedArray } from "./ndarray.ts";

/** An array inside an HDF5 file. */
export interface Hdf5Array {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /**
   * The part with index `i` on `axis`, that axis left out; int64 becomes int32.
   *
   * @throws {CorruptError} when a chunk cannot be read.
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
   * way, or has an element type, that would be read wrongly.
   */
  array(name: string): Hdf5Array;
  close(): void;
}

// deflate, shuffle, fletcher32: compiled into h5wasm
const knownFilters = new Set([1, 2, 3]);
const again = "Download the file again";

// A file on disk, and its state when it was opened.
interface State {
  readonly path: string;
  readonly identity: string;
  readonly changed: number;
}

// The states in which HDF5 failed on files, which it keeps open.
const failed = new Map<string, number>();

/** Opens an HDF5 file after checking its signature and length. */
export async function openHdf5(path: string): Promise<Hdf5File> {
  await checkSuperblock(path);
  const state = await stateOf(path);
  const module = await h5wasm.ready;
  module.activate_throwing_error_handler();
  const file = guard(state, "the HDF5 file cannot be opened", () => new h5wasm.File(path, "r"));
  return {
    path,
    keys: (group = "/") =>
      guard(state, `${group} cannot be read`, () => {
        const found = file.get(group);
        return found instanceof h5wasm.Group ? found.keys() : [];
      }),
    array: (name) =>
      guard(state, `${name} cannot be read`, () => {
        const found = file.get(name);
        if (found instanceof h5wasm.Dataset) return describe(state, name, found);
        throw new WrongKindError(`the HDF5 file has no array "${name}"`, {
          path,
          offset: 0,
          cure: `It has ${file.keys().join(", ") || "nothing"}; check that it is the right dataset`,
        });
      }),
    close: () => void file.close(),
  };
}

async function stateOf(path: string): Promise<State> {
  const { dev, ino, mtimeMs: changed } = await stat(path);
  const identity = `${dev}:${ino}`;
  if ((failed.get(identity) ?? changed) !== changed) {
    throw new UnsupportedError("HDF5 still holds an earlier, damaged state of this file", {
      path,
      cure: "Start the process anew, or replace the file by renaming instead of overwriting",
    });
  }
  return { path, identity, changed };
}

function describe(
  state: State,
  name: string,
  dataset: InstanceType<typeof h5wasm.Dataset>,
): Hdf5Array {
  const { path } = state;
  const unknown = dataset.filters.find(({ id }) => !knownFilters.has(id));
  if (unknown !== undefined) {
    throw new UnsupportedError(
      `"${name}" is compressed with ${unknown.name} (filter ${unknown.id})`,
      { path, cure: "Rewrite it with gzip, for example: h5repack -f GZIP=4 in.h5 out.h5" },
    );
  }
  const shape = dataset.shape ?? [];
  const slice = (ranges: [number, number][]): TypedArray => {
    const what = `"${name}"[${ranges.map(([from, to]) => `${from}:${to}`).join(", ")}] is damaged`;
    return toTyped(path, name, guard(state, what, () => dataset.slice(ranges)));
  };
  const whole = shape.map((length): [number, number] => [0, length]);
  return {
    name,
    shape,
    // An empty slice has the type of the array and reads nothing.
    dtype: dtypeOf(slice(shape.map((): [number, number] => [0, 0]))),
    take(i, axis = 0) {
      const data = slice(whole.map((range, a) => a === axis ? [i, i + 1] : range));
      const rest = shape.filter((_, a) => a !== axis);
      if (data.length !== elements(rest)) {
        throw new CorruptError(`"${name}" gave ${data.length} of ${elements(rest)} values`, {
          path,
          cure: again,
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
      cure: "Rewrite it as (u)int8/16/32, int64, float32 or float64",
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
function guard<T>({ path, identity, changed }: State, what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof DataError) throw error;
    failed.set(identity, changed);
    const message = error instanceof Error ? error.message : String(error);
    const reason = [...message.matchAll(/^\s*#\d+: .*?\(\): (.*)$/gm)].at(-1)?.[1] ?? message;
    throw new CorruptError(`${what}: ${reason}`, { path, cure: again, cause: error });
  }
}

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

// The superblock stands at byte 0, 512, 1024, 2048, … and holds the address where the file ends.
async function checkSuperblock(path: string): Promise<void> {
  const file = await openFile(path);
  try {
    const { size } = file;
    if (size === 0) {
      throw new TruncatedError("the file is empty", { path, offset: 0, cure: again });
    }
    for (let start = 0; start + 8 <= size; start = start === 0 ? 512 : 2 * start) {
      const found = await file.read(start, 8);
      if (!signature.every((byte, i) => found[i] === byte)) continue;
      const end = endOfFile(await file.read(start, Math.min(96, size - start)));
      if (end === undefined || end > size) {
        throw new TruncatedError(`the HDF5 file has ${size} of ${end ?? "at least 48"} bytes`, {
          path,
          offset: size,
          cure: again,
        });
      }
      return;
    }
    throw new WrongKindError("this is no HDF5 file: its signature is missing", {
      path,
      offset: 0,
      cure: "Check that the download is the dataset and not, say, an error page",
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
