/** Adan: Nesterov's momentum from differences of gradients. */
import { rootOfSquares } from "../numerics.ts";
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { declareOptions, fraction, nonNegative, scalarOf } from "../../options/index.ts";
import { chain } from "../chain.ts";
import { requireGradients, requireState } from "../checks.ts";
import { decayKinds, decayOf, type DecayOptions } from "../decay.ts";
import {
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

/** The state of {@link scaleByAdan}. */
export interface AdanState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The moving average of gradients. */
  readonly m: unknown;
  /** That of their differences. */
  readonly v: unknown;
  /** That of the squares of the gradient one step ahead. */
  readonly n: unknown;
  /** The last gradient. */
  readonly g: unknown;
}

/** Options of {@link scaleByAdan}. */
export interface AdanOptions {
  /** Decay of the average gradient; 0.98. */
  readonly b1?: Scalar;
  /** Decay of the average difference; 0.92. */
  readonly b2?: Scalar;
  /** Decay of the average square; 0.99. */
  readonly b3?: Scalar;
  /** Added to the root; 1e-8. */
  readonly eps?: Scalar;
  /** Added under the root; 0 in `scaleByAdan`, 1e-8 in `adan`. */
  readonly epsRoot?: Scalar;
}

const kinds = {
  b1: scalarOf(fraction),
  b2: scalarOf(fraction),
  b3: scalarOf(fraction),
  eps: scalarOf(nonNegative),
  epsRoot: scalarOf(nonNegative),
} as const;
const checkScale = declareOptions<AdanOptions>("optim.scaleByAdan", [], kinds);
const checkAdan = declareOptions<AdanOptions & DecayOptions>("optim.adan", ["1e-3"], {
  ...kinds,
  ...decayKinds,
});

/**
 * `(m̂ + (1 - b2) v̂) / (√(n̂ + epsRoot) + eps)`, with averages of the gradient, of its difference `d` from the
 * last, and of `(g + (1 - b2) d)²` (Xie et al., 2022).
 */
export function scaleByAdan(options: AdanOptions = {}): GradientTransformation<AdanState> {
  checkScale(options);
  const { b1 = 0.98, b2 = 0.92, b3 = 0.99, eps = 1e-8, epsRoot = 0 } = options;
  const ahead = oneMinus(b2);
  return {
    init(params) {
      const zeros = () => zerosLike(params);
      return { count: zeroCount(), m: zeros(), v: zeros(), n: zeros(), g: zeros() };
    },
    update(updates, state) {
      requireState("scaleByAdan", state, ["count", "m", "v", "n", "g"]);
      requireGradients("scaleByAdan", updates, state.g);
      const first = np.equal(state.count, 0);
      const count = increment(state.count);
      const moved = mapLeaves((g, last) => np.where(first, 0, g.sub(last)), updates, state.g);
      const m = mapLeaves((g, m) => movingAverage(g, m, b1), updates, state.m);
      const v = mapLeaves((d, v) => movingAverage(d, v, b2), moved, state.v);
      const n = mapLeaves(
        (g, d, n) => movingAverage(np.square(g.add(d.mul(ahead))), n, b3),
        updates,
        moved,
        state.n,
      );
      const scaled = mapLeaves(
        (m, v, n) => {
          const step = unbiased(m, b1, count).add(unbiased(v, b2, count).mul(ahead));
          return step.div(rootOfSquares(unbiased(n, b3, count).add(epsRoot)).add(eps));
        },
        m,
        v,
        n,
      );
      return [scaled, { count, m, v, n, g: updates }];
    },
  };
}

/**
 * Adan: {@link scaleByAdan} with decoupled weight decay (0 unless given). `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adan(0.1);
 * const p = np.zeros([1]);
 * const [u] = optimizer.update(np.array([5]), optimizer.init(p), p);
 * console.assert(Math.abs(await u.item() + 0.1) < 1e-6);
 * ```
 */
export function adan(
  learningRate: LearningRate,
  options: AdanOptions & DecayOptions = {},
): GradientTransformation<[AdanState, null, CountState | null]> {
  requireRate("adan", learningRate);
  checkAdan(options);
  const { weightDecay: _, mask: __, epsRoot = 1e-8, ...rest } = options;
  return chain(
    scaleByAdan({ ...rest, epsRoot }),
    decayOf(options, 0),
    scaleByLearningRate(learningRate),
  );
}
