/** `data make` and `data inspect`: the data of a config before any training. */
import { writeFile } from "node:fs/promises";
import { Console, Effect } from "effect";
import { toPng } from "../display/panel.ts";
import type { ExperimentConfig } from "../schema.ts";
import { taskOf } from "../tasks/index.ts";
import { describeSizes, openExamples, sizesOf, tellProgress } from "../train/examples.ts";
import { datasetError, fileError } from "../errors.ts";
import type { Display } from "../display/progress.ts";

/** Makes generated scenes, or converts files, so that training begins at once. */
export const makeData = Effect.fn("makeData")(function* (
  config: ExperimentConfig,
  display: Display,
) {
  const task = yield* taskOf(config);
  const examples = yield* openExamples(task, config, tellProgress(task, display));
  const { train = 0, validation, test } = sizesOf(examples);
  display.line(`${train + validation + test} ${task.samples} are ready`);
}, Effect.scoped);

/** Says what there is, and draws the first examples. */
export const inspectData = Effect.fn("inspectData")(function* (
  config: ExperimentConfig,
  out: string,
  display: Display,
) {
  const task = yield* taskOf(config);
  const examples = yield* openExamples(task, config, tellProgress(task, display));
  const { facts = [] } = examples;
  for (const [label, text] of [...facts, ["parts", describeSizes(task, examples)] as const]) {
    yield* Console.log(`${label.padEnd(12)}${text.replaceAll("\n", "\n" + " ".repeat(12))}`);
  }
  const shown = examples.validation ?? examples.train;
  if (task.preview === undefined || "batches" in shown) return;
  const count = Math.min(8, shown.size);
  const samples = yield* Effect.tryPromise({
    try: () => Promise.all(Array.from({ length: count }, (_, i) => shown.get(i))),
    catch: datasetError("An example cannot be read."),
  });
  const preview = task.preview(samples);
  const { bytes } = yield* Effect.promise(() => toPng(preview));
  yield* Effect.tryPromise({
    try: () => writeFile(out, bytes),
    catch: fileError(`${out} cannot be written.`),
  });
  yield* Console.log(`drawn       ${out}`);
}, Effect.scoped);
