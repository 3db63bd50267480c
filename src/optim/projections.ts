/**
 * Nearest points of sets: `optax.projections`. Parameters that must stay in a set are put back into it after each step,
 * which is projected gradient descent. Trees count as one vector.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const p = optim.projections.projectionSimplex({ a: np.array([2, 1]), b: np.array(-1) });
 * console.assert(String(await p.a.data()) === "1,0");
 * ```
 *
 * @module
 */
import type { Tensor } from "../public.ts";
import * as tree from "../tree.ts";
import * as np from "../numpy/index.ts";
import { mapLeaves, vdot } from "./leaves.ts";
import { norm, scale as scaled, where } from "./treeMath.ts";
import type { Scalar } from "./transformation.ts";

/** The nearest tree without negative elements. */
export function projectionNonNegative<T>(x: T): T {
  return mapLeaves((leaf) => np.maximum(leaf, 0), x);
}

/** The nearest tree between two bounds: numbers, or trees like x. */
export function projectionBox<T>(x: T, lower: T | Scalar, upper: T | Scalar): T {
  return mapLeaves(
    (leaf, low, high) => np.clip(leaf, low, high),
    x,
    everywhere(lower, x),
    everywhere(upper, x),
  );
}

/** A bound for each leaf. */
function everywhere<T>(bound: T | Scalar, like: T): T {
  const single = typeof bound === "number" || tree.structure(bound).kind === "leaf";
  return single
    ? mapLeaves((leaf) => np.astype(np.array(bound as number), leaf.dtype), like)
    : bound as T; // of the tree's structure, which `mapLeaves` checks
}

/** The nearest tree whose elements lie between 0 and `scale`. */
export function projectionHypercube<T>(x: T, scale: T | Scalar = 1): T {
  return projectionBox(x, 0, scale);
}

/**
 * The nearest tree without negative elements whose sum is `scale` (Duchi et al., 2008, "Efficient projections onto the
 * l1-ball for learning in high dimensions"): xᵢ ↦ max(xᵢ - τ, 0), with the τ that gives the sum. By sorting, n log n.
 */
export function projectionSimplex<T>(x: T, scale: Scalar = 1): T {
  const [flat, back] = tree.ravel(x);
  const values = np.divide(flat, scale);
  const sorted = np.sort(values, { descending: true });
  const count = np.add(np.arange(values.size, { dtype: "int32" }), 1);
  const excess = np.divide(np.subtract(np.cumsum(sorted), 1), count);
  const last = np.subtract(np.countNonzero(np.greater(sorted, excess)), 1);
  const nearest = np.maximum(np.subtract(values, np.take(excess, last)), 0);
  return back(np.multiply(nearest, scale)) as T; // ravel keeps the structure
}

/** The nearest tree whose absolute values have the sum `scale`. */
export function projectionL1Sphere<T>(x: T, scale: Scalar = 1): T {
  const sizes = projectionSimplex(mapLeaves((leaf) => np.abs(leaf), x), scale);
  return mapLeaves((size, leaf) => np.multiply(size, np.sign(leaf)), sizes, x);
}

/** The nearest tree whose absolute values have a sum of at most `scale`. */
export function projectionL1Ball<T>(x: T, scale: Scalar = 1): T {
  const inside = np.lessEqual(norm(x, { ord: 1 }), scale);
  return where(inside, x, projectionL1Sphere(x, scale));
}

/** The nearest tree whose norm is `scale`. */
export function projectionL2Sphere<T>(x: T, scale: Scalar = 1): T {
  return scaled(np.divide(scale, norm(x)), x);
}

/** The nearest tree whose norm is at most `scale`. */
export function projectionL2Ball<T>(x: T, scale: Scalar = 1): T {
  const squared = norm(x, { squared: true });
  const nonzero = np.greater(squared, 0);
  // The root has no derivative at 0.
  const length = np.where(nonzero, np.sqrt(np.where(nonzero, squared, 1)), 0);
  return scaled(np.divide(scale, np.maximum(length, scale)), x);
}

/** The nearest tree whose elements lie between -`scale` and `scale`. */
export function projectionLinfBall<T>(x: T, scale: Scalar = 1): T {
  return projectionBox(x, np.negative(scale), scale);
}

/** The nearest tree z with aᵀz = b. */
export function projectionHyperplane<T>(x: T, a: T, b: Scalar): T {
  return along(x, a, np.subtract(vdot(a, x), b));
}

/** The nearest tree z with aᵀz ≤ b. */
export function projectionHalfspace<T>(x: T, a: T, b: Scalar): T {
  return along(x, a, np.maximum(np.subtract(vdot(a, x), b), 0));
}

/** x - a · amount / aᵀa */
function along<T>(x: T, a: T, amount: Tensor): T {
  const factor = np.divide(amount, vdot(a, a));
  return mapLeaves((leaf, direction) => np.subtract(leaf, np.multiply(direction, factor)), x, a);
}

/** The nearest multiple of a. */
export function projectionVector<T>(x: T, a: T): T {
  return scaled(np.divide(vdot(a, x), vdot(a, a)), a);
}
