/**
 * Tensors of one number. `x.mul(2)` stretches 2 to the shape of `x`; one operation at a time, the stretched tensor
 * would be written to memory only to be read once. So it waits: operations take the number itself and stretch it
 * within their own program, and memory is filled when something else asks for it.
 */
import { type Aval, sizeOf, Var } from "../core/aval.ts";
import type { Equation, Primitive } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { type LazyFill, storageOf } from "./memory.ts";

/** Elements from which on memory is filled at once: whether there is so much shows where it is asked for. */
const large = 2 ** 20;

/** The number of a tensor that holds one number throughout and has not been filled. */
export function lazyFillOf(x: Tensor): LazyFill | undefined {
  return storageOf(x)?.lazyFill;
}

/** Variables for the inputs of a program, and what makes an equation's operands of them. */
export function operandsOf(
  inputs: readonly Tensor[],
): { variables: Var[]; operands: Var[]; equations: Equation[] } {
  const variables: Var[] = [];
  const equations: Equation[] = [];
  const operands = inputs.map((x) => {
    const lazy = lazyFillOf(x);
    const variable = new Var((lazy?.number ?? x).aval);
    variables.push(variable);
    if (!lazy) return variable;
    const operand = new Var(x.aval);
    equations.push({ ...lazy.equation, inputs: [variable], outputs: [operand] });
    return operand;
  });
  return { variables, operands, equations };
}

/** True if an equation makes a tensor of one number that may wait. */
export function mayWait(
  primitive: Pick<Primitive, "isFill">,
  [x]: readonly Tensor[],
  output: Aval,
): boolean {
  return primitive.isFill === true && x!.source.kind === "literal" && sizeOf(output.shape) < large;
}
