/** Opens the examples of a config, whatever they are. */
import { Effect, Stream } from "effect";
import { type Batch, batches, type Sample } from "../../data/index.ts";
import type { ExperimentConfig } from "../schema.ts";
import { ConfigError, datasetError } from "../errors.ts";
import { type Display, formatDuration } from "../display/progress.ts";
import type { Examples, OnProgress, Task } from "../tasks/task.ts";

/** Shows how far making data is; nothing when it is there already. */
export function tellProgress({ samples }: Task, display: Display): OnProgress {
  let first: { readonly done: number; readonly time: number } | undefined;
  return (done, size) => {
    const now = performance.now();
    first ??= { done, time: now };
    const pace = (now - first.time) / 1000 / (done - first.done);
    display.update({
      what: `preparing ${samples}`,
      step: done,
      steps: size,
      facts: Number.isFinite(pace) ? [`${formatDuration(pace * (size - done))} left`] : [],
    });
  };
}

/** The examples of a config; fails where they do not fit it. */
export const openExamples = Effect.fnUntraced(function* (
  task: Task,
  config: ExperimentConfig,
  onProgress: OnProgress = () => {},
) {
  const examples = yield* task.open(config, onProgress);
  const sizes = sizesOf(examples);
  const problems = [
    ...(sizes.train !== undefined && sizes.train < config.batchSize
      ? [
        `batchSize: ${config.batchSize} is more than the ${sizes.train} ${task.samples} to train on ` +
        `(${sizes.validation} more are to validate on, ${sizes.test} to test with)`,
      ]
      : []),
    ...examples.problems ?? [],
  ];
  if (problems.length === 0) return examples;
  return yield* Effect.fail(
    new ConfigError(
      `The config does not fit the data:`,
      problems,
      "Change the config, or give other data.",
    ),
  );
});

/** The number of samples of each part; unknown for a source of batches. */
export function sizesOf({ train, validation, test }: Examples) {
  return {
    train: "batches" in train ? undefined : train.size,
    validation: validation?.size ?? 0,
    test: test?.size ?? 0,
  };
}

/** Files that were left out, in words: how many, and their names. */
export function describeBroken({ broken = [] }: Examples): string | undefined {
  if (broken.length === 0) return undefined;
  const names = broken.slice(0, 10).map(({ name, reason }) => `  ${name}: ${reason}`);
  const more = broken.length > 10 ? [`  and ${broken.length - 10} more; summary.json has all`] : [];
  const files = broken.length === 1 ? "1 file" : `${broken.length} files`;
  return [`left out ${files} that cannot be read:`, ...names, ...more].join("\n");
}

/** The sizes in words, and the source. */
export function describeSizes({ samples }: Task, examples: Examples): string {
  const { train, validation, test } = sizesOf(examples);
  const first = train === undefined
    ? `a stream of ${samples} to train on`
    : `${train} ${samples} to train on`;
  const source = examples.facts?.find(([label]) => label === "source")?.[1];
  return `${first}, ${validation || "none"} to validate on, ${test || "none"} to test with` +
    (source === undefined ? "" : `, from ${source}`);
}

/** The batches of training from a step on. */
export function trainingBatches(
  { train, augmented }: Examples,
  { batchSize, seed }: ExperimentConfig,
  startStep: number,
) {
  const options = { batchSize, seed, startStep };
  const source = augmented ?? train;
  const stream: AsyncIterable<Batch<Sample>> = "batches" in source
    ? source.batches(options)
    : batches(source, options);
  return Stream.fromAsyncIterable(stream, datasetError("The data cannot be read."));
}
