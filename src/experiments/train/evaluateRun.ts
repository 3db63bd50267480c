/** What can be done with a finished run: score it, and draw it. */
import { basename } from "node:path";
import { Clock, Console, Effect } from "effect";
import { taskOf } from "../tasks/index.ts";
import { openExamples } from "./examples.ts";
import { openDevice, restore } from "./device.ts";
import { makeEvaluator } from "./evaluate.ts";
import { writeReport } from "../report/report.ts";
import { bestCheckpoint } from "../runs/checkpoint.ts";
import type { OpenRun } from "../runs/open.ts";
import { modelError, RunError } from "../errors.ts";
import type { Scores } from "../tasks/task.ts";
import { makeTrainer } from "./step.ts";

/** The best parameters of a run, and what scores them. */
const openBest = Effect.fnUntraced(function* ({ folder, config, warnings }: OpenRun) {
  for (const text of warnings) yield* Console.error(`warning: ${text}`);
  yield* openDevice(config.backend);
  const task = yield* taskOf(config);
  const { validation } = yield* openExamples(task, config);
  if (validation === undefined) {
    return yield* new RunError({
      what: `The data of ${folder.name} has no part to validate on.`,
      hint: "Give it some.",
    });
  }
  const system = yield* Effect.try({
    try: () => task.system(config),
    catch: modelError("The model cannot be made."),
  });
  const { checkpoint, damaged } = yield* bestCheckpoint(folder);
  for (const { error } of damaged) {
    yield* Console.error(`warning: ${error.what} ${basename(checkpoint.path)} is used instead.`);
  }
  const state = yield* restore(checkpoint, makeTrainer(system, config.optimizer).init(config.seed));
  return {
    checkpoint,
    state,
    data: validation,
    evaluator: makeEvaluator(task, system, config),
  };
});

/** The scores of a run's best checkpoint; also written to eval.json. */
export const evaluateRun = Effect.fn("evaluateRun")(function* (run: OpenRun) {
  const { checkpoint, state, data, evaluator } = yield* openBest(run);
  const scores = yield* evaluator.score(state, data);
  const { numbers, lists } = yield* evaluator.diagnose(state, data);
  const last = Object.entries(lists).map(([name, list]) =>
    [`${name}[${list.length - 1}]`, list.at(-1) ?? NaN] as const
  );
  const result: Scores = {
    step: checkpoint.progress.step,
    ...scores,
    ...numbers,
    ...Object.fromEntries(last),
  };
  const time = yield* Clock.currentTimeMillis;
  yield* run.folder.write("eval.json", JSON.stringify({ ...result, time }, null, 2) + "\n");
  return result;
}, Effect.scoped);

/** Draws the pictures of a run's best checkpoint and writes the report; gives the files. */
export const renderRun = Effect.fn("renderRun")(function* (run: OpenRun) {
  const { checkpoint, state, data, evaluator } = yield* openBest(run);
  const panels = yield* evaluator.draw(state, data);
  const files: string[] = [];
  for (const [name, { bytes }] of Object.entries(panels)) {
    const file = `panels/${name}-${String(checkpoint.progress.step).padStart(8, "0")}.png`;
    yield* run.folder.write(file, bytes);
    files.push(run.folder.file(file));
  }
  yield* writeReport(run.folder, run.config);
  return [...files, run.folder.file("report.html")];
}, Effect.scoped);
