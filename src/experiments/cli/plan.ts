/** `plan`: what a step takes of each device, before there is any. */
import { Console, Effect, Stream } from "effect";
import type { Display } from "../display/progress.ts";
import { modelError, stepError } from "../errors.ts";
import type { ExperimentConfig } from "../schema.ts";
import { taskOf } from "../tasks/index.ts";
import { openDevice } from "../train/device.ts";
import { openExamples, tellProgress, trainingBatches } from "../train/examples.ts";
import { checkDivisible, openPlace } from "../train/openEngine.ts";
import { describeCompilation, describePlan, planStep } from "../train/plan.ts";
import { makeTrainer } from "../train/step.ts";
import { exportStep } from "../train/xlaEngine.ts";

/** Says what the step of a config takes, and what XLA makes of it if it is compiled, too. */
export const planTraining = Effect.fn("planTraining")(function* (
  config: ExperimentConfig,
  { compiled }: { readonly compiled: boolean },
  display: Display,
) {
  // Programs are looked at and not run: the backend that compiles none is the quickest.
  yield* openDevice("reference");
  const place = compiled ? yield* openPlace(config, undefined) : undefined;
  const devices = place?.devices ?? config.engine?.devices ?? 1;
  yield* checkDivisible(config.batchSize, devices);
  const task = yield* taskOf(config);
  const examples = yield* openExamples(task, config, tellProgress(task, display));
  const { fields } = yield* Stream.runHead(trainingBatches(examples, config, 0)).pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.orDie, // there is a batch: sizes were compared
  );
  const options = { devices, shard: config.engine?.shard ?? {} };
  const { lines, trainer, state } = yield* Effect.try({
    try: () => {
      const trainer = makeTrainer(task.system(config), config.optimizer);
      const state = trainer.init(config.seed);
      const plan = planStep(trainer, task.inputs, state, fields, options);
      return { lines: describePlan(plan), trainer, state };
    },
    catch: modelError("The step cannot be planned."),
  });
  for (const line of lines) yield* Console.log(line);
  if (place === undefined) return;
  const compilation = yield* Effect.tryPromise({
    try: async () => {
      const step = await exportStep(trainer, task.inputs, state, fields, options);
      return await place.machine.compile(step.program);
    },
    catch: stepError("The step of this task cannot run on XLA."),
  });
  for (const line of describeCompilation(compilation)) yield* Console.log(line);
}, Effect.scoped);
