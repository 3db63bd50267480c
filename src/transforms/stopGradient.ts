/** `stopGradient`: a value without a derivative. */
import { evaluate } from "../core/evaluate.ts";
import { tensorLeaves, traceFunction } from "../core/function.ts";
import { unflatten } from "../core/tree.ts";
import { stopGradient as stop } from "../primitives/index.ts";

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

/** The value of `f`, constant to every differentiation: in its arguments, and in all that it closes over. */
export function detached<A extends unknown[], R>(f: (...args: A) => R, ...args: A): R {
  const { program, captured, leaves, output } = traceFunction(f, args, "detached");
  return unflatten(output, evaluate(program, [...captured, ...leaves].map(stop)));
}
