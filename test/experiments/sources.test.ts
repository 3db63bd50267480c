/** Every source of a config becomes examples; a model trains on the genuine files. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { openNem } from "trilevel/data";
import type { Example } from "../../src/experiments/tasks/images/examples.ts";
import { taskOf } from "../../src/experiments/tasks/index.ts";
import type { Examples, OnProgress } from "../../src/experiments/tasks/task.ts";
import { openExamples } from "../../src/experiments/train/examples.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { openSource } from "../../src/experiments/tasks/images/sources.ts";
import { describeGenuine, fixture, jpeg, png, put, tfExample, tfRecords } from "../data/support.ts";
import { full } from "../support/tier.ts";
import { failure, remember, temporaryFolder, tinyConfig } from "./support.ts";

const folder = temporaryFolder();
const run = Effect.runPromise;

/** All examples of a source, those to train on first. */
const examplesOf = (...overrides: string[]) =>
  run(Effect.scoped(Effect.gen(function* () {
    const config = yield* Effect.promise(() => tinyConfig("batchSize=1", ...overrides));
    const opened = yield* openExamples(yield* taskOf(config), config);
    const { train, validation, test } = opened as Examples<Example>; // of all tasks with this data
    const all: Example[] = [];
    for (const part of [train, validation, test]) {
      if (part === undefined || "batches" in part) continue;
      for (let i = 0; i < part.size; i++) all.push(yield* Effect.promise(() => part.get(i)));
    }
    return all;
  })));

const labelsIn = ({ labels }: Example) => [...new Set(labels!.data)].sort();

// Seconds each, but minutes where several things share the machine.
vi.setConfig({ testTimeout: 180_000 });

describe("a source", () => {
  it("may be 3D Shapes or dSprites, whose pictures have no masks", async () => {
    for (const [source, file] of [["3dshapes", "shapes3d.h5"], ["dsprites", "dsprites.npz"]]) {
      const examples = await examplesOf(`data.source=${source}`, `data.path=${fixture(file!)}`);
      expect(examples.length).toBeGreaterThan(2);
      for (const { image, labels } of examples) {
        expect([image.shape, labels]).toEqual([[16, 16, 3], null]);
        expect(Math.min(...image.data)).toBeGreaterThanOrEqual(-1);
        expect(Math.max(...image.data)).toBeLessThanOrEqual(1);
      }
    }
  });

  it("may be the frames of N-EM, with their groups as labels", async () => {
    const examples = await examplesOf("data.source=nem", `data.path=${fixture("nem.h5")}`);
    await using sequences = await openNem(fixture("nem.h5"));
    const { features, groups } = await sequences.get(0);
    expect(examples).toHaveLength(sequences.size * features.shape[0]!);
    expect(new Set(examples.flatMap(labelsIn))).toEqual(new Set(groups.data));
    expect(new Set(examples.flatMap(({ image }) => [...image.data])).has(1)).toBe(true);
  });

  it("may be Objects Room, whose first four masks are walls, floor and sky", async () => {
    const pixels = 64 * 64;
    const scene = (n: number) =>
      tfExample({
        image: { bytes: new Uint8Array(pixels * 3).fill(n) },
        // A sixth of the rows each.
        mask: {
          bytes: Uint8Array.from({ length: 6 * pixels }, (_, i) =>
            Math.floor((i % pixels) / pixels * 6) === Math.floor(i / pixels) ? 255 : 0),
        },
      });
    const path = await put(folder("room.tfrecords"), tfRecords([0, 1, 2].map(scene)));
    const examples = await examplesOf("data.source=objects-room", `data.path=${path}`);
    expect(examples.map(labelsIn)).toEqual([[0, 1, 2], [0, 1, 2], [0, 1, 2]]);
  });

  it("may be COCO, whose first mask is an object already", async () => {
    const root = folder("coco");
    const images = [1, 2].map((id) => ({ id, file_name: `${id}.png`, height: 16, width: 16 }));
    const annotations = images.map(({ id }) => ({
      id,
      image_id: id,
      category_id: 1,
      bbox: [0, 0, 8, 16],
      iscrowd: 0,
      segmentation: [[0, 0, 8, 0, 8, 16, 0, 16]],
    }));
    for (const { file_name } of images) {
      await put(join(root, "data", file_name), png(16, 16, 3, (i) => i % 256));
    }
    const labels = { categories: [], images, annotations };
    await put(join(root, "labels.json"), JSON.stringify(labels));
    const examples = await examplesOf("data.source=coco", `data.path=${root}`);
    for (const { labels } of examples) {
      expect(labels!.data.filter((label) => label === 1)).toHaveLength(8 * 16);
    }
  });

  it("of files is converted once, and again when a file changes", async () => {
    const root = folder("pictures");
    for (const n of [1, 2, 3]) await put(join(root, "below", `${n}.jpg`), jpeg);
    const { data } = await tinyConfig("data.source=folder", `data.path=${root}`);
    const told: OnProgress = vi.fn();
    for (const times of [3, 3]) {
      await (await openSource(data, told)).close();
      expect(told).toHaveBeenCalledTimes(times);
    }
    expect(told).toHaveBeenLastCalledWith(3, 3);
    await put(join(root, "below", "4.jpg"), jpeg);
    await (await openSource(data, told)).close();
    expect(told).toHaveBeenCalledTimes(7);
  });

  it("is any generator, and teaches the objects of rooms and towers", async () => {
    for (const [source, objects] of [["rooms", 1], ["towers", 2]] as const) {
      const examples = await examplesOf(`data.source=${source}`, "data.objects=[2,2]");
      for (const { image, labels, objects: found } of examples) {
        expect(image.shape).toEqual([16, 16, 3]);
        expect(Math.max(...labels!.data)).toBe(objects);
        expect(found).toHaveLength(objects);
      }
    }
  });

  it("that is generated hides no more of a sprite than is asked", async () => {
    for (const least of [0.5, 1]) {
      const { data } = await tinyConfig(`data.minVisibility=${least}`);
      await using scenes = await openSource(data, () => {});
      const samples = await Promise.all(
        Array.from({ length: scenes.size }, (_, i) => scenes.get(i)),
      );
      const visible = samples.flatMap((sample) => sample["visibility"] as number[]);
      expect(Math.min(...visible)).toBeGreaterThanOrEqual(least);
      expect(visible.some((part) => part < 1)).toBe(least < 1);
    }
  });

  it("gives pictures by seed where it has more than are wanted", async () => {
    const few = (seed: number) =>
      examplesOf(
        "data.source=nem",
        `data.path=${fixture("nem.h5")}`,
        "data.scenes=4",
        "data.together=nothing",
        `data.seed=${seed}`,
      );
    const [first, again, other] = [await few(0), await few(0), await few(1)];
    expect(first).toHaveLength(4);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("that does not fill a batch, or has no properties, is a mistake of the config", async () => {
    const root = folder("clevr");
    for (const n of [1, 2, 3]) {
      await put(
        join(root, "images", `${n}.jpg.png`),
        png(8, 8, 3, () => n),
      );
    }
    const config = await tinyConfig(
      "data.source=clevr-files",
      `data.path=${root}`,
      "model.task=properties",
    );
    const { message } = await failure(
      Effect.scoped(Effect.flatMap(taskOf(config), (task) => openExamples(task, config))),
    );
    expect(message).toContain("batchSize: 4 is more than the 1 images to train on");
    expect(message).toContain("has no scenes to predict properties from");
  });
});

// A training on each of them takes long: they are tried in the full tier.
const trained = it.runIf(full);

/** Trains some steps on a genuine source: the loss falls, and there is something to look at. */
const learns = async (name: string, ...overrides: string[]) => {
  const config = await tinyConfig(
    "steps=24",
    "batchSize=2",
    "log.evaluateEvery=24",
    "log.panelEvery=24",
    ...overrides,
  );
  const where = await run(train(config, { root: folder(name), display: remember() }));
  const losses = (await run(where.metrics())).flatMap(({ loss }) => Number(loss ?? NaN))
    .filter((loss) => !Number.isNaN(loss));
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  expect(losses).toHaveLength(24);
  expect(mean(losses.slice(-6))).toBeLessThan(0.8 * mean(losses.slice(0, 6)));
  expect((await readFile(where.file("report.html"), "utf8")).match(/data:image\/png/g)?.length)
    .toBeGreaterThan(0);
  return (await run(where.summary())).value!.results;
};

describeGenuine("clevr_v1", (root) => {
  trained("teaches, without scenes", async () => {
    const results = await learns(
      "clevr_v1",
      "data.source=clevr-files",
      `data.path=${root}`,
      "data.crop=square",
    );
    expect(results["psnr"]).toBeGreaterThan(10);
    expect(results["fgAri"]).toBeUndefined();
  });
});

describeGenuine("clevr_scenes", (root) => {
  const source = ["data.source=clevr-files", `data.path=${root}`, "data.crop=clevr"];

  trained("teaches to see objects", async () => {
    expect((await learns("clevr_scenes", ...source))["psnr"]).toBeGreaterThan(10);
  });

  trained("teaches properties", async () => {
    const results = await learns(
      "clevr_properties",
      ...source,
      "model.task=properties",
      "model.slots=10",
    );
    expect(results["ap"]).toBeGreaterThanOrEqual(0);
  });

  it("may be kept to scenes of few objects", async () => {
    const all = await examplesOf(...source);
    const few = await examplesOf(...source, "data.maxObjects=5");
    expect(few.length).toBeGreaterThan(1);
    expect(few.length).toBeLessThan(all.length);
  });
});

describeGenuine("tetrominoes/tetrominoes_mini.tfrecords", (path) => {
  trained("teaches, and is scored by its masks", async () => {
    const results = await learns(
      "tetrominoes",
      "data.source=tetrominoes-file",
      `data.path=${path}`,
    );
    expect(Number.isFinite(results["fgAri"])).toBe(true);
  });
});

describeGenuine("shapestacks", (root) => {
  trained("teaches, and is scored by its masks", async () => {
    const results = await learns(
      "shapestacks",
      "data.source=shapestacks",
      `data.path=${root}`,
      "data.together=nothing", // its two images show one scene
      "batchSize=1",
    );
    expect(Number.isFinite(results["fgAri"])).toBe(true);
  });
});

describeGenuine("coco", (root) => {
  trained("teaches, and is scored by its masks", async () => {
    const results = await learns(
      "coco",
      "data.source=coco",
      `data.path=${root}`,
      "data.crop=square",
    );
    expect(Number.isFinite(results["fgAri"])).toBe(true);
  });
});
