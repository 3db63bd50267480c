/** Parts of data have no image and no scene in common, however they are made. */
import { join } from "node:path";
import { Effect } from "effect";
import h5wasm from "h5wasm/node";
import { describe, expect, it, vi } from "vitest";
import type { Example } from "../../src/experiments/tasks/images/examples.ts";
import { taskOf } from "../../src/experiments/tasks/index.ts";
import type { Examples } from "../../src/experiments/tasks/task.ts";
import { openExamples } from "../../src/experiments/train/examples.ts";
import { png, put } from "../data/support.ts";
import { failure, temporaryFolder, tinyConfig } from "./support.ts";

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const run = Effect.runPromise;

// Every image is of one colour, so that it can be recognized: red counts scenes, green images of a scene.
const picture = (scene: number, view: number) => png(16, 16, 3, (i) => [scene, view, 9][i % 3]!);

/** The scene and the view of every image of each part, and whether it has labels. */
const partsOf = (...overrides: string[]) =>
  run(Effect.scoped(Effect.gen(function* () {
    const config = yield* Effect.promise(() => tinyConfig("batchSize=1", ...overrides));
    const opened = yield* openExamples(yield* taskOf(config), config);
    const { train, validation, test } = opened as Examples<Example>; // of all tasks with this data
    const found = { train: [], validation: [], test: [] } as Record<string, string[]>;
    const labelled: Record<string, boolean> = {};
    for (const [name, part] of Object.entries({ train, validation, test })) {
      if (part === undefined || "batches" in part) continue;
      for (let i = 0; i < part.size; i++) {
        const { image, labels } = yield* Effect.promise(() => part.get(i));
        const [scene, view] = [...image.data.subarray(0, 2)].map((x) =>
          Math.round((x + 1) * 127.5)
        );
        found[name]!.push(`${scene}.${view}`);
        labelled[name] = labels !== null;
      }
    }
    return { found, labelled };
  })));

const scenesOf = (images: readonly string[]) => new Set(images.map((name) => name.split(".")[0]));
const disjoint = (sets: readonly ReadonlySet<string | undefined>[]) =>
  new Set(sets.flatMap((set) => [...set])).size === sets.reduce((sum, { size }) => sum + size, 0);

const environment = (scene: number) => `env_ccs-easy-h=2-vcom=0-vpsf=0-v=${scene}`;

/** Stacks that so many cameras see. */
async function stacks(name: string, scenes: number, cameras: number): Promise<string> {
  const root = folder(name);
  for (let scene = 0; scene < scenes; scene++) {
    for (let camera = 0; camera < cameras; camera++) {
      const file = (kind: string) =>
        join(root, "recordings", environment(scene), `${kind}-w=0-cam_${camera}-mono-0.png`);
      await put(file("rgb"), picture(scene, camera));
      await put(file("iseg"), png(16, 16, 3, () => 0));
    }
  }
  return root;
}

describe("images of one scene", () => {
  it("of ShapeStacks are in one part, for every seed", async () => {
    const root = await stacks("stacks", 8, 3);
    const source = [
      "data.source=shapestacks",
      `data.path=${root}`,
      "data.evaluate=3",
      "data.test=3",
    ];
    for (const seed of [0, 1, 2, 3]) {
      const { found } = await partsOf(...source, `data.seed=${seed}`);
      expect(Object.values(found).flat().sort()).toHaveLength(24);
      expect(disjoint(Object.values(found).map(scenesOf))).toBe(true);
      expect(found["validation"]).toHaveLength(3);
    }
    // As it would be otherwise.
    const apart = await partsOf(...source, "data.together=nothing");
    expect(disjoint(Object.values(apart.found).map(scenesOf))).toBe(false);
  });

  it("of a video, or of a folder, too", async () => {
    await h5wasm.ready;
    const path = folder("videos.h5");
    const file = new h5wasm.File(path, "w");
    const shape = [4, 8, 16, 16, 3]; // four frames of eight videos
    const features = new Uint8Array(4 * 8 * 256 * 3);
    for (let i = 0; i < features.length; i++) {
      const [time, video] = [Math.floor(i / (8 * 768)), Math.floor(i / 768) % 8];
      features[i] = [video, time, 9][i % 3]!;
    }
    for (const name of ["training", "validation", "test"]) {
      const group = file.create_group(name);
      group.create_dataset({ name: "features", data: features, shape });
      const groups = new Int32Array(4 * 8 * 256).fill(1);
      group.create_dataset({ name: "groups", data: groups, shape: [4, 8, 16, 16, 1] });
    }
    file.close();
    const root = folder("clips");
    for (let clip = 0; clip < 8; clip++) {
      for (const frame of [0, 1, 2]) {
        await put(join(root, `clip-${clip}`, `${frame}.png`), picture(clip, frame));
      }
    }
    for (
      const source of [
        ["data.source=nem", `data.path=${path}`],
        ["data.source=folder", `data.path=${root}`, "data.together=folder"],
      ]
    ) {
      const { found } = await partsOf(...source);
      expect(disjoint(Object.values(found).map(scenesOf))).toBe(true);
      expect(Object.values(found).every(({ length }) => length > 0)).toBe(true);
    }
  });
});

describe("a split in order", () => {
  it("trains on the first images and tests with the last", async () => {
    const root = folder("ordered");
    for (let n = 0; n < 20; n++) {
      await put(join(root, `${String(n).padStart(2, "0")}.png`), picture(n, 0));
    }
    const order = ["data.source=folder", `data.path=${root}`, "data.split=inOrder"];
    const names = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `${from + i}.0`);
    expect((await partsOf(...order, "data.evaluate=2", "data.test=3")).found)
      .toEqual({ train: names(0, 15), validation: names(15, 17), test: names(17, 20) });
    // Of more images than are wanted, the first.
    expect((await partsOf(...order, "data.scenes=10", "data.evaluate=1", "data.test=1")).found)
      .toEqual({ train: names(0, 8), validation: names(8, 9), test: names(9, 10) });
  });
});

describe("the official split", () => {
  const official = ["data.split=official", "data.evaluate=100", "data.test=100"];
  // Scenes of the parts.
  const parts = { train: [0, 1, 2, 3], validation: [4, 5], test: [6, 7, 8] };
  const expected = (views: number) =>
    Object.fromEntries(
      Object.entries(parts).map(([name, scenes]) => [
        name,
        scenes.flatMap((scene) => Array.from({ length: views }, (_, view) => `${scene}.${view}`)),
      ]),
    );

  it("of CLEVR is that of its folders, and its test part has no scenes", async () => {
    const root = folder("clevr");
    const names = { train: "train", validation: "val", test: "test" };
    for (const [part, name] of Object.entries(names)) {
      const scenes = [];
      for (const scene of parts[part as keyof typeof parts]) {
        const file = `CLEVR_${name}_${String(scene).padStart(6, "0")}.png`;
        await put(join(root, "images", name, file), picture(scene, 0));
        scenes.push({ image_filename: file, objects: [] });
      }
      if (part === "test") continue;
      await put(join(root, "scenes", `CLEVR_${name}_scenes.json`), JSON.stringify({ scenes }));
    }
    const clevr = ["data.source=clevr-files", `data.path=${root}`, ...official];
    expect((await partsOf(...clevr)).found).toEqual(expected(1));
    // At most so many of each part, by seed.
    const few = await partsOf(...clevr, "data.scenes=2", "data.evaluate=1", "data.test=0");
    expect(Object.values(few.found).map(({ length }) => length)).toEqual([2, 1, 0]);
    expect(parts.train.map((n) => `${n}.0`)).toEqual(expect.arrayContaining(few.found["train"]!));
    const config = await tinyConfig(...clevr, "batchSize=1", "model.task=properties");
    const { message } = await failure(
      Effect.scoped(Effect.flatMap(taskOf(config), (task) => openExamples(task, config))),
    );
    expect(message).toContain("the official test part has no scenes to predict properties from");
    expect(message).toContain("data.test=0");
  });

  it("of ShapeStacks is that of its lists, of which several must be named", async () => {
    const root = await stacks("lists", 9, 2);
    const list = (name: string, part: string, scenes: readonly number[]) =>
      put(join(root, "splits", name, `${part}.txt`), scenes.map(environment).join("\n") + "\n");
    for (
      const [part, name] of [["train", "train"], ["validation", "eval"], ["test", "test"]] as const
    ) {
      await list("ccs_all", name, parts[part]);
    }
    const source = ["data.source=shapestacks", `data.path=${root}`, ...official];
    expect((await partsOf(...source)).found).toEqual(expected(2));
    for (const name of ["train", "eval", "test"]) await list("blocks_all", name, [name.length]);
    expect((await partsOf(...source, "data.splitName=ccs_all")).found).toEqual(expected(2));
    const config = await tinyConfig(...source);
    const { message } = await failure(
      Effect.scoped(Effect.flatMap(taskOf(config), (task) => openExamples(task, config))),
    );
    expect(message).toContain("data.splitName is blocks_all, ccs_all");
  });

  it("of COCO and of a folder is that of their folders; COCO's test images have no masks", async () => {
    const [coco, photos] = [folder("coco"), folder("photos")];
    for (const [part, scenes] of Object.entries(parts)) {
      for (const scene of scenes) {
        await put(join(coco, part, "data", `${scene}.png`), picture(scene, 0));
        await put(
          join(photos, part === "validation" ? "val" : part, `${scene}.png`),
          picture(scene, 0),
        );
      }
      const images = scenes.map((id) => ({ id, file_name: `${id}.png`, height: 16, width: 16 }));
      const annotations = part === "test" ? [] : scenes.map((id) => ({
        ...{ id, image_id: id, category_id: 1, bbox: [0, 0, 8, 16], iscrowd: 0 },
        segmentation: [[0, 0, 8, 0, 8, 16, 0, 16]],
      }));
      const labels = { images, annotations, categories: [{ id: 1, name: "one" }] };
      await put(join(coco, part, "labels.json"), JSON.stringify(labels));
    }
    const { found, labelled } = await partsOf("data.source=coco", `data.path=${coco}`, ...official);
    expect(found).toEqual(expected(1));
    expect(labelled).toEqual({ train: true, validation: true, test: false });
    expect((await partsOf("data.source=folder", `data.path=${photos}`, ...official)).found)
      .toEqual(expected(1));
  });

  it("is refused where nothing was published in parts", async () => {
    await expect(tinyConfig("data.split=official", "data.source=3dshapes", "data.path=x"))
      .rejects.toThrow('data.split: "3dshapes" was not published in parts');
    await expect(tinyConfig("data.split=official")).rejects.toThrow("was not published in parts");
    const root = folder("mirror");
    await put(join(root, "images", "1.png"), picture(1, 1));
    const config = await tinyConfig(
      "data.source=clevr-files",
      `data.path=${root}`,
      "data.split=official",
    );
    const { message } = await failure(
      Effect.scoped(Effect.flatMap(taskOf(config), (task) => openExamples(task, config))),
    );
    expect(message).toContain("the images here are not divided into splits");
  });
});
