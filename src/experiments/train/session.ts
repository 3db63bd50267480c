/**
 * A training run while it runs: the state on the device, and what is done with it now and then (noting,
 * scoring, drawing, saving). `runner.ts` decides when.
 */
import { Effect } from "effect";
import { type Draft, produce } from "immer";
import { dispose } from "../../index.ts";
import type { Batch, Dataset, Sample } from "../../data/index.ts";
import type { ExperimentConfig } from "../schema.ts";
import { readTree, restore } from "./device.ts";
import type { Engine } from "./engine.ts";
import { explainNan, firstBroken } from "./nanOrigin.ts";
import { modelError, stepError } from "../errors.ts";
import { formatScores, mainScore } from "../tasks/scores.ts";
import type { Examples, Params, Scores, Task } from "../tasks/task.ts";
import type { Evaluator } from "./evaluate.ts";
import {
  collectGarbage,
  type Flatness,
  judgeMemory,
  type MemorySample,
  sampleMemory,
} from "./memory.ts";
import { type Display, formatCount, formatDuration } from "../display/progress.ts";
import type { HookAt, Hooks } from "./hooks.ts";
import type { Recorder } from "./recorder.ts";
import { bestCheckpoint, type Maker, type Progress, saveCheckpoint } from "../runs/checkpoint.ts";
import type { RunFolder, Summary } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";
import type { Trainer } from "./step.ts";

/** The parts of a session, all of them open. */
export interface SessionParts {
  readonly run: RunFolder;
  readonly task: Task;
  readonly config: ExperimentConfig;
  readonly maker: Maker;
  readonly examples: Examples;
  readonly trainer: Trainer;
  readonly engine: Engine;
  readonly evaluator: Evaluator;
  readonly recorder: Recorder;
  readonly display: Display;
  readonly hooks: Hooks;
  /** Seconds since the command began. */
  readonly elapsed: () => number;
}

/** The state of the run so far; never changed in place. */
interface RunState {
  readonly progress: Progress;
  readonly loss: number;
  /** Samples per second since the last note. */
  readonly rate: number | null;
  readonly score: string;
}

/** A run under way. */
export class Session {
  #run: RunState;
  /** When the steps since the last note began. */
  #since: number;
  #noted: number;
  /** The first note here: what comes after it goes at the pace of the rest. */
  #first: { readonly step: number; readonly time: number } | undefined;
  readonly #memory: MemorySample[] = [];
  #stopped = false;

  constructor(
    private readonly parts: SessionParts,
    progress: Progress,
  ) {
    this.#run = { progress, loss: NaN, rate: null, score: "" };
    this.#since = parts.elapsed();
    this.#noted = progress.step;
  }

  /** Finished updates. */
  get step(): number {
    return this.#run.progress.step;
  }

  /** True if this step is the last one: all steps were made, a hook stopped the run, or its patience is exhausted. */
  get ended(): boolean {
    return this.#stopped || this.#tired || this.step >= this.parts.config.steps;
  }

  readonly #state = () =>
    Effect.tryPromise({
      try: () => this.parts.engine.state(),
      catch: stepError("The state of training cannot be read."),
    });

  readonly #hook = (name: keyof Hooks, call: (at: HookAt<Params>) => unknown) =>
    Effect.flatMap(this.#state(), ({ params }) =>
      Effect.tryPromise({
        try: async () =>
          await call({ step: this.step, params, stop: () => void (this.#stopped = true) }),
        catch: modelError(`The hook ${name} failed at step ${this.step}.`),
      }));

  /** The hook for every step. */
  readonly tellStep = () => {
    const { afterStep } = this.parts.hooks;
    return afterStep === undefined ? Effect.void : this.#hook("afterStep", (at) => afterStep(at));
  };

  /** True when no evaluation was better for as long as the config has patience. */
  get #tired(): boolean {
    const { patience } = this.parts.config.log;
    return patience > 0 && this.#run.progress.sinceBest >= patience;
  }

  /** The verdict on memory use, once there are enough samples. */
  get flatness(): Flatness | undefined {
    return judgeMemory(this.#memory);
  }

  #edit(recipe: (draft: Draft<RunState>) => void): void {
    this.#run = produce(this.#run, recipe);
  }

  /** One update. Nothing is read. */
  readonly advance = ({ fields, step }: Batch<Sample>) =>
    Effect.tryPromise({
      try: async () => {
        await this.parts.engine.advance(fields);
        this.#edit((draft) => void (draft.progress.step = step + 1));
      },
      catch: stepError(`Step ${step + 1} failed.`),
    });

  /** The measurements of the steps since the last note. */
  readonly #rows = () =>
    Effect.tryPromise({
      try: async () => {
        const { engine, trainer: { names } } = this.parts;
        const data = await engine.measure();
        return Array.from({ length: this.step - this.#noted }, (_, n): MetricRow => ({
          step: this.#noted + n + 1,
          ...Object.fromEntries(names.map((name, i) => [name, data[n * names.length + i]!])),
        }));
      },
      catch: stepError("A step of training failed."),
    });

  /** Reads and writes what was measured since the last time; fails when something is no number. */
  readonly note = () =>
    Effect.gen({ self: this }, function* () {
      const { recorder, trainer, task, config, elapsed, run, examples } = this.parts;
      const rows = yield* this.#rows();
      const last = rows.at(-1);
      if (last === undefined) return;
      const broken = firstBroken(rows);
      if (broken !== undefined) {
        yield* recorder.write(rows.slice(0, rows.indexOf(broken) + 1));
        const error = yield* explainNan(run, task, config, trainer, examples, broken);
        return yield* Effect.fail(error);
      }
      const now = elapsed();
      const seconds = now - this.#since;
      const count = this.step - this.#noted;
      if (this.#run.progress.results["firstStepSeconds"] === undefined) {
        this.#edit((draft) => void (draft.progress.results["firstStepSeconds"] = now));
      }
      const memory = sampleMemory(this.step);
      this.#memory.push(memory);
      this.#edit((draft) => {
        draft.progress.seconds += seconds;
        draft.loss = Number(last["loss"]);
        // The first note is about one step and its compilation.
        if (count > 1) draft.rate = (count * config.batchSize) / seconds;
      });
      this.#noted = this.step;
      this.#first ??= { step: this.step, time: now };
      const measured = {
        seconds: this.#run.progress.seconds,
        processMiB: memory.process,
        deviceMiB: memory.device,
        deviceTensors: memory.tensors,
        ...(this.#run.rate === null ? {} : { samplesPerSecond: this.#run.rate }),
      };
      yield* recorder.write([...rows.slice(0, -1), { ...last, ...measured }]);
      this.#since = elapsed();
    });

  /** Shows where the run is. */
  show(): void {
    const { task, config, display } = this.parts;
    const { progress: { step }, loss, rate, score } = this.#run;
    const left = this.#secondsLeft();
    display.update({
      what: "step",
      step,
      steps: config.steps,
      facts: [
        `loss ${Number.isFinite(loss) ? loss.toPrecision(4) : "–"}`,
        ...(score === "" ? [] : [score]),
        ...(rate === null ? [] : [`${formatCount(rate)} ${task.samples}/s`]),
        ...(left === null ? [] : [`${formatDuration(left)} left`]),
      ],
    });
  }

  /** At the pace so far, scores and pictures included. */
  #secondsLeft(): number | null {
    if (this.#first === undefined || this.#first.step === this.step) return null;
    const { step, time } = this.#first;
    const pace = (this.parts.elapsed() - time) / (this.step - step);
    return pace * (this.parts.config.steps - this.step);
  }

  /** Scores on validation data; the best parameters so far are kept. */
  readonly evaluate = () =>
    Effect.gen({ self: this }, function* () {
      const { task, config, evaluator, recorder, display, examples: { validation } } = this.parts;
      if (validation === undefined) return;
      const state = yield* this.#state();
      const { average } = state;
      const scores = {
        ...yield* evaluator.score(state, validation),
        ...(average === null ? {} : prefixed(
          "average",
          yield* evaluator.score({ ...state, params: average }, validation),
        )),
      };
      const { numbers, lists } = yield* evaluator.diagnose(state, validation);
      const row: MetricRow = {
        step: this.step,
        ...prefixed("validation", { ...scores, ...numbers }),
        ...lists,
      };
      yield* recorder.write([row]);
      // Not after a last step that is none of these: a longer run would not be evaluated there.
      if (this.step % config.log.evaluateEvery === 0) {
        yield* Effect.tryPromise({
          try: async () => {
            const next = this.parts.trainer.evaluated(state, { ...scores, ...numbers });
            if (next !== state) await this.parts.engine.replace(next);
          },
          catch: stepError("The learning rates cannot follow the scores."),
        });
      }
      const { value, text, better } = mainScore(task, scores, config.log.best);
      this.#edit((draft) => {
        Object.assign(draft.progress.results, scores, numbers);
        draft.score = text;
      });
      const before = this.#run.progress.best;
      const best = Number.isFinite(value) &&
        (before === null || (better === "higher" ? value > before : value < before));
      this.#edit((draft) => {
        if (best) draft.progress.best = value;
        draft.progress.sinceBest = best ? 0 : draft.progress.sinceBest + 1;
      });
      if (best) yield* this.#checkpoint({ best });
      if (this.#tired) {
        const { sinceBest } = this.#run.progress;
        display.line(`${sinceBest} evaluations without a better score: training ends`);
      }
      const { afterEvaluation } = this.parts.hooks;
      if (afterEvaluation !== undefined) {
        const all = { ...scores, ...numbers };
        yield* this.#hook(
          "afterEvaluation",
          (at) => afterEvaluation({ ...at, scores: all, best }),
        );
      }
      display.line(`step ${this.step}: ${formatScores(task, scores)}`);
      this.#since = this.parts.elapsed();
    });

  /** Scores on test data by the best checkpoint: once, when training has ended. */
  readonly test = () =>
    Effect.gen({ self: this }, function* () {
      const { run, task, evaluator, display, examples: { test } } = this.parts;
      if (test === undefined) return;
      const { checkpoint } = yield* bestCheckpoint(run);
      const best = yield* restore(checkpoint, yield* this.#state());
      const scores = yield* evaluator.score(best, test).pipe(
        Effect.ensuring(Effect.sync(() => dispose(best))),
      );
      this.#edit((draft) => void Object.assign(draft.progress.results, prefixed("test", scores)));
      display.line(`test, step ${checkpoint.progress.step}: ${formatScores(task, scores)}`);
    });

  /** Pictures of the first validation samples, or those to train on where there are none. */
  readonly draw = () =>
    Effect.gen({ self: this }, function* () {
      const { evaluator, recorder, elapsed, examples } = this.parts;
      const shown = shownOf(examples);
      if (shown === undefined) return;
      yield* recorder.pictures(this.step, yield* evaluator.draw(yield* this.#state(), shown));
      collectGarbage();
      if (this.#run.progress.results["firstPanelSeconds"] === undefined) {
        this.#edit((draft) => void (draft.progress.results["firstPanelSeconds"] = elapsed()));
      }
      this.#since = elapsed();
    });

  /** A checkpoint, and a summary of where the run is. */
  readonly save = (status: Summary["status"] = "running", message?: string) =>
    Effect.gen({ self: this }, function* () {
      yield* this.#checkpoint({ best: false });
      yield* this.summarize(status, message);
      this.#since = this.parts.elapsed();
    });

  readonly #checkpoint = ({ best }: { readonly best: boolean }) =>
    Effect.gen({ self: this }, function* () {
      const { run, maker, config: { log: { keep } } } = this.parts;
      const state = yield* this.#state();
      const tensors = yield* Effect.tryPromise({
        try: () => readTree(state),
        catch: modelError("The state of training cannot be read."),
      });
      const path = yield* saveCheckpoint(run, tensors, this.#run.progress, maker, { keep, best });
      const { afterCheckpoint } = this.parts.hooks;
      if (afterCheckpoint !== undefined) {
        yield* this.#hook("afterCheckpoint", (at) => afterCheckpoint({ ...at, path }));
      }
    });

  /** Writes the summary alone. */
  readonly summarize = (status: Summary["status"], message?: string) =>
    this.parts.run.writeSummary({
      status,
      step: this.step,
      results: { ...this.#run.progress.results, ...this.#measured() },
      ...(message === undefined ? {} : { message }),
      ...((this.parts.examples.broken ?? []).length === 0
        ? {}
        : { broken: this.parts.examples.broken }),
    });

  #measured(): Scores {
    const { step, seconds, best } = this.#run.progress;
    const growth = this.flatness?.growth;
    return {
      trainingSeconds: seconds,
      ...(seconds === 0 ? {} : { samplesPerSecond: step * this.parts.config.batchSize / seconds }),
      ...(best === null ? {} : { best }),
      ...(growth === undefined
        ? {}
        : { processGrowthMiB: growth.process, deviceGrowthTensors: growth.tensors }),
    };
  }
}

const prefixed = (prefix: string, scores: Scores): Scores =>
  Object.fromEntries(Object.entries(scores).map(([name, value]) => [`${prefix}/${name}`, value]));

/** The samples that pictures show. */
const shownOf = ({ train, validation }: Examples): Dataset<Sample> | undefined =>
  validation ?? ("batches" in train ? undefined : train);
