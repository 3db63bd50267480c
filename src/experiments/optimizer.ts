/** The optimizer that a config describes. */
import { optim } from "../index.ts";
import { ConfigError } from "./errors.ts";
import { callProblem, evaluateCall } from "./calls.ts";
import type { OptimizerFields } from "./schema.ts";

/** An optimizer, and its learning rate by step. */
export interface MadeOptimizer {
  readonly transformation: optim.GradientTransformation;
  readonly schedule: optim.Schedule;
}

/**
 * The optimizer of a config's fields: its `chain`, or Adam, with warmup, decay and clipping; also a beginning for the group
 * of a task.
 *
 * @param place where the fields stand in the config.
 * @throws ConfigError where a call is wrong.
 */
export function makeOptimizer(config: OptimizerFields, place = "optimizer"): MadeOptimizer {
  const { clip = 0, chain } = config;
  const schedule = scheduleOf(config, place);
  const clipping = clip > 0 ? [optim.clipByGlobalNorm(clip)] : [];
  const rest = chain === undefined ? [optim.adam(schedule)] : chain.map((call, i) => {
    const at = `${place}.chain[${i}]`;
    const made = evaluateCall(call, at, schedule);
    if (isTransformation(made)) return made;
    throw callProblem(at, `${JSON.stringify(call)} is not a gradient transformation`);
  });
  return { transformation: optim.chain(...clipping, ...rest), schedule };
}

function scheduleOf(
  { learningRate, warmup = 0, decayRate = 0.5, decaySteps = 0 }: OptimizerFields,
  place: string,
): optim.Schedule {
  const factors = [
    baseOf(learningRate, `${place}.learningRate`),
    // Step 0 learns too: the ramp ends at 1 after `warmup` steps.
    ...(warmup > 0
      ? [
        optim.linearSchedule({
          initValue: 1 / warmup,
          endValue: 1,
          transitionSteps: Math.max(1, warmup - 1),
        }),
      ]
      : []),
    ...(decaySteps > 0
      ? [optim.exponentialDecay({ initValue: 1, transitionSteps: decaySteps, decayRate })]
      : []),
  ];
  return optim.multiplySchedules(...factors);
}

function baseOf(rate: OptimizerFields["learningRate"], place: string): optim.Schedule {
  if (typeof rate === "number") return optim.constantSchedule(rate);
  const schedule = evaluateCall(rate, place, undefined);
  if (typeof schedule === "function") return schedule as optim.Schedule; // those of optim that give functions
  throw callProblem(place, `${JSON.stringify(rate)} is not a schedule`);
}

function isTransformation(made: unknown): made is optim.GradientTransformation {
  return typeof made === "object" && made !== null && "init" in made && "update" in made;
}

/** The mistakes in the calls of an optimizer's fields. */
export function optimizerProblems(config: OptimizerFields, place: string): string[] {
  try {
    makeOptimizer(config, place);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [...error.problems];
    throw error;
  }
}
