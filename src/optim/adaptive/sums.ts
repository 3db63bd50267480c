/** Steps that shrink with the sum of all squares so far, kept whole or by rows and columns. */
import { rootOfSquares } from "../numerics.ts";
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import {
  declareOptions,
  finite,
  fraction,
  nonNegative,
  requireArgument,
  scalarOf,
} from "../../options/index.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { mapLeaves, movingAverage, oneMinus, tensors, withLeaves, zerosLike } from "../leaves.ts";
import {
  type CountState,
  type LearningRate,
  requireRate,
  scale,
  scaleByLearningRate,
} from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** The state of {@link scaleByRss}. */
export interface RssState {
  /** The sum of squared gradients, like the parameters. */
  readonly sumOfSquares: unknown;
}

/** Options of {@link adagrad}. */
export interface AdagradOptions {
  /** The sum before the first step; 0.1. */
  readonly initialAccumulatorValue?: number;
  /** Added under the root; 1e-7. */
  readonly eps?: Scalar;
}

const rssKinds = { initialAccumulatorValue: nonNegative, eps: scalarOf(nonNegative) } as const;
const checkRss = declareOptions<AdagradOptions>("optim.scaleByRss", [], rssKinds);
const checkAdagrad = declareOptions<AdagradOptions>("optim.adagrad", ["1e-3"], rssKinds);

/** `g / √(s + eps)`, or 0 where both are 0. (In optax where `s` is: the squares of small gradients are 0, too.) */
function overRoot(g: Tensor, sum: Tensor, eps: Scalar): Tensor {
  const inside = sum.add(eps);
  const none = np.lessEqual(inside, 0);
  return np.where(none, 0, g.div(rootOfSquares(np.where(none, 1, inside))));
}

/** `g / √(Σ g² + eps)`, with the sum of all squares so far (Duchi et al., 2011). */
export function scaleByRss(options: AdagradOptions = {}): GradientTransformation<RssState> {
  checkRss(options);
  const { initialAccumulatorValue: initial = 0.1, eps = 1e-7 } = options;
  return {
    init: (params) => ({ sumOfSquares: mapLeaves((p) => np.fullLike(p, initial), params) }),
    update(updates, state) {
      requireState("scaleByRss", state, ["sumOfSquares"]);
      requireGradients("scaleByRss", updates, state.sumOfSquares);
      const sumOfSquares = mapLeaves((g, s) => np.square(g).add(s), updates, state.sumOfSquares);
      return [mapLeaves((g, s) => overRoot(g, s, eps), updates, sumOfSquares), { sumOfSquares }];
    },
  };
}

/**
 * Adagrad: {@link scaleByRss}, times the learning rate. Coordinates that rarely have a gradient take large steps.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adagrad(1, { initialAccumulatorValue: 0 });
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(Math.abs(await u.item() + 1) < 1e-6);
 * ```
 */
export function adagrad(
  learningRate: LearningRate,
  options: AdagradOptions = {},
): GradientTransformation<[RssState, CountState | null]> {
  requireRate("adagrad", learningRate);
  checkAdagrad(options);
  return chain(scaleByRss(options), scaleByLearningRate(learningRate));
}

/** The state of {@link scaleBySm3}. */
export interface Sm3State {
  /** For each parameter the bounds of its sums, one vector for each axis. */
  readonly bounds: readonly (readonly Tensor[])[];
  /** The moving average of scaled gradients. */
  readonly nu: unknown;
}

/** Options of {@link scaleBySm3}. */
export interface Sm3Options {
  /** Decay of the momentum; 0.9. */
  readonly b1?: Scalar;
  /** Decay of the sums; 1, which is none. */
  readonly b2?: number;
  /** Added under the root; 1e-8. */
  readonly eps?: Scalar;
}

const checkSm3 = declareOptions<Sm3Options>("optim.scaleBySm3", [], {
  b1: scalarOf(fraction),
  b2: fraction,
  eps: scalarOf(nonNegative),
});

/** An axis' vector, broadcast against the whole. */
const along = (vector: Tensor, axis: number, whole: Tensor) =>
  np.reshape(vector, whole.shape.map((n, i) => i === axis ? n : 1));

/**
 * Adagrad in the memory of rows and columns (Anil et al., 2019): the sum of an element's squares is bounded by
 * the least of its axes' vectors, each of which keeps the largest along the others. The momentum
 * `b1 m + (1 - b1) g / √(s + eps)` is the update.
 */
export function scaleBySm3(options: Sm3Options = {}): GradientTransformation<Sm3State> {
  checkSm3(options);
  const { b1 = 0.9, b2 = 1, eps = 1e-8 } = options;
  const added = b2 === 1 ? 1 : oneMinus(b2);
  return {
    init: (params) => ({
      bounds: tensors(params).map((p) =>
        (p.ndim === 0 ? [1] : p.shape).map((n) =>
          p.ndim === 0 ? np.zerosLike(p) : np.zeros([n], { dtype: p.dtype })
        )
      ),
      nu: zerosLike(params),
    }),
    update(updates, state) {
      requireState("scaleBySm3", state, ["bounds", "nu"]);
      requireGradients("scaleBySm3", updates, state.nu);
      const sums = tensors(updates).map((g, k) => {
        const bound = state.bounds[k]!
          .map((v, i) => g.ndim === 0 ? v : along(v, i, g))
          .reduce((a, b) => np.minimum(a, b));
        return np.square(g).mul(added).add(bound.mul(b2));
      });
      const bounds = sums.map((s) =>
        s.ndim < 2 ? [s] : s.shape.map((_, i) => {
          const axis = s.shape.map((_, k) => k).filter((k) => k !== i);
          return np.max(s, { axis });
        })
      );
      const scaled = mapLeaves((g, s) => overRoot(g, s, eps), updates, withLeaves(updates, sums));
      const nu = mapLeaves((u, m) => movingAverage(u, m, b1), scaled, state.nu);
      return [nu, { bounds, nu }];
    },
  };
}

const checkAlias = declareOptions<{ readonly momentum?: Scalar }>("optim.sm3", ["1e-3"], {
  momentum: scalarOf(fraction),
});

/**
 * SM3: {@link scaleBySm3}, times a constant learning rate.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.sm3(1, { momentum: 0 });
 * const p = np.zeros([2, 3]);
 * const [u] = optimizer.update(np.full([2, 3], 5), optimizer.init(p), p);
 * console.assert(Math.abs(await np.sum(u).item() + 6) < 1e-5);
 * ```
 */
export function sm3(
  learningRate: Scalar,
  options: { readonly momentum?: Scalar } = {},
): GradientTransformation<[Sm3State, null]> {
  requireArgument("optim.sm3", "learningRate", scalarOf(finite), learningRate);
  checkAlias(options);
  const negative = typeof learningRate === "number" ? -learningRate : np.negative(learningRate);
  return chain(scaleBySm3({ b1: options.momentum ?? 0.9 }), scale(negative));
}
