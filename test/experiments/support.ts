/** What the tests of experiments share: a config that trains in seconds, and folders that go away. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect, Exit } from "effect";
import { afterAll, beforeAll } from "vitest";
import {
  type ConfigInput,
  decodeConfig,
  type ExperimentConfig,
} from "../../src/experiments/config.ts";
import { applyOverrides } from "../../src/experiments/overrides.ts";
import type { Display } from "../../src/experiments/progress.ts";

/** The smallest run that has every part. */
export const tiny: ConfigInput = {
  name: "tiny",
  model: {
    task: "discovery",
    slots: 3,
    slotSize: 8,
    mlpHidden: 8,
    iterations: 2,
    encoder: { channels: 4, kernel: 3, strides: [2] },
    decoder: { kind: "mlp", channels: 8, layers: 1 },
  },
  data: { source: "sprites", scenes: 40, resolution: 16, objects: [2, 2], evaluate: 6 },
  optimizer: { learningRate: 1e-2, warmup: 4 },
  log: { every: 2, evaluateEvery: 8, panelEvery: 8, firstPanel: 2, checkpointEvery: 4, keep: 2 },
  steps: 12,
  batchSize: 4,
  backend: "onnx",
};

/** The tiny config with some fields changed. */
export const tinyConfig = (...overrides: string[]): Promise<ExperimentConfig> =>
  Effect.runPromise(
    applyOverrides(tiny, overrides).pipe(Effect.flatMap((c) => decodeConfig(c, "The config"))),
  );

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
