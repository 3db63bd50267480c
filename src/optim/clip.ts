/** Bounds on gradients: by element, or on a norm of the whole. */
import * as np from "../numpy/index.ts";
import { nonNegative, requireArgument, scalarOf } from "../options/index.ts";
import { globalNorm, infinityNorm } from "./apply.ts";
import { mapLeaves } from "./leaves.ts";
import { type GradientTransformation, type Scalar, stateless } from "./transformation.ts";

function requireLimit(name: string, limit: unknown): void {
  requireArgument(`optim.${name}`, "limit", scalarOf(nonNegative), limit);
}

/** Clips every element to `[-limit, limit]`. */
export function clip(limit: Scalar): GradientTransformation<null> {
  requireLimit("clip", limit);
  const low = typeof limit === "number" ? -limit : np.negative(limit);
  return stateless((updates) => mapLeaves((u) => np.clip(u, low, limit), updates));
}

/**
 * Scales the whole gradient down to the Euclidean norm `limit` if it is longer (Pascanu et al., 2013). One
 * NaN makes all of it NaN, so that it is seen.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.clipByGlobalNorm(1).update(np.array([3, 4]), null);
 * console.assert(Math.abs((await u.data())[1]! - 0.8) < 1e-6);
 * ```
 */
export function clipByGlobalNorm(limit: Scalar): GradientTransformation<null> {
  requireLimit("clipByGlobalNorm", limit);
  return stateless((updates) => {
    const norm = globalNorm(updates);
    const fits = np.lessEqual(norm, limit); // so that zeros are within a limit of 0
    const length = np.where(fits, 1, norm);
    return mapLeaves(
      (u) => np.where(fits, u, u.div(np.astype(length, u.dtype)).mul(limit)),
      updates,
    );
  });
}

/**
 * Scales the whole gradient down so that no element is above `limit`: by
 * `min(1, limit / (max |g| + 1e-6))`, as PyTorch's `clip_grad_norm_(…, norm_type=inf)` (SLATE).
 */
export function clipByInfinityNorm(limit: Scalar): GradientTransformation<null> {
  requireLimit("clipByInfinityNorm", limit);
  return stateless((updates) => {
    const factor = np.minimum(np.divide(limit, infinityNorm(updates).add(1e-6)), 1);
    return mapLeaves((u) => u.mul(np.astype(factor, u.dtype)), updates);
  });
}
