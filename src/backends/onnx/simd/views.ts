/** Equations that compute nothing: their results show elements of their operands. */
import { type Atom, sizeOf } from "../../../core/aval.ts";
import type { Equation } from "../../../core/program.ts";

/** Whether there is one element. */
export function isScalar({ aval }: Atom): boolean {
  return sizeOf(aval.shape) === 1;
}

/** Whether it repeats elements. */
export function isRepeat({ primitive }: Equation): boolean {
  return primitive.name === "broadcast";
}

/** Whether it repeats one element. */
export function isFill(equation: Equation): boolean {
  return isRepeat(equation) && isScalar(equation.inputs[0]!);
}

/** Whether it gives its operand's elements in their order. */
export function isView({ primitive }: Equation): boolean {
  return primitive.name === "reshape" || primitive.name === "stopGradient";
}
