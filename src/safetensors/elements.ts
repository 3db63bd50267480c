/**
 * The element types of safetensors files, and how each becomes one that tensors have: types without arrays of their own
 * are widened, which keeps every value.
 */
import { UnsupportedError } from "../data/errors.ts";
import type { DType, TypedArray } from "../public.ts";

/** An element type of the format. */
export interface ElementType {
  /** The type of tensors that holds its values. */
  readonly dtype: DType;
  /** The bytes of one element in the file. */
  readonly size: number;
  /** The elements in bytes of their own, which begin at a multiple of 8. */
  readonly read: (bytes: ArrayBuffer, name: string, path: string | undefined) => TypedArray;
}

/**
 * A number with 5 bits of exponent and 10 of fraction (IEEE 754 binary16):
 *
 *     (-1)ˢ 2^(e - 25) (1024 + f),  (-1)ˢ 2⁻²⁴ f for e = 0,  ±∞ and NaN for e = 31
 */
function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The upper half of a float32. */
function brainFloats(bytes: ArrayBuffer): Float32Array {
  return new Float32Array(Uint32Array.from(new Uint16Array(bytes), (bits) => bits << 16).buffer);
}

/** Integers of 64 bits in 32, where all of them fit. */
function narrow(
  from: BigInt64Array | BigUint64Array,
  to: Int32Array | Uint32Array,
  name: string,
  path: string | undefined,
): TypedArray {
  from.forEach((value, i) => {
    to[i] = Number(value);
    if (BigInt(to[i]!) === value) return;
    throw new UnsupportedError(
      `${name} has the 64-bit integer ${value}, which needs over 32 bits`,
      {
        path,
        hint: "Leave the tensor out with `names`, or convert it to F64 first",
      },
    );
  });
  return to;
}

const type = (dtype: DType, size: number, read: ElementType["read"]) => ({ dtype, size, read });

/** The types that can be read, by their names in files. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map([
  ["F32", type("float32", 4, (bytes) => new Float32Array(bytes))],
  ["F64", type("float64", 8, (bytes) => new Float64Array(bytes))],
  ["I32", type("int32", 4, (bytes) => new Int32Array(bytes))],
  ["U32", type("uint32", 4, (bytes) => new Uint32Array(bytes))],
  ["BOOL", type("bool", 1, (bytes) => new Uint8Array(bytes))],
  ["F16", type("float32", 2, (bytes) => Float32Array.from(new Uint16Array(bytes), half))],
  ["BF16", type("float32", 2, brainFloats)],
  ["I8", type("int32", 1, (bytes) => Int32Array.from(new Int8Array(bytes)))],
  ["U8", type("int32", 1, (bytes) => Int32Array.from(new Uint8Array(bytes)))],
  ["I16", type("int32", 2, (bytes) => Int32Array.from(new Int16Array(bytes)))],
  ["U16", type("int32", 2, (bytes) => Int32Array.from(new Uint16Array(bytes)))],
  [
    "I64",
    type("int32", 8, (bytes, name, path) => {
      const from = new BigInt64Array(bytes);
      return narrow(from, new Int32Array(from.length), name, path);
    }),
  ],
  [
    "U64",
    type("uint32", 8, (bytes, name, path) => {
      const from = new BigUint64Array(bytes);
      return narrow(from, new Uint32Array(from.length), name, path);
    }),
  ],
]);

/** Types of the format that are refused when they are wanted. */
export const otherTypes = /^(C64|F4|F6_E2M3|F6_E3M2|F8_[A-Z0-9]+)$/;

/** The names in files of the types that tensors have. */
export const codes = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  uint32: "U32",
  bool: "BOOL",
} as const satisfies Record<DType, string>;
