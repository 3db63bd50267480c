/** Scores a run that was trained, on its own data or other data, and draws it. */
import { basename } from "node:path";
import { Clock, Console, Effect } from "effect";
import { type Dataset, makeDataset, type Sample } from "../../data/index.ts";
import { decodeConfig } from "../config/decode.ts";
import { applyOverrides } from "../config/overrides.ts";
import { taskOf } from "../tasks/index.ts";
import { describeBroken, openExamples } from "./examples.ts";
import { openDevice, restore } from "./device.ts";
import { makeEvaluator } from "./evaluate.ts";
import { writeCharts } from "../report/printed.ts";
import { writeReport } from "../report/report.ts";
import { bestCheckpoint } from "../runs/checkpoint.ts";
import type { OpenRun } from "../runs/open.ts";
import { changesOf } from "../runs/resume.ts";
import { ConfigError, modelError, RunError } from "../errors.ts";
import type { ExperimentConfig } from "../schema.ts";
import type { Examples, Scores, System, Task } from "../tasks/task.ts";
import { type Evaluated, makeTrainer } from "./step.ts";

/** The parts of data that can be scored. */
export const splits = ["validation", "test", "train", "all"] as const;

/** Options of looking at a run. */
export interface LookOptions {
  /** The part of the data; "validation" unless given. */
  readonly split?: typeof splits[number];
  /** Changes of its config, as `--set` has them: other data, other counts of what the model is made of. */
  readonly set?: readonly string[];
}

/** The best parameters of a run, and what to look at with them. */
export interface OpenBest {
  readonly config: ExperimentConfig;
  readonly task: Task;
  readonly system: System;
  /** The step of the checkpoint. */
  readonly step: number;
  readonly state: Evaluated;
  readonly data: Dataset<Sample>;
  readonly examples: Examples;
  /** The differences from the run's own config, in words. */
  readonly changes: readonly string[];
}

/** Opens the best parameters of a run and a part of the data. */
export const openBest = Effect.fnUntraced(function* (run: OpenRun, options: LookOptions = {}) {
  const { folder, warnings } = run;
  for (const text of warnings) yield* Console.error(`warning: ${text}`);
  const { config, changes } = yield* configToLook(run, options.set ?? []);
  yield* openDevice(config.backend);
  const task = yield* taskOf(config);
  const examples = yield* openExamples(task, config);
  const odd = [...examples.warnings ?? [], describeBroken(examples) ?? []].flat();
  for (const text of odd) yield* Console.error(text);
  const data = yield* partOf(examples, options.split ?? "validation", folder.name);
  const system = yield* Effect.try({
    try: () => task.system(config),
    catch: modelError("The model cannot be made."),
  });
  const { checkpoint, damaged } = yield* bestCheckpoint(folder);
  for (const { error } of damaged) {
    yield* Console.error(`warning: ${error.what} ${basename(checkpoint.path)} is used instead.`);
  }
  const initial = yield* Effect.try({
    try: () => makeTrainer(system, config.optimizer).init(config.seed),
    catch: modelError("The model's parameters cannot be made."),
  });
  const { params, step, loss } = initial;
  const state: Evaluated = yield* restore(checkpoint, { params, step, loss });
  return {
    config,
    task,
    system,
    step: checkpoint.progress.step,
    state,
    data,
    examples,
    changes,
  } satisfies OpenBest;
});

/** Fields that decide what a trained model sees and computes; all others are about training. */
const looking = /^(model\..*|data\.(?!augment\b).*|backend|seed|log\.panelImages)$/;

/** The config of a run with changes; those without effect are refused. */
const configToLook = Effect.fnUntraced(function* ({ config }: OpenRun, set: readonly string[]) {
  if (set.length === 0) return { config, changes: [] };
  const input = yield* applyOverrides(config, set);
  // The size of batches is about training: data that does not fill one can be looked at.
  const changed = yield* decodeConfig({ ...input, batchSize: 1 }, "The config with its changes");
  const changes = changesOf({ ...config, batchSize: 1 }, changed);
  const idle = changes.filter(({ name }) => !looking.test(name));
  if (idle.length === 0) return { config: changed, changes: changes.map(({ text }) => text) };
  return yield* Effect.fail(
    new ConfigError(
      "These changes have no effect on a model that was trained:",
      idle.map(({ text }) => text),
      "Leave them out; model, data and backend can be changed here.",
    ),
  );
});

const partOf = Effect.fnUntraced(function* (
  { train, validation, test }: Examples,
  split: typeof splits[number],
  name: string,
) {
  const indexed = "batches" in train ? undefined : train;
  const parts = { train: indexed, validation, test };
  const chosen = split === "all" ? Object.values(parts) : [parts[split]];
  const known = chosen.filter((part) => part !== undefined);
  if (known.length === 1) return known[0]!;
  if (known.length > 1) return joined(known);
  const others = Object.entries(parts).filter(([, part]) => part !== undefined);
  return yield* Effect.fail(
    new RunError(
      `The data of ${name} has no part "${split}" that can be scored.`,
      others.length === 0
        ? "Add such a part to the data."
        : `Use --split ${others.map(([name]) => name).join(" or ")}.`,
    ),
  );
});

/** The samples of all datasets, one after another. */
function joined(parts: readonly Dataset<Sample>[]): Dataset<Sample> {
  return makeDataset({
    size: parts.reduce((sum, { size }) => sum + size, 0),
    schema: parts[0]!.schema,
    get(index) {
      let at = index;
      for (const part of parts) {
        if (at < part.size) return part.get(at);
        at -= part.size;
      }
      throw new RangeError(`no sample ${index}`); // makeDataset has checked it
    },
  });
}

/** The result of an evaluation. */
export interface Evaluation {
  readonly step: number;
  readonly split: typeof splits[number];
  /** The number of samples that were scored. */
  readonly size: number;
  readonly changes: readonly string[];
  readonly scores: Scores;
}

/** The scores of a run's best checkpoint; also added to evaluations.jsonl. */
export const evaluateRun = Effect.fn("evaluateRun")(function* (
  run: OpenRun,
  options: LookOptions = {},
) {
  const { config, task, system, step, state, data, changes } = yield* openBest(run, options);
  const evaluator = makeEvaluator(task, system, config);
  const scores = yield* evaluator.score(state, data);
  const { numbers, lists } = yield* evaluator.diagnose(state, data);
  const last = Object.entries(lists).map(([name, list]) =>
    [`${name}[${list.length - 1}]`, list.at(-1) ?? NaN] as const
  );
  const evaluation: Evaluation = {
    step,
    split: options.split ?? "validation",
    size: data.size,
    changes,
    scores: { ...scores, ...numbers, ...Object.fromEntries(last) },
  };
  const time = new Date(yield* Clock.currentTimeMillis).toISOString();
  const row = new TextEncoder().encode(JSON.stringify({ time, ...evaluation }) + "\n");
  yield* run.folder.append("evaluations.jsonl", row);
  return evaluation;
}, Effect.scoped);

/** Draws the pictures of a run's best checkpoint, writes its charts for print and the report; gives the files. */
export const renderRun = Effect.fn("renderRun")(function* (run: OpenRun) {
  const { config, task, system, step, state, data } = yield* openBest(run);
  const panels = yield* makeEvaluator(task, system, config).draw(state, data);
  const files: string[] = [];
  for (const [name, { bytes }] of Object.entries(panels)) {
    const file = `panels/${name}-${String(step).padStart(8, "0")}.png`;
    yield* run.folder.write(file, bytes);
    files.push(run.folder.file(file));
  }
  const charts = yield* writeCharts(run.folder, task);
  yield* writeReport(run.folder, run.config);
  return [...files, ...charts, run.folder.file("report.html")];
}, Effect.scoped);
