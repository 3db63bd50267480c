/** Steps whose size comes from the problem: Polyak's, from the loss, and DoG's, from the distance travelled. */
import { rootOfSquares } from "../numerics.ts";
import { ArgumentError, type Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import {
  declareOptions,
  finite,
  nonNegative,
  oneOf,
  positive,
  scalarOf,
} from "../../options/index.ts";
import { globalNorm } from "../apply.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { mapLeaves, required } from "../leaves.ts";
import { type CountState, type LearningRate, rate } from "../scale.ts";
import { sgd, type TraceState } from "../sgd.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** Options of {@link scaleByPolyak}. */
export interface PolyakOptions {
  /** The least loss that there can be; 0. */
  readonly fMin?: Scalar;
  /** The largest step; 1. */
  readonly maxLearningRate?: Scalar;
  /** Added to the squared norm; 0. */
  readonly eps?: Scalar;
  /** `"sps"` (unless given), or `"sps+"`, which takes losses below the least for it. */
  readonly variant?: "sps" | "sps+";
}

const polyakKinds = {
  fMin: scalarOf(finite),
  maxLearningRate: scalarOf(positive),
  eps: scalarOf(nonNegative),
  variant: oneOf("sps", "sps+"),
} as const;
const checkPolyak = declareOptions<PolyakOptions>("optim.scaleByPolyak", [], polyakKinds);

/**
 * Multiplies the gradient by `min((f - fMin) / (|g|² + eps), maxLearningRate)`, or by 0 if there is no gradient: at
 * most the step at which a linear loss would be the least (Polyak, 1987; Loizou et al., 2021). The loss comes with
 * each update: `optimizer.update(gradients, state, params, { value: loss })`.
 *
 * @throws ArgumentError when `update` is not given the loss.
 */
export function scaleByPolyak(options: PolyakOptions = {}): GradientTransformation<null> {
  checkPolyak(options);
  const { fMin = 0, maxLearningRate = 1, eps = 0, variant = "sps" } = options;
  return {
    init: () => null,
    update(updates, state, _, extra) {
      if (extra?.value === undefined) {
        throw new ArgumentError(
          "scaleByPolyak needs the loss",
          "give it: optimizer.update(gradients, state, params, { value: loss })",
        );
      }
      const norm = globalNorm(updates);
      const above = np.astype(extra.value, norm.dtype).sub(fMin);
      const gap = variant === "sps+" ? np.maximum(above, 0) : above;
      const none = np.lessEqual(np.square(norm).add(eps), 2 ** -52);
      // gap / (|g|² + eps), without a square that overflows.
      const zero = np.equal(norm, 0);
      const length = np.where(zero, 1, norm);
      const rest = np.where(zero, eps, length.add(np.divide(eps, length)));
      const ratio = gap.div(length).div(np.where(none, 1, rest));
      const step = np.minimum(ratio, maxLearningRate);
      const factor = np.where(none, 0, step);
      return [mapLeaves((g) => g.mul(np.astype(factor, g.dtype)), updates), state];
    },
  };
}

/** Options of {@link polyakSgd}. */
export interface PolyakSgdOptions extends PolyakOptions {
  /** A factor of all steps, or a schedule of it; 1. */
  readonly scaling?: LearningRate;
}

const checkPolyakSgd = declareOptions<PolyakSgdOptions>("optim.polyakSgd", [], {
  ...polyakKinds,
  scaling: rate,
});

/**
 * Gradient descent with Polyak's steps, see {@link scaleByPolyak}.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.polyakSgd();
 * const x = np.array([3]); // f(x) = x², whose gradient is 6
 * const [u] = optimizer.update(x.mul(2), optimizer.init(x), x, { value: np.array(9) });
 * console.assert(await u.item() === -1.5); // half of the way: 9/36 · 6
 * ```
 *
 * @throws ArgumentError when `update` is not given the loss.
 */
export function polyakSgd(
  options: PolyakSgdOptions = {},
): GradientTransformation<[[TraceState | null, CountState | null], null]> {
  checkPolyakSgd(options);
  const { scaling = 1, ...rest } = options;
  return chain(sgd(scaling), scaleByPolyak(rest));
}

/** The state of {@link scaleByDistanceOverGradients}. */
export interface DistanceState {
  /** For each parameter the largest distance from its beginning, scalars. */
  readonly maxDist: unknown;
  /** For each parameter the sum of its squared gradients, scalars. */
  readonly gradSumOfSquares: unknown;
  /** The parameters at the beginning. */
  readonly initParams: unknown;
}

/** Options of {@link scaleByDistanceOverGradients}. */
export interface DistanceOptions {
  /** The distance before the first step, relative to the parameter; 1e-6. */
  readonly repsRel?: number;
  /** Added under the root; 1e-8. */
  readonly eps?: number;
  /** A factor of all steps; 1. */
  readonly globalScale?: Scalar;
}

const checkDistance = declareOptions<DistanceOptions>("optim.scaleByDistanceOverGradients", [], {
  repsRel: nonNegative,
  eps: nonNegative,
  globalScale: scalarOf(finite),
});

/**
 * Multiplies each parameter's gradient by `max |p - p₀| / √(Σ |g|² + eps)`: the distance travelled over all gradients
 * so far, without a learning rate (Ivgi et al., 2023, by layers). `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const dog = optim.scaleByDistanceOverGradients({ repsRel: 0.5, eps: 0 });
 * const p = np.array([1]);
 * const [u] = dog.update(np.array([7]), dog.init(p), p);
 * console.assert(await u.item() === 1); // 0.5 · (1 + |p|)
 * ```
 */
export function scaleByDistanceOverGradients(
  options: DistanceOptions = {},
): GradientTransformation<DistanceState> {
  checkDistance(options);
  const { repsRel = 1e-6, eps = 1e-8, globalScale = 1 } = options;
  const length = (x: Tensor) => np.linalg.norm(np.ravel(x));
  return {
    init: (params) => ({
      maxDist: mapLeaves((p) => length(p).add(1).mul(repsRel), params),
      gradSumOfSquares: mapLeaves((p) => np.zeros([], { dtype: p.dtype }), params),
      initParams: mapLeaves((p) => np.copy(p), params),
    }),
    update(updates, state, given) {
      const params = required(given, "scaleByDistanceOverGradients");
      const fields = ["maxDist", "gradSumOfSquares", "initParams"];
      requireState("scaleByDistanceOverGradients", state, fields);
      requireGradients("scaleByDistanceOverGradients", updates, state.initParams);
      const maxDist = mapLeaves(
        (d, p, start) => np.maximum(d, length(p.sub(start))),
        state.maxDist,
        params,
        state.initParams,
      );
      const gradSumOfSquares = mapLeaves(
        (sum, g) => sum.add(np.sum(np.square(g))),
        state.gradSumOfSquares,
        updates,
      );
      const scaled = mapLeaves(
        (g, d, sum) => g.mul(d.div(rootOfSquares(sum.add(eps))).mul(globalScale)),
        updates,
        maxDist,
        gradSumOfSquares,
      );
      return [scaled, { maxDist, gradSumOfSquares, initParams: state.initParams }];
    },
  };
}
