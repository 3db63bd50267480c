/** Applying updates to parameters. */
import type { Tensor } from "../public.ts";
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
 * The Euclidean norm of all leaves together, `√Σ x²`, a scalar. Its derivative at 0 is 0. Gradients of any
 * size have the norm that they should: squares that would overflow or vanish are scaled. NaN and infinity
 * stay visible.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const norm = optim.globalNorm({ a: np.array([3, 0]), b: np.array(4) });
 * console.assert(await norm.item() === 5);
 * ```
 */
export function globalNorm(of: unknown): Tensor {
  const norms = tensors(of).map((x) => np.linalg.norm(x));
  return norms.length === 0 ? np.zeros([]) : np.linalg.norm(np.stack(norms));
}

/** The largest absolute value among all leaves, a scalar. */
export function infinityNorm(of: unknown): Tensor {
  return tensors(of)
    .filter((x) => x.size > 0)
    .map((x) => np.max(np.abs(x)))
    .reduce((a, b) => np.maximum(a, b), np.zeros([]));
}
