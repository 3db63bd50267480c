/** Optimistic steps, for games: what the gradient will be is foretold from its last change. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { boolean, declareOptions, finite, requireArgument, scalarOf } from "../../options/index.ts";
import { adamKinds, type AdamOptions, type AdamState, scaleByAdam } from "../adam.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { mapLeaves, zerosLike } from "../leaves.ts";
import {
  type CountState,
  type LearningRate,
  requireRate,
  scale,
  scaleByLearningRate,
} from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** The state of {@link scaleByOptimisticGradient}. */
export interface OptimisticState {
  /** True if no gradient has come yet, a boolean. */
  readonly isInitialStep: Tensor;
  /** The last gradient. */
  readonly previousGradient: unknown;
}

/** Options of {@link scaleByOptimisticGradient}. */
export interface OptimisticOptions {
  /** The factor of the gradient; 1. */
  readonly alpha?: Scalar;
  /** The factor of its change; 1. */
  readonly beta?: Scalar;
}

const kinds = { alpha: scalarOf(finite), beta: scalarOf(finite) } as const;
const checkScale = declareOptions<OptimisticOptions>("optim.scaleByOptimisticGradient", [], kinds);
const checkDescent = declareOptions<OptimisticOptions>(
  "optim.optimisticGradientDescent",
  ["0.1"],
  kinds,
);

/** `α gₜ + β (gₜ - gₜ₋₁)`; the first gradient has not changed (Mokhtari et al., 2020). */
export function scaleByOptimisticGradient(
  options: OptimisticOptions = {},
): GradientTransformation<OptimisticState> {
  checkScale(options);
  const { alpha = 1, beta = 1 } = options;
  return {
    init: (params) => ({
      isInitialStep: np.equal(np.zeros([]), 0),
      previousGradient: zerosLike(params),
    }),
    update(updates, state) {
      requireState("scaleByOptimisticGradient", state, ["isInitialStep", "previousGradient"]);
      requireGradients("scaleByOptimisticGradient", updates, state.previousGradient);
      const scaled = mapLeaves(
        (g, last) => {
          const change = g.sub(np.where(state.isInitialStep, g, last));
          return g.mul(alpha).add(change.mul(beta));
        },
        updates,
        state.previousGradient,
      );
      return [scaled, {
        isInitialStep: np.logicalAnd(state.isInitialStep, false),
        previousGradient: updates,
      }];
    },
  };
}

/**
 * Optimistic gradient descent: {@link scaleByOptimisticGradient}, times the learning rate. In games, where plain
 * descent turns in circles, it converges.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.optimisticGradientDescent(1);
 * let state = optimizer.init(np.zeros([1])), u = np.zeros([1]);
 * for (const g of [2, 3]) [u, state] = optimizer.update(np.array([g]), state);
 * console.assert(await u.item() === -4);
 * ```
 */
export function optimisticGradientDescent(
  learningRate: LearningRate,
  options: OptimisticOptions = {},
): GradientTransformation<[OptimisticState, CountState | null]> {
  requireRate("optimisticGradientDescent", learningRate);
  checkDescent(options);
  return chain(scaleByOptimisticGradient(options), scaleByLearningRate(learningRate));
}

/** Options of {@link optimisticAdamV2}; `nesterov` is true unless given. */
export interface OptimisticAdamV2Options extends AdamOptions, OptimisticOptions {}

/** Options of {@link optimisticAdam}; `nesterov` is true unless given. */
export interface OptimisticAdamOptions extends AdamOptions {
  /** The factor of the gradient's change; the learning rate unless given. */
  readonly optimism?: Scalar;
}

const checkAdam = declareOptions<OptimisticAdamOptions>("optim.optimisticAdam", ["1e-3"], {
  optimism: scalarOf(finite),
  ...adamKinds,
  nesterov: boolean,
});
const checkAdamV2 = declareOptions<OptimisticAdamV2Options>("optim.optimisticAdamV2", ["1e-3"], {
  ...kinds,
  ...adamKinds,
});

/**
 * Adam's steps `s` made optimistic: `-(η sₜ + optimism (sₜ - sₜ₋₁))` (Daskalakis et al., 2018), for a constant
 * learning rate. {@link optimisticAdamV2} takes schedules.
 */
export function optimisticAdam(
  learningRate: Scalar,
  options: OptimisticAdamOptions = {},
): GradientTransformation<[AdamState, OptimisticState, null]> {
  requireArgument("optim.optimisticAdam", "learningRate", scalarOf(finite), learningRate);
  checkAdam(options);
  const { optimism = learningRate, nesterov = true, ...rest } = options;
  return chain(
    scaleByAdam({ ...rest, nesterov }),
    scaleByOptimisticGradient({ alpha: learningRate, beta: optimism }),
    scale(-1),
  );
}

/**
 * Adam's steps `s` made optimistic: `-η (α sₜ + β (sₜ - sₜ₋₁))` (Daskalakis et al., 2018).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.optimisticAdamV2(0.1, { nesterov: false });
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 0.1) < 1e-6);
 * ```
 */
export function optimisticAdamV2(
  learningRate: LearningRate,
  options: OptimisticAdamV2Options = {},
): GradientTransformation<[AdamState, OptimisticState, CountState | null]> {
  requireRate("optimisticAdamV2", learningRate);
  checkAdamV2(options);
  const { alpha = 1, beta = 1, nesterov = true, ...rest } = options;
  return chain(
    scaleByAdam({ ...rest, nesterov }),
    scaleByOptimisticGradient({ alpha, beta }),
    scaleByLearningRate(learningRate),
  );
}
