/** The task of mixtures: small runs of each kind, resuming, and mistakes. */
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (load) => ({
  ...await load<object>(),
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
  "data.sets=8",
  "data.evaluate=2",
  "data.points=9",
  "model.iterations=5",
  "log.every=1",
  "log.evaluateEvery=2",
  "log.panelEvery=100",
  "log.firstPanel=2",
  "log.panelImages=2",
  "log.checkpointEvery=2",
  "batchSize=4",
  "backend=reference",
];
const trained = async (preset: string, root: string, steps: number, resume?: RunFolder) =>
  await run(
    train(await run(configured(preset, ...small, `steps=${steps}`)), {
      root: folder(root),
      display: remember(),
      ...(resume === undefined ? {} : { resume }),
    }),
  );
const tensorsOf = async (where: RunFolder) =>
  (await run(latestCheckpoint(where))).checkpoint!.tensors;

it("trains, and a resumed run has the same bits", async () => {
  const whole = await trained("soft-k-means-quick", "whole", 3);
  const half = await trained("soft-k-means-quick", "half", 2);
  await trained("soft-k-means-quick", "half", 3, half);
  expect(await tensorsOf(half)).toEqual(await tensorsOf(whole));
});

it("trains and draws the other kinds", async () => {
  for (const preset of ["mixture-quick", "bernoulli-mixture-quick"]) {
    expect(await tensorsOf(await trained(preset, preset, 2))).toBeDefined();
  }
});

it.each([
  [["model.clusters=60"], /model.clusters: 60, but a set has 48 points/],
  [["model.kind=bernoulli", "data.noise=0.6"], /data.noise: 0.6 is above 0.5/],
  [["data.sets=8"], /batchSize: 32 is more than data.sets, 8/],
  [["model.strength=-1"], /model.strength/],
])("refuses %s", async (overrides, reason) => {
  expect((await failure(configured("mixture-quick", ...overrides))).message).toMatch(reason);
});
