/** The optimizer that a config describes. */
import { optim } from "../index.ts";
import type { OptimizerConfig } from "./schema.ts";

/** Adam with a config's warmup, decay and clipping; also a beginning for the group of a task. */
export function makeOptimizer(config: Omit<OptimizerConfig, "frozen">): {
  readonly transformation: optim.GradientTransformation;
  readonly schedule: optim.Schedule;
} {
  const { learningRate, warmup, decayRate, decaySteps, clip } = config;
  const factors = [
    optim.constantSchedule(learningRate),
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
  const schedule = optim.multiplySchedules(...factors);
  const clipping = clip > 0 ? [optim.clipByGlobalNorm(clip)] : [];
  return { transformation: optim.chain(...clipping, optim.adam(schedule)), schedule };
}
