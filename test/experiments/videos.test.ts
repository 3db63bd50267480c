/** The tasks of SAVi and PARTS: small runs, scores and pictures of videos, and mistakes. */
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { ndarray } from "../../src/data/index.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import {
  openVideos,
  previewVideos,
  scoreVideo,
  stripPanel,
  videoFilm,
} from "../../src/experiments/tasks/videos.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (load) => ({
  ...await load<object>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect);
const configured = (...overrides: string[]) =>
  Effect.flatMap(
    Effect.flatMap(presetNamed("savi-quick"), (preset) => applyOverrides(preset, overrides)),
    (config) => decodeConfig(config, "The config"),
  );
const small = [
  "data.resolution=12",
  "data.frames=2",
  "data.videos=8",
  "data.evaluate=2",
  "model.slotSize=8",
  "model.startHidden=4",
  "model.predictorHidden=4",
  "model.encoder.channels=4",
  "model.encoder.kernel=3",
  "model.decoder.channels=4",
  "log.every=1",
  "log.evaluateEvery=2",
  "log.panelEvery=2",
  "log.firstPanel=2",
  "log.panelImages=1",
  "log.checkpointEvery=1",
  "batchSize=2",
  "backend=reference",
];
const trained = async (root: string, overrides: string[]) =>
  await run(
    train(await run(configured(...small, ...overrides)), {
      root: folder(root),
      display: remember(),
    }),
  );

it("trains from boxes to flow, and draws a film", async () => {
  const whole = await trained("boxes", ["steps=2"]);
  const film = await run(whole.read("panels/film-00000002.png"));
  const chunks = new TextDecoder("latin1").decode(film!);
  expect(chunks).toContain("acTL"); // an animation,
  expect(chunks.split("fcTL")).toHaveLength(3); // of two frames
});

it("trains learned slots with two iterations to draw the frames", async () => {
  const model = ["model.start=learned", "model.target=image", "model.iterations=2"];
  const { summary } = await trained("learned", [...model, "model.mlpHidden=4", "steps=1"]);
  const { status } = (await run(summary())).value!;
  expect(status).toBe("finished");
});

it("PARTS learns from the same videos", async () => {
  const overrides = [
    ...small.filter((one) => !/model.(slotSize|startHidden)/.test(one)),
    ...["model.latentSize=4", "model.memorySize=4", "model.hidden=4", "steps=1"],
  ];
  const config = await run(
    Effect.flatMap(
      Effect.flatMap(presetNamed("parts-quick"), (preset) => applyOverrides(preset, overrides)),
      (config) => decodeConfig(config, "The config"),
    ),
  );
  const { summary } = await run(train(config, { root: folder("parts"), display: remember() }));
  expect((await run(summary())).value!.status).toBe("finished");
});

it("scores all frames of a video together: an object that changes its slot is no longer one", () => {
  const segments = ndarray(Uint8Array.of(1, 1, 2, 2, 1, 1, 2, 2), [2, 2, 2]);
  const score = (slots: readonly number[]) => {
    const masks = [0, 4].flatMap((frame) =>
      [0, 1].flatMap((k) => slots.slice(frame, frame + 4).map((slot) => slot === k ? 1 : 0))
    );
    const none = ndarray(new Float32Array(24), [2, 2, 2, 3]);
    const numbers = ndarray(new Float32Array(4), [1, 4]);
    return scoreVideo({
      sample: { video: none, target: none, boxes: numbers, centers: numbers, segments },
      output: { masks: { data: masks, shape: [2, 2, 2, 2] }, reconstruction: none },
    })["fgAri"]!;
  };
  expect(score([0, 0, 1, 1, 0, 0, 1, 1])).toBe(1);
  expect(score([1, 1, 0, 0, 1, 1, 0, 0])).toBe(1);
  // Each frame alone would be perfect.
  expect(score([0, 0, 1, 1, 1, 1, 0, 0])).toBeLessThan(0);
});

it("videos have boxes and centres of the first frame, zeros for objects that are not there", async () => {
  const config = await run(configured(...small, "data.objects=[1,3]", "model.slots=4"));
  const data = config.data as Parameters<typeof openVideos>[0]; // the preset's task has this data
  const { train, validation } = openVideos(data, "flow", () => {});
  const sample = await (train as typeof validation)!.get(0);
  const objects = Math.max(...sample.segments.data.subarray(0, 144));
  for (let k = 0; k < 3; k++) {
    const [top, , bottom] = sample.boxes.data.subarray(4 * k);
    expect(bottom! > top!).toBe(k < objects);
    expect(sample.centers.data[2 * k]! > 0).toBe(k < objects);
  }
  expect(Math.max(...sample.target.data)).toBe(1); // what stands still is white
  const { heads, rows } = previewVideos([sample]);
  expect([heads.length, rows.length, rows[0]!.length]).toEqual([2, 3, 2]);
  const masks = { data: new Float32Array(2 * 4 * 144), shape: [2, 4, 12, 12] };
  const seen = [{ sample, output: { masks, reconstruction: sample.target } }];
  expect(stripPanel(seen).rows).toHaveLength(5);
  expect(videoFilm(seen).frames).toHaveLength(2);
});

it.each([
  [["data.objects=[3,4]"], /model.slots: 4 for the background and up to 4 objects[^]*take 5/],
  [["data.objects=[4,3]"], /data.objects: the least, 4, is above the greatest/],
  [["data.frames=0"], /data.frames/],
  [["data.resolution=23"], /model.decoder.patch: 2 does not divide data.resolution 23/],
  [["model.predictorHeads=5"], /model.predictorHeads: 5 do not divide model.slotSize, 32/],
  [["data.videos=2", "batchSize=4"], /batchSize: 4 is more than data.videos, 2/],
  [["model.start=masks"], /model.start/],
])("refuses %s", async (overrides, reason) => {
  expect((await failure(configured(...overrides))).message).toMatch(reason);
});
