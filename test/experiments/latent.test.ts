/** Tasks with latent variables: small runs, resuming, what is known of the linear model, and mistakes. */
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
  "data.images=16",
  "data.resolution=13",
  "data.evaluate=4",
  "model.hidden=[6]",
  "model.latent=2",
  "model.importance=3",
  "log.every=1",
  "log.evaluateEvery=2",
  "log.panelEvery=2",
  "log.firstPanel=2",
  "log.panelImages=2",
  "log.checkpointEvery=2",
  "batchSize=4",
  "backend=reference",
];
/** Settings that do not change the model. */
const shared = (setting: string) => /^(log|batchSize|backend)/.test(setting);
const trained = async (
  preset: string,
  root: string,
  overrides: readonly string[],
  resume?: RunFolder,
) =>
  await run(
    train(await run(configured(preset, ...small, ...overrides)), {
      root: folder(root),
      display: remember(),
      ...(resume === undefined ? {} : { resume }),
    }),
  );
const tensorsOf = async (where: RunFolder) =>
  (await run(latestCheckpoint(where))).checkpoint!.tensors;

it("an autoencoder trains, and a resumed run has the same bits", async () => {
  const overrides = ["model.encoder=[6]"];
  const whole = await trained("vae-quick", "whole", [...overrides, "steps=3"]);
  const half = await trained("vae-quick", "half", [...overrides, "steps=2"]);
  await trained("vae-quick", "half", [...overrides, "steps=3"], half);
  expect(await tensorsOf(half)).toEqual(await tensorsOf(whole));
});

it("variational inference trains without an encoder", async () => {
  const found = await trained("svi-quick", "svi", ["model.iterations=2", "steps=2"]);
  expect(await tensorsOf(found)).toBeDefined();
});

it("amortized inference is refined, with one level and with two", async () => {
  const shapes = ["data.source=shapes", "model.latent=[2,2]", "model.hidden=[[3],[3]]"];
  const small = ["model.inference=[[3],[3]]", "model.iterations=2", "steps=2"];
  const preset = "marino-mnist-hierarchical";
  const found = await trained(preset, "levels", [...shapes, ...small]);
  expect(await tensorsOf(found)).toBeDefined();
});

it("knows how far the linear model's posterior is from the evidence", async () => {
  const display = remember();
  const overrides = ["model.inference=[[4]]", "model.iterations=2", "steps=2"];
  const linear = ["data.images=16", "data.evaluate=20", "model.importance=2000"];
  const config = await run(
    configured("marino-quick", ...small.filter(shared), ...overrides, ...linear),
  );
  await run(train(config, { root: folder("linear"), display }));
  const line = display.lines.find((text) => text.startsWith("step 2:"))!;
  const [elbo, tight, gap] = [/ELBO (\S+)/, /importance\) (\S+)/, /ELBO +([\d.]+) +loss/].map((
    of,
  ) => Number(of.exec(line)![1])) as [number, number, number];
  expect(gap).toBeGreaterThan(0.0047); // no diagonal posterior is nearer
  expect(Math.abs(elbo + gap - tight)).toBeLessThan(0.05); // and the importance bound is close to ln p
});

it.each([
  ["vae-quick", ["data.resolution=12"], /generated shapes are 13 pixels wide/],
  ["vae-quick", ["data.images=8"], /batchSize: 64 is more than there are to train on, 8/],
  [
    "vae-quick",
    ["model.likelihood=gaussian"],
    /the images are of zeros and ones; take "bernoulli"/,
  ],
  ["vae-quick", ["data.source=mnist", "data.evaluate=2000"], /1,000 digits/],
  ["svi-quick", ["data.source=linearGaussian"], /take "gaussian"[^]*set model.latent to 2/],
  ["svi-quick", ["model.samples=0"], /model.samples/],
  ["marino-quick", ["model.inference=[[4],[4]]"], /each level needs a list of layers/],
  ["marino-mnist-quick", ['model.inputs=["bottomNormError"]'], /take "bottomError"/],
  ["marino-mnist-quick", ['model.inputs=["gradients"]'], /model.inputs/],
])("refuses %s with %s", async (preset, overrides, reason) => {
  expect((await failure(configured(preset, ...overrides))).message).toMatch(reason);
});
