/** Moving moments of trees, of which transformations of one's own are made. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { describeTree, positive, requireArgument } from "../options/index.ts";
import { mapLeaves, movingAverage, unbiased } from "./leaves.ts";
import type { Scalar } from "./transformation.ts";

/**
 * `decay · m + (1 - decay) · gᵒʳᵈᵉʳ` of each leaf: a moving moment.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const m = optim.updateMoment({ w: np.array(3) }, { w: np.array(1) }, 0.5, 2);
 * console.assert(await m.w.item() === 5);
 * ```
 *
 * @throws TreeError for trees of other structures.
 */
export function updateMoment<U>(updates: U, moments: unknown, decay: Scalar, order: number): U {
  requireArgument("optim.updateMoment", "order", positive, order, ["updates", "moments", "decay"]);
  const power = (g: Tensor) => order === 1 ? g : order === 2 ? np.square(g) : np.power(g, order);
  return mapLeaves((g, m) => movingAverage(power(g), m, decay), updates, moments);
}

/** {@link updateMoment}: of real numbers the norm of each element is the element. */
export const updateMomentPerElemNorm: typeof updateMoment = updateMoment;

/**
 * `max(decay · m, |g| + eps)` of each leaf: a moving maximum.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const m = optim.updateInfinityMoment(np.array(-3), np.array(10), 0.5, 0);
 * console.assert(await m.item() === 5);
 * ```
 *
 * @throws TreeError for trees of other structures.
 */
export function updateInfinityMoment<U>(
  updates: U,
  moments: unknown,
  decay: Scalar,
  eps: Scalar,
): U {
  return mapLeaves((g, m) => np.maximum(np.abs(g).add(eps), m.mul(decay)), updates, moments);
}

/**
 * `m / (1 - decayᶜᵒᵘⁿᵗ)` of each leaf: a moment that started from 0, rid of its bias after `count` updates. The
 * power is taken by `expm1`, and so keeps its digits for a `decay` near 1.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const m = optim.biasCorrection(np.array(0.1), 0.9, np.array(1, { dtype: "int32" }));
 * console.assert(Math.abs(await m.item() - 1) < 1e-6);
 * ```
 */
export function biasCorrection<M>(moments: M, decay: Scalar, count: Tensor): M {
  return mapLeaves((m) => unbiased(m, decay, count), moments);
}

/**
 * A count one higher; the largest of its type stays as it is, rather than wrap around.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const last = np.array(2 ** 31 - 1, { dtype: "int32" });
 * console.assert(await optim.safeIncrement(last).item() === 2 ** 31 - 1);
 * ```
 */
export function safeIncrement(count: Tensor): Tensor {
  const most = largest[count.dtype];
  if (most === undefined) {
    throw new ArgumentError(
      `optim.safeIncrement: the count is ${describeTree(count)}`,
      "give a count of integers or floats",
    );
  }
  return np.where(np.less(count, most), count.add(1), count);
}

const largest: { readonly [dtype: string]: number } = {
  int32: 2 ** 31 - 1,
  uint32: 2 ** 32 - 1,
  float32: (2 - 2 ** -23) * 2 ** 127,
  float64: Number.MAX_VALUE,
};
