/** Types and constants in WGSL. */
import type { DType } from "../../../core/dtype.ts";

/** A WGSL type that an expression can have. */
export type Type = Scalar | "vec2<u32>" | "vec4<f32>" | "vec4<i32>" | "vec4<u32>";
/** A type of scalars. */
export type Scalar = "f32" | "i32" | "u32" | "bool";

/** The type of an element in memory: booleans are words. */
export function storageType(value: { readonly dtype: DType }): string {
  switch (value.dtype) {
    case "float32":
      return "f32";
    case "int32":
      return "i32";
    default:
      return "u32";
  }
}

/** A constant in WGSL. */
export function literal(value: number, type: Type): string {
  switch (type) {
    case "bool":
      return value ? "true" : "false";
    case "u32":
      return `${value}u`;
    case "i32":
      return value < 0 ? `i32(${value})` : `${value}i`;
    default: {
      const x = Math.fround(value);
      if (Number.isNaN(x)) return "nan()";
      if (!Number.isFinite(x)) return x > 0 ? "inf()" : "(-inf())";
      if (Object.is(x, -0)) return "(-0.0f)";
      return x < 0 ? `(${x}f)` : `${x}f`;
    }
  }
}
