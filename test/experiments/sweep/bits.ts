/** All of a run that must not depend on where it was made, or how often it was interrupted. */
import { readdir } from "node:fs/promises";
import { Effect } from "effect";
import { readCheckpoint } from "../../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../../src/experiments/runs/folder.ts";

/** Numbers of time and memory, which differ from run to run. */
const ofTheMachine = /[sS]econds|PerSecond|MiB|Tensors/;

const steady = (row: object) =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !ofTheMachine.test(name)));

/** The tensors of all checkpoints, the progress, and the rows of metrics. */
export const bitsOf = (run: RunFolder): Promise<unknown> =>
  Effect.runPromise(Effect.gen(function* () {
    const names = (yield* Effect.promise(() => readdir(run.file("checkpoints")))).sort();
    const checkpoints = yield* Effect.forEach(
      names,
      (name) => readCheckpoint(run.file("checkpoints", name)),
    );
    const { value: summary } = yield* run.summary();
    return {
      names,
      tensors: checkpoints.map(({ tensors }) => tensors),
      progress: checkpoints.map(({ progress: { step, best, sinceBest, results } }) => ({
        step,
        best,
        sinceBest,
        results: steady(results),
      })),
      status: summary?.status,
      rows: (yield* run.metrics()).map(steady),
    };
  }));
