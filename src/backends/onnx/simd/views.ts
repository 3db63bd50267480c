/** Equations that compute nothing: their results show elements of their operands. */
import { type Atom, sizeOf } from "../../../core/aval.ts";
import type { Equation } from "../../../core/program.ts";

/** True if there is one element. */
export function isScalar({ aval }: Atom): boolean {
  return sizeOf(aval.shape) === 1;
}

/** True if it repeats elements. */
export function isRepeat({ primitive }: Equation): boolean {
  return primitive.name === "broadcast";
}

/** True if it repeats one element. */
export function isFill(equation: Equation): boolean {
  return isRepeat(equation) && isScalar(equation.inputs[0]!);
}

/** True if it gives its operand's elements in their order. */
export function isView({ primitive }: Equation): boolean {
  return primitive.name === "reshape" || primitive.name === "stopGradient";
}
