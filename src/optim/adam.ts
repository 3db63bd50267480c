/** Adam, and Adam with weights that decay. */
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
import { chain } from "./chain.ts";
import { requireGradients, requireState } from "./checks.ts";
import { addDecayedWeights, type Mask, maskKind } from "./decay.ts";
import {
  direction,
  increment,
  mapLeaves,
  movingAverage,
  unbiased,
  zeroCount,
  zerosLike,
} from "./leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "./scale.ts";
import type { GradientTransformation, Scalar } from "./transformation.ts";

/** The state of {@link scaleByAdam}. */
export interface AdamState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The moving average of gradients, like the parameters. */
  readonly mu: unknown;
  /** The moving average of their squares. */
  readonly nu: unknown;
}

/** Options of {@link adam}; the defaults are those of the paper. */
export interface AdamOptions {
  /** Decay of the average gradient; 0.9. */
  readonly b1?: Scalar;
  /** Decay of the average square; 0.999. */
  readonly b2?: Scalar;
  /** Added to the root; 1e-8. */
  readonly eps?: Scalar;
  /** Added under the root; 0. Positive when differentiating through updates: √0 has no derivative. */
  readonly epsRoot?: Scalar;
  /** Nesterov's momentum (Dozat, 2016); false. */
  readonly nesterov?: boolean;
}

/** The kinds of options that {@link adam} and its variants take. */
export const adamKinds = {
  b1: scalarOf(fraction),
  b2: scalarOf(fraction),
  eps: scalarOf(nonNegative),
  epsRoot: scalarOf(nonNegative),
  nesterov: boolean,
} as const;
const checkScale = declareOptions<AdamOptions>("optim.scaleByAdam", [], adamKinds);

/**
 * `m̂ / (√(v̂ + epsRoot) + eps)`, with `m̂` and `v̂` the moving averages of gradients and of their
 * squares, rid of their bias towards 0 (Kingma & Ba, 2015, Algorithm 1).
 *
 * Where a square overflows, from 1.8e19 on in float32, updates are NaN; in optax they are 0 for ever.
 *
 * @throws TreeError or ShapeError, from `update`, unless the state is its own and gradients are like the
 * parameters.
 */
export function scaleByAdam(options: AdamOptions = {}): GradientTransformation<AdamState> {
  checkScale(options);
  const { b1 = 0.9, b2 = 0.999, eps = 1e-8, epsRoot = 0, nesterov = false } = options;
  return {
    init: (params) => ({ count: zeroCount(), mu: zerosLike(params), nu: zerosLike(params) }),
    update(updates, state) {
      requireState("scaleByAdam", state, ["count", "mu", "nu"]);
      requireGradients("scaleByAdam", updates, state.mu);
      const mu = mapLeaves((g, m) => movingAverage(g, m, b1), updates, state.mu);
      const nu = mapLeaves((g, v) => movingAverage(np.square(g), v, b2), updates, state.nu);
      const count = increment(state.count);
      const size = (v: Tensor) => rootOfSquares(unbiased(v, b2, count).add(epsRoot)).add(eps);
      const scaled = mapLeaves(
        (g, m, v) => direction(g, m, b1, count, nesterov).div(size(v)),
        updates,
        mu,
        nu,
      );
      return [scaled, { count, mu, nu }];
    },
  };
}

const checkAdam = declareOptions<AdamOptions>("optim.adam", ["1e-3"], adamKinds);

/**
 * Adam.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adam(0.1);
 * const [u] = optimizer.update(np.array([5, -3]), optimizer.init(np.zeros([2])));
 * console.assert((await u.data()).every((x) => Math.abs(Math.abs(x) - 0.1) < 1e-6)); // signs, at first
 * ```
 */
export function adam(
  learningRate: LearningRate,
  options: AdamOptions = {},
): GradientTransformation<[AdamState, CountState | null]> {
  requireRate("adam", learningRate);
  checkAdam(options);
  return chain(scaleByAdam(options), scaleByLearningRate(learningRate));
}

/** Options of {@link adamw}. */
export interface AdamwOptions extends AdamOptions {
  /** The fraction of a weight taken off, times the learning rate; 1e-4 (PyTorch has 1e-2). */
  readonly weightDecay?: Scalar;
  /** The parameters that decay; all by default. */
  readonly mask?: Mask;
}

const checkAdamw = declareOptions<AdamwOptions>("optim.adamw", ["1e-3"], {
  weightDecay: scalarOf(finite),
  mask: maskKind,
  ...adamKinds,
});

/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019). `update` needs the parameters. */
export function adamw(
  learningRate: LearningRate,
  options: AdamwOptions = {},
): GradientTransformation<[AdamState, null, CountState | null]> {
  requireRate("adamw", learningRate);
  checkAdamw(options);
  const { weightDecay = 1e-4, mask, ...adam } = options;
  return chain(
    scaleByAdam(adam),
    addDecayedWeights(weightDecay, mask === undefined ? {} : { mask }),
    scaleByLearningRate(learningRate),
  );
}

/** Options of {@link nadam}. */
export type NadamOptions = Omit<AdamOptions, "nesterov">;

const { nesterov: _, ...nadamKinds } = adamKinds;
const checkNadam = declareOptions<NadamOptions>("optim.nadam", ["1e-3"], nadamKinds);

/**
 * Adam with Nesterov's momentum (Dozat, 2016).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.nadam(0.1);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(await u.item() < -0.1); // farther than Adam's first step
 * ```
 */
export function nadam(
  learningRate: LearningRate,
  options: NadamOptions = {},
): GradientTransformation<[AdamState, CountState | null]> {
  requireRate("nadam", learningRate);
  checkNadam(options);
  return adam(learningRate, { ...options, nesterov: true });
}

/** Options of {@link nadamw}. */
export type NadamwOptions = Omit<AdamwOptions, "nesterov">;

const checkNadamw = declareOptions<NadamwOptions>("optim.nadamw", ["1e-3"], {
  weightDecay: scalarOf(finite),
  mask: maskKind,
  ...nadamKinds,
});

/** {@link adamw} with Nesterov's momentum. `update` needs the parameters. */
export function nadamw(
  learningRate: LearningRate,
  options: NadamwOptions = {},
): GradientTransformation<[AdamState, null, CountState | null]> {
  requireRate("nadamw", learningRate);
  checkNadamw(options);
  return adamw(learningRate, { ...options, nesterov: true });
}
