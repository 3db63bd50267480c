/** RMSProp: each parameter's step is scaled by the root mean square of its gradients. */
import { requireOptions } from "../core/options.ts";
import type { Tensor } from "../core/tensor.ts";
import * as np from "../numpy/index.ts";
import { chain, identity } from "./chain.ts";
import { requireGradients, requireState } from "./checks.ts";
import { increment, mapLeaves, movingAverage, unbiased, zeroCount, zerosLike } from "./leaves.ts";
import { type CountState, type LearningRate, scaleByLearningRate } from "./scale.ts";
import { trace, type TraceState } from "./sgd.ts";
import type { GradientTransformation, Scalar } from "./transformation.ts";

/** The state of {@link scaleByRms}. */
export interface RmsState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The moving average of gradients if `centered`, else null. */
  readonly mu: unknown;
  /** The moving average of their squares. */
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
  /** Whether `eps` is added under the root, or (PyTorch) to the root; true. */
  readonly epsInSqrt?: boolean;
  /** Whether the mean gradient is taken off: the standard deviation scales; false. */
  readonly centered?: boolean;
  /** Whether averages are rid of their bias towards the first value; false. */
  readonly biasCorrection?: boolean;
}

/**
 * `g / √(v + eps)`, with `v` the moving average of squared gradients (Hinton, 2012), less the squared
 * average gradient if `centered` (Graves, 2013).
 */
export function scaleByRms(options: RmsOptions = {}): GradientTransformation<RmsState> {
  requireOptions("optim.scaleByRms", options, "optim.scaleByRms({ decay: 0.9, eps: 1e-8 })");
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
      const nu = mapLeaves((g, v) => movingAverage(np.square(g), v, decay), updates, state.nu);
      const mu = centered
        ? mapLeaves((g, m) => movingAverage(g, m, decay), updates, state.mu)
        : null;
      const root = (v: Tensor) => epsInSqrt ? np.sqrt(v.add(eps)) : np.sqrt(v).add(eps);
      const scaled = mu === null
        ? mapLeaves((g, v) => g.div(root(corrected(v))), updates, nu)
        : mapLeaves(
          (g, v, m) => g.div(root(corrected(v).sub(np.square(corrected(m))))),
          updates,
          nu,
          mu,
        );
      return [scaled, { count, mu, nu }];
    },
  };
}

/** Options of {@link rmsprop}. */
export interface RmspropOptions extends RmsOptions {
  /** Decay of a momentum of the scaled steps; none unless given. */
  readonly momentum?: Scalar;
  /** Whether the momentum looks one step ahead; false. */
  readonly nesterov?: boolean;
}

/** RMSProp with optax's defaults; PyTorch's are `{ decay: 0.99, epsInSqrt: false }`. */
export function rmsprop(
  learningRate: LearningRate,
  options: RmspropOptions = {},
): GradientTransformation<[RmsState, CountState | null, TraceState | null]> {
  requireOptions("optim.rmsprop", options, "optim.rmsprop(1e-3, { decay: 0.9, momentum: 0.9 })");
  const { momentum, nesterov = false, ...rms } = options;
  const last: GradientTransformation<TraceState | null> = momentum === undefined
    ? identity()
    : trace(momentum, { nesterov });
  return chain(scaleByRms(rms), scaleByLearningRate(learningRate), last);
}
