/** What the tests of experiments share: a config that trains in seconds, and folders that go away. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect, Exit } from "effect";
import { afterAll, beforeAll } from "vitest";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import type { ImageConfig } from "../../src/experiments/tasks/images/config.ts";
import type { SlotConfig } from "../../src/experiments/tasks/slotAttention.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { tiny, toy } from "./toy.ts";
import type { Display } from "../../src/experiments/display/progress.ts";

export { tiny, toyTask } from "./toy.ts";

/** The config of a task with slot attention. */
export type ImageRun = ExperimentConfig<SlotConfig & { readonly task: string }, ImageConfig>;

/** The tiny config with some fields changed. */
export const tinyConfig = (...overrides: string[]): Promise<ImageRun> => decoded(tiny, overrides);

const decoded = (config: object, overrides: readonly string[]) =>
  Effect.runPromise(
    applyOverrides(config, overrides).pipe(Effect.flatMap((c) => decodeConfig(c, "The config"))),
  ) as Promise<ImageRun>; // of the tasks that there are, both have such configs

/** A run of a system that takes milliseconds, with a checkpoint every other step. */
export const toyConfig = (...overrides: string[]): Promise<ImageRun> => decoded(toy, overrides);

/** A folder that lives as long as the tests of the file that asks for it. */
export function temporaryFolder(): (...names: string[]) => string {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "trilevel-runs-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return (...names) => join(folder, ...names);
}

/** A display that remembers what it was told. */
export function remember(): Display & { readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, update: () => {}, line: (text) => void lines.push(text), end: () => {} };
}

/** The error an effect fails with. */
export async function failure<E>(effect: Effect.Effect<unknown, E>): Promise<E> {
  const exit = await Effect.runPromiseExit(Effect.flip(effect));
  if (Exit.isSuccess(exit)) return exit.value;
  throw new Error("the effect did not fail");
}

/** Overrides of `slate-quick` for a run of the smallest model: 4 tokens. */
export const smallestSlate = [
  "data.resolution=8",
  "data.grid=0",
  "data.objects=[1,1]",
  "data.scenes=40",
  "data.evaluate=4",
  "data.test=0",
  "model.vocabulary=8",
  "model.channels=4",
  "model.size=8",
  "model.heads=2",
  "model.blocks=1",
  "model.slots=2",
  "model.temperatureSteps=4",
  "optimizer.warmup=2",
  "log.every=1",
  "log.evaluateEvery=1",
  "log.panelEvery=100",
  "log.firstPanel=2",
  "log.panelImages=2",
  "log.checkpointEvery=1",
  "batchSize=4",
  "backend=reference",
];
