/** Adam with another second moment: one that never falls, one around the mean, one that changes slowly. */
import { rootOfSquares } from "../numerics.ts";
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { boolean, declareOptions, nonNegative } from "../../options/index.ts";
import { adamKinds, type AdamOptions, type AdamState } from "../adam.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import {
  direction,
  increment,
  mapLeaves,
  movingAverage,
  oneMinus,
  unbiased,
  zeroCount,
  zerosLike,
} from "../leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

const { nesterov: _, ...plainKinds } = adamKinds;

/** The state of {@link scaleByAmsgrad}. */
export interface AmsgradState extends AdamState {
  /** The largest second moment so far. */
  readonly nuMax: unknown;
}

/** Options of {@link amsgrad}; the defaults are Adam's. */
export interface AmsgradOptions extends Omit<AdamOptions, "nesterov"> {
  /** If true, the average gradient is rid of its bias towards 0. Default true. */
  readonly biasCorrectionMu?: boolean;
  /** If true, the average square is rid of it too. Default true. */
  readonly biasCorrectionNu?: boolean;
}

const amsgradKinds = {
  ...plainKinds,
  biasCorrectionMu: boolean,
  biasCorrectionNu: boolean,
} as const;
const checkScaleByAmsgrad = declareOptions<AmsgradOptions>(
  "optim.scaleByAmsgrad",
  [],
  amsgradKinds,
);
const checkAmsgrad = declareOptions<AmsgradOptions>("optim.amsgrad", ["1e-3"], amsgradKinds);

/** `m̂ / (√(max v̂ + epsRoot) + eps)`, with the largest second moment so far (Reddi et al., 2018). */
export function scaleByAmsgrad(
  options: AmsgradOptions = {},
): GradientTransformation<AmsgradState> {
  checkScaleByAmsgrad(options);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0 } = options;
  const { biasCorrectionMu = true, biasCorrectionNu = true } = options;
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLike(params),
      nu: zerosLike(params),
      nuMax: zerosLike(params),
    }),
    update(updates, state) {
      requireState("scaleByAmsgrad", state, ["count", "mu", "nu", "nuMax"]);
      requireGradients("scaleByAmsgrad", updates, state.mu);
      const count = increment(state.count);
      const mu = mapLeaves((g, m) => movingAverage(g, m, b1), updates, state.mu);
      const nu = mapLeaves((g, v) => movingAverage(np.square(g), v, b2), updates, state.nu);
      const corrected = (v: Tensor) => biasCorrectionNu ? unbiased(v, b2, count) : v;
      const nuMax = mapLeaves((v, most) => np.maximum(most, corrected(v)), nu, state.nuMax);
      const scaled = mapLeaves(
        (m, most) =>
          (biasCorrectionMu ? unbiased(m, b1, count) : m).div(
            rootOfSquares(most.add(epsRoot)).add(eps),
          ),
        mu,
        nuMax,
      );
      return [scaled, { count, mu, nu, nuMax }];
    },
  };
}

/**
 * Adam whose steps never grow because gradients became small: {@link scaleByAmsgrad}.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.amsgrad(0.1);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 0.1) < 1e-6);
 * ```
 */
export function amsgrad(
  learningRate: LearningRate,
  options: AmsgradOptions = {},
): GradientTransformation<[AmsgradState, CountState | null]> {
  requireRate("amsgrad", learningRate);
  checkAmsgrad(options);
  return chain(scaleByAmsgrad(options), scaleByLearningRate(learningRate));
}

/** Adam with a rule of its own for the second moment, and moments that start from `initial`. */
function withMoment(
  name: string,
  { b1, b2, nesterov, initial, moment, size }: {
    readonly b1: Scalar;
    readonly b2: Scalar;
    readonly nesterov: boolean;
    readonly initial: number;
    readonly moment: (g: Tensor, m: Tensor, v: Tensor) => Tensor;
    readonly size: (v: Tensor) => Tensor;
  },
): GradientTransformation<AdamState> {
  const start = (params: unknown) => mapLeaves((p) => np.fullLike(p, initial), params);
  return {
    init: (params) => ({ count: zeroCount(), mu: start(params), nu: start(params) }),
    update(updates, state) {
      requireState(name, state, ["count", "mu", "nu"]);
      requireGradients(name, updates, state.mu);
      const count = increment(state.count);
      const mu = mapLeaves((g, m) => movingAverage(g, m, b1), updates, state.mu);
      const nu = mapLeaves(moment, updates, mu, state.nu);
      const scaled = mapLeaves(
        (g, m, v) => direction(g, m, b1, count, nesterov).div(size(unbiased(v, b2, count))),
        updates,
        mu,
        nu,
      );
      return [scaled, { count, mu, nu }];
    },
  };
}

const checkScaleByBelief = declareOptions<AdamOptions>("optim.scaleByBelief", [], adamKinds);
const checkAdabelief = declareOptions<AdamOptions>("optim.adabelief", ["1e-3"], adamKinds);

/**
 * `m̂ / (√ŝ + eps)`, with `s` the moving average of `(g - m)²`, to which `epsRoot` is added in every step
 * (Zhuang et al., 2020). Both eps are 1e-16 unless given.
 */
export function scaleByBelief(options: AdamOptions = {}): GradientTransformation<AdamState> {
  checkScaleByBelief(options);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-16, epsRoot = 1e-16, nesterov = false } = options;
  return withMoment("scaleByBelief", {
    b1,
    b2,
    nesterov,
    initial: 0,
    moment: (g, m, s) => movingAverage(np.square(g.sub(m)), s, b2).add(epsRoot),
    size: (s) => rootOfSquares(s).add(eps),
  });
}

/**
 * AdaBelief: steps are large where gradients are what their average foretold, see {@link scaleByBelief}.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adabelief(0.1);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 0.1 / 0.9) < 1e-5);
 * ```
 */
export function adabelief(
  learningRate: LearningRate,
  options: AdamOptions = {},
): GradientTransformation<[AdamState, CountState | null]> {
  requireRate("adabelief", learningRate);
  checkAdabelief(options);
  return chain(scaleByBelief(options), scaleByLearningRate(learningRate));
}

/** Options of {@link scaleByYogi}. */
export interface YogiOptions extends Omit<AdamOptions, "nesterov"> {
  /** Both moments before the first step; 1e-6. */
  readonly initialAccumulatorValue?: number;
}

/** Options of {@link yogi}. */
export type YogiAliasOptions = Pick<AdamOptions, "b1" | "b2" | "eps">;

const checkScaleByYogi = declareOptions<YogiOptions>("optim.scaleByYogi", [], {
  ...plainKinds,
  initialAccumulatorValue: nonNegative,
});
const checkYogi = declareOptions<YogiAliasOptions>("optim.yogi", ["1e-3"], {
  b1: adamKinds.b1,
  b2: adamKinds.b2,
  eps: adamKinds.eps,
});

/**
 * `m̂ / (√(v̂ + epsRoot) + eps)` with `v ← v - (1 - b2) sign(v - g²) g²`, which moves by no more than the new
 * square (Zaheer et al., 2018). `eps` is 1e-3 unless given.
 */
export function scaleByYogi(options: YogiOptions = {}): GradientTransformation<AdamState> {
  checkScaleByYogi(options);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-3, epsRoot = 0 } = options;
  return withMoment("scaleByYogi", {
    b1,
    b2,
    nesterov: false,
    initial: options.initialAccumulatorValue ?? 1e-6,
    moment: (g, _, v) => {
      const square = np.square(g);
      return v.sub(np.sign(v.sub(square)).mul(square).mul(oneMinus(b2)));
    },
    size: (v) => rootOfSquares(v.add(epsRoot)).add(eps),
  });
}

/**
 * Yogi: {@link scaleByYogi}, times the learning rate.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.yogi(0.1);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 0.1) < 1e-3);
 * ```
 */
export function yogi(
  learningRate: LearningRate,
  options: YogiAliasOptions = {},
): GradientTransformation<[AdamState, CountState | null]> {
  requireRate("yogi", learningRate);
  checkYogi(options);
  return chain(scaleByYogi(options), scaleByLearningRate(learningRate));
}
