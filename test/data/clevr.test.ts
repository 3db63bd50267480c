/** CLEVR in both layouts, written here, and the genuine samples of both. */

import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  batches,
  clevrAttributes,
  clevrProperties,
  type ClevrSceneObject,
  openClevr,
} from "trilevel/data";
import { describeGenuine, failure, png, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

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
