/** What is done with updates. */
import type { Tensor } from "../core/tensor.ts";
import * as np from "../numpy/index.ts";
import { requireUpdates } from "./checks.ts";
import { mapLeaves, tensors } from "./leaves.ts";

/**
 * The parameters with updates added, leaf by leaf; each keeps its element type.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const p = optim.applyUpdates({ w: np.array([1, 2]) }, { w: np.array([0.5, -1]) });
 * console.assert(String(await p.w.data()) === "1.5,1");
 * ```
 *
 * @throws TreeError when the structures differ, ShapeError when shapes do, naming the path.
 */
export function applyUpdates<P>(params: P, updates: NoInfer<P>): P {
  requireUpdates("applyUpdates", updates, params);
  return mapLeaves((p, u) => np.astype(p.add(u), p.dtype), params, updates);
}

/**
 * The Euclidean norm of all leaves together, `√Σ x²`, a scalar. Its derivative at 0 is 0.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const norm = optim.globalNorm({ a: np.array([3, 0]), b: np.array(4) });
 * console.assert(await norm.item() === 5);
 * ```
 */
export function globalNorm(of: unknown): Tensor {
  const squares = sumOf(tensors(of).map((x) => np.sum(np.square(x))));
  const positive = np.greater(squares, 0);
  return np.where(positive, np.sqrt(np.where(positive, squares, 1)), 0);
}

/** The largest absolute value among all leaves, a scalar. */
export function infinityNorm(of: unknown): Tensor {
  return tensors(of)
    .filter((x) => x.size > 0)
    .map((x) => np.max(np.abs(x)))
    .reduce((a, b) => np.maximum(a, b), np.zeros([]));
}

function sumOf(scalars: readonly Tensor[]): Tensor {
  return scalars.reduce((a, b) => a.add(b), np.zeros([]));
}
