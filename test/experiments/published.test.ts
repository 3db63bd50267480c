/** Presets of SLATE take generated scenes or the published files, and say which; another dataset is refused by name. */
import { join } from "node:path";
import { Effect } from "effect";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { applyOverrides } from "../../src/experiments/config/overrides.ts";
import { decodeConfig } from "../../src/experiments/config/decode.ts";
import { presetNamed } from "../../src/experiments/config/presets.ts";
import { type ImageConfig, takenOf } from "../../src/experiments/tasks/images/config.ts";
import { type ReaderName, readers } from "../../src/experiments/tasks/images/readers.ts";
import { taskOf } from "../../src/experiments/tasks/index.ts";
import { describeSizes, openExamples, sizesOf } from "../../src/experiments/train/examples.ts";
import { describeGenuine, fixture, png, put, tfExample, tfRecords } from "../data/support.ts";
import { failure, temporaryFolder, tinyConfig } from "./support.ts";

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const run = Effect.runPromise;

const configOf = (preset: string, ...overrides: string[]) =>
  presetNamed(preset).pipe(
    Effect.flatMap((input) => applyOverrides(input, overrides)),
    Effect.flatMap((input) => decodeConfig(input, preset)),
  );

/** The data that a preset trains on, in numbers and words. */
const opened = (preset: string, ...overrides: string[]) =>
  run(Effect.scoped(Effect.gen(function* () {
    const config = yield* configOf(preset, "batchSize=1", "data.resolution=16", ...overrides);
    const task = yield* taskOf(config);
    const examples = yield* openExamples(task, config);
    return {
      sizes: Object.values(sizesOf(examples)),
      terminal: describeSizes(task, examples),
      report: task.describe(config),
    };
  })));

const image = png(8, 8, 3, (i) => i % 256);

/** Datasets as they are published, but small. */
const paths = {} as Record<ReaderName, string>;

beforeAll(async () => {
  const parts = { train: 7, val: 3, test: 2 };
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);
  for (const [part, images] of Object.entries(parts)) {
    const scenes = [];
    for (const i of range(images)) {
      const file = `CLEVR_${part}_${String(i).padStart(6, "0")}.png`;
      await put(join(folder("clevr"), "images", part, file), image);
      scenes.push({ image_filename: file, objects: [] });
    }
    if (part === "test") continue;
    await put(
      join(folder("clevr"), "scenes", `CLEVR_${part}_scenes.json`),
      JSON.stringify({ scenes }),
    );
  }
  for (const [part, images] of Object.entries(parts)) {
    const name = part === "val" ? "validation" : part;
    const list = range(images).map((id) => ({ id, file_name: `${id}.png`, height: 8, width: 8 }));
    for (const { file_name } of list) {
      await put(join(folder("coco"), name, "data", file_name), image);
    }
    const labels = { images: list, annotations: [], categories: [] };
    await put(join(folder("coco"), name, "labels.json"), JSON.stringify(labels));
  }
  const environments = range(12).map((i) => `env_ccs-easy-h=2-vcom=0-vpsf=0-v=${i}`);
  for (const environment of environments) {
    for (const kind of ["rgb", "iseg"]) {
      const file = `${kind}-w=0-cam_1-mono-0.png`;
      await put(join(folder("stacks"), "recordings", environment, file), image);
    }
  }
  for (
    const [part, [from, to]] of Object.entries({ train: [0, 7], eval: [7, 10], test: [10, 12] })
  ) {
    const list = environments.slice(from, to).join("\n");
    await put(join(folder("stacks"), "splits", "default", `${part}.txt`), list);
  }
  for (const i of range(20)) {
    const name = `CLEVR_new_${String(i).padStart(6, "0")}`;
    await put(join(folder("mirror"), "images", `${name}.png`), image);
    const scene = { image_filename: `${name}.png`, objects: [] };
    await put(join(folder("mirror"), "scenes", `${name}.json`), JSON.stringify(scene));
  }
  await put(join(folder("photos"), "a.png"), image);
  const records = (name: string) =>
    put(folder(name), tfRecords([tfExample({ other: { bytes: Uint8Array.of(1) } })]));
  Object.assign(
    paths,
    {
      "clevr-files": folder("clevr"),
      coco: folder("coco"),
      shapestacks: folder("stacks"),
      "3dshapes": fixture("shapes3d.h5"),
      nem: fixture("nem.h5"),
      dsprites: fixture("dsprites.npz"),
      folder: folder("photos"),
      "clevr-with-masks": await records("clevr_with_masks_train.tfrecords"),
      "tetrominoes-file": await records("tetrominoes_train.tfrecords"),
      "multi-dsprites": await records("multi_dsprites_colored.tfrecords"),
      "objects-room": await records("objects_room_train.tfrecords"),
    } satisfies Record<ReaderName, string>,
  );
});

describe("presets of SLATE", () => {
  const presets = {
    "slate-shapes3d": { generator: "rooms", source: "3dshapes" },
    "slate-clevr": { generator: "clevr", source: "clevr-files", sizes: [7, 3, 2] },
    "slate-clevr-mirror": { generator: "clevr scenes with a mirror", source: "clevr-files" },
    "slate-shapestacks": { generator: "towers", source: "shapestacks", sizes: [7, 3, 2] },
    "slate-coco": { generator: "clevr", source: "coco", sizes: [7, 3, 2] },
  } as const;

  it.each(Object.entries(presets))("%s: scenes without a path, files with one", async (preset, {
    generator,
    source,
    ...expected
  }) => {
    const few = ["data.scenes=20", "data.evaluate=2", "data.test=2"];
    const objects = preset === "slate-shapes3d" ? [] : ["data.objects=[2,2]"];
    const made = await opened(preset, ...few, ...objects);
    expect(made.sizes).toEqual([16, 2, 2]);
    for (const text of [made.terminal, made.report]) {
      expect(text).toContain(`generated ${generator}`);
    }
    const path = preset === "slate-clevr-mirror" ? folder("mirror") : paths[source];
    const read = await opened(preset, `data.path=${path}`);
    for (const text of [read.terminal, read.report]) {
      expect(text).toContain(`"${path}" (${source})`);
    }
    if ("sizes" in expected) expect(read.sizes).toEqual(expected.sizes);
    if (preset === "slate-clevr-mirror") expect(read.sizes).toEqual([14, 3, 3]); // 70, 15 and 15 %
  });

  it("take SLATE's numbers of images", async () => {
    const numbers = async (preset: string) => {
      const { data } = await run(configOf(preset, "data.path=somewhere"));
      const { split, scenes, evaluate, test } = takenOf(data as ImageConfig); // of the task "slate"
      // Parts that are not published are all of one set.
      return split === "official"
        ? [scenes, evaluate, test]
        : [scenes - evaluate - test, evaluate, test];
    };
    expect(await numbers("slate-shapes3d")).toEqual([400_000, 30_000, 30_000]);
    expect(await numbers("slate-clevr")).toEqual([70_000, 15_000, 15_000]);
    expect(await numbers("slate-clevr-mirror")).toEqual([70_000, 15_000, 15_000]);
    expect(await numbers("slate-coco")).toEqual([118_287, 5_000, 40_670]);
  });

  it("a reader that is named takes precedence, and fields of the files can be changed", async () => {
    const named = ["data.source=folder", `data.path=${paths.folder}`];
    const { data } = await run(configOf("slate-clevr", ...named));
    expect(takenOf(data as ImageConfig)).toMatchObject({ source: "folder", split: "random" });
    const few = await opened(
      "slate-clevr",
      `data.path=${paths["clevr-files"]}`,
      "data.files.scenes=4",
      "data.files.evaluate=1",
      "data.files.test=0",
    );
    expect(few.sizes).toEqual([4, 1, 0]);
  });
});

describe("a path", () => {
  const names = Object.keys(readers) as ReaderName[];

  it.each(names.filter((name) => name !== "folder"))(
    "of another dataset than %s is refused: expected, found, and the way out",
    async (source) => {
      for (const other of names) {
        if (other === source) continue;
        const config = await tinyConfig(`data.source=${source}`, `data.path=${paths[other]}`);
        const { message } = await failure(
          Effect.scoped(Effect.flatMap(taskOf(config), (task) => openExamples(task, config))),
        );
        expect(message).toContain(`expected ${readers[source].contents}`.slice(1)); // or Expected
        if (other === "folder") {
          expect(message).toContain("found a folder with a.png");
        } else {
          expect(message).toContain(readers[other].contents);
          expect(message).toContain(`--set data.source=${other}`);
        }
      }
    },
  );

  it("of a generator is a mistake, which it was not noticed to be", async () => {
    await expect(tinyConfig(`data.path=${paths.folder}`)).rejects.toThrow(
      /data\.path: "sprites" is generated and reads no files; name their reader in data\.source/,
    );
  });
});

const genuine = {
  "clevr_v1": "clevr-files",
  "clevr_scenes": "clevr-files",
  "shapestacks": "shapestacks",
  "coco": "coco",
  "tetrominoes/tetrominoes_mini.tfrecords": "tetrominoes-file",
} as const;

for (const [name, holds] of Object.entries(genuine)) {
  describeGenuine(name, (path) => {
    it("is not taken for another dataset", async () => {
      for (const source of ["shapestacks", "coco", "clevr-files", "3dshapes"] as const) {
        if (source === holds) continue;
        const config = await tinyConfig(`data.source=${source}`, `data.path=${path}`);
        const { message } = await failure(
          Effect.scoped(Effect.flatMap(taskOf(config), (task) => openExamples(task, config))),
        );
        expect(message).toContain(readers[holds].contents);
      }
    });
  });
}
