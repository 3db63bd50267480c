/**
 * Tensors of one number. `x.mul(2)` stretches 2 to the shape of `x`; one operation at a time, the stretched tensor
 * would be written to memory only to be read once. So it waits: operations take the number itself and stretch it
 * within their own program, and memory is filled when something else asks for it.
 */
import type { DeviceBuffer } from "./backend.ts";
import { type Aval, type Equation, sizeOf, Var } from "./program.ts";
import type { Primitive } from "./primitive.ts";
import type { Tensor } from "./tensor.ts";

/** Elements from which on memory is filled at once: whether there is so much shows where it is asked for. */
const large = 2 ** 20;

/** What memory holds that need not be filled. */
export interface Splat {
  readonly number: Tensor;
  /** How a tensor is made of it. */
  readonly equation: Pick<Equation, "primitive" | "params">;
  /** Memory that is filled. */
  fill(): DeviceBuffer;
}

/** The number, where a tensor is no more than that. */
export function splatOf(x: Tensor): Splat | undefined {
  return x.share?.storage.splat;
}

/** Variables for the inputs of a program, and what makes an equation's operands of them. */
export function operandsOf(
  inputs: readonly Tensor[],
): { variables: Var[]; operands: Var[]; equations: Equation[] } {
  const variables: Var[] = [];
  const equations: Equation[] = [];
  const operands = inputs.map((x) => {
    const splat = splatOf(x);
    const variable = new Var((splat?.number ?? x).aval);
    variables.push(variable);
    if (!splat) return variable;
    const operand = new Var(x.aval);
    equations.push({ ...splat.equation, inputs: [variable], outputs: [operand] });
    return operand;
  });
  return { variables, operands, equations };
}

/** Whether an equation makes a tensor of one number that may wait. */
export function mayWait(
  primitive: Pick<Primitive, "splat">,
  [x]: readonly Tensor[],
  output: Aval,
): boolean {
  return primitive.splat === true && x!.source.kind === "literal" && sizeOf(output.shape) < large;
}
