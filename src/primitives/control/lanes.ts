/**
 * Batches whose elements take different ways. All elements of a batch compute the same, so a branch that some take
 * is computed for all, and a loop goes on for those that have ended. The results of idle elements are dropped:
 *
 *     y = select(live, f(x), …)
 *
 * That is not enough. The derivative of what is dropped is multiplied by zero, x̄ = f′(x)ᵀ select(live, ȳ, 0), and
 * where f′(x) is infinite or NaN, because f is undefined there, 0 · ∞ = NaN reaches x, and whatever parameters
 * the elements share. Nor may f be asked at all: it may never come to an end, or refuse. So idle elements
 * compute f of something for which f is meant, whatever it is:
 *
 *     y = select(live, f(s), …),  s = select(live, x, stopGradient(r))
 *
 * where r is what a live element computes f of. Then f′(s) and all further derivatives are those of a live element,
 * and finite if its own are; in idle elements they are multiplied by zero, and what comes back goes nowhere, since
 * ∂s/∂x = live. So batching commutes with differentiating, to any order, and parameters that elements share
 * get the sum over live ones. In branches r is the operand of the first live element, and f does
 * not run if there is none; in loops it is what the element itself carried into its last step.
 */
import { isFloat } from "../../core/dtype.ts";
import { hasEffect, type MappedAxis, type Program, subprograms } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { exchanges } from "../interpreters/batch.ts";
import { linearizeProgram } from "../interpreters/linearize.ts";
import { convert, select, stopGradient } from "../elementwise.ts";
import { gather } from "../indexing.ts";
import { argMax } from "../reduce.ts";
import { broadcast, broadcastBatch, reshape } from "../broadcast.ts";

/** `live ? x : idle` for each element of the batch. */
export function selectLanes(live: Tensor, x: Tensor, idle: Tensor): Tensor {
  return select(broadcast(live, x.shape, [0]), x, idle);
}

/** The batch with the first live element in the places of idle ones, to which no derivative leads. */
export function fromLive(live: Tensor, x: Tensor): Tensor {
  const first = reshape(argMax(convert(live, "int32"), 0), [1]);
  return selectLanes(live, x, stopGradient(broadcastBatch(gather(x, first), live.size)));
}

/**
 * True if idle elements run a program on operands of their own. They must if the elements of the batch exchange values
 * in it, as in JAX; they may if it comes to an end, has no effect, and its derivative multiplies by nothing that depends
 * on them.
 */
export function mayRunIdle(
  program: Program,
  batched: readonly boolean[],
  axis: MappedAxis,
): boolean {
  return program.equations.some((e) => exchanges(e, axis)) || isHarmless(program, batched);
}

function isHarmless(program: Program, batched: readonly boolean[]): boolean {
  const holdsMore = program.equations.some((e) =>
    hasEffect(e) || e.primitive.host || e.primitive.inline || subprograms(e.params).length > 0
  );
  if (holdsMore) return false;
  const floats = program.inputs.map((v) => isFloat(v.aval.dtype));
  const { primal } = linearizeProgram(program, floats);
  const varying = new Set<unknown>(primal.inputs.filter((_, i) => batched[i]));
  for (const { inputs, outputs } of primal.equations) {
    if (inputs.some((a) => varying.has(a))) outputs.forEach((v) => varying.add(v));
  }
  const residuals = primal.outputs.slice(program.outputs.length);
  return !residuals.some((a) => isFloat(a.aval.dtype) && varying.has(a));
}
