/** NovoGrad: one second moment for each layer. */
import { rootOfSquares } from "../numerics.ts";
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { declareOptions, finite, scalarOf } from "../../options/index.ts";
import { adamKinds } from "../adam.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { increment, mapLeaves, movingAverage, required, zeroCount, zerosLike } from "../leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** The state of {@link scaleByNovograd}. */
export interface NovogradState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The decaying sum of scaled gradients. */
  readonly mu: unknown;
  /** The moving average of each parameter's squared norm, scalars. */
  readonly nu: unknown;
}

/** Options of {@link novograd}. */
export interface NovogradOptions {
  /** Decay of the sum of scaled gradients; 0.9. */
  readonly b1?: Scalar;
  /** Decay of the average squared norm; 0.25. */
  readonly b2?: Scalar;
  /** Added to the root; 1e-8 in `scaleByNovograd`, 1e-6 in `novograd`. */
  readonly eps?: Scalar;
  /** Added under the root; 0. */
  readonly epsRoot?: Scalar;
  /** The fraction of a weight that is added to its scaled gradient; 0. */
  readonly weightDecay?: Scalar;
}

const { nesterov: _, ...moments } = adamKinds;
const kinds = { ...moments, weightDecay: scalarOf(finite) } as const;
const checkScale = declareOptions<NovogradOptions>("optim.scaleByNovograd", [], kinds);
const checkNovograd = declareOptions<NovogradOptions>("optim.novograd", ["1e-3"], kinds);

/**
 * `m ← b1 m + g / (√(v + epsRoot) + eps) + weightDecay · p`, with `v` the moving average of the squared norm of a
 * parameter's gradient; both begin with the first gradient (Ginsburg et al., 2019). `update` needs the parameters.
 */
export function scaleByNovograd(
  options: NovogradOptions = {},
): GradientTransformation<NovogradState> {
  checkScale(options);
  const { b1 = 0.9, b2 = 0.25, eps = 1e-8, epsRoot = 0, weightDecay = 0 } = options;
  return {
    init: (params) => ({
      count: zeroCount(),
      mu: zerosLike(params),
      nu: mapLeaves((p) => np.zeros([], { dtype: p.dtype }), params),
    }),
    update(updates, state, given) {
      const params = required(given, "scaleByNovograd");
      requireState("scaleByNovograd", state, ["count", "mu", "nu"]);
      requireGradients("scaleByNovograd", updates, state.mu);
      const first = np.equal(state.count, 0);
      const nu = mapLeaves(
        (g, v) => {
          const square = np.square(np.linalg.norm(np.ravel(g)));
          return np.where(first, square, movingAverage(square, v, b2));
        },
        updates,
        state.nu,
      );
      const mu = mapLeaves(
        (g, p, m, v) => {
          const scaled = g.div(rootOfSquares(v.add(epsRoot)).add(eps)).add(p.mul(weightDecay));
          return np.where(first, scaled, m.mul(b1).add(scaled));
        },
        updates,
        params,
        state.mu,
        nu,
      );
      return [mu, { count: increment(state.count), mu, nu }];
    },
  };
}

/**
 * NovoGrad: {@link scaleByNovograd}, times the learning rate. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.novograd(0.1);
 * const p = np.zeros([2]);
 * const [u] = optimizer.update(np.array([3, 4]), optimizer.init(p), p);
 * console.assert(Math.abs((await u.data())[0]! + 0.06) < 1e-6);
 * ```
 */
export function novograd(
  learningRate: LearningRate,
  options: NovogradOptions = {},
): GradientTransformation<[NovogradState, CountState | null]> {
  requireRate("novograd", learningRate);
  checkNovograd(options);
  const { eps = 1e-6, ...rest } = options;
  return chain(scaleByNovograd({ ...rest, eps }), scaleByLearningRate(learningRate));
}
