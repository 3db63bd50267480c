/** Updates within limits: without NaN, of mean 0, or such that parameters stay in a set. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { requireUpdates } from "./checks.ts";
import { mapLeaves, required } from "./leaves.ts";
import { type GradientTransformation, stateless } from "./transformation.ts";

/** The state of {@link zeroNans}. */
export interface ZeroNansState {
  /** For each parameter whether its last update had a NaN, booleans. */
  readonly foundNan: unknown;
}

/**
 * Sets elements that are NaN to 0, and says in its state where there were any. It hides what is wrong: better find
 * it, by `debugNans`.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u, state] = optim.zeroNans().update(np.array([NaN, 2]), { foundNan: np.array(false) });
 * console.assert(String(await u.data()) === "0,2");
 * ```
 */
export function zeroNans(): GradientTransformation<ZeroNansState> {
  return {
    init: (params) => ({ foundNan: mapLeaves((p) => np.any(np.isnan(np.zerosLike(p))), params) }),
    update: (updates) => [
      mapLeaves((u) => np.where(np.isnan(u), 0, u), updates),
      { foundNan: mapLeaves((u) => np.any(np.isnan(u)), updates) },
    ],
  };
}

/**
 * Shortens updates such that no parameter becomes negative: `-p` where `p + u` would be. Parameters must not be
 * negative before.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.keepParamsNonnegative().update(np.array([-3, 1]), null, np.array([2, 2]));
 * console.assert(String(await u.data()) === "-2,1");
 * ```
 *
 * @throws ArgumentError when `update` is not given the parameters.
 */
export function keepParamsNonnegative(): GradientTransformation<null> {
  return stateless((updates, given) => {
    const params = required(given, "keepParamsNonnegative");
    requireUpdates("keepParamsNonnegative", updates, params);
    return mapLeaves(
      (u, p) => np.where(np.less(p.add(u), 0), np.negative(p), u),
      updates,
      params,
    );
  });
}

/**
 * Takes the mean over all axes but the first off each update with two axes or more (Yong et al., 2020).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.centralize().update(np.array([[1, 3]]), null);
 * console.assert(String(await u.data()) === "-1,1");
 * ```
 */
export function centralize(): GradientTransformation<null> {
  const centered = (g: Tensor) => {
    if (g.ndim < 2) return g;
    const axis = g.shape.map((_, i) => i).slice(1);
    return g.sub(np.mean(g, { axis, keepdims: true }));
  };
  return stateless((updates) => mapLeaves(centered, updates));
}
