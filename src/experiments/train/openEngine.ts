/** Opens the engine of a config: this process, or XLA's devices, which are found before any work is done. */
import { Context, Effect, Stream } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { ConfigError, stepError } from "../errors.ts";
import type { Examples, Task } from "../tasks/task.ts";
import { type Cluster, Machine } from "../xla/machine.ts";
import { type Engine, localEngine } from "./engine.ts";
import { trainingBatches } from "./examples.ts";
import type { Trainer, TrainState } from "./step.ts";
import { exportStep, openXlaEngine } from "./xlaEngine.ts";

/** Starts XLA; a program may provide another one. */
export const StartXla = Context.Reference<(cluster: Cluster | undefined) => Promise<Machine>>(
  "trilevel/StartXla",
  { defaultValue: () => (cluster) => Machine.open(cluster) },
);

/** Devices of a machine that make steps together. */
export interface Place {
  readonly machine: Machine;
  readonly devices: number;
  /** Their name in checkpoints: a run that goes on at a place of this name goes on to the same bits. */
  readonly name: string;
}

/** The place of an engine that is not this process; undefined for one that is. It is let go with the scope. */
export const openPlace = Effect.fnUntraced(
  function* ({ engine, batchSize }: ExperimentConfig, cluster: Cluster | undefined) {
    if (engine === undefined || engine.name === "local") return undefined;
    if (engine.devices !== undefined) yield* checkDivisible(batchSize, engine.devices);
    const start = yield* StartXla;
    const attempt = <A>(f: () => Promise<A>) =>
      Effect.tryPromise({ try: f, catch: stepError("XLA does not start.") });
    const machine = yield* Effect.acquireRelease(
      attempt(() => start(cluster)),
      (machine) => Effect.sync(machine.close),
    );
    const devices = yield* attempt(() => Promise.resolve(machine.devicesOf(engine.devices)));
    yield* checkDivisible(batchSize, devices);
    const name = `xla on ${devices} × ${machine.facts.platform}`;
    return { machine, devices, name } satisfies Place;
  },
);

/** Fails where devices cannot share a batch evenly. */
export const checkDivisible = (batchSize: number, devices: number) =>
  batchSize % devices === 0 ? Effect.void : Effect.fail(
    new ConfigError(
      "The devices cannot share a batch evenly:",
      [`batchSize: expected a multiple of the ${devices} devices, got ${batchSize}`],
      `Say --set batchSize=${
        devices * Math.ceil(batchSize / devices)
      }, or give --devices a divisor of ${batchSize}.`,
    ),
  );

/** The engine with its state, for the batches from a step on. */
export const openEngine = Effect.fnUntraced(function* (
  place: Place | undefined,
  { task, config, trainer, examples }: {
    readonly task: Task;
    readonly config: ExperimentConfig;
    readonly trainer: Trainer;
    readonly examples: Examples;
  },
  state: TrainState,
  step: number,
) {
  if (place === undefined) return localEngine(trainer, task.inputs, state);
  const { fields } = yield* Stream.runHead(trainingBatches(examples, config, step)).pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.orDie, // there is a batch: sizes were compared
  );
  return yield* Effect.tryPromise({
    try: async (): Promise<Engine> => {
      const { machine, devices } = place;
      const options = { devices, shard: config.engine?.shard ?? {} };
      const exported = await exportStep(trainer, task.inputs, state, fields, options);
      return await openXlaEngine(machine, exported, state);
    },
    catch: stepError("The step of this task cannot run on XLA."),
  });
});
