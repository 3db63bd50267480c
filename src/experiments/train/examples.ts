/** Opens the examples of a config, whatever they are. */
import { Effect } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { ConfigError } from "../errors.ts";
import { type Display, formatDuration } from "../display/progress.ts";
import type { OnProgress, Task } from "../tasks/task.ts";

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
  const [train, heldOut] = [examples.train.size, examples.heldOut.size];
  const problems = [
    ...(train < config.batchSize
      ? [
        `batchSize: ${config.batchSize} is more than the ${train} ${task.samples} to train on ` +
        `(of ${train + heldOut}, ${heldOut} are held out)`,
      ]
      : []),
    ...examples.problems ?? [],
  ];
  if (problems.length === 0) return examples;
  return yield* new ConfigError({
    what: `The config does not fit the data:`,
    problems,
    hint: "Change the config, or give other data.",
  });
});
