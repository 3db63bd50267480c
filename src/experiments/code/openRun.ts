/** A run as a program sees it: what is in its folder, and the model with its weights. */
import { Effect } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { declareOptions, kind, nested, text } from "../../options/index.ts";
import { CheckpointError, modelError, RunError } from "../errors.ts";
import { bestCheckpoint, latestCheckpoint, readCheckpoint } from "../runs/checkpoint.ts";
import type { RunFolder, Summary } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";
import { openRun as openFolder } from "../runs/open.ts";
import { taskOf, Tasks, tasks } from "../tasks/index.ts";
import type { Params, System, Task } from "../tasks/task.ts";
import { openDevice, restore } from "../train/device.ts";
import { makeTrainer } from "../train/step.ts";
import { type OwnTask, taskFrom } from "./task.ts";

/** A run: its folder, and the parameters of one of its checkpoints on the current backend. */
export interface Run<P = Params, Model = unknown> {
  /** The folder; `report.html` in it is all of the run to look at. */
  readonly path: string;
  /** The config, every default spelled out. */
  readonly config: ExperimentConfig;
  /** The rows of metrics.jsonl: one for every step, and one for every evaluation. */
  readonly metrics: readonly MetricRow[];
  /** The state of the run: its status, its step, and its latest scores by name. */
  readonly summary: Summary | undefined;
  /** The files of all checkpoints: those of steps in order, and `best`. */
  readonly checkpoints: readonly string[];
  /** The step of the checkpoint that was read, and its parameters. */
  readonly step: number;
  readonly params: P;
  /** The model of the task, made as the config says. */
  readonly model: Model;
}

/** A task of `defineTask`, of whose types only those that a run has matter. */
export interface DefinedTask<P extends Params, Model> {
  readonly name: string;
  readonly open: unknown;
  // A method, so that tasks of any config and data are tasks of none.
  system(config: never): System<never, P, string, string, unknown, Model>;
}

/** A task as `openRun` takes it: a plain object, or the result of `defineTask`. */
export type AnyTask<P extends Params, Model> =
  | OwnTask<never, P, never, unknown, Model>
  | DefinedTask<P, Model>;

/** Options of {@link openRun}. */
export interface OpenRunOptions<P extends Params, Model> {
  /** The task of the run; needed where it is not one of this package. It also gives `model` and `params` their types. */
  readonly task?: AnyTask<P, Model>;
  /** The folder of all runs; "runs" unless given. */
  readonly root?: string;
  /** The checkpoint to read: that of the best score (the default), the last one, or that of a step. */
  readonly checkpoint?: "best" | "latest" | number;
}

/** The task as the runner has it; data of its own is not opened. */
export function runnable<P extends Params, Model>(task: AnyTask<P, Model>): Task {
  if ("open" in task) return task as unknown as Task; // the types of its parts are forgotten, as by `defineTask`
  const rebuild = () => {
    throw new Error("no data was opened");
  };
  return taskFrom(task, {
    examples: { train: { batches: rebuild } },
    structure: { names: [], rebuild },
  }) as unknown as Task;
}

/** Makes a task known beside those of this package. */
export const withTask = (task: Task | undefined) =>
  Effect.provideService(Tasks, task === undefined ? tasks : [task, ...tasks]);

/** The contents of a folder, and the parameters of a checkpoint. */
export const loadRun = Effect.fnUntraced(function* (
  folder: RunFolder,
  config: ExperimentConfig,
  which: "best" | "latest" | number,
) {
  yield* openDevice("auto");
  const task = yield* taskOf(config);
  const system: System = yield* Effect.try({
    try: () => task.system(config),
    catch: modelError("The model cannot be made."),
  });
  const checkpoint = yield* checkpointOf(folder, which);
  const like = yield* Effect.try({
    try: () => makeTrainer(system, config.optimizer).init(config.seed).params,
    catch: modelError("The model's parameters cannot be made."),
  });
  const { params } = yield* restore(checkpoint, { params: like });
  const names = yield* folder.list("checkpoints");
  return {
    path: folder.path,
    config,
    metrics: yield* folder.metrics(),
    summary: (yield* folder.summary()).value,
    checkpoints: names.map((name) => folder.file("checkpoints", name)).sort(),
    step: checkpoint.progress.step,
    params,
    model: system.model,
  };
});

const checkpointOf = Effect.fnUntraced(function* (
  folder: RunFolder,
  which: "best" | "latest" | number,
) {
  if (which === "best") return (yield* bestCheckpoint(folder)).checkpoint;
  if (which === "latest") {
    const { checkpoint } = yield* latestCheckpoint(folder);
    return checkpoint ?? (yield* bestCheckpoint(folder)).checkpoint; // tells what is wrong
  }
  const names = yield* folder.list("checkpoints");
  const name = names.find((name) => Number(/^step-(\d+)\./.exec(name)?.[1] ?? -1) === which);
  if (name !== undefined) return yield* readCheckpoint(folder.file("checkpoints", name));
  return yield* Effect.fail(
    new CheckpointError(
      `${folder.name} has no checkpoint of step ${which}.`,
      `It has ${names.join(", ") || "none"}; log.keep says how many of the last ones are kept.`,
    ),
  );
});

/**
 * Opens a run by its folder, by its name below `root`, or `"latest"`: its config, metrics and checkpoints, and the model
 * with the weights of the best checkpoint, on the current backend.
 *
 * ```ts ignore
 * import { openRun } from "trilevel/experiments";
 * import { random } from "trilevel";
 * const { model, params } = await openRun("latest", { task: mine });
 * const output = model.apply(params, image, random.key(0));
 * ```
 *
 * @throws RunError where there is no such run; ConfigError where its task is not known (give `task`); CheckpointError
 * where it has no checkpoint that can be read.
 */
export async function openRun<P extends Params = Params, Model = unknown>(
  path: string,
  options: OpenRunOptions<P, Model> = {},
): Promise<Run<P, Model>> {
  checkOptions(options);
  const { task, root = "runs", checkpoint = "best" } = options;
  const run = await Effect.gen(function* () {
    const { folder, config } = yield* openFolder(root, path);
    if (task !== undefined && config.model.task !== task.name) {
      return yield* Effect.fail(
        new RunError(
          `${folder.name} is a run of the task "${config.model.task}", not of "${task.name}".`,
          "Give the task that it was trained with.",
        ),
      );
    }
    return yield* loadRun(folder, config, checkpoint);
  }).pipe(withTask(task === undefined ? undefined : runnable(task)), Effect.runPromise);
  return run as unknown as Run<P, Model>; // the task made them, whose name is the one in the config
}

const checkOptions = declareOptions<OpenRunOptions<Params, unknown>>("openRun", ["path"], {
  task: nested("defineTask({ … })"),
  root: text,
  checkpoint: kind<"best" | "latest" | number>(
    "best, latest, or a step",
    '"best"',
    (x) => x === "best" || x === "latest" || Number.isInteger(x),
  ),
});
