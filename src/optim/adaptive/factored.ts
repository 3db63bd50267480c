/** Adafactor: second moments of matrices kept by rows and columns. */
import { rootOfSquares } from "../numerics.ts";
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import {
  boolean,
  count as countKind,
  declareOptions,
  fraction,
  integer,
  nonNegative,
  nullable,
  positive,
  requireArgument,
  scalarOf,
} from "../../options/index.ts";
import { chain } from "../chain.ts";
import { requireState } from "../checks.ts";
import { decayKinds, decayOf, type DecayOptions } from "../decay.ts";
import { ema } from "../ema.ts";
import { increment, mapLeaves, tensors, withLeaves, zeroCount } from "../leaves.ts";
import { clipByBlockRms, scaleByParamBlockRms } from "../norms.ts";
import { type LearningRate, rate, scale, scaleByLearningRate } from "../scale.ts";
import type { GradientTransformation, Scalar } from "../transformation.ts";

/** The state of {@link scaleByFactoredRms}; what is not kept of a parameter is a zero of shape [1]. */
export interface FactoredState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The average squares of factored parameters without their longest axis. */
  readonly vRow: unknown;
  /** The average squares of factored parameters without their second longest axis. */
  readonly vCol: unknown;
  /** The average squares of other parameters. */
  readonly v: unknown;
}

/** Options of {@link scaleByFactoredRms}. */
export interface FactoredOptions {
  /** If true, large matrices are factored. Default true. */
  readonly factored?: boolean;
  /** The exponent with which averages become longer; 0.8. */
  readonly decayRate?: number;
  /** The step at which counting begins, for a model that is trained further; 0. */
  readonly stepOffset?: number;
  /** Two axes at least as long make a parameter factored; 128. */
  readonly minDimSizeToFactor?: number;
  /** Added to squares; 1e-30. */
  readonly epsilon?: number;
}

const kinds = {
  factored: boolean,
  decayRate: fraction,
  stepOffset: integer,
  minDimSizeToFactor: countKind,
  epsilon: nonNegative,
} as const;
const checkScale = declareOptions<FactoredOptions>("optim.scaleByFactoredRms", [], kinds);

/** The second longest and the longest axis, if both are long enough. */
function factoredAxes(
  { shape }: Tensor,
  { factored = true, minDimSizeToFactor = 128 }: FactoredOptions,
): readonly [rows: number, columns: number] | undefined {
  if (!factored || shape.length < 2) return undefined;
  const byLength = shape.map((_, i) => i).sort((a, b) => shape[a]! - shape[b]!);
  const [rows, columns] = byLength.slice(-2) as [number, number];
  return shape[rows]! < minDimSizeToFactor ? undefined : [rows, columns];
}

/**
 * `g / √v`, with `v` the average of `g² + ε` whose decay is `1 - t^(-decayRate)`. Of large matrices only the
 * means `R` of rows and `C` of columns are kept, and `v ≈ R Cᵀ / mean R` (Shazeer & Stern, 2018).
 */
export function scaleByFactoredRms(
  options: FactoredOptions = {},
): GradientTransformation<FactoredState> {
  checkScale(options);
  const { decayRate = 0.8, stepOffset = 0, epsilon = 1e-30 } = options;
  const nothing = (p: Tensor) => np.zeros([1], { dtype: p.dtype });
  const without = (p: Tensor, axis: number) =>
    np.zeros(p.shape.filter((_, i) => i !== axis), { dtype: p.dtype });
  return {
    init: (params) => ({
      count: zeroCount(),
      vRow: mapLeaves((p) => {
        const axes = factoredAxes(p, options);
        return axes === undefined ? nothing(p) : without(p, axes[1]);
      }, params),
      vCol: mapLeaves((p) => {
        const axes = factoredAxes(p, options);
        return axes === undefined ? nothing(p) : without(p, axes[0]);
      }, params),
      v: mapLeaves((p) => factoredAxes(p, options) ? nothing(p) : np.zerosLike(p), params),
    }),
    update(updates, state) {
      requireState("scaleByFactoredRms", state, ["count", "vRow", "vCol", "v"]);
      const [vRow, vCol, v] = [state.vRow, state.vCol, state.v].map(tensors);
      const results = tensors(updates).map((g, i) => {
        // The weight of the new square is t^(-decayRate): 1 less it would lose digits.
        const steps = np.astype(state.count.sub(stepOffset).add(1), g.dtype);
        const weight = np.power(steps, -decayRate);
        const averaged = (x: Tensor, average: Tensor) => average.add(x.sub(average).mul(weight));
        const square = np.square(g).add(epsilon);
        const axes = factoredAxes(g, options);
        if (axes === undefined) {
          const next = averaged(square, v![i]!);
          return { scaled: g.div(rootOfSquares(next)), vRow: vRow![i]!, vCol: vCol![i]!, v: next };
        }
        const [rows, columns] = axes;
        const row = averaged(np.mean(square, { axis: columns }), vRow![i]!);
        const column = averaged(np.mean(square, { axis: rows }), vCol![i]!);
        const axis = rows > columns ? rows - 1 : rows;
        const ofRows = np.rsqrt(row.div(np.mean(row, { axis, keepdims: true })));
        const scaled = g.mul(np.expandDims(ofRows, columns))
          .mul(np.expandDims(np.rsqrt(column), rows));
        return { scaled, vRow: row, vCol: column, v: v![i]! };
      });
      return [withLeaves(updates, results.map((r) => r.scaled)), {
        count: increment(state.count),
        vRow: withLeaves(state.vRow, results.map((r) => r.vRow)),
        vCol: withLeaves(state.vCol, results.map((r) => r.vCol)),
        v: withLeaves(state.v, results.map((r) => r.v)),
      }];
    },
  };
}

/** Options of {@link adafactor}. */
export interface AdafactorOptions extends DecayOptions {
  /** Two axes at least as long make a parameter factored; 128. */
  readonly minDimSizeToFactor?: number;
  /** The exponent with which averages become longer; 0.8. */
  readonly decayRate?: number;
  /** The step at which counting begins; 0. */
  readonly decayOffset?: number;
  /** If true, steps are relative to the size of their parameter. Default true. */
  readonly multiplyByParameterScale?: boolean;
  /** The largest root mean square of a step before scaling, or null; 1. */
  readonly clippingThreshold?: number | null;
  /** Decay of a moving average of steps; none unless given. */
  readonly momentum?: Scalar;
  /** Added to squares; 1e-30. */
  readonly eps?: number;
  /** If true, large matrices are factored. Default true. */
  readonly factored?: boolean;
}

const checkAdafactor = declareOptions<AdafactorOptions>("optim.adafactor", ["null"], {
  minDimSizeToFactor: countKind,
  decayRate: fraction,
  decayOffset: integer,
  multiplyByParameterScale: boolean,
  clippingThreshold: nullable(positive),
  momentum: scalarOf(fraction),
  eps: nonNegative,
  factored: boolean,
  ...decayKinds,
});

/**
 * Adafactor (Shazeer & Stern, 2018): {@link scaleByFactoredRms} with clipped steps, relative to the parameters'
 * sizes. The learning rate may be null: steps are relative already. Weights decay (if at all) by `weightDecay`
 * itself, not times the learning rate. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.adafactor(0.1);
 * const p = { w: np.full([256, 256], 2) };
 * const state = optimizer.init(p);
 * const [u] = optimizer.update({ w: np.full([256, 256], 7) }, state, p);
 * console.assert(Math.abs(await np.mean(u.w).item() + 0.1 * 2) < 1e-5);
 * ```
 */
export function adafactor(
  learningRate: LearningRate | null,
  options: AdafactorOptions = {},
): GradientTransformation<unknown[]> {
  requireArgument("optim.adafactor", "learningRate", nullable(rate), learningRate);
  checkAdafactor(options);
  const { clippingThreshold = 1, multiplyByParameterScale = true, momentum } = options;
  const parts: GradientTransformation[] = [
    scaleByFactoredRms({
      factored: options.factored ?? true,
      decayRate: options.decayRate ?? 0.8,
      stepOffset: options.decayOffset ?? 0,
      minDimSizeToFactor: options.minDimSizeToFactor ?? 128,
      epsilon: options.eps ?? 1e-30,
    }),
  ];
  if (clippingThreshold !== null) parts.push(clipByBlockRms(clippingThreshold));
  if (learningRate !== null) parts.push(scaleByLearningRate(learningRate), scale(-1));
  if (multiplyByParameterScale) parts.push(scaleByParamBlockRms());
  if (momentum !== undefined) parts.push(ema(momentum, { debias: false }));
  if (options.weightDecay !== undefined) parts.push(decayOf(options, 0));
  return chain(...parts, scale(-1));
}
