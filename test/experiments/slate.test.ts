/** The task of SLATE: a small run, its scores and pictures, resuming, and mistakes. */
import { readFile } from "node:fs/promises";
import { Effect } from "effect";
import { decode } from "fast-png";
import { describe, expect, it, vi } from "vitest";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, smallestSlate, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect);
const configured = (...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed("slate-quick"), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );
const trained = async (root: string, overrides: string[], resume?: RunFolder) =>
  await run(
    train(await run(configured(...smallestSlate, ...overrides)), {
      root: folder(root),
      display: remember(),
      ...(resume === undefined ? {} : { resume }),
    }),
  );
const tensorsOf = async (where: RunFolder) =>
  (await run(latestCheckpoint(where))).checkpoint!.tensors;

describe("a run", () => {
  // A rate this high makes the loss rise, so that the plateau acts: with one bad evaluation.
  const plateau = ["model.patience=1", "model.discreteVaeRate=0.3", "optimizer.learningRate=0.3"];

  it("is noted, scored, drawn, and goes on to the same bits", async () => {
    const whole = await trained("whole", [...plateau, "steps=6"]);
    const rows = await run(whole.metrics());
    const step = rows.find(({ step }) => step === 2)!;
    for (
      const name of [
        "loss/squaredError",
        "loss/crossEntropy",
        "gradientMax/discreteVae",
        "gradientMax/rest",
        "gradientNorm/discreteVae",
        "gradientNorm/rest",
        "learningRate/discreteVae",
        "temperature",
        "residual",
      ]
    ) expect(step[name], name).toEqual(expect.any(Number));
    // τ(1) of 4 steps, and the whole warm-up.
    expect(step["temperature"]).toBeCloseTo(0.45 * Math.cos(Math.PI / 4) + 0.55, 5);
    const scored = rows.find((row) => row["validation/mseSum"] !== undefined)!;
    const score = (name: string) => scored[`validation/${name}`] as number;
    expect(score("mseSum") / (8 * 8 * 3)).toBeCloseTo(score("mse"), 6);
    expect(score("mse255") / 255 ** 2).toBeCloseTo(score("mse"), 6);
    expect(score("perplexity")).toBeLessThanOrEqual(score("codes") + 1e-9);
    expect(score("codes")).toBeLessThanOrEqual(8);
    for (
      const name of [
        "fgAri",
        "psnr",
        "constantMseSum",
        "discreteVaeMseSum",
        "crossEntropy",
        "wrongCrossEntropy",
        "validationLoss",
        "spectralNorm",
        "spectralRadius",
      ]
    ) expect(scored[`validation/${name}`], name).toEqual(expect.any(Number));
    // Two rows of image, discrete VAE, generated image and two slots.
    const picture = decode(await readFile(whole.file("panels/slate-00000002.png")));
    expect(picture.width / picture.height).toBeGreaterThan(2);

    const part = await trained("part", [...plateau, "steps=3"]);
    const after = await trained("part", [...plateau, "steps=6"], part);
    const [a, b] = [await tensorsOf(whole), await tensorsOf(after)];
    expect(Object.keys(b)).toEqual(Object.keys(a));
    for (const [name, { data }] of Object.entries(a)) expect(b[name]!.data, name).toEqual(data);
    // Both optimizers and the plateau are among them, and the rate was halved.
    const names = Object.keys(a).join("\n");
    expect(names).toMatch(/optimizer.*group discreteVae/);
    expect(names).toMatch(/optimizer.*trained/);
    expect(a["plateau.scale"]!.data[0]).toBeLessThan(1);
    const rates = rows.flatMap((row) => row["learningRate/discreteVae"] ?? []) as number[];
    expect(Math.min(...rates)).toBeLessThan(0.3 / 2 + 1e-6);
  });

  it("clips discrete VAE and rest together", async () => {
    const params = async (clip: number) => {
      const where = await trained(`clip${clip}`, ["steps=1", `model.clipEntries=${clip}`]);
      return { tensors: await tensorsOf(where), rows: await run(where.metrics()) };
    };
    const [free, clipped] = [await params(0), await params(1e-3)];
    const first = free.rows.find(({ step }) => step === 1)!;
    const largest = Math.max(
      first["gradientMax/discreteVae"] as number,
      first["gradientMax/rest"] as number,
    );
    const name = Object.keys(clipped.tensors).find((key) =>
      /optimizer.*trained.*mu.*decoder\.head/.test(key)
    )!;
    const other = Object.keys(free.tensors).find((key) =>
      /optimizer.*trained.*mu.*decoder\.head/.test(key)
    )!;
    const moments = [clipped.tensors[name]!.data, free.tensors[other]!.data] as const;
    // The first moment is a tenth of the gradient, which one factor scales in both parts.
    const factor = 1e-3 / (largest + 1e-6);
    moments[0].forEach((x, i) => expect(x).toBeCloseTo(Number(moments[1][i]) * factor, 8));
  });
});

describe("mistakes in a config", () => {
  const wrong = (...overrides: string[]) => failure(configured(...overrides));
  it.each([
    [["data.resolution=30"], /data.resolution: 30 is not a multiple of 4/],
    [["model.heads=5"], /model.heads: 5 does not divide model.size, 48/],
    [["model.vocabulary=0"], /model.vocabulary: expected a whole number of at least 1, found 0/],
    [["data.source=shapestacks"], /data.path: the source "shapestacks" needs a file or folder/],
  ])("%s", async (overrides, message) => {
    expect((await wrong(...overrides)).message).toMatch(message);
  });
});
