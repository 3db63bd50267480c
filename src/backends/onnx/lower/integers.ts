/**
 * Whole numbers and booleans, where ONNX Runtime lacks a kernel or would end the process. Casting
 * between int32 and uint32 keeps the bits, so work on one can be done on the other; int64 holds both.
 */
import type { Graph, Value } from "../graph.ts";
import { cast, map } from "../values.ts";

/** `condition ? a : b` for every element type. */
export function where(g: Graph, condition: Value, a: Value, b: Value): Value {
  const { type } = a;
  // Where has no kernel for these two; others of their size do as well.
  const carrier = type === "uint32" ? "int32" : type === "bool" ? "uint8" : type;
  const chosen = map(
    g,
    "Where",
    [condition, cast(g, a, carrier), cast(g, b, carrier)],
    carrier,
  );
  return cast(g, chosen, type);
}

/** The quotient in int64 with divisors 0 replaced by 1, so that no processor traps; and where they were. */
function safeQuotient(g: Graph, x: Value, y: Value): { q: Value; zero: Value } {
  const zero = map(g, "Equal", [y, g.scalar("int64", 0)], "bool");
  const divisor = map(g, "Where", [zero, g.scalar("int64", 1), y], "int64");
  return { q: map(g, "Div", [x, divisor]), zero };
}

/** Truncated quotient; all bits set when the divisor is 0. */
export function divide(g: Graph, x: Value, y: Value): Value {
  const { q, zero } = safeQuotient(g, cast(g, x, "int64"), cast(g, y, "int64"));
  return cast(g, map(g, "Where", [zero, g.scalar("int64", -1), q], "int64"), x.type);
}

/** x - trunc(x / y) y; x when the divisor is 0. */
export function remainder(g: Graph, x: Value, y: Value): Value {
  const [a, b] = [cast(g, x, "int64"), cast(g, y, "int64")];
  const { q } = safeQuotient(g, a, b);
  return cast(g, map(g, "Sub", [a, map(g, "Mul", [q, b])]), x.type);
}

/** Shifts by 32 and more are undefined for processors; here they leave no bit. */
export function shiftLogical(g: Graph, direction: "LEFT" | "RIGHT", x: Value, y: Value): Value {
  const [bits, by] = [cast(g, x, "uint32"), cast(g, y, "uint32")];
  if (y.constant && y.shape.length === 0) {
    const n = Number(y.constant[0]) >>> 0;
    if (n >= 32) return cast(g, map(g, "Mul", [bits, g.scalar("uint32", 0)]), x.type);
    return cast(g, map(g, "BitShift", [bits, by], "uint32", { direction }), x.type);
  }
  const limited = map(g, "Min", [by, g.scalar("uint32", 31)]);
  const shifted = map(g, "BitShift", [bits, limited], "uint32", { direction });
  const kept = cast(g, map(g, "Less", [by, g.scalar("uint32", 32)], "bool"), "uint32");
  return cast(g, map(g, "Mul", [shifted, kept]), x.type);
}

/** With the bits of negative numbers turned over, zeros come in from the left either way. */
export function shiftArithmetic(g: Graph, x: Value, y: Value): Value {
  if (x.type === "uint32") return shiftLogical(g, "RIGHT", x, y);
  const negative = map(g, "Less", [x, g.scalar("int32", 0)], "bool");
  const mask = map(g, "Sub", [g.scalar("int32", 0), cast(g, negative, "int32")]);
  const shifted = shiftLogical(g, "RIGHT", map(g, "BitwiseXor", [x, mask]), y);
  return map(g, "BitwiseXor", [shifted, mask]);
}

/** Floats truncated and saturated, NaN to 0: casting alone leaves that to the processor. */
export function fromFloat(g: Graph, x: Value, type: "int32" | "uint32"): Value {
  const wide = cast(g, x, "float64"); // holds the limits exactly
  const constant = (v: number) => g.scalar("float64", v);
  const number = map(g, "Where", [map(g, "IsNaN", [wide], "bool"), constant(0), wide], "float64");
  const [low, high] = type === "int32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const limited = map(g, "Max", [map(g, "Min", [number, constant(high)]), constant(low)]);
  return cast(g, limited, type);
}
