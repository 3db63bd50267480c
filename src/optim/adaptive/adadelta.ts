/** Adadelta: steps as large as the steps before. */
import { rootOfSquares } from "../numerics.ts";
import * as np from "../../numpy/index.ts";
import { declareOptions, fraction, nonNegative, scalarOf } from "../../options/index.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { decayKinds, decayOf, type DecayOptions } from "../decay.ts";
import { mapLeaves, movingAverage, zerosLike } from "../leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** The state of {@link scaleByAdadelta}. */
export interface AdadeltaState {
  /** The moving average of squared gradients. */
  readonly eG: unknown;
  /** That of squared updates. */
  readonly eX: unknown;
}

/** Options of {@link scaleByAdadelta}. */
export interface AdadeltaOptions {
  /** Decay of both averages; 0.9. */
  readonly rho?: Scalar;
  /** Added under both roots; 1e-6. */
  readonly eps?: Scalar;
}

const kinds = { rho: scalarOf(fraction), eps: scalarOf(nonNegative) } as const;
const checkScale = declareOptions<AdadeltaOptions>("optim.scaleByAdadelta", [], kinds);
const checkAdadelta = declareOptions<AdadeltaOptions & DecayOptions>("optim.adadelta", ["1"], {
  ...kinds,
  ...decayKinds,
});

/** `g √(E[u²] + eps) / √(E[g²] + eps)`, with moving averages of squared gradients and updates (Zeiler, 2012). */
export function scaleByAdadelta(
  options: AdadeltaOptions = {},
): GradientTransformation<AdadeltaState> {
  checkScale(options);
  const { rho = 0.9, eps = 1e-6 } = options;
  return {
    init: (params) => ({ eG: zerosLike(params), eX: zerosLike(params) }),
    update(updates, state) {
      requireState("scaleByAdadelta", state, ["eG", "eX"]);
      requireGradients("scaleByAdadelta", updates, state.eG);
      const eG = mapLeaves((g, e) => movingAverage(np.square(g), e, rho), updates, state.eG);
      const scaled = mapLeaves(
        (g, e, x) => g.mul(np.sqrt(x.add(eps)).div(rootOfSquares(e.add(eps)))),
        updates,
        eG,
        state.eX,
      );
      const eX = mapLeaves((u, x) => movingAverage(np.square(u), x, rho), scaled, state.eX);
      return [scaled, { eG, eX }];
    },
  };
}

/**
 * Adadelta, with weights that decay before it (by 0 unless given). `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adadelta(1);
 * const p = np.zeros([1]);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(p), p);
 * console.assert(Math.abs(await u.item() + Math.sqrt(1e-6 / 0.1)) < 1e-6);
 * ```
 */
export function adadelta(
  learningRate: LearningRate,
  options: AdadeltaOptions & DecayOptions = {},
): GradientTransformation<[null, AdadeltaState, CountState | null]> {
  requireRate("adadelta", learningRate);
  checkAdadelta(options);
  const { weightDecay: _, mask: __, ...rest } = options;
  return chain(decayOf(options, 0), scaleByAdadelta(rest), scaleByLearningRate(learningRate));
}
