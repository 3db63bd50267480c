/** Loops of samplers that reject: they end when a condition no longer holds; not for users. */
import type { Tensor } from "../core/tensor.ts";
import { traceClosed } from "../core/trace.ts";
import * as lax from "../primitives/index.ts";

/** A function of tensors that a loop does not change, then of those that it does. */
type Stateful<R> = (...sharedAndState: Tensor[]) => R;

/**
 * Repeats a step while a condition holds, for at most this many steps: a bound that random numbers do not reach, but
 * that backends need which cannot branch on a value of their own.
 */
export function loop(
  shared: readonly Tensor[],
  init: readonly Tensor[],
  holds: Stateful<Tensor>,
  step: Stateful<Tensor[]>,
  maxSteps: number,
): Tensor[] {
  const avals = [...shared, ...init].map((x) => ({ ...x.aval, weak: false }));
  return lax.whileLoop([...shared, ...shared, ...init], {
    condition: traceClosed((...xs) => [holds(...xs)], avals),
    body: traceClosed((...xs) => step(...xs), avals),
    conditionConsts: shared.length,
    bodyConsts: shared.length,
    maxSteps,
  });
}

/** True if any element is true. */
export function somewhere(x: Tensor): Tensor {
  return lax.reduceOr(x, x.shape.map((_, i) => i));
}
