/** Readers of folders: plain images, CLEVR, ShapeStacks, COCO; written here, and the genuine ones. */

import { encode } from "fast-png";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  batches,
  clevrAttributes,
  clevrProperties,
  type ClevrSceneObject,
  openClevr,
  openCoco,
  openFolder,
  openShapeStacks,
} from "trilevel/data";
import { describeGenuine, failure, fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();
const png = (width: number, height: number, channels: number, value: (i: number) => number) =>
  encode({
    width,
    height,
    channels,
    data: Uint8Array.from({ length: width * height * channels }, (_, i) => value(i)),
  });
const jpeg = Buffer.from(
  JSON.parse(await readFile(fixture("images.json"), "utf8")).decoded["baseline.jpg"].file,
  "base64",
);

describe("a folder of images", () => {
  it("is read in the order of names, at any depth, PNG and JPEG", async () => {
    const folder = temporary("folder");
    await put(join(folder, "b.png"), png(4, 3, 3, (i) => i));
    await put(join(folder, "a", "z.JPG"), jpeg);
    await put(join(folder, "notes.txt"), "no image");
    await put(join(folder, "half.png.part"), "no image yet");
    const dataset = await openFolder(folder);
    const samples = await Promise.all([0, 1].map((i) => dataset.get(i)));
    expect(samples.map(({ name }) => name)).toEqual(["a/z.JPG", "b.png"]);
    expect(samples.map(({ image }) => image.shape)).toEqual([[11, 13, 3], [3, 4, 3]]);
    expect([...samples[1]!.image.data]).toEqual(Array.from({ length: 36 }, (_, i) => i));
    expect(dataset.schema.image.shape).toEqual([null, null, 3]);
    await dataset.close();

    const sized = await openFolder(folder, { crop: "square", size: [2, 2] });
    expect(sized.schema.image.shape).toEqual([2, 2, 3]);
    for await (const { fields } of batches(sized, { batchSize: 2, epochs: 1 })) {
      expect(fields.image.shape).toEqual([2, 2, 2, 3]);
      expect([...fields.name].sort()).toEqual(["a/z.JPG", "b.png"]);
    }
    await sized.close();
    expect((await openFolder(folder, { recursive: false })).size).toBe(1);
  });

  it("is an error when it has no images, is none, or one of them is broken", async () => {
    const folder = temporary("broken");
    const path = await put(join(folder, "x.png"), png(4, 3, 3, (i) => i).subarray(0, 50));
    const dataset = await openFolder(folder);
    const error = await failure(dataset.get(0));
    expect([error._tag, error.path, error.offset]).toEqual(["TruncatedError", path, 50]);
    await dataset.close();
    expect((await failure(openFolder(path)))._tag).toBe("WrongKindError");
    expect((await failure(openFolder(temporary("nowhere"))))._tag).toBe("MissingFileError");
    await rm(path);
    expect((await failure(openFolder(folder)))._tag).toBe("MissingFileError");
  });
});

const clevrObject = (i: number) => ({
  color: clevrAttributes.color[i % 8],
  shape: clevrAttributes.shape[i % 3],
  material: clevrAttributes.material[i % 2],
  size: clevrAttributes.size[i % 2],
  rotation: 10 * i,
  "3d_coords": [i / 4, -i / 4, 0.35],
  pixel_coords: [100 + i, 50, 9.5],
});
const clevrScene = (name: string, index: number, objects: number) => ({
  image_filename: name,
  image_index: index,
  split: "train",
  directions: { right: [0.6, 0.7, 0] },
  relationships: { right: [], left: [] },
  objects: Array.from({ length: objects }, (_, i) => clevrObject(i)),
});

describe("CLEVR", () => {
  const name = (split: string, i: number) => `CLEVR_${split}_${String(i).padStart(6, "0")}.png`;
  const rgba = png(6, 4, 4, (i) => (i % 4 === 3 ? 255 : i));
  const writeV1 = async (root: string, counts: readonly number[]) => {
    const scenes = counts.map((count, i) => clevrScene(name("train", i), i, count));
    for (const scene of scenes) {
      await put(join(root, "images/train", scene.image_filename), rgba);
    }
    await put(join(root, "images/test", name("test", 0)), rgba);
    const json = JSON.stringify({ info: { split: "train" }, scenes });
    return await put(join(root, "scenes/CLEVR_train_scenes.json"), json);
  };

  it("v1.0 is read by split, with scenes where there are any", async () => {
    const root = temporary("clevr");
    await writeV1(root, [3, 7, 5]);
    const train = await openClevr(root, { split: "train" });
    expect(train.size).toBe(3);
    const { image, objects, name: file } = await train.get(1);
    expect([image.shape, file]).toEqual([[4, 6, 3], name("train", 1)]);
    expect([...image.data.slice(0, 6)]).toEqual([0, 1, 2, 4, 5, 6]);
    expect(objects).toHaveLength(7);
    expect(objects![2]).toEqual({
      color: "blue",
      shape: "cylinder",
      material: "rubber",
      size: "large",
      rotation: 20,
      "3d_coords": [0.5, -0.5, 0.35],
      pixel_coords: [102, 50, 9.5],
    });
    const test = await openClevr(root, { split: "test" });
    expect([test.size, (await test.get(0)).objects]).toEqual([1, null]);
    const six = await openClevr(root, { maxObjects: 6 });
    expect(six.size).toBe(2);
    expect((await six.get(1)).objects).toHaveLength(5);
    expect((await failure(openClevr(root, { split: "test", maxObjects: 6 })))._tag)
      .toBe("OptionError");
    expect((await failure(openClevr(root, { split: "val" })))._tag).toBe("MissingFileError");
    for (const dataset of [train, test, six]) await dataset.close();
  });

  it("with one scene a file, as in CLEVR-Mirror, is recognized", async () => {
    const root = temporary("mirror");
    for (const [i, count] of [4, 2].entries()) {
      const file = `scene_${i}.png`;
      await put(join(root, "images", file), rgba);
      const json = JSON.stringify(clevrScene(file, i, count));
      await put(join(root, "scenes", `scene_${i}.json`), json);
    }
    const dataset = await openClevr(root);
    const samples = await Promise.all([0, 1].map((i) => dataset.get(i)));
    expect(samples.map(({ objects }) => objects!.length)).toEqual([4, 2]);
    await dataset.close();
  });

  it("half of it is an error that names the other half", async () => {
    const root = temporary("half");
    const scenes = await writeV1(root, [1, 2]);
    const image = join(root, "images/train", name("train", 1));
    await rm(image);
    const error = await failure(openClevr(root));
    expect([error._tag, error.path]).toEqual(["MissingFileError", image]);
    await put(image, rgba);
    await put(join(root, "images/train", name("train", 2)), rgba);
    expect((await failure(openClevr(root))).message).toContain("CLEVR_train_000002.png");
    await rm(scenes);
    expect((await failure(openClevr(root))).path).toBe(scenes);
    expect((await failure(openClevr(join(root, "scenes"))))._tag).toBe("WrongKindError");
    expect((await failure(openClevr(join(root, "nowhere"))))._tag).toBe("MissingFileError");
  });

  it("broken scenes are errors with offsets", async () => {
    const root = temporary("broken-scenes");
    const path = await writeV1(root, [1]);
    const text = await readFile(path, "utf8");
    for (let length = 0; length < text.length; length += 7) {
      await put(path, text.slice(0, length));
      const error = await failure(openClevr(root));
      expect([error._tag, error.path, error.offset]).toEqual(["TruncatedError", path, length]);
    }
    const at = text.indexOf(":", 40);
    await put(path, `${text.slice(0, at)}é${text.slice(at + 1)}`);
    const wrong = await failure(openClevr(root));
    expect([wrong._tag, wrong.offset]).toEqual(["CorruptError", at]);
    await put(path, "[1, 2]");
    expect((await failure(openClevr(root))).message).toContain("no list of scenes");
    await put(path, text.replace('"3d_coords":[', '"3d_coords":["x",'));
    expect((await failure(openClevr(root))).message).toContain(
      "scene 0: object 0 has no 3d_coords",
    );
  });

  it("properties are one-hot codes in the published order", () => {
    const object: ClevrSceneObject = {
      size: "small",
      material: "rubber",
      shape: "sphere",
      color: "yellow",
      "3d_coords": [-3, 0, 3],
      pixel_coords: [0, 0, 0],
      rotation: 0,
    };
    const { data, shape } = clevrProperties([object], 2);
    expect(shape).toEqual([2, 19]);
    expect([...data]).toEqual([
      ...[0, 0.5, 1], // position
      ...[0, 1], // small
      ...[1, 0], // rubber
      ...[0, 1, 0], // sphere
      ...[0, 0, 0, 0, 0, 0, 0, 1], // yellow
      ...[1], // real
      ...new Array(19).fill(0),
    ]);
    expect(() => clevrProperties([object, object], 1)).toThrow("2 objects do not fit into 1");
    expect(() => clevrProperties([{ ...object, color: "mauve" }], 1)).toThrow('no color "mauve"');
  });
});

describeGenuine("clevr_v1", (root) => {
  it("has eleven images without scenes, which batch at 128×128", async () => {
    const dataset = await openClevr(root, { split: "test" });
    const { image, objects, name } = await dataset.get(5);
    expect([dataset.size, image.shape, objects]).toEqual([11, [320, 480, 3], null]);
    expect(name).toBe("CLEVR_test_008805.png");
    // The mean of the three channels, by Pillow and NumPy.
    const mean = image.data.reduce((sum, x) => sum + x, 0) / image.data.length;
    expect(mean).toBeCloseTo(115.22663411458333, 9);
    await dataset.close();
    const small = await openClevr(root, { size: [128, 128], workers: 2 });
    for await (const { fields } of batches(small, { batchSize: 11, epochs: 1 })) {
      expect(fields.image.shape).toEqual([11, 128, 128, 3]);
    }
    await small.close();
  });
});

describeGenuine("clevr_scenes", (root) => {
  it("has ten images whose scene files agree with the collected ones", async () => {
    const dataset = await openClevr(root);
    expect(dataset.size).toBe(10);
    const collected = JSON.parse(await readFile(join(root, "CLEVR_scenes.json"), "utf8"));
    for (let i = 0; i < 10; i++) {
      const { image, objects, name } = await dataset.get(i);
      expect(image.shape).toEqual([240, 320, 3]);
      const scene = collected.scenes.find((s: { image_filename: string }) =>
        s.image_filename === name
      );
      expect(objects).toEqual(scene.objects);
      expect(clevrProperties(objects!, 10).data.filter((_, k) => k % 19 === 18))
        .toEqual(Float32Array.from({ length: 10 }, (_, n) => (n < objects!.length ? 1 : 0)));
    }
    await dataset.close();
  });
});

describe("ShapeStacks", () => {
  const environment = "env_ccs-easy-h=3-vcom=0-vpsf=0-v=7";
  const fallen = "env_ccs-easy-h=3-vcom=2-vpsf=0-v=1";
  const file = (kind: string, env: string, camera: number, suffix = "png") =>
    `recordings/${env}/${kind}-w=0-f=0-l=0-c=original-cam_${camera}-mono-0.${suffix}`;
  // Full colours of labels 0 … 4 at three tenths, and one soft edge between black and green.
  const colours = [[0, 0, 0], [0, 76, 0], [76, 0, 0], [76, 76, 0], [0, 0, 76], [0, 48, 0]];
  const vseg = png(3, 2, 3, (i) => colours[Math.floor(i / 3)]![i % 3]!);

  it("snaps colours to labels, and knows what stands", async () => {
    const root = temporary("stacks");
    for (const [env, cameras] of [[environment, [1, 2]], [fallen, [1]]] as const) {
      for (const camera of cameras) {
        await put(join(root, file("rgb", env, camera)), png(3, 2, 3, (i) => camera + i));
        await put(join(root, file("vseg", env, camera)), vseg);
        await put(join(root, file("depth", env, camera)), png(3, 2, 1, () => 0));
      }
    }
    await put(join(root, "splits/easy/train.txt"), `${environment}\n`);
    const dataset = await openShapeStacks(root);
    expect(dataset.size).toBe(3);
    const samples = await Promise.all([0, 1, 2].map((i) => dataset.get(i)));
    expect(samples.map(({ stable }) => stable.data[0])).toEqual([1, 1, 0]);
    expect(samples.map(({ camera }) => camera)).toEqual([1, 2, 1]);
    expect(samples[1]!.image.data[0]).toBe(2);
    expect(samples[0]!.masks.shape).toEqual([2, 3]);
    expect([...samples[0]!.masks.data]).toEqual([0, 1, 2, 3, 4, 1]);
    await dataset.close();

    const split = { name: "easy", part: "train" } as const;
    expect((await openShapeStacks(root, { split })).size).toBe(2);
    const without = await openShapeStacks(root, { masks: "none", size: [4, 4] });
    expect((await without.get(0)).masks).toEqual({ data: new Uint8Array(16), shape: [4, 4] });
    await without.close();
    expect((await failure(openShapeStacks(root, { split: { name: "easy", part: "test" } })))._tag)
      .toBe("MissingFileError");
    await rm(join(root, file("vseg", fallen, 1)));
    const error = await failure(openShapeStacks(root));
    expect(error.path).toBe(join(root, file("rgb", fallen, 1)));
  });

  it("prefers instance segmentations, and label maps to colours", async () => {
    const root = temporary("stacks-iseg");
    await put(join(root, file("rgb", environment, 1)), png(3, 1, 3, (i) => i));
    await put(join(root, file("vseg", environment, 1)), png(3, 1, 3, () => 0));
    await put(join(root, file("iseg", environment, 1)), png(3, 1, 3, () => 0));
    const map = png(3, 1, 4, (i) => (i % 4 === 3 ? 255 : 32 * (1 + Math.floor(i / 4))));
    await put(join(root, file("iseg", environment, 1, "map")), map);
    const dataset = await openShapeStacks(root);
    expect([...(await dataset.get(0)).masks.data]).toEqual([1, 2, 3]);
    await dataset.close();
    await put(join(root, "splits/all/eval.txt"), `${environment}\n${fallen}\n`);
    const split = { name: "all", part: "eval" } as const;
    const error = await failure(openShapeStacks(root, { split }));
    expect(error.path).toBe(join(root, "recordings", fallen));
  });
});

describeGenuine("shapestacks", (root) => {
  it("has one falling stack from two sides, all four labels in view", async () => {
    const dataset = await openShapeStacks(root);
    expect(dataset.size).toBe(2);
    for (let i = 0; i < 2; i++) {
      const { image, masks, stable, camera } = await dataset.get(i);
      expect([image.shape, masks.shape]).toEqual([[224, 224, 3], [224, 224]]);
      expect([stable.data[0], camera]).toEqual([0, i + 1]);
      const counts = new Array<number>(8).fill(0);
      for (const label of masks.data) counts[label]!++;
      expect(counts.slice(1, 5).every((count) => count > 200)).toBe(true);
      expect(counts.slice(5)).toEqual([0, 0, 0]);
      expect(counts[0]! / masks.data.length).toBeGreaterThan(0.9);
    }
    await dataset.close();
  });
});

describe("COCO", () => {
  const labels = {
    info: {},
    categories: [{ id: 1, name: "person" }, { id: 18, name: "dog" }],
    images: [
      { id: 7, file_name: "7.jpg", height: 11, width: 13 },
      { id: 3, file_name: "3.png", height: 4, width: 6 },
    ],
    annotations: [
      annotation(1, 3, 18, [[1, 1, 4, 1, 4, 3, 1, 3]]),
      annotation(2, 3, 1, { size: [4, 6], counts: [4, 4, 16] }),
      // 8 outside, 4 inside, 12 outside, in COCO's text
      annotation(3, 3, 1, { size: [4, 6], counts: "84<" }, 1),
    ],
  };
  function annotation(
    id: number,
    image: number,
    category: number,
    segmentation: unknown,
    crowd = 0,
  ) {
    return {
      id,
      image_id: image,
      category_id: category,
      bbox: [1, 2, 3, 4],
      area: 1,
      iscrowd: crowd,
      segmentation,
    };
  }
  const write = async (root: string, contents: unknown = labels) => {
    await put(join(root, "data/7.jpg"), jpeg);
    await put(join(root, "data/3.png"), png(6, 4, 3, (i) => i));
    return await put(join(root, "labels.json"), JSON.stringify(contents));
  };
  const rows = (data: Uint8Array, width: number) =>
    Array.from(
      { length: data.length / width },
      (_, y) => data.subarray(y * width, (y + 1) * width).join(""),
    );

  it("is read with polygons, run lengths and their text", async () => {
    const root = temporary("coco");
    await write(join(root, "validation"));
    const dataset = await openCoco(root, { split: "validation", crowd: true });
    expect(dataset.categories.get(18)).toBe("dog");
    const { image, mask, category, box, crowd, name } = await dataset.get(1);
    expect([name, image.shape, mask.shape]).toEqual(["3.png", [4, 6, 3], [3, 4, 6, 1]]);
    expect(rows(mask.data, 6)).toEqual([
      ...["000000", "011100", "011100", "000000"],
      ...["010000", "010000", "010000", "010000"],
      ...["001000", "001000", "001000", "001000"],
    ]);
    expect([[...category.data], [...crowd.data]]).toEqual([[18, 1, 1], [0, 0, 1]]);
    expect([...box.data.slice(0, 4)]).toEqual([1, 2, 3, 4]);
    const empty = await dataset.get(0);
    expect([empty.mask.shape, empty.box.shape]).toEqual([[0, 11, 13, 1], [0, 4]]);
    await dataset.close();
    const single = await openCoco(join(root, "validation"), { crop: "square", size: [8, 8] });
    expect((await single.get(1)).mask.shape).toEqual([2, 8, 8, 1]);
    await single.close();
  });

  it("is an error when files or labels are missing or wrong", async () => {
    const root = temporary("coco-wrong");
    expect((await failure(openCoco(root)))._tag).toBe("MissingFileError");
    await write(root, [1]);
    expect((await failure(openCoco(root))).message).toContain('no list "images"');
    const bad = (segmentation: unknown) => ({
      ...labels,
      annotations: [annotation(5, 3, 1, segmentation)],
    });
    for (
      const [segmentation, what] of [
        [{ size: [4, 6], counts: [1, 2] }, "annotation 5 covers 3 of 4×6 pixels"],
        [{ size: [6, 4], counts: [24] }, "annotation 5 is 6×4, its image 4×6"],
        [{ size: [4, 6], counts: "8T" }, "annotation 5 breaks off"],
        [[[1, 2, 3]], "annotation 5 is no list of polygons"],
        ["x", "annotation 5 is neither polygons nor run lengths"],
      ] as const
    ) {
      const path = await write(root, bad(segmentation));
      const dataset = await openCoco(root);
      const error = await failure(dataset.get(1));
      expect([error._tag, error.path]).toEqual(["CorruptError", path]);
      expect(error.message).toContain(what);
      await dataset.close();
    }
    await write(root);
    await rm(join(root, "data/7.jpg"));
    expect((await failure(openCoco(root))).path).toBe(join(root, "data/7.jpg"));
  });
});

describeGenuine("coco", (root) => {
  it("has eight photographs whose masks lie in their boxes", async () => {
    const dataset = await openCoco(root);
    expect(dataset.size).toBe(8);
    let [instances, area] = [0, 0];
    for (let i = 0; i < dataset.size; i++) {
      const { image, mask, box } = await dataset.get(i);
      const [height, width] = image.shape as [number, number];
      expect(mask.shape).toEqual([box.shape[0], height, width, 1]);
      instances += box.shape[0]!;
      for (let n = 0; n < box.shape[0]!; n++) {
        const [x, y, w, h] = box.data.subarray(4 * n) as unknown as [
          number,
          number,
          number,
          number,
        ];
        const one = mask.data.subarray(n * height * width, (n + 1) * height * width);
        const inside = [...one.keys()].filter((p) => one[p] === 1);
        expect(inside.length).toBeGreaterThan(0);
        area += inside.length;
        const [columns, lines] = [
          inside.map((p) => p % width),
          inside.map((p) => Math.floor(p / width)),
        ];
        const least = (xs: number[]) => xs.reduce((a, b) => Math.min(a, b));
        const most = (xs: number[]) => xs.reduce((a, b) => Math.max(a, b));
        for (
          const [found, expected] of [
            [least(columns), x],
            [least(lines), y],
            [most(columns) + 1, x + w],
            [most(lines) + 1, y + h],
          ] as const
        ) expect(Math.abs(found - expected)).toBeLessThanOrEqual(1.5);
      }
    }
    // Number and area of all instances as pycocotools has them.
    expect([instances, area]).toEqual([79, 1107696]);
    await dataset.close();
  });
});
