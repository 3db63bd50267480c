/** Adam that waits until its second moment is worth something. */
import { rootOfSquares } from "../numerics.ts";
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { boolean, declareOptions, kind, number, scalarOf } from "../../options/index.ts";
import { adamKinds, type AdamOptions, type AdamState } from "../adam.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import {
  direction,
  increment,
  mapLeaves,
  movingAverage,
  unbiased,
  zeroCount,
  zerosLike,
} from "../leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** Options of {@link radam}; the defaults are Adam's. */
export interface RadamOptions extends Omit<AdamOptions, "b2"> {
  /** Decay of the average square, a number between ½ and 1; 0.999. */
  readonly b2?: number;
  /** From which length of the average on it scales steps; 5. */
  readonly threshold?: Scalar;
}

const kinds = {
  b1: adamKinds.b1,
  b2: kind<number>(
    "a number above 0.5 and below 1",
    "0.999",
    (x) => typeof x === "number" && x > 0.5 && x < 1,
  ),
  eps: adamKinds.eps,
  epsRoot: adamKinds.epsRoot,
  threshold: scalarOf(number),
  nesterov: boolean,
} as const;
const checkScale = declareOptions<RadamOptions>("optim.scaleByRadam", [], kinds);
const checkRadam = declareOptions<RadamOptions>("optim.radam", ["1e-3"], kinds);

/**
 * The length `ρₜ = ρ∞ - 2 t b2ᵗ / (1 - b2ᵗ)` of the simple average that is as certain as the moving one, with
 * `ρ∞ = 2 / (1 - b2) - 1`. Both terms are near `ρ∞` at first: with `x = -t log b2` their difference is
 * `(ρ∞ + 2 / log b2) + 2 / -log b2 · (1 - x / (eˣ - 1))`, whose first part is a constant, and whose second has a
 * series (Bernoulli's numbers) for small `x`.
 */
function averageLength(count: Tensor, b2: number): Tensor {
  const rate = -Math.log(b2);
  const constant = 2 / (1 - b2) - 1 - 2 / rate;
  const x = count.mul(rate);
  const small = np.less(x, 0.5);
  const [near, far] = [np.where(small, x, 0), np.where(small, 1, x)];
  const square = np.square(near);
  const series = [1 / 47900160, -1 / 1209600, 1 / 30240, -1 / 720, 1 / 12]
    .reduce<Tensor>(
      (sum, c) => sum.mul(square).add(c),
      np.full([], -691 / 1307674368000, { dtype: count.dtype }),
    );
  const grown = np.where(
    small,
    near.mul(0.5).sub(series.mul(square)),
    np.subtract(1, far.div(np.expm1(far))),
  );
  return grown.mul(2 / rate).add(constant);
}

/**
 * `r m̂ / (√(v̂ + epsRoot) + eps)` once the length `ρₜ` of the average is at least the threshold, with the
 * rectification `r = √((ρₜ - 4)(ρₜ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρₜ))`; before that `m̂` (Liu et al., 2020).
 */
export function scaleByRadam(options: RadamOptions = {}): GradientTransformation<AdamState> {
  checkScale(options);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0 } = options;
  const { threshold = 5, nesterov = false } = options;
  const limit = 2 / (1 - b2) - 1;
  return {
    init: (params) => ({ count: zeroCount(), mu: zerosLike(params), nu: zerosLike(params) }),
    update(updates, state) {
      requireState("scaleByRadam", state, ["count", "mu", "nu"]);
      requireGradients("scaleByRadam", updates, state.mu);
      const count = increment(state.count);
      const mu = mapLeaves((g, m) => movingAverage(g, m, b1), updates, state.mu);
      const nu = mapLeaves((g, v) => movingAverage(np.square(g), v, b2), updates, state.nu);
      const scaled = mapLeaves(
        (g, m, v) => {
          const length = averageLength(np.astype(count, g.dtype), b2);
          const certain = np.greaterEqual(length, threshold);
          // A length that is not chosen must not have the root of a negative number.
          const used = np.where(certain, length, limit);
          const ratio = used.sub(4).div(limit - 4).mul(used.sub(2).div(limit - 2));
          const rectified = np.sqrt(ratio.mul(np.divide(limit, used)));
          const step = direction(g, m, b1, count, nesterov);
          const size = rootOfSquares(unbiased(v, b2, count).add(epsRoot)).add(eps);
          return np.where(certain, rectified.mul(step).div(size), step);
        },
        updates,
        mu,
        nu,
      );
      return [scaled, { count, mu, nu }];
    },
  };
}

/**
 * Rectified Adam: {@link scaleByRadam}, times the learning rate.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.radam(0.1);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 0.5) < 1e-5); // at first the gradient itself
 * ```
 */
export function radam(
  learningRate: LearningRate,
  options: RadamOptions = {},
): GradientTransformation<[AdamState, CountState | null]> {
  requireRate("radam", learningRate);
  checkRadam(options);
  return chain(scaleByRadam(options), scaleByLearningRate(learningRate));
}
