/** Equations that compute nothing: their results show elements of their operands. */
import { type Atom, sizeOf } from "../../../core/aval.ts";
import type { Equation } from "../../../core/program.ts";
import { type EquationOf, isEquation } from "../../../compiler/rewrite.ts";

/** True if there is one element. */
export function isScalar({ aval }: Atom): boolean {
  return sizeOf(aval.shape) === 1;
}

/** True if it repeats elements. */
export function isRepeat(equation: Equation): equation is EquationOf<"broadcast"> {
  return isEquation(equation, "broadcast");
}

/** True if it repeats one element. */
export function isFill(equation: Equation): boolean {
  return isRepeat(equation) && isScalar(equation.inputs[0]!);
}

/** True if it gives its operand's elements in their order. */
export function isView(equation: Equation): boolean {
  return isEquation(equation, "reshape") || isEquation(equation, "stopGradient");
}
