/** What the tests of experiments share: a config that trains in seconds, and folders that go away. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect, Exit } from "effect";
import { afterAll, beforeAll } from "vitest";
import { np, random, type Tensor } from "trilevel";
import {
  type ConfigInput,
  decodeConfig,
  type ExperimentConfig,
} from "../../src/experiments/config/config.ts";
import type { System } from "../../src/experiments/tasks/system.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import type { Display } from "../../src/experiments/report/progress.ts";

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

const toyLog = {
  every: 1,
  evaluateEvery: 2,
  panelEvery: 4,
  firstPanel: 4,
  panelImages: 1,
  checkpointEvery: 2,
  keep: 2,
};

/** A run of a system that takes milliseconds, with a checkpoint every other step. */
export const toyConfig = (...overrides: string[]): Promise<ExperimentConfig> =>
  tinyConfig(
    "name=toy",
    "backend=reference",
    "steps=4",
    "batchSize=2",
    "data.scenes=8",
    "data.resolution=4",
    "data.objects=[1,1]",
    "data.evaluate=1",
    "model.slots=1",
    "optimizer.learningRate=0.01",
    `log=${JSON.stringify(toyLog)}`,
    ...overrides,
  );

/** Images are explained as multiples of themselves. Every part of a run has something to do, and little. */
export const toySystem = ({ data: { resolution: n }, model: { slots } }: ExperimentConfig): System<
  { readonly scale: Tensor; readonly shift: Tensor }
> => ({
  init: (key) => ({ scale: random.normal(key, [3]), shift: np.zeros([]) }),
  loss: ({ scale, shift }, { image }, key) => [
    np.mean(np.square(image.mul(scale).add(shift).sub(image))),
    { noise: np.mean(random.normal(key, [2])) },
  ],
  look: ({ scale, shift }, { image }) => {
    const batch = image.shape[0]!;
    return {
      reconstruction: image.mul(scale).add(shift),
      components: np.zeros([batch, slots, n, n, 3]),
      masks: np.full([batch, slots, n, n], 1 / slots),
      attention: np.full([batch, slots, n, n], 1 / n ** 2),
      predictions: null,
    };
  },
  dynamics: ({ shift }, _, _key, steps) => ({
    residuals: np.zeros([steps]).add(shift),
    spectralNorm: np.abs(shift),
  }),
});

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
