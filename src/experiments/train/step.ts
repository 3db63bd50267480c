/**
 * One update of the parameters, compiled as a whole: gradient, optimizer, the next key, and a row of
 * measurements. It takes the state's memory over, so that training runs in constant memory, and nothing
 * has to be read to go on.
 */
import { jit, np, optim, random, scope, type Tensor, valueAndGrad } from "../../index.ts";
import type { OptimizerConfig } from "../config/config.ts";
import { freezing } from "./partialLoad.ts";
import type { Inputs, Params, System } from "../tasks/system.ts";

/** All that training changes; a checkpoint is this. */
export type TrainState = {
  readonly params: Params;
  readonly optimizer: unknown;
  /** Never changes; the randomness of step s is `foldIn(key, s)`. */
  readonly key: Tensor;
  /** Finished updates, int32. */
  readonly step: Tensor;
};

/** The compiled step and the names of what it measures. */
export interface Trainer {
  /** The state before the first step. */
  init(seed: number): TrainState;
  /** The state after a step, and its measurements, `[names.length]`. The given state is gone. */
  step(state: TrainState, inputs: Inputs): readonly [TrainState, Tensor];
  /** The same without compiling or taking over, for looking into a failure. */
  readonly plainStep: (state: TrainState, inputs: Inputs) => readonly [TrainState, Tensor];
  /** Known after the first step. */
  readonly names: readonly string[];
}

/** Adam with the config's warmup, decay and clipping. */
export function makeOptimizer(config: OptimizerConfig): {
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
  const transformation = optim.chain(...clipping, optim.adam(schedule));
  return { transformation: freezing(transformation, config.frozen), schedule };
}

/** The training step of a system. */
export function makeTrainer(system: System, config: OptimizerConfig): Trainer {
  const { transformation, schedule } = makeOptimizer(config);
  let names: readonly string[] = [];
  const plainStep = (state: TrainState, inputs: Inputs): readonly [TrainState, Tensor] => {
    const { params, optimizer, key, step } = state;
    const loss = (p: Params) => system.loss(p, inputs, random.foldIn(key, step));
    const [[value, measures], gradients] = valueAndGrad(loss, { hasAux: true })(params);
    const [updates, next] = transformation.update(gradients, optimizer, params, { value });
    const row: { readonly [name: string]: Tensor } = {
      loss: value,
      gradientNorm: optim.globalNorm(gradients),
      learningRate: schedule(step),
      ...measures,
    };
    names = Object.keys(row); // the same whenever it is traced
    return [
      { params: optim.applyUpdates(params, updates), optimizer: next, key, step: step.add(1) },
      np.stack(Object.values(row)),
    ];
  };
  return {
    init: (seed) =>
      scope(() => {
        const [forParams, forSteps] = random.split(random.key(seed));
        // Compiled: thousands of small operations otherwise.
        const params = jit((key: Tensor) => system.init(key))(forParams);
        return {
          params,
          optimizer: transformation.init(params),
          key: forSteps,
          step: np.zeros([], { dtype: "int32" }),
        };
      }),
    step: jit(plainStep, { donate: [0] }),
    plainStep,
    get names() {
      return names;
    },
  };
}
