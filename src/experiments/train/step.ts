/**
 * One update of the parameters, compiled as a whole: gradient, optimizer, the next key, and a row of
 * measurements. It takes the state's memory over, so that training runs in constant memory, and nothing
 * has to be read to go on.
 */
import {
  ArgumentError,
  jit,
  np,
  optim,
  random,
  scope,
  type Tensor,
  tree,
  valueAndGrad,
} from "../../index.ts";
import type { OptimizerConfig } from "../schema.ts";
import type { Outputs, Params, Scores, System } from "../tasks/task.ts";
import { configGroups, grouped, leavesByGroup, withoutFrozen } from "./optimizer.ts";
import { afterScores, plateauState } from "./plateau.ts";
import { makeOptimizer } from "../optimizer.ts";

/** All that training changes; a checkpoint is this. */
export type TrainState = {
  readonly params: Params;
  readonly optimizer: unknown;
  /** Never changes; the randomness of step s is `foldIn(key, s)`. */
  readonly key: Tensor;
  /** Finished updates, int32. */
  readonly step: Tensor;
  /** The moving average of the parameters, where the config asks for one; else null, which holds no tensors. */
  readonly average: Params | null;
  /** Of a loss that has a state; else null. */
  readonly loss: unknown;
  /** By what learning rates shrank, where the system has a plateau; else null. */
  readonly plateau: optim.PlateauState | null;
};

/** The part of the state of training that scores depend on. */
export type Evaluated = Pick<TrainState, "params" | "step" | "loss">;

/** The compiled step and the names of what it measures. */
export interface Trainer {
  /** The state before the first step. */
  init(seed: number): TrainState;
  /** The state after a step, and its measurements, `[names.length]`. The given state is gone. */
  step(state: TrainState, batch: Outputs): readonly [TrainState, Tensor];
  /** The state after an evaluation. */
  evaluated(state: TrainState, scores: Scores): TrainState;
  /** The same as `step` without compiling or taking over, for looking into a failure. */
  readonly plainStep: (state: TrainState, batch: Outputs) => readonly [TrainState, Tensor];
  /** Known after the first step. */
  readonly names: readonly string[];
}

/** The training step of a system. */
export function makeTrainer(system: System, config: OptimizerConfig): Trainer {
  const { joint, plateau } = system;
  const own = configGroups(config);
  // The config has the first word, also where a group of the task has the same name.
  const groups = { ...own, ...system.groups, ...own };
  const { accumulate, average: decay } = config;
  const { transformation: main, schedule } = system.optimizer === undefined
    ? makeOptimizer(config)
    : { transformation: system.optimizer, schedule: undefined };
  const parts = grouped(main, config.frozen, groups);
  const each = joint === undefined
    ? parts
    : optim.chain(withoutFrozen(config.frozen), joint, parts);
  const transformation = accumulate === 1 ? each : optim.multiSteps(each, accumulate);
  let names: readonly string[] = [];
  const plainStep = (state: TrainState, batch: Outputs): readonly [TrainState, Tensor] => {
    const { params, optimizer, key, step } = state;
    const update = accumulate === 1 ? step : np.floorDivide(step, accumulate);
    const loss = (p: Params) => {
      const at = { step, state: state.loss };
      const [value, outputs, after = null] = system.loss(p, batch, random.foldIn(key, step), at);
      checkLoss(system, value, outputs, after);
      return [value, { outputs, after }] as const;
    };
    const [[value, { outputs, after }], gradients] = valueAndGrad(loss, { hasAux: true })(params);
    const [full, next] = transformation.update(gradients, optimizer, params, { value });
    const shrink = (x: Tensor) => state.plateau === null ? x : x.mul(state.plateau.scale);
    const updates = tree.map(shrink, full) as typeof full; // the same tree
    const row: { readonly [name: string]: Tensor } = {
      loss: value,
      gradientNorm: optim.globalNorm(gradients),
      ...(schedule === undefined ? {} : { learningRate: shrink(schedule(update)) }),
      ...ofGroups(groups, gradients, (name) => shrink(groups[name]!.schedule(update))),
      ...outputs,
    };
    names = Object.keys(row); // the same whenever it is traced
    const updated = optim.applyUpdates(params, updates);
    return [
      {
        params: updated,
        optimizer: next,
        key,
        step: step.add(1),
        average: state.average && movingAverage(state.average, updated, decay, step),
        loss: after,
        plateau: state.plateau,
      },
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
          average: decay > 0 ? copied(params) : null,
          loss: system.initState?.() ?? null,
          plateau: plateauState(plateau),
        };
      }),
    step: jit(plainStep, { donate: [0] }),
    plainStep,
    evaluated: (state, scores) =>
      plateau === undefined || state.plateau === null
        ? state
        : { ...state, plateau: afterScores(plateau, state.plateau, scores) },
    get names() {
      return names;
    },
  };
}

/** The metrics of each group: its rate, the Euclidean norm of its gradient, and the largest entry. */
function ofGroups(
  groups: NonNullable<System["groups"]>,
  gradients: unknown,
  rateOf: (name: string) => Tensor,
): Outputs {
  if (Object.keys(groups).length === 0) return {};
  return Object.fromEntries([
    ...Object.keys(groups).map((name) => [`learningRate/${name}`, rateOf(name)]),
    ...Object.entries(leavesByGroup(gradients, groups)).flatMap(([name, leaves]) => [
      [`gradientNorm/${name}`, optim.globalNorm(leaves)],
      [`gradientMax/${name}`, optim.infinityNorm(leaves)],
    ]),
  ]);
}

/** Tensors of their own, as the state is taken over as a whole. */
const copied = (params: Params) => tree.map((x: Tensor) => np.copy(x), params) as Params; // the same tree

/**
 * The average after a step, `d a + (1 - d) p` with d = min(decay, (1 + t) / (10 + t)): early averages are of few steps,
 * as in TensorFlow's ExponentialMovingAverage.
 */
function movingAverage(average: Params, params: Params, decay: number, step: Tensor): Params {
  const t = np.astype(step, "float32");
  const d = np.minimum(decay, t.add(1).div(t.add(10)));
  const mixed = tree.map(
    (a: Tensor, p: Tensor) => a.add(p.sub(a).mul(np.subtract(1, d))),
    average,
    params,
  );
  return mixed as Params; // the same tree
}

/** Throws where a task returns from its loss what cannot be minimised, noted, or carried on. */
function checkLoss(system: System, loss: Tensor, outputs: Outputs, after: unknown): void {
  if (loss.shape.length > 0) {
    throw new ArgumentError(
      `loss of the task: expected a scalar, got the shape [${loss.shape}]`,
      "take the mean over the batch",
    );
  }
  for (const [name, { shape }] of Object.entries(outputs)) {
    if (/^(loss|(gradientNorm|gradientMax|learningRate)(\/.*)?|step)$/.test(name)) {
      throw new ArgumentError(
        `loss of the task: the output "${name}" has a name that the runner itself records`,
        'choose another one, such as "loss/reconstruction"',
      );
    }
    if (shape.length > 0) {
      throw new ArgumentError(
        `loss of the task: expected scalars as outputs, got "${name}" of the shape [${shape}]`,
        "take the mean, or return it from predict or diagnose",
      );
    }
  }
  if (system.initState !== undefined && after === null) {
    throw new ArgumentError(
      "loss of the task: expected the next state as a third value, since the task has initState; got none",
      "return [loss, outputs, state]",
    );
  }
}
