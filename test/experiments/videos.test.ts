/** The tasks of SAVi and PARTS: small runs, scores and pictures of videos, and mistakes. */
import { readFile } from "node:fs/promises";
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { type Dataset, ndarray } from "../../src/data/index.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import {
  openVideos,
  previewVideos,
  scoreVideo,
  stripPanel,
  type VideoExample,
  videoFilm,
} from "../../src/experiments/tasks/videos.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import type { Probed } from "../../src/experiments/tasks/task.ts";
import { decodeSafetensors } from "../../src/safetensors/format.ts";
import { exportRun } from "../../src/experiments/train/exportRun.ts";
import { probeRun } from "../../src/experiments/train/probeRun.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (load) => ({
  ...await load<object>(),
  collectGarbage: () => {},
}));

/** The slots and objects that readouts were fitted on and read from; the readouts themselves have a test of their own. */
const readouts: { readonly fit: readonly Probed[]; readonly held: readonly Probed[] }[] = [];
vi.mock("../../src/experiments/tasks/images/readout.ts", () => ({
  probeObjects: (fit: readonly Probed[], held: readonly Probed[]) => {
    readouts.push({ fit, held });
    return Promise.resolve([]);
  },
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

const opened = (root: string, path: string) => openRun(folder(root), path);

/** Exports the slots of the two validation videos, and probes all frames and the second alone. */
async function looked(root: string, path: string, size: number) {
  const file = folder("out", `${root}.safetensors`);
  const exported = Effect.flatMap(
    opened(root, path),
    (found) => exportRun(found, { outputs: { slots: file, masks: folder("out", "masks.npz") } }),
  );
  expect((await run(exported)).map((line) => line.split(" in ")[0])).toEqual([
    `slots: float32 [2,2,4,${size}]`,
    "masks: float32 [2,2,4,12,12]",
  ]);
  const slots = decodeSafetensors(await readFile(file)).tensors["slots"]!.data;
  const probed = async (frame?: number) => {
    await run(Effect.flatMap(opened(root, path), (found) => probeRun(found, { frame })));
    return readouts.pop()!;
  };
  const [all, second] = [await probed(), await probed(2)];
  // Eight videos to fit on, two to read from, of two frames each.
  const counts = [all.fit, all.held, second.fit, second.held].map((looks) => looks.length);
  expect(counts).toEqual([16, 4, 8, 2]);
  expect(second.held).toEqual([all.held[1], all.held[3]]);
  expect(all.held.flatMap(({ values }) => [...Float32Array.from(values.data)])).toEqual([...slots]);
  for (const { values, objects } of all.fit) {
    expect(values.shape).toEqual([4, size]);
    for (const object of objects) {
      expect(Object.keys(object as object)).toEqual(["shape", "color", "radius", "x", "y"]);
    }
  }
}

/** The message of a probe of a frame that there is not. */
const told = async (root: string, path: string, frame: number) =>
  (await failure(Effect.flatMap(opened(root, path), (found) => probeRun(found, { frame }))))
    .message;

it("trains from boxes to flow, and draws a film", async () => {
  const whole = await trained("boxes", ["steps=2"]);
  const film = await run(whole.read("panels/film-00000002.png"));
  const chunks = new TextDecoder("latin1").decode(film!);
  expect(chunks).toContain("acTL"); // an animation,
  expect(chunks.split("fcTL")).toHaveLength(3); // of two frames
});

it("the slots of videos are exported, and probed frame by frame", async () => {
  const whole = await trained("probed", ["steps=1", "log.checkpointEvery=1", "data.objects=[1,3]"]);
  await looked("probed", whole.path, 8);
  expect(await told("probed", whole.path, 3)).toMatch(/--frame: expected .* from 1 to 2, found 3/);
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
  const whole = await run(train(config, { root: folder("parts"), display: remember() }));
  expect((await run(whole.summary())).value!.status).toBe("finished");
  await looked("parts", whole.path, 4);
});

it("the objects of a frame are those that are seen in it, where they are seen", async () => {
  const config = await run(configured("data.frames=6", "data.videos=64", "data.evaluate=2"));
  const data = config.data as Parameters<typeof openVideos>[0]; // the preset's task has this data
  const { train } = openVideos(data, "image", () => {});
  let hidden = 0;
  for (let i = 0; i < 64; i++) {
    const { segments, objects } = await (train as Dataset<VideoExample>).get(i);
    objects.forEach((seen, t) => {
      const frame = segments.data.subarray(t * 576, (t + 1) * 576);
      const labels = [...new Set(frame)].filter((label) => label > 0).sort();
      hidden += 3 - labels.length;
      expect(seen).toHaveLength(labels.length);
      labels.forEach((label, k) => {
        const pixels = [...frame.keys()].filter((p) => frame[p] === label);
        const mean = (of: (p: number) => number) =>
          pixels.reduce((sum, p) => sum + of(p) + 0.5, 0) / pixels.length / 24;
        const { x, y } = seen[k] as { readonly x: number; readonly y: number };
        expect(x).toBeCloseTo(mean((p) => p % 24), 5);
        expect(y).toBeCloseTo(mean((p) => Math.floor(p / 24)), 5);
      });
    });
  }
  expect(hidden).toBeGreaterThan(0); // or the test would not tell
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
      sample: {
        ...{ video: none, target: none, boxes: numbers, centers: numbers },
        ...{ segments, objects: [] },
      },
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
