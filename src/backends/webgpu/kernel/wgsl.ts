/** Types and constants in WGSL. */
import type { Type } from "../expression.ts";
import type { Value } from "../value.ts";

/** How memory holds an element: booleans as words. */
export function storageType(value: Value): string {
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
