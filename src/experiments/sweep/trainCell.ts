/** Trains one cell in its folder, in this process, and says how that ended. */
import { dirname } from "node:path";
import { Cause, Effect, Exit } from "effect";
import type { Display } from "../display/progress.ts";
import { messageOf } from "../errors.ts";
import { CurrentDisk, RunFolder } from "../runs/folder.ts";
import type { ExperimentConfig } from "../schema.ts";
import { train } from "../train/runner.ts";
import type { Outcome } from "./cell.ts";
import { type Fence, fenced } from "./fence.ts";

/** The progress of a cell: finished updates, and those in its latest checkpoint. */
export interface CellProgress {
  readonly step: number;
  readonly saved: number;
}

/** Options of {@link trainCell}. */
export interface TrainCellOptions {
  readonly folder: string;
  readonly fence: Fence;
  readonly display: Display;
  readonly tell: (progress: CellProgress) => void;
}

/** Trains until the cell has a result; interrupted, it saves what it has first. */
export const trainCell = Effect.fnUntraced(function* (
  config: ExperimentConfig,
  { folder, fence, display, tell }: TrainCellOptions,
) {
  const run = new RunFolder(folder);
  let [step, saved] = [0, 0];
  const exit = yield* Effect.exit(
    train(config, {
      root: dirname(folder),
      display,
      resume: run,
      hooks: {
        afterStep: (at) => tell({ step: step = at.step, saved }),
        afterCheckpoint: (at) => tell({ step: step = at.step, saved: saved = at.step }),
      },
    }).pipe(Effect.provideService(CurrentDisk, fenced(yield* CurrentDisk, fence))),
  );
  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) {
    return yield* Effect.interrupt;
  }
  const { value: summary } = yield* run.summary();
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined;
  const diverged = typeof error === "object" && error !== null && "_tag" in error &&
    error._tag === "NumericsError";
  return {
    state: error === undefined ? "finished" : diverged ? "diverged" : "failed",
    step: summary?.step ?? step,
    results: Object.fromEntries(
      Object.entries(summary?.results ?? {}).map((
        [name, x],
      ) => [name, Number.isFinite(x) ? x : null]),
    ),
    ...(error === undefined ? {} : { message: messageOf(error) }),
  } satisfies Outcome as Outcome;
});
