/** `stopGradient`: a value without a derivative. */
import { unflatten } from "../core/tree.ts";
import { stopGradient as stop } from "../primitives/index.ts";
import { tensorLeaves } from "../core/function.ts";

/**
 * The same tree, constant to every differentiation.
 *
 * ```ts
 * import { grad, np, stopGradient, type Tensor } from "trilevel";
 * const f = (x: Tensor) => x.mul(stopGradient(x));
 * console.assert(await grad(f)(np.array(3)).item() === 3);
 * ```
 */
export function stopGradient<T>(tree: T): T {
  const [leaves, structure] = tensorLeaves(tree, "stopGradient: the argument");
  return unflatten(structure, leaves.map(stop));
}
