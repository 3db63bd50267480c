/**
 * NumPy's `.npy` header: the element type and shape in front of raw rows.
 *
 * The conversion cache keeps its arrays in this form, so that NumPy can open them with `mmap_mode`.
 */

import { CorruptError, TruncatedError, UnsupportedError, WrongKindError } from "../errors.ts";
import { checkLimit, type Limits } from "../limits.ts";
import { type DType, elements } from "../ndarray.ts";

/** The contents of a `.npy` header. */
export interface NpyHeader {
  /** NumPy stores Python's integers as `"int64"`; readers convert it. */
  readonly dtype: DType | "int64";
  readonly shape: readonly number[];
  /** The offset of the first row. */
  readonly dataOffset: number;
}

const descriptors: ReadonlyMap<string, DType | "int64"> = new Map([
  ["|u1", "uint8"],
  ["|b1", "uint8"],
  ["|i1", "int8"],
  ["<u2", "uint16"],
  ["<i2", "int16"],
  ["<u4", "uint32"],
  ["<i4", "int32"],
  ["<i8", "int64"],
  ["<f4", "float32"],
  ["<f8", "float64"],
]);

const magic = "\x93NUMPY";

/** A version 1 header of exactly `length` bytes. */
export function npyHeader(dtype: DType, shape: readonly number[], length = 128): Uint8Array {
  const [descriptor] = [...descriptors].find(([name, value]) => value === dtype && name !== "|b1")!;
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
 * @throws {WrongKindError}, {@linkcode TruncatedError}, {@linkcode CorruptError}, {@linkcode LimitError} for a header
 * longer than NumPy itself reads, and {@linkcode UnsupportedError} for element types without a typed array (objects,
 * strings, records, big-endian) and for Fortran order.
 */
export function parseNpyHeader(
  bytes: Uint8Array,
  path?: string,
  limits?: Partial<Limits>,
): NpyHeader {
  if ([...magic].some((c, i) => i < bytes.length && bytes[i] !== c.charCodeAt(0))) {
    throw new WrongKindError("this is not a NumPy array", {
      path,
      offset: 0,
      hint: "Check that the file is the dataset it is said to be",
    });
  }
  const unsupported = (what: string) =>
    new UnsupportedError(`a NumPy array with ${what} is not supported`, {
      path,
      offset: 0,
      hint: "Save it in C order as bool, (u)int8/16/32, int64, float32 or float64",
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 1;
  if (version < 1 || version > 3) throw unsupported(`a header of version ${version}`);
  const start = version >= 2 ? 12 : 10;
  const complete = bytes.length >= start;
  const length = !complete ? 0 : version >= 2 ? view.getUint32(8, true) : view.getUint16(8, true);
  const what = `the header of a NumPy array has ${length} bytes`;
  checkLimit("headerBytes", length, what, limits, { path, offset: 8 });
  if (!complete || start + length > bytes.length) {
    throw new TruncatedError("the header of a NumPy array is cut off", {
      path,
      offset: bytes.length,
      hint: "Download the file again",
    });
  }
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + length)).trim();
  const { descr, fortran_order: fortran, shape: tuple, ...others } = parseDictionary(text) ?? {};
  const lengths = tuple === undefined ? undefined : parseTuple(tuple);
  if (
    descr === undefined || lengths === undefined || !/^(True|False)$/.test(fortran ?? "") ||
    Object.keys(others).length > 0
  ) {
    throw new CorruptError(`the header of a NumPy array is damaged: ${text.slice(0, 200)}`, {
      path,
      offset: start,
      hint: "Download the file again",
    });
  }
  const dtype = descriptors.get(/^'(.*)'$/.exec(descr)?.[1] ?? "");
  if (dtype === undefined) throw unsupported(`the element type ${descr}`);
  if (fortran === "True") throw unsupported("Fortran order");
  return { dtype, shape: lengths, dataOffset: start + length };
}

// The entries of a Python dictionary as it is written by NumPy: texts, lists, tuples and booleans, each key once.
function parseDictionary(text: string): { readonly [key: string]: string } | undefined {
  const inside = /^\{\s*(.*?),?\s*\}$/s.exec(text)?.[1];
  if (inside === undefined) return undefined;
  const entry = /\s*'(\w+)'\s*:\s*('[^']*'|\[[^\]]*\]|\([^)]*\)|True|False)\s*(,|$)/y;
  const found = new Map<string, string>();
  while (entry.lastIndex < inside.length) {
    const match = entry.exec(inside);
    if (match === null || found.has(match[1]!)) return undefined;
    found.set(match[1]!, match[2]!);
  }
  return Object.fromEntries(found);
}

// `()`, `(3,)`, `(3, 4)`; Python 2 wrote `(3L, 4L)`.
function parseTuple(text: string): readonly number[] | undefined {
  if (!/^\(\s*(|\d+L?\s*,\s*|\d+L?(\s*,\s*\d+L?)+\s*,?\s*)\)$/.test(text)) return undefined;
  const lengths = [...text.matchAll(/\d+/g)].map(Number);
  return Number.isSafeInteger(elements(lengths)) && lengths.every(Number.isSafeInteger)
    ? lengths
    : undefined;
}
