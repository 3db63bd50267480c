/** Smaller steps when the loss no longer falls. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { count, declareOptions, finite, nonNegative, positive, size } from "../options/index.ts";
import { requireState } from "./checks.ts";
import { floatType, increment, mapLeaves, zeroCount } from "./leaves.ts";
import type { GradientTransformation } from "./transformation.ts";

/** The state of {@link reduceOnPlateau}: scalars. */
export interface PlateauState {
  /** The factor of updates; 1 at first. */
  readonly scale: Tensor;
  /** The lowest mean loss so far. */
  readonly bestValue: Tensor;
  /** The number of means in a row that were no better. */
  readonly plateauCount: Tensor;
  /** The number of means still to be ignored. */
  readonly cooldownCount: Tensor;
  /** The number of losses in the mean. */
  readonly count: Tensor;
  /** Their mean. */
  readonly avgValue: Tensor;
}

const fields: readonly (keyof PlateauState)[] = [
  "scale",
  "bestValue",
  "plateauCount",
  "cooldownCount",
  "count",
  "avgValue",
];

/** Options of {@link reduceOnPlateau}. */
export interface PlateauOptions {
  /** By what updates are multiplied; 0.1. */
  readonly factor?: number;
  /** After how many means without improvement; 10. */
  readonly patience?: number;
  /** An improvement is a mean below `(1 - rtol) · best - atol`; 1e-4 and 0. */
  readonly rtol?: number;
  /** See `rtol`. */
  readonly atol?: number;
  /** The number of means ignored after a reduction; 0. */
  readonly cooldown?: number;
  /** The number of losses that make a mean (the steps of an epoch); 1. */
  readonly accumulationSize?: number;
  /** Below this the scale does not fall; 0. */
  readonly minScale?: number;
}

const checkOptions = declareOptions<PlateauOptions>("optim.reduceOnPlateau", [], {
  factor: positive,
  patience: size,
  rtol: nonNegative,
  atol: finite,
  cooldown: count,
  accumulationSize: size,
  minScale: nonNegative,
});

/**
 * Multiplies updates by a scale that shrinks whenever the loss has not improved for a while. The loss
 * comes with each update: `optimizer.update(gradients, state, params, { value: loss })`.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const plateau = optim.reduceOnPlateau({ factor: 0.5, patience: 1 });
 * let state = plateau.init(np.zeros([1])), u = np.ones([1]);
 * for (const loss of [1, 1]) {
 *   [u, state] = plateau.update(np.ones([1]), state, undefined, { value: np.array(loss) });
 * }
 * console.assert(await state.scale.item() === 0.5);
 * ```
 *
 * @throws ArgumentError when `update` is not given the loss.
 */
export function reduceOnPlateau(
  options: PlateauOptions = {},
): GradientTransformation<PlateauState> {
  checkOptions(options);
  const { accumulationSize = 1 } = options;
  return {
    init(params) {
      const dtype = floatType(params);
      return {
        scale: np.ones([], { dtype }),
        bestValue: np.full([], Infinity, { dtype }),
        plateauCount: zeroCount(),
        cooldownCount: zeroCount(),
        count: zeroCount(),
        avgValue: np.zeros([], { dtype }),
      };
    },
    update(updates, state, _, extra) {
      requireState("reduceOnPlateau", state, fields);
      if (extra?.value === undefined) {
        throw new ArgumentError(
          "reduceOnPlateau needs the loss",
          "give it: optimizer.update(gradients, state, params, { value: loss })",
        );
      }
      const value = np.astype(extra.value, state.avgValue.dtype);
      const count = increment(state.count);
      const total = state.avgValue.mul(np.astype(state.count, value.dtype)).add(value);
      const seen = { ...state, count, avgValue: total.div(np.astype(count, value.dtype)) };
      const next = whenever(np.equal(count, accumulationSize), judged(seen, options), seen);
      const scaled = mapLeaves((u) => u.mul(np.astype(next.scale, u.dtype)), updates);
      return [scaled, next];
    },
  };
}

/** The state after a mean is complete. */
function judged(state: PlateauState, options: PlateauOptions): PlateauState {
  const { factor = 0.1, patience = 10, rtol = 1e-4, atol = 0, cooldown = 0, minScale = 0 } =
    options;
  const { avgValue, bestValue, scale } = state;
  const improved = np.less(avgValue, bestValue.mul(1 - rtol).sub(atol));
  const waited = np.where(improved, 0, increment(state.plateauCount));
  const resting = np.greater(state.cooldownCount, 0);
  const reduce = np.logicalAnd(np.equal(waited, patience), np.logicalNot(resting));
  return {
    scale: np.where(
      resting,
      scale,
      np.maximum(np.where(reduce, scale.mul(factor), scale), minScale),
    ),
    bestValue: np.where(improved, avgValue, bestValue),
    plateauCount: np.where(np.logicalOr(reduce, resting), zeroCount(), waited),
    cooldownCount: np.where(
      resting,
      state.cooldownCount.sub(1),
      np.where(reduce, np.full([], cooldown, { dtype: "int32" }), zeroCount()),
    ),
    count: zeroCount(),
    avgValue: np.zerosLike(avgValue),
  };
}

function whenever(condition: Tensor, a: PlateauState, b: PlateauState): PlateauState {
  return mapLeaves((x, y) => np.where(condition, x, y), a, b);
}
