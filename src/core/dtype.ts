/**
 * Element types and how they combine.
 *
 * The promotion lattice is JAX's, without the types Trilevel lacks (int64, float16, complex):
 * `bool → weak int → {int32, uint32} → weak float → float32 → float64`. A weak type comes from a bare
 * number: it adapts to what it meets. JavaScript does not distinguish 2 from 2.0, so a bare whole number is a weak int
 * among integers and booleans, and a weak float otherwise. See https://docs.jax.dev/en/latest/type_promotion.html.
 */
import { BackendError, DTypeError } from "./errors.ts";

/** The element type of a tensor. */
export type DType = "float32" | "float64" | "int32" | "uint32" | "bool";

/** The typed arrays in which the host sees tensors; booleans are bytes 0 and 1. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** Every element type, in promotion order. */
export const dtypes: readonly DType[] = ["bool", "uint32", "int32", "float32", "float64"];

/** The part of a type that promotion depends on: an element type, and whether it is only a bare number's. */
export interface Typed {
  /** The element type. */
  readonly dtype: DType;
  /** True if the type is only a bare number's. */
  readonly weak: boolean;
  /** Of a weak type: whether it is that of a bare whole number, which is at home among integers as well. */
  readonly whole?: boolean | undefined;
}

const bytes: Record<DType, number> = { float32: 4, float64: 8, int32: 4, uint32: 4, bool: 1 };

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const;

/** Throws unless an element type is one: JavaScript's users may have written any. */
export function checkDType(dtype: DType): void {
  if (Object.hasOwn(bytes, dtype)) return;
  throw new DTypeError(
    `no element type is called ${JSON.stringify(dtype)}`,
    `choose one of: ${Object.keys(bytes).join(", ")}`,
  );
}

/** Bytes per element. */
export function byteSize(dtype: DType): number {
  return bytes[dtype];
}

/** True if derivatives flow through values of this type. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** True for the integer types, int32 and uint32. */
export function isInteger(dtype: DType): boolean {
  return dtype === "int32" || dtype === "uint32";
}

/** Allocates host memory for `size` elements of a type. @throws BackendError when there is not so much. */
export function allocate(dtype: DType, size: number): TypedArray {
  try {
    return new arrays[dtype](size);
  } catch (cause) {
    throw new BackendError(
      `out of memory: ${size} elements of ${dtype} need ${size * bytes[dtype]} bytes`,
      "free tensors (dispose, scope, using), use smaller batches, or checkpoint; check also that the shape is the intended one",
      { cause },
    );
  }
}

/** The element type that a typed array holds; bytes are taken for booleans only on request. */
export function dtypeOf(data: TypedArray): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Uint32Array) return "uint32";
  if (data instanceof Uint8Array) return "bool";
  throw new DTypeError(
    `expected a typed array of a known element type, got ${Object.prototype.toString.call(data)}`,
    "use a Float32Array, Float64Array, Int32Array, Uint32Array, or a Uint8Array for booleans",
  );
}

/**
 * The value that a number takes when stored as `dtype`: integers truncate and saturate, NaN becomes 0,
 * as in XLA.
 */
export function coerce(value: number, dtype: DType): number {
  switch (dtype) {
    case "float32":
      return Math.fround(value);
    case "float64":
      return value;
    case "int32":
      return saturate(value, -0x80000000, 0x7fffffff);
    case "uint32":
      return saturate(value, 0, 0xffffffff);
    case "bool":
      return value === 0 ? 0 : 1;
  }
}

function saturate(value: number, min: number, max: number): number {
  return Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), min), max) + 0;
}

// Heights in the lattice; int32 and uint32 meet in int32, as JAX without 64-bit types has it.
const rank: Record<DType, number> = { bool: 0, uint32: 2, int32: 3, float32: 5, float64: 6 };
const height = (t: Typed): number =>
  !t.weak ? rank[t.dtype] : isFloat(t.dtype) ? 4 : isInteger(t.dtype) ? 1 : 0;

/** The type in which values of several types meet (JAX's promotion rules). */
export function promoteTypes(...types: readonly Typed[]): Typed {
  const discrete = types.some((t) => !t.whole && !isFloat(t.dtype));
  const bare: Typed = { dtype: discrete ? "int32" : "float32", weak: true };
  let best: Typed = { dtype: "bool", weak: false };
  for (const t of types.map((t) => t.whole ? bare : t)) if (height(t) > height(best)) best = t;
  const whole = best === bare && types.every((t) => t.whole && isFloat(t.dtype));
  return whole ? { ...bare, whole } : { dtype: best.dtype, weak: best.weak };
}
