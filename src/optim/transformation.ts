/**
 * Transformations of gradients: pairs of pure functions that turn gradients into updates. Everything else
 * in this folder makes such pairs, or combines them.
 */
import type { GradientTransformation } from "../solvers/optimizer.ts";

export type { Extra, GradientTransformation, Scalar, StateOf } from "../solvers/optimizer.ts";

/**
 * A transformation without state, from a function of updates and parameters.
 *
 * ```ts
 * import { np, optim, tree, type Tensor } from "trilevel";
 * const halves = optim.stateless((u) => tree.map((x: Tensor) => x.mul(0.5), u) as typeof u);
 * const [u] = halves.update(np.array(3), null);
 * console.assert(await u.item() === 1.5);
 * ```
 */
export function stateless(
  update: <U>(updates: U, params: U | undefined) => U,
): GradientTransformation<null> {
  return {
    init: () => null,
    update: (updates, state, params) => [update(updates, params), state],
  };
}
