/**
 * After a NaN: which operation began it. Training is deterministic, so the steps since the last checkpoint
 * are taken again, and the one that failed is run operation by operation.
 */
import { Effect, Stream } from "effect";
import { debugNans, dispose } from "../../index.ts";
import type { ExperimentConfig } from "../schema.ts";
import type { Examples, Task } from "../tasks/task.ts";
import { placeBatch, restore } from "./device.ts";
import { trainingBatches } from "./examples.ts";
import { messageOf, modelError, NumericsError } from "../errors.ts";
import { latestCheckpoint } from "../runs/checkpoint.ts";
import type { RunFolder } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";
import type { Trainer } from "./step.ts";

/** The first row with a measurement that is no finite number. */
export function firstBroken(rows: readonly MetricRow[]): MetricRow | undefined {
  return rows.find((row) => Object.values(row).some((x) => !Number.isFinite(x)));
}

/** Explains the update that gave `broken`; the run's checkpoints are from before. */
export const explainNan = Effect.fnUntraced(function* (
  run: RunFolder,
  task: Task,
  config: ExperimentConfig,
  trainer: Trainer,
  examples: Examples,
  broken: MetricRow,
) {
  const { checkpoint } = yield* latestCheckpoint(run);
  const initial = yield* Effect.try({
    try: () => trainer.init(config.seed),
    catch: modelError("The model cannot be made again."),
  });
  let state = checkpoint === undefined ? initial : yield* restore(checkpoint, initial);
  const from = checkpoint?.progress.step ?? 0;
  const failing = broken.step - 1;
  let found =
    "When the step was repeated operation by operation, there was no NaN: it overflowed, " +
    "or the failure does not repeat itself.";
  yield* trainingBatches(examples, config, from).pipe(
    Stream.take(failing - from + 1),
    Stream.runForEach(({ fields, step }) =>
      Effect.tryPromise({
        try: async () => {
          const inputs = placeBatch(task.inputs, fields);
          if (step < failing) {
            const [next, row] = trainer.step(state, inputs);
            state = next;
            row.dispose();
          } else {
            await debugNans(trainer.plainStep)(state, inputs).then(
              (result) => dispose(result),
              (error) => void (found = messageOf(error)),
            );
          }
          dispose(inputs);
        },
        catch: modelError("Looking for the NaN failed."),
      })
    ),
  );
  const bad = Object.entries(broken).filter(([, value]) => !Number.isFinite(value));
  return new NumericsError(
    `${bad.map(([name, value]) => `${name} is ${value}`).join(", ")} at step ${broken.step}.\n` +
      found,
    (checkpoint === undefined
      ? "There is no checkpoint from before."
      : `The last good checkpoint is ${checkpoint.path} (step ${from}).`) +
      " Try a lower optimizer.learningRate, optimizer.clip=1, or a longer optimizer.warmup.",
  );
});
