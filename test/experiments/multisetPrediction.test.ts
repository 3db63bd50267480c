/** The task of iDSPN: a small run, resuming, the model's units, its picture, and mistakes. */
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { multisetPredictionTask } from "../../src/experiments/tasks/multisetPrediction.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { np, random, setBackend, type Tensor } from "trilevel";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect);
const configured = (...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed("idspn-quick"), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );
const small = [
  "data.resolution=16",
  "data.scenes=20",
  "data.evaluate=2",
  "data.test=0",
  "model.latent=8",
  "model.hidden=8",
  "model.iterations=3",
  "model.encoder.channels=4",
  "log.every=1",
  "log.evaluateEvery=2",
  "log.panelEvery=2",
  "log.panelImages=1",
  "log.checkpointEvery=2",
  "batchSize=2",
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

it("trains, scores at every threshold, draws, and a resumed run has the same bits", async () => {
  const whole = await trained("whole", ["steps=4"]);
  const half = await trained("half", ["steps=2"]);
  await trained("half", ["steps=4"], half);
  expect(await tensorsOf(half)).toEqual(await tensorsOf(whole));
  const { results } = (await run(whole.summary())).value!;
  for (const key of ["ap", "ap1", "ap0.5", "ap0.25", "ap0.125"]) {
    expect(results[key]).toBeGreaterThanOrEqual(0);
  }
  expect((await run(whole.read("panels/sets-00000004.png")))!.length).toBeGreaterThan(100);
});

it("predicts positions from 0 to 1, while the model's own lie from -1 to 1", async () => {
  await setBackend("reference");
  const config = await run(configured(...small)) as ExperimentConfig<never, never>;
  const { init, loss, predict, model } = multisetPredictionTask.system(config);
  const params = init(random.key(0));
  const image = random.uniform(random.key(1), [2, 16, 16, 3]);
  const raw = (model as { apply(...args: unknown[]): { predictions: Tensor } })
    .apply(params, image, random.key(2)).predictions;
  const { predictions } = predict(params, { image }, random.key(2)) as { predictions: Tensor };
  const [own, given] = [await raw.array(), await predictions.array()] as [
    number[][][],
    number[][][],
  ];
  own.flat().forEach((object, k) =>
    object.forEach((x, i) => expect(given.flat()[k]![i]).toBeCloseTo(i < 3 ? (x + 1) / 2 : x, 12))
  );
  // The loss of a target that is what the model predicts is 0.
  const [value] = loss(params, { image, targets: predictions }, random.key(2), {
    step: np.array(0),
    state: undefined,
  });
  expect(await value.item()).toBeLessThan(1e-20);
});

it.each([
  [["data.source=sprites"], /"sprites" has no CLEVR properties to predict/],
  [["model.objects=2"], /model.objects: 2 cannot hold 3 objects/],
  [["model.momentum=1.5"], /model.momentum/],
  [['data.augment={"flipVertical":true}'], /positions to predict would not move/],
])("refuses %s", async (overrides, reason) => {
  expect((await failure(configured(...overrides))).message).toMatch(reason);
});
