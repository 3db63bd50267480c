/**
 * Experiments: training runs that can be interrupted, scored, drawn and compared, of any system. A system is a task, see
 * {@linkcode defineTask}; a program with tasks of its own has the whole command line:
 *
 * ```ts ignore
 * import { NodeRuntime, NodeServices } from "@effect/platform-node";
 * import { Effect } from "effect";
 * import { main, Tasks, tasks } from "trilevel/experiments";
 * import { mixture } from "./mixture.ts";
 * main.pipe(
 *   Effect.provideService(Tasks, [mixture, ...tasks]),
 *   Effect.provide(NodeServices.layer),
 *   NodeRuntime.runMain({ disableErrorReporting: true }),
 * );
 * ```
 *
 * @module
 */
export { main } from "./cli/command.ts";
export { type Display, openDisplay } from "./display/progress.ts";
export { decodeConfig } from "./config/decode.ts";
export { makeOptimizer } from "./optimizer.ts";
export {
  type ConfigInput,
  Count,
  CountOrZero,
  defaultsTo,
  type ExperimentConfig,
  Fraction,
  NonNegative,
  Positive,
} from "./schema.ts";
export * from "./errors.ts";
export { blank, colored, type Picture, scatter } from "./display/canvas.ts";
export type { Figure, Film, Panel } from "./display/panel.ts";
export { Studies, studies } from "./studies/index.ts";
export { runStudy, type StudyOptions } from "./studies/runStudy.ts";
export {
  type Claim,
  lastPart,
  type Measure,
  type Study,
  type StudyCurve,
  type StudyKind,
} from "./studies/study.ts";
export {
  type AnyTask,
  type DefinedTask,
  openRun,
  type OpenRunOptions,
  type Run,
} from "./code/openRun.ts";
export { type Looked, type OwnScore, type OwnTask } from "./code/task.ts";
export type { DataPart, OwnData, Repeatable } from "./code/data.ts";
export type { Batched, NestedNumbers } from "./code/trees.ts";
export { train, type TrainOptions, type TrainTaskOptions } from "./code/train.ts";
export type { MetricRow } from "./runs/metrics.ts";
export type { Summary } from "./runs/folder.ts";
export type { HookAt, Hooks } from "./train/hooks.ts";
export { discovery, properties, Tasks, tasks } from "./tasks/index.ts";
export { adjointOf, inferenceFields, solverOf } from "./tasks/inference.ts";
export { averaged } from "./tasks/scores.ts";
export * from "./tasks/task.ts";
