/** The task of N-EM: a small run, resuming, its own data or a file's, and mistakes. */
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { binaryShapes } from "../../src/data/index.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect);
const configured = (...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed("nem-quick"), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );
const small = [
  "data.resolution=13",
  "data.images=16",
  "data.evaluate=4",
  "model.hidden=6",
  "model.iterations=3",
  "log.every=1",
  "log.evaluateEvery=2",
  "log.panelEvery=100",
  "log.panelImages=2",
  "log.checkpointEvery=2",
  "batchSize=4",
  "backend=reference",
];
const trained = async (root: string, overrides: string[], resume?: RunFolder) =>
  await run(
    train(await run(configured(...small, ...overrides)), {
      root: folder(root),
      display: remember(),
      ...(resume === undefined ? {} : { resume }),
    }),
  );
const tensorsOf = async (where: RunFolder) =>
  (await run(latestCheckpoint(where))).checkpoint!.tensors;

it.each([["rnn", "oneStep", "last"], ["gradient", "unrolled", "all"]])(
  "trains %s with %s on the %s step, and a resumed run has the same bits",
  async (cell, adjoint, lossOn) => {
    const model = [`model.cell=${cell}`, `model.adjoint=${adjoint}`, `model.lossOn=${lossOn}`];
    const whole = await trained(`${cell}-whole`, [...model, "steps=4"]);
    const half = await trained(`${cell}-half`, [...model, "steps=2"]);
    await trained(`${cell}-half`, [...model, "steps=4"], half);
    expect(await tensorsOf(half)).toEqual(await tensorsOf(whole));
  },
);

it("generates shapes whose labels are where one shape alone is", () => {
  for (let index = 0; index < 50; index++) {
    const { image, labels } = binaryShapes({}, 3, index);
    expect(binaryShapes({}, 3, index).image.data).toEqual(image.data);
    const on = image.data.reduce((sum, x) => sum + x, 0);
    const [least, most] = [49, 3 * 64]; // a triangle alone has 49 pixels, a square 64
    expect(on).toBeGreaterThanOrEqual(least);
    expect(on).toBeLessThanOrEqual(most);
    labels.data.forEach((label, p) => label > 0 && expect(image.data[p]).toBe(1));
  }
  const one = binaryShapes({ count: 1 }, 0, 0);
  expect(one.labels.data).toEqual(one.image.data);
  expect(() => binaryShapes({ size: 12 }, 0, 0)).toThrow(
    /an image of 12 pixels is smaller than triangles of 13/,
  );
});

it.each([
  [["model.lossOn=all"], /"all" needs every iterate, and model.adjoint "oneStep"/],
  [["data.resolution=12"], /generated shapes are 13 pixels wide/],
  [["data.images=2", "batchSize=4"], /batchSize: 4 is more than data.images, 2/],
  [["model.noise=1.5"], /model.noise/],
])("refuses %s", async (overrides, reason) => {
  expect((await failure(configured(...overrides))).message).toMatch(reason);
});

it("a file that is missing is told before training", async () => {
  const config = await run(configured(...small, "data.path=/no/such/shapes.h5"));
  const error = await failure(train(config, { root: folder("missing"), display: remember() }));
  expect(error.message).toMatch(/cannot be read as a file of N-EM/);
});
