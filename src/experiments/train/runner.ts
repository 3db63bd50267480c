/**
 * The training loop: a stream of batches, one compiled step each, and everything else at its time. Device,
 * data and files live in one scope, so that whatever ends the run lets go of them.
 */
import { join } from "node:path";
import { Clock, DateTime, Effect, Stream } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { taskOf } from "../tasks/index.ts";
import type { Task } from "../tasks/task.ts";
import {
  describeBroken,
  describeSizes,
  openExamples,
  tellProgress,
  trainingBatches,
} from "./examples.ts";
import { openDevice, restore } from "./device.ts";
import { openEngine, openPlace, type Place } from "./openEngine.ts";
import { denoCommand, describeEnvironment } from "../runs/environment.ts";
import { messageOf, modelError } from "../errors.ts";
import { makeEvaluator } from "./evaluate.ts";
import { type Display, formatDuration } from "../display/progress.ts";
import type { Hooks } from "./hooks.ts";
import { openRecorder } from "./recorder.ts";
import { writeReport } from "../report/report.ts";
import type { Cluster } from "../xla/machine.ts";
import { makerOf, type Progress, readCheckpoint } from "../runs/checkpoint.ts";
import type { RunFolder } from "../runs/folder.ts";
import { lockRun } from "../runs/lock.ts";
import { createRun } from "../runs/open.ts";
import { findRecovery, putRight, type Recovery } from "../runs/resume.ts";
import { Session } from "./session.ts";
import { checkPaths, graft } from "./partialLoad.ts";
import { makeTrainer, type Trainer } from "./step.ts";

/** Options of training: the folder of all runs, and the run that is resumed. */
export interface TrainOptions {
  /** The folder of all runs. */
  readonly root: string;
  readonly display: Display;
  /** The run to go on with; a new one without. */
  readonly resume?: RunFolder;
  /** Goes on also where config, backend or version are not those that the run had. */
  readonly acceptChanges?: boolean;
  readonly hooks?: Hooks;
  /** Fields of the config that are changed on purpose where a run goes on. */
  readonly accepted?: readonly string[];
  /** The place of this process among those of several hosts, which make each step together. */
  readonly cluster?: Cluster;
}

const beginning: Progress = { step: 0, seconds: 0, best: null, sinceBest: 0, results: {} };
const nothing: Recovery = { checkpoint: undefined, damaged: [], notes: [] };

/** Trains as the config says; gives the run's folder. Interrupted, it saves before it ends. */
export const train = Effect.fn("train")(
  function* (config: ExperimentConfig, options: TrainOptions) {
    const { root, display, resume } = options;
    const backend = yield* openDevice(config.backend);
    const place = yield* openPlace(config, options.cluster);
    const computer = place?.name ?? backend;
    const now = DateTime.toDateUtc(yield* DateTime.now);
    const environment = yield* describeEnvironment(computer, now);
    const task = yield* taskOf(config);
    const maker = makerOf(config, computer);
    const folder = folderOf(root, place?.machine.facts.process ?? 0);
    const run = resume ?? (yield* createRun(folder, config, environment, now));
    for (const text of yield* lockRun(run, now)) display.line(`warning: ${text}`);
    display.line(`${run.path}  ·  backend ${computer}  ·  ${environment.cpu}`);
    const recovery = resume === undefined ? nothing : yield* findRecovery(run, maker, {
      acceptChanges: options.acceptChanges ?? false,
      accepted: options.accepted ?? [],
    });
    for (const text of recovery.notes) display.line(text);
    const { examples, system, trainer, engine } = yield* begin(
      task,
      config,
      recovery,
      options,
      place,
    )
      .pipe(
        // A run that never began leaves nothing.
        Effect.onError(() => resume === undefined ? run.discard() : Effect.void),
      );
    const progress = recovery.checkpoint?.progress ?? beginning;
    if (resume !== undefined) {
      for (const text of yield* putRight(run, recovery, config.log)) display.line(text);
      const damage = yield* run.addEnvironment(environment);
      if (damage !== undefined) display.line(`warning: ${damage}`);
      const before = recovery.checkpoint?.maker.config ?? config;
      yield* run.keepConfigs(progress.step, before, config);
      yield* run.writeConfig(config);
      display.line(
        progress.step < config.steps
          ? `going on from step ${progress.step}`
          : `all ${config.steps} steps were made; --steps makes the run longer`,
      );
    }
    const recorder = yield* openRecorder(run, progress.step);
    const evaluator = makeEvaluator(task, system, config);
    const elapsed = () => performance.now() / 1000;
    const parts = {
      run,
      task,
      config,
      maker,
      examples,
      trainer,
      engine,
      evaluator,
      recorder,
      display,
      hooks: options.hooks ?? {},
      elapsed,
    };
    const session = new Session(parts, progress);
    // With a checkpoint of step 0, a run without any is one that lost them, and is not begun again. After damage the
    // one that the run goes on from may be that of the best score, which another will replace.
    const fresh = recovery.checkpoint === undefined || recovery.damaged.length > 0;
    if (fresh) yield* session.save();
    else yield* session.summarize("running");

    const { log } = config;
    yield* trainingBatches(examples, config, progress.step).pipe(
      Stream.take(config.steps - progress.step),
      Stream.takeWhile(() => !session.ended),
      Stream.runForEach(Effect.fnUntraced(function* (batch) {
        yield* session.advance(batch);
        yield* session.tellStep();
        // A hook may end the run, also that of an evaluation.
        const due = (every: number) => session.ended || session.step % every === 0;
        const drawing = () => due(log.panelEvery) || session.step === log.firstPanel;
        const others = due(log.evaluateEvery) || due(log.checkpointEvery) || drawing();
        if (others || due(log.every) || session.step === 1) {
          yield* session.note();
          session.show();
        }
        if (due(log.evaluateEvery)) yield* session.evaluate();
        if (drawing()) yield* session.draw();
        if (due(log.checkpointEvery)) yield* session.save();
        // Lets signals in: a backend that computes synchronously never yields by itself.
        yield* Effect.yieldNow;
      })),
      Effect.andThen(session.test()),
      Effect.onInterrupt(() => saveInterrupted(session, run, config, display)),
      Effect.tapError((error) =>
        session.summarize("failed", messageOf(error)).pipe(
          Effect.andThen(writeReport(run, config)),
          Effect.ignore,
          Effect.andThen(Effect.sync(() => {
            display.end();
            if (error._tag === "NumericsError") return;
            display.line(`to go on, when what follows is put right: ${resumeCommand(run)}`);
          })),
        )
      ),
    );
    yield* session.summarize("finished");
    const { flatness } = session;
    if (flatness !== undefined) {
      display.line(flatness.flat ? flatness.message : `WARNING: ${flatness.message}`);
    }
    yield* writeReport(run, config);
    display.end();
    const broken = describeBroken(examples);
    if (broken !== undefined) display.line(broken);
    display.line(
      `done after ${
        formatDuration((yield* Clock.currentTimeMillis) / 1000 - now.getTime() / 1000)
      }: ` +
        run.file("report.html"),
    );
    return run;
  },
  Effect.scoped,
);

/** The folder for runs of one of several processes: they may share a disk. */
export const folderOf = (root: string, process: number): string =>
  process === 0 ? root : join(root, `process-${process}`);

/** All that can be wrong before the first step: the data, the model, and the checkpoint to go on from. */
const begin = Effect.fnUntraced(
  function* (
    task: Task,
    config: ExperimentConfig,
    { checkpoint }: Recovery,
    options: TrainOptions,
    place: Place | undefined,
  ) {
    const { display } = options;
    const examples = yield* openExamples(task, config, tellProgress(task, display));
    display.line(describeSizes(task, examples));
    for (const text of examples.warnings ?? []) display.line(`warning: ${text}`);
    const broken = describeBroken(examples);
    if (broken !== undefined) display.line(broken);
    for (const note of task.notes ?? []) display.line(note);
    const system = yield* Effect.try({
      try: () => task.system(config),
      catch: modelError("The model cannot be made."),
    });
    const trainer = makeTrainer(system, config.optimizer);
    const initial = yield* initialState(trainer, config);
    for (const [name, { paths }] of Object.entries(system.groups ?? {})) {
      yield* checkPaths(initial.params, `the group "${name}" of the task`, paths);
    }
    for (const [name, { paths }] of Object.entries(config.optimizer.groups)) {
      yield* checkPaths(initial.params, `optimizer.groups.${name}.paths`, paths);
    }
    const state = checkpoint === undefined ? initial : yield* restore(checkpoint, initial);
    const parts = { task, config, trainer, examples };
    const engine = yield* openEngine(place, parts, state, checkpoint?.progress.step ?? 0);
    return { examples, system, trainer, engine };
  },
);

/** The state before the first step, with parts of another run where the config says so. */
const initialState = Effect.fnUntraced(function* (trainer: Trainer, config: ExperimentConfig) {
  const state = yield* Effect.try({
    try: () => trainer.init(config.seed),
    catch: modelError("The model's parameters cannot be made."),
  });
  yield* checkPaths(state.params, "optimizer.frozen", config.optimizer.frozen);
  if (config.start === undefined) return state;
  const { from, only } = config.start;
  return { ...state, params: yield* graft(state.params, yield* readCheckpoint(from), only) };
});

/** Handles Ctrl-C: everything is saved, and the command that resumes the run is shown. */
const saveInterrupted = (
  session: Session,
  run: RunFolder,
  config: ExperimentConfig,
  display: Display,
) =>
  Effect.gen(function* () {
    display.end();
    display.line(`interrupted at step ${session.step}: saving`);
    yield* session.note();
    yield* session.save("interrupted");
    yield* writeReport(run, config);
    display.line(`to go on: ${resumeCommand(run)}`);
  }).pipe(
    Effect.catch((error) =>
      Effect.sync(() => display.line(`this could not be saved: ${messageOf(error)}`))
    ),
  );

/** The command that resumes a run. */
export function resumeCommand(run: RunFolder): string {
  return `${denoCommand} task train resume ${run.name}`;
}
