/**
 * NumPy's `.npy` header: the element type and shape in front of raw rows.
 *
 * The conversion cache keeps its arrays in this form, so that NumPy can open them with `mmap_mode`.
 */

import { TruncatedError, UnsupportedError, WrongKindError } from "./errors.ts";
import type { DType } from "./ndarray.ts";

/** What a `.npy` header says. */
export interface NpyHeader {
  /** `"int64"` is what NumPy makes of Python's integers; readers convert it. */
  readonly dtype: DType | "int64";
  readonly shape: readonly number[];
  /** Where the rows begin. */
  readonly dataOffset: number;
}

const descriptors: { readonly [descriptor: string]: DType | "int64" } = {
  "|u1": "uint8",
  "|b1": "uint8",
  "|i1": "int8",
  "<u2": "uint16",
  "<i2": "int16",
  "<u4": "uint32",
  "<i4": "int32",
  "<i8": "int64",
  "<f4": "float32",
  "<f8": "float64",
};

const magic = "\x93NUMPY";

/** A version 1 header of exactly `length` bytes. */
export function npyHeader(dtype: DType, shape: readonly number[], length = 128): Uint8Array {
  const [descriptor] = Object.entries(descriptors).find(([name, value]) =>
    value === dtype && name !== "|b1"
  )!;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const bytes = new Uint8Array(length).fill(0x20);
  for (let i = 0; i < magic.length; i++) bytes[i] = magic.charCodeAt(i);
  bytes.set([1, 0, (length - 10) & 255, (length - 10) >> 8], 6);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[length - 1] = 0x0a;
  return bytes;
}

/**
 * Reads the header at the start of `bytes`.
 *
 * @throws {WrongKindError}, {@linkcode TruncatedError}, and {@linkcode UnsupportedError} for element
 * types without a typed array (objects, strings, big-endian) and for Fortran order.
 */
export function parseNpyHeader(bytes: Uint8Array, path?: string): NpyHeader {
  if (String.fromCharCode(...bytes.subarray(0, 6)) !== magic) {
    throw new WrongKindError("this is no NumPy array", {
      path,
      offset: 0,
      cure: "Check that the file is the dataset it is said to be",
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes.length > 6 && bytes[6]! >= 2;
  const start = wide ? 12 : 10;
  const length = bytes.length < start
    ? Infinity
    : wide
    ? view.getUint32(8, true)
    : view.getUint16(8, true);
  if (start + length > bytes.length) {
    throw new TruncatedError("the header of a NumPy array is cut off", {
      path,
      offset: bytes.length,
      cure: "Download the file again",
    });
  }
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const descriptor = /'descr':\s*'([^']*)'/.exec(text)?.[1] ?? "";
  const dtype = descriptors[descriptor];
  if (dtype === undefined || /'fortran_order':\s*True/.test(text)) {
    throw new UnsupportedError(`a NumPy array with the header ${text.trim()} is not supported`, {
      path,
      offset: start,
      cure: "Save it in C order as bool, (u)int8/16/32, int64, float32 or float64",
    });
  }
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(text)?.[1] ?? "")
    .split(",").map((part) => part.trim()).filter((part) => part !== "").map(Number);
  return { dtype, shape, dataOffset: start + length };
}
