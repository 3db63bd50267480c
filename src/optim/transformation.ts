/**
 * Transformations of gradients: pairs of pure functions that turn gradients into updates. Everything else
 * in this folder makes such pairs, or combines them.
 */
import type { GradientTransformation } from "../solvers/optimizer.ts";

export type { Extra, GradientTransformation, Scalar, StateOf } from "../solvers/optimizer.ts";

/** A transformation without state. */
export function stateless(
  update: <U>(updates: U, params: U | undefined) => U,
): GradientTransformation<null> {
  return {
    init: () => null,
    update: (updates, state, params) => [update(updates, params), state],
  };
}
