/** Steps of which only the direction of each coordinate is the gradient's. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import {
  declareOptions,
  finite,
  fraction,
  nonNegative,
  oneOf,
  positive,
  requireArgument,
  scalarOf,
} from "../../options/index.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { decayKinds, decayOf, type DecayOptions } from "../decay.ts";
import { ema, type EmaState } from "../ema.ts";
import {
  increment,
  mapLeaves,
  movingAverage,
  tensors,
  withLeaves,
  zeroCount,
  zerosLike,
} from "../leaves.ts";
import {
  type CountState,
  type LearningRate,
  requireRate,
  scale,
  scaleByLearningRate,
} from "../scale.ts";
import { type GradientTransformation, type Scalar, stateless } from "../transformation.ts";

/**
 * The sign of each element.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [u] = optim.scaleBySign().update(np.array([-3, 0, 0.5]), null);
 * console.assert(String(await u.data()) === "-1,0,1");
 * ```
 */
export function scaleBySign(): GradientTransformation<null> {
  return stateless((updates) => mapLeaves((u) => np.sign(u), updates));
}

/**
 * Gradient descent by signs (Bernstein et al., 2018): every coordinate moves by the learning rate.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.signSgd(0.5);
 * const [u] = optimizer.update(np.array([-3]), optimizer.init(np.zeros([1])));
 * console.assert(await u.item() === 0.5);
 * ```
 */
export function signSgd(
  learningRate: LearningRate,
): GradientTransformation<[null, CountState | null]> {
  requireRate("signSgd", learningRate);
  return chain(scaleBySign(), scaleByLearningRate(learningRate));
}

const checkSignum = declareOptions<{ readonly beta?: Scalar }>("optim.signum", ["1e-3"], {
  beta: scalarOf(fraction),
});

/** {@link signSgd} of the moving average of gradients, with decay `beta` (0.9; Bernstein et al., 2018). */
export function signum(
  learningRate: LearningRate,
  options: { readonly beta?: Scalar } = {},
): GradientTransformation<[EmaState, null, CountState | null]> {
  requireRate("signum", learningRate);
  checkSignum(options);
  const average = ema(options.beta ?? 0.9, { debias: false });
  return chain(average, scaleBySign(), scaleByLearningRate(learningRate));
}

/** The state of {@link scaleByLion}. */
export interface LionState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The moving average of gradients. */
  readonly mu: unknown;
}

/** Options of {@link scaleByLion}. */
export interface LionOptions {
  /** The weight of the average in a step; 0.9. */
  readonly b1?: Scalar;
  /** Decay of the average; 0.99. */
  readonly b2?: Scalar;
  /** `"hard"` signs (unless given), `"smooth"` ones by tanh, or numbers `"refined"` to [-1, 1]. */
  readonly mode?: "hard" | "smooth" | "refined";
  /** The slope of smooth signs; 1. */
  readonly smoothBeta?: number;
}

const { b1, b2 } = { b1: scalarOf(fraction), b2: scalarOf(fraction) };
const checkScaleByLion = declareOptions<LionOptions>("optim.scaleByLion", [], {
  b1,
  b2,
  mode: oneOf("hard", "smooth", "refined"),
  smoothBeta: finite,
});

/** `sign(b1 m + (1 - b1) g)`, and then `m ← b2 m + (1 - b2) g` (Chen et al., 2023). */
export function scaleByLion(options: LionOptions = {}): GradientTransformation<LionState> {
  checkScaleByLion(options);
  const { b1 = 0.9, b2 = 0.99, mode = "hard", smoothBeta = 1 } = options;
  const signs: { readonly [mode: string]: (x: Tensor) => Tensor } = {
    hard: np.sign,
    smooth: (x) => np.tanh(x.mul(smoothBeta)),
    refined: (x) => np.clip(x, -1, 1),
  };
  return {
    init: (params) => ({ count: zeroCount(), mu: zerosLike(params) }),
    update(updates, state) {
      requireState("scaleByLion", state, ["count", "mu"]);
      requireGradients("scaleByLion", updates, state.mu);
      const scaled = mapLeaves((g, m) => signs[mode]!(movingAverage(g, m, b1)), updates, state.mu);
      const mu = mapLeaves((g, m) => movingAverage(g, m, b2), updates, state.mu);
      return [scaled, { count: increment(state.count), mu }];
    },
  };
}

const checkLion = declareOptions<Pick<LionOptions, "b1" | "b2"> & DecayOptions>(
  "optim.lion",
  ["1e-4"],
  { b1, b2, ...decayKinds },
);

/**
 * Lion: {@link scaleByLion} with decoupled weight decay (1e-3 unless given). Learning rates are 3 to 10 times
 * smaller than Adam's. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.lion(0.25);
 * const p = np.zeros([1]);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(p), p);
 * console.assert(await u.item() === -0.25);
 * ```
 */
export function lion(
  learningRate: LearningRate,
  options: Pick<LionOptions, "b1" | "b2"> & DecayOptions = {},
): GradientTransformation<[LionState, null, CountState | null]> {
  requireRate("lion", learningRate);
  checkLion(options);
  const { weightDecay: _, mask: __, ...rest } = options;
  return chain(scaleByLion(rest), decayOf(options, 1e-3), scaleByLearningRate(learningRate));
}

/** The state of {@link scaleByRprop}. */
export interface RpropState {
  /** The size of each coordinate's step. */
  readonly stepSizes: unknown;
  /** The last step, 0 after a change of sign. */
  readonly previous: unknown;
}

/** Options of {@link rprop}. */
export interface RpropOptions {
  /** The factor of a step whose gradient has changed its sign; 0.5. */
  readonly etaMinus?: Scalar;
  /** The factor of one whose gradient has not; 1.2. */
  readonly etaPlus?: Scalar;
  /** The least size of a step; 1e-6. */
  readonly minStepSize?: number;
  /** The largest; 50. */
  readonly maxStepSize?: number;
}

const rpropKinds = {
  etaMinus: scalarOf(fraction),
  etaPlus: scalarOf(positive),
  minStepSize: nonNegative,
  maxStepSize: positive,
} as const;
const checkScaleByRprop = declareOptions<RpropOptions>("optim.scaleByRprop", ["1e-3"], rpropKinds);
const checkRprop = declareOptions<RpropOptions>("optim.rprop", ["1e-3"], rpropKinds);

/**
 * Resilient propagation (Riedmiller & Braun, 1993): each coordinate's step, at first `learningRate`, grows while
 * its gradient keeps the sign, and shrinks when it changes; then the coordinate waits for one update. As in optax
 * 0.2.8, the step found from a gradient is made by the next update, and the first is 0; PyTorch makes it at once.
 */
export function scaleByRprop(
  learningRate: number,
  options: RpropOptions = {},
): GradientTransformation<RpropState> {
  requireArgument("optim.scaleByRprop", "learningRate", finite, learningRate);
  checkScaleByRprop(options);
  const { etaMinus = 0.5, etaPlus = 1.2, minStepSize = 1e-6, maxStepSize = 50 } = options;
  return {
    init: (params) => ({
      stepSizes: mapLeaves((p) => np.fullLike(p, learningRate), params),
      previous: zerosLike(params),
    }),
    update(updates, state) {
      requireState("scaleByRprop", state, ["stepSizes", "previous"]);
      requireGradients("scaleByRprop", updates, state.previous);
      const agreement = mapLeaves(
        (g, last) => np.sign(g).mul(np.sign(last)),
        updates,
        state.previous,
      );
      const stepSizes = mapLeaves(
        (s, size) => {
          const grows = np.greater(s, 0);
          const changed = np.where(grows, size.mul(etaPlus), size.mul(etaMinus));
          return np.where(np.equal(s, 0), size, np.clip(changed, minStepSize, maxStepSize));
        },
        agreement,
        state.stepSizes,
      );
      const previous = mapLeaves(
        (s, g, size) => np.where(np.less(s, 0), 0, np.astype(size, g.dtype).mul(np.sign(g))),
        agreement,
        updates,
        stepSizes,
      );
      const made = mapLeaves(
        (s, last) => np.where(np.less(s, 0), 0, last),
        agreement,
        state.previous,
      );
      return [withLeaves(updates, tensors(made)), { stepSizes, previous }];
    },
  };
}

/**
 * Rprop: {@link scaleByRprop}, downwards. For gradients of whole data sets: with batches, signs change by chance.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.rprop(0.5);
 * let state = optimizer.init(np.zeros([1])), u = np.zeros([1]);
 * for (const g of [-3, -2]) [u, state] = optimizer.update(np.array([g]), state);
 * console.assert(await u.item() === 0.5);
 * ```
 */
export function rprop(
  learningRate: number,
  options: RpropOptions = {},
): GradientTransformation<[RpropState, null]> {
  requireArgument("optim.rprop", "learningRate", finite, learningRate);
  checkRprop(options);
  return chain(scaleByRprop(learningRate, options), scale(-1));
}
