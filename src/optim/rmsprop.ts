/** RMSProp: each parameter's step is scaled by the root mean square of its gradients. */
import { rootOfSquares } from "./numerics.ts";
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  declareOptions,
  finite,
  fraction,
  nonNegative,
  scalarOf,
} from "../options/index.ts";
import { chain, identity } from "./chain.ts";
import { requireGradients, requireState } from "./checks.ts";
import {
  increment,
  mapLeaves,
  movingAverage,
  oneMinus,
  unbiased,
  zeroCount,
  zerosLike,
} from "./leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "./scale.ts";
import { trace, type TraceState } from "./sgd.ts";
import type { GradientTransformation, Scalar } from "./transformation.ts";

/** The state of {@link scaleByRms}. */
export interface RmsState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The moving average of gradients if `centered`, else null. */
  readonly mu: unknown;
  /** The moving average of their squares; if `centered`, their variance: that average less the square of `mu`. */
  readonly nu: unknown;
}

/** Options of {@link scaleByRms}. */
export interface RmsOptions {
  /** Decay of the averages; 0.9 (PyTorch has 0.99). */
  readonly decay?: Scalar;
  /** 1e-8. */
  readonly eps?: Scalar;
  /** The average square before the first step; 0 (TensorFlow 1 has 1). */
  readonly initialScale?: number;
  /** True if `eps` is added under the root, false if (as in PyTorch) to the root; true. */
  readonly epsInSqrt?: boolean;
  /** If true, the mean gradient is taken off: the standard deviation scales. Default false. */
  readonly centered?: boolean;
  /** If true, averages are rid of their bias towards the first value. Default false. */
  readonly biasCorrection?: boolean;
}

const rmsKinds = {
  decay: scalarOf(fraction),
  eps: scalarOf(nonNegative),
  initialScale: nonNegative,
  epsInSqrt: boolean,
  centered: boolean,
  biasCorrection: boolean,
} as const;
const checkScale = declareOptions<RmsOptions>("optim.scaleByRms", [], rmsKinds);

/**
 * `g / √(v + eps)`, with `v` the moving average of squared gradients (Hinton, 2012), less the squared
 * average gradient if `centered` (Graves, 2013). That difference is kept by a recurrence of its own: taken
 * from two averages in single precision it may be negative, and its root NaN.
 */
export function scaleByRms(options: RmsOptions = {}): GradientTransformation<RmsState> {
  checkScale(options);
  const {
    decay = 0.9,
    eps = 1e-8,
    initialScale = 0,
    epsInSqrt = true,
    centered = false,
    biasCorrection = false,
  } = options;
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: centered ? zerosLike(params) : null,
      nu: mapLeaves((p) => np.fullLike(p, initialScale), params),
    }),
    update(updates, state) {
      requireState("scaleByRms", state, ["count", "mu", "nu"]);
      requireGradients("scaleByRms", updates, state.nu);
      const count = increment(state.count);
      const corrected = (x: Tensor) => biasCorrection ? unbiased(x, decay, count) : x;
      const [mu, nu] = centered
        ? [
          mapLeaves((g, m) => movingAverage(g, m, decay), updates, state.mu),
          mapLeaves(
            (g, m, v) => movingVariance(g, m, v, decay, biasCorrection ? state.count : undefined),
            updates,
            state.mu,
            state.nu,
          ),
        ]
        : [null, mapLeaves((g, v) => movingAverage(np.square(g), v, decay), updates, state.nu)];
      const root = (v: Tensor) => epsInSqrt ? rootOfSquares(v.add(eps)) : rootOfSquares(v).add(eps);
      const scaled = mapLeaves((g, v) => g.div(root(corrected(v))), updates, nu);
      return [scaled, { count, mu, nu }];
    },
  };
}

/**
 * The variance `v = E[g²] - E[g]²` of moving averages with a further gradient, all of whose terms are
 * positive: `v ← d (v + (1 - d) (g - m)²)`, with `m` the average before (West, "Updating mean and variance
 * estimates", 1979). Averages that are to be rid of their bias after `count` gradients hold a weight
 * `wₜ = 1 - dᵗ`; then `m` is `m / wₜ`, and the square is multiplied by `wₜ / wₜ₊₁`.
 */
function movingVariance(
  g: Tensor,
  mean: Tensor,
  variance: Tensor,
  decay: Scalar,
  count: Tensor | undefined,
): Tensor {
  const rest = oneMinus(decay);
  if (count === undefined) {
    return variance.add(np.square(g.sub(mean)).mul(rest)).mul(decay);
  }
  const first = np.equal(count, 0);
  const seen = np.where(first, 1, count); // at first no gradient is in the mean, which is 0
  const square = np.square(g.sub(unbiased(mean, decay, seen))).mul(rest);
  const ratio = unbiased(np.onesLike(g), decay, increment(count))
    .div(unbiased(np.onesLike(g), decay, seen));
  return variance.add(np.where(first, 0, square.mul(ratio))).mul(decay);
}

const { centered: __, ...stddevKinds } = rmsKinds;
const checkStddev = declareOptions<Omit<RmsOptions, "centered">>(
  "optim.scaleByStddev",
  [],
  stddevKinds,
);

/**
 * `g / √(E[g²] - E[g]² + eps)` (Graves, 2013): {@link scaleByRms} with the mean gradient taken off.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const scaling = optim.scaleByStddev();
 * const [u] = scaling.update(np.array([5]), scaling.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() - 1 / Math.sqrt(0.1 - 0.01)) < 1e-4);
 * ```
 */
export function scaleByStddev(
  options: Omit<RmsOptions, "centered"> = {},
): GradientTransformation<RmsState> {
  checkStddev(options);
  return scaleByRms({ ...options, centered: true });
}

/** Options of {@link rmsprop}. */
export interface RmspropOptions extends RmsOptions {
  /** Decay of a momentum of the scaled steps; none unless given. */
  readonly momentum?: Scalar;
  /** If true, the momentum looks one step ahead. Default false. */
  readonly nesterov?: boolean;
}

const checkRmsprop = declareOptions<RmspropOptions>("optim.rmsprop", ["1e-3"], {
  ...rmsKinds,
  momentum: scalarOf(finite),
  nesterov: boolean,
});

/** RMSProp with optax's defaults; PyTorch's are `{ decay: 0.99, epsInSqrt: false }`. */
export function rmsprop(
  learningRate: LearningRate,
  options: RmspropOptions = {},
): GradientTransformation<[RmsState, CountState | null, TraceState | null]> {
  requireRate("rmsprop", learningRate);
  checkRmsprop(options);
  const { momentum, nesterov = false, ...rms } = options;
  const last: GradientTransformation<TraceState | null> = momentum === undefined
    ? identity()
    : trace(momentum, { nesterov });
  return chain(scaleByRms(rms), scaleByLearningRate(learningRate), last);
}
