/** Updates multiplied by a factor: constant, or changing from step to step. */
import { ArgumentError } from "../core/errors.ts";
import { treeKind } from "../core/fields.ts";
import { Tensor } from "../core/tensor.ts";
import * as np from "../numpy/index.ts";
import { requireState } from "./checks.ts";
import { increment, mapLeaves, zeroCount } from "./leaves.ts";
import type { Schedule } from "./schedules.ts";
import { type GradientTransformation, type Scalar, stateless } from "./transformation.ts";

/** The state of transformations that only count their steps. */
export interface CountState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
}

/** Multiplies updates by a factor. */
export function scale(factor: Scalar): GradientTransformation<null> {
  return stateless((updates) => mapLeaves((u) => u.mul(factor), updates));
}

/** Multiplies updates by a schedule's value. */
export function scaleBySchedule(schedule: Schedule): GradientTransformation<CountState> {
  return {
    init: () => ({ count: zeroCount() }),
    update(updates, state) {
      requireState("scaleBySchedule", state, ["count"]);
      const { count } = state;
      const scaled = mapLeaves(
        (u) => u.mul(np.astype(schedule(count, u.dtype), u.dtype)),
        updates,
      );
      return [scaled, { count: increment(count) }];
    },
  };
}

/** A learning rate: constant, or a schedule. */
export type LearningRate = Scalar | Schedule;

/**
 * Multiplies updates by `-learningRate`: descends. The last transformation of most optimizers.
 *
 * @throws ArgumentError when the learning rate is none.
 */
export function scaleByLearningRate(
  learningRate: LearningRate,
): GradientTransformation<CountState | null> {
  if (typeof learningRate === "number") return scale(-learningRate);
  if (learningRate instanceof Tensor) return scale(np.negative(learningRate));
  if (typeof learningRate === "function") {
    return scaleBySchedule((count, dtype) => np.negative(learningRate(count, dtype)));
  }
  throw new ArgumentError(
    `an optimizer: the learning rate is ${treeKind(learningRate)}`,
    "give a number, a scalar tensor or a schedule first: optim.adam(1e-3, { b1: 0.9 })",
  );
}
