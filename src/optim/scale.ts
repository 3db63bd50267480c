/** Updates multiplied by a factor: constant, or changing from step to step. */
import { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  either,
  finite,
  type Kind,
  requireArgument,
  scalarOf,
} from "../options/index.ts";
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
  requireArgument("optim.scale", "factor", scalarOf(finite), factor);
  return stateless((updates) => mapLeaves((u) => u.mul(factor), updates));
}

/** Multiplies updates by a schedule's value. */
export function scaleBySchedule(schedule: Schedule): GradientTransformation<CountState> {
  const aSchedule = callable<Schedule>("optim.constantSchedule(1e-3)");
  requireArgument("optim.scaleBySchedule", "schedule", aSchedule, schedule);
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

/** The kind of learning rates. */
export const rate: Kind<LearningRate> = {
  ...either(scalarOf(finite), callable<Schedule>("optim.constantSchedule(1e-3)")),
  expected: "a finite number, a scalar tensor or a schedule",
  example: "1e-3",
};

/** Throws unless the first argument of an optimizer is a learning rate. */
export function requireRate(name: string, learningRate: unknown): void {
  requireArgument(`optim.${name}`, "learningRate", rate, learningRate);
}

/**
 * Multiplies updates by `-learningRate`: descends. The last transformation of most optimizers.
 *
 * @throws ArgumentError when the learning rate is neither a number nor a schedule.
 */
export function scaleByLearningRate(
  learningRate: LearningRate,
): GradientTransformation<CountState | null> {
  requireRate("scaleByLearningRate", learningRate);
  if (typeof learningRate === "number") return scale(-learningRate);
  if (learningRate instanceof Tensor) return scale(np.negative(learningRate));
  return scaleBySchedule((count, dtype) => np.negative(learningRate(count, dtype)));
}
