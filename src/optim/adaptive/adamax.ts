/** Adam by the largest gradient: an infinite norm in place of the second moment. */
import { declareOptions } from "../../options/index.ts";
import { adamKinds, type AdamOptions, type AdamState } from "../adam.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { decayKinds, decayOf, type DecayOptions } from "../decay.ts";
import { increment, mapLeaves, movingAverage, unbiased, zeroCount, zerosLike } from "../leaves.ts";
import { updateInfinityMoment } from "../moments.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "../scale.ts";
import type { GradientTransformation } from "../transformation.ts";

/** Options of {@link adamax}; the defaults are Adam's. */
export type AdamaxOptions = Pick<AdamOptions, "b1" | "b2" | "eps">;

/** Options of {@link adamaxw}; weights decay by 1e-4 unless given. */
export interface AdamaxwOptions extends AdamaxOptions, DecayOptions {}

const kinds = { b1: adamKinds.b1, b2: adamKinds.b2, eps: adamKinds.eps } as const;
const checkScale = declareOptions<AdamaxOptions>("optim.scaleByAdamax", [], kinds);
const checkAdamax = declareOptions<AdamaxOptions>("optim.adamax", ["1e-3"], kinds);
const checkAdamaxw = declareOptions<AdamaxwOptions>("optim.adamaxw", ["1e-3"], {
  ...kinds,
  ...decayKinds,
});

/** `m̂ / v` with `v ← max(b2 v, |g| + eps)` (Kingma & Ba, 2015, §7.1). */
export function scaleByAdamax(options: AdamaxOptions = {}): GradientTransformation<AdamState> {
  checkScale(options);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8 } = options;
  return {
    init: (params) => ({ count: zeroCount(), mu: zerosLike(params), nu: zerosLike(params) }),
    update(updates, state) {
      requireState("scaleByAdamax", state, ["count", "mu", "nu"]);
      requireGradients("scaleByAdamax", updates, state.mu);
      const count = increment(state.count);
      const mu = mapLeaves((g, m) => movingAverage(g, m, b1), updates, state.mu);
      const nu = updateInfinityMoment(updates, state.nu, b2, eps);
      const scaled = mapLeaves((m, v) => unbiased(m, b1, count).div(v), mu, nu);
      return [scaled, { count, mu, nu }];
    },
  };
}

/**
 * AdaMax: {@link scaleByAdamax}, times the learning rate.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adamax(0.1);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 0.1) < 1e-6);
 * ```
 */
export function adamax(
  learningRate: LearningRate,
  options: AdamaxOptions = {},
): GradientTransformation<[AdamState, CountState | null]> {
  requireRate("adamax", learningRate);
  checkAdamax(options);
  return chain(scaleByAdamax(options), scaleByLearningRate(learningRate));
}

/** {@link adamax} with decoupled weight decay. `update` needs the parameters. */
export function adamaxw(
  learningRate: LearningRate,
  options: AdamaxwOptions = {},
): GradientTransformation<[AdamState, null, CountState | null]> {
  requireRate("adamaxw", learningRate);
  checkAdamaxw(options);
  const { weightDecay: _, mask: __, ...rest } = options;
  return chain(
    scaleByAdamax(rest),
    decayOf(options, 1e-4),
    scaleByLearningRate(learningRate),
  );
}
