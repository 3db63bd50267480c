/** The task of R-NEM: small runs, resuming, scores of frames after collisions, pictures, and mistakes. */
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { ndarray } from "../../src/data/index.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import { relationalNeuralEmTask } from "../../src/experiments/tasks/relationalNeuralEm.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect);
const configured = (preset: string, ...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed(preset), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );
const small = [
  "data.resolution=16",
  "data.videos=8",
  "data.evaluate=2",
  "data.frames=4",
  "data.further=2",
  "model.hidden=4",
  "model.channels=[2,2]",
  "model.features=4",
  "model.attentionHidden=4",
  "log.every=1",
  "log.evaluateEvery=2",
  "log.panelEvery=2",
  "log.panelImages=2",
  "log.checkpointEvery=2",
  "batchSize=2",
  "backend=reference",
];
const trained = async (preset: string, root: string, overrides: string[], resume?: RunFolder) =>
  await run(
    train(await run(configured(preset, ...small, ...overrides)), {
      root: folder(root),
      display: remember(),
      ...(resume === undefined ? {} : { resume }),
    }),
  );
const tensorsOf = async (where: RunFolder) =>
  (await run(latestCheckpoint(where))).checkpoint!.tensors;

it("trains with messages, scores rollouts, draws, and a resumed run has the same bits", async () => {
  const whole = await trained("rnem-quick", "whole", ["steps=4"]);
  const half = await trained("rnem-quick", "half", ["steps=2"]);
  await trained("rnem-quick", "half", ["steps=4"], half);
  expect(await tensorsOf(half)).toEqual(await tensorsOf(whole));
  const { results } = (await run(whole.summary())).value!;
  expect(results["bce"]).toBeGreaterThan(0);
  expect(results["rolloutBce"]).toBeGreaterThan(0);
  expect((await run(whole.read("panels/strip-00000004.png")))!.length).toBeGreaterThan(100);
  expect((await run(whole.read("panels/film-00000004.png")))!.length).toBeGreaterThan(100);
});

it("trains without messages on flying shapes", async () => {
  const whole = await trained("rnnem-quick", "shapes", ["steps=2"]);
  const { results } = (await run(whole.summary())).value!;
  expect(Number.isFinite(results["ami"])).toBe(true);
  expect(results["eventBce"]).toBeUndefined(); // shapes do not collide
});

it("scores what is there: a perfect prediction, one that misses a pixel, and one after a collision", async () => {
  const config = await run(configured("rnem-quick", ...small)) as ExperimentConfig<never, never>;
  const score = (components: number[][], events: number[]) => {
    const scorer = relationalNeuralEmTask.system(config).scorer();
    const video = ndarray(new Float32Array([1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]), [6, 1, 2]);
    const groups = ndarray(Uint8Array.from(video.data), [6, 1, 2]);
    const masks = { data: components.flat(), shape: [5, 1, 1, 2] };
    const sample = { video, groups, events: ndarray(Uint8Array.from(events), [6]) };
    scorer.add({ sample: sample as never, output: { components: masks, masks } });
    return scorer.result();
  };
  const right = [[0, 1], [1, 0], [0, 1], [1, 0], [0, 1]];
  const perfect = score(right, [0, 0, 0, 0, 0, 0]);
  expect(perfect["bce"]).toBeLessThan(1e-5);
  expect(perfect["eventBce"]).toBeUndefined();
  // The second prediction is of the frame 2, since which balls had collided: half of its brightness is missing.
  const dim = score(right.map((frame, t) => t === 1 ? [0.5, 0] : frame), [0, 0, 1, 0, 0, 0]);
  expect(dim["eventBce"]).toBeCloseTo(Math.LN2, 5);
  expect(dim["bce"]).toBeCloseTo(Math.LN2 / 3, 5);
  expect(dim["rolloutBce"]).toBeLessThan(1e-5);
});

it.each([
  ["rnem-quick", ["data.resolution=18"], /18 cannot be halved by the 2 convolutions/],
  ["rnem-quick", ["data.frames=1"], /a frame is predicted from the one before it/],
  ["rnem-quick", ["data.objects=[3,2]"], /the least, 3, is above the greatest/],
  ["rnem-quick", ["data.videos=2", "batchSize=4"], /batchSize: 4 is more than data.videos, 2/],
  ["rnnem-quick", ["data.curtain=0.5"], /flying shapes have none/],
  ["rnnem-quick", ["data.resolution=12"], /shapes are 13 pixels wide/],
  ["rnem-quick", ["model.messages=loud"], /model.messages/],
])("%s refuses %s", async (preset, overrides, reason) => {
  expect((await failure(configured(preset, ...overrides))).message).toMatch(reason);
});
