/** SLATE's Fréchet distance: of random features, or of Inception's where a file has its weights. */
import { writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { beforeAll, expect, test } from "vitest";
import { random, setBackend } from "trilevel";
import { frechetReport } from "trilevel/metrics";
import { inceptionFeatures } from "trilevel/models";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { encodeSafetensors } from "../../src/safetensors/format.ts";
import { scoresOf } from "../../src/experiments/tasks/scores.ts";
import {
  distanceFeatures,
  distanceScorer,
  distanceScores,
} from "../../src/experiments/tasks/slateDistance.ts";
import { taskOf } from "../../src/experiments/tasks/index.ts";
import fixture from "../fixtures/inception.json" with { type: "json" };
import { temporaryFolder } from "./support.ts";

beforeAll(() => setBackend("onnx"));
const folder = temporaryFolder();

/** A network of the shapes of the fixture. */
const weights = Object.fromEntries(
  Object.entries(fixture.shapes).map(([name, shape], salt) => {
    const size = shape.reduce((a, b) => a * b);
    const data = Float32Array.from(
      { length: size },
      (_, i) => Math.abs(Math.sin(7 * i + salt)) / 4,
    );
    return [name, { dtype: "float32", shape, data }] as const;
  }),
);

/** The file with a counter of PyTorch's, which is a 64-bit integer, as the last tensor. */
function withCounter(bytes: Uint8Array): Uint8Array {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const end = bytes.length - 8 - length;
  header["Conv2d_1a_3x3.bn.num_batches_tracked"] = {
    dtype: "I64",
    shape: [],
    data_offsets: [end, end + 8],
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + end + 8);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  out.set(bytes.subarray(8 + length), 8 + text.length);
  return out;
}

test("without weights it is FD-random, with them FID, of the network of the file", async () => {
  const images = random.uniform(random.key(0), [2, 8, 8, 3]);
  expect(distanceFeatures(undefined).name).toBe("FD-random");
  const path = folder("inception.safetensors");
  await writeFile(path, withCounter(encodeSafetensors({ tensors: weights, metadata: {} })));
  const { name, of } = distanceFeatures(path);
  expect(name).toBe("FID");
  expect(await of(images).array()).toEqual(await inceptionFeatures(weights)(images).array());
  expect(() => distanceFeatures(folder("nowhere.safetensors"))).toThrow(/ENOENT/);
});

test("it is the report's distance and floor, once there are enough images", async () => {
  const features = await random.normal(random.key(1), [12, 2]).array() as number[][];
  const scorer = distanceScorer("FD-random");
  const [real, generated] = [features.slice(0, 6), features.slice(6)];
  for (const i of real.keys()) {
    expect(i < 4).toBe(Object.keys(scorer.result()).length === 0);
    scorer.add(real[i]!, generated[i]!);
  }
  const { distance, floor } = frechetReport(real.flat(), generated.flat(), 2, "FD-random");
  expect(scorer.result()).toEqual({ fdRandom: distance, fdRandomFloor: floor });
});

test("the task computes its features of images and of what is generated from their slots", async () => {
  const { task, system } = await Effect.runPromise(Effect.gen(function* () {
    const small = ["model.vocabulary=8", "model.channels=8", "model.size=8", "model.blocks=1"];
    const overrides = [...small, "model.heads=2", "data.resolution=8"];
    const preset = yield* presetNamed("slate-quick");
    const config = yield* decodeConfig(yield* applyOverrides(preset, overrides), "slate");
    const task = yield* taskOf(config);
    return { task, system: task.system(config) };
  }));
  expect(scoresOf(task).map(({ key }) => key))
    .toEqual(expect.arrayContaining(distanceScores.map(({ key }) => key)));
  const image = random.uniform(random.key(2), [3, 8, 8, 3], { minval: -1 });
  const output = system.predict(system.init(random.key(3)), { image }, random.key(4));
  const { of } = distanceFeatures(undefined);
  const unit = (x: typeof image) => x.add(1).mul(0.5);
  const pairs = [["features", image], ["generatedFeatures", output["reconstruction"]!]] as const;
  for (const [name, images] of pairs) {
    const [found, expected] = [await output[name]!.data(), await of(unit(images)).data()];
    expect(output[name]!.shape).toEqual([3, 64]);
    found.forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 4));
  }
});
