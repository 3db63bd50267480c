/** The four multi-object datasets, in files written as DeepMind wrote theirs, and the genuine one. */

import { readdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  type Dataset,
  isNdArray,
  type MultiObjectOptions,
  type NdArray,
  openClevrWithMasks,
  openMultiDsprites,
  openObjectsRoom,
  openTetrominoes,
  type Sample,
} from "trilevel/data";
import {
  describeGenuine,
  failure,
  type FeatureValue,
  put,
  temporaryFolder,
  tfExample,
  tfRecords,
} from "./support.ts";

const temporary = temporaryFolder();
type Features = { readonly [name: string]: FeatureValue };

/** Bytes that depend on the scene and the position. */
const noise = (length: number, scene: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + scene * 7 + (i >> 7)) & 255);
const numbers = (length: number, scene: number) =>
  Array.from({ length }, (_, i) => Math.fround(scene + i / 8));
/** The first 1 + scene entities after the backgrounds are visible. */
const visibility = (entities: number, scene: number) =>
  Array.from({ length: entities }, (_, n) => (n <= 1 + scene ? 1 : 0));

const factors = (entities: number, scene: number, names: readonly string[]): Features =>
  Object.fromEntries(names.map((name, i) => [name, { floats: numbers(entities, scene + 10 * i) }]));

function tetromino(scene: number): Features {
  return {
    image: { bytes: noise(35 * 35 * 3, scene) },
    mask: { bytes: noise(4 * 35 * 35, scene + 1) },
    ...factors(4, scene, ["x", "y", "shape"]),
    color: { floats: numbers(12, scene) },
    visibility: { floats: visibility(4, scene) },
  };
}
function sprites(scene: number, entities: number, channels: number): Features {
  return {
    image: { bytes: noise(64 * 64 * channels, scene) },
    mask: { bytes: noise(64 * 64 * entities, scene + 1) },
    ...factors(entities, scene, ["x", "y", "shape", "orientation", "scale"]),
    color: { floats: numbers(entities * channels, scene) },
    visibility: { floats: visibility(entities, scene) },
  };
}
function room(scene: number, entities: number): Features {
  const mask = new Uint8Array(entities * 64 * 64);
  for (let n = 0; n < 4 + scene; n++) mask[n * 64 * 64 + n] = 255;
  return { image: { bytes: noise(64 * 64 * 3, scene) }, mask: { bytes: mask } };
}
function clevr(scene: number): Features {
  const attribute = (k: number) => ({ bytes: Uint8Array.from({ length: 11 }, (_, n) => n % k) });
  return {
    image: { bytes: noise(240 * 320 * 3, scene), joined: true },
    mask: { bytes: noise(11 * 240 * 320, scene + 1), joined: true },
    ...factors(11, scene, ["x", "y", "z", "rotation"]),
    pixel_coords: { floats: numbers(33, scene) },
    size: attribute(2),
    material: attribute(3),
    shape: attribute(4),
    color: attribute(9),
    visibility: { floats: visibility(11, scene) },
  };
}

const kinds = {
  "Tetrominoes": { open: openTetrominoes, scene: tetromino, image: [35, 35, 3], entities: 4 },
  "Multi-dSprites": {
    open: openMultiDsprites,
    scene: (i: number) => sprites(i, 5, 3),
    image: [64, 64, 3],
    entities: 5,
  },
  "binarized Multi-dSprites": {
    open: openMultiDsprites,
    scene: (i: number) => sprites(i, 4, 1),
    image: [64, 64, 1],
    entities: 4,
  },
  "Objects Room": {
    open: openObjectsRoom,
    scene: (i: number) => room(i, 7),
    image: [64, 64, 3],
    entities: 7,
  },
  "CLEVR with masks": {
    open: openClevrWithMasks,
    scene: clevr,
    image: [240, 320, 3],
    entities: 11,
  },
} as const;
const cases = Object.entries(kinds).map(([name, kind]) => ({
  name,
  ...kind,
  open: kind.open as (path: string, options?: MultiObjectOptions) => Promise<Dataset<Sample>>,
}));
const write = (name: string, scenes: readonly Features[], gzip: boolean) => {
  const file = tfRecords(scenes.map(tfExample));
  return put(temporary(name), gzip ? gzipSync(file, { level: 1 }) : file);
};
const array = (sample: Sample, name: string) => {
  const field = sample[name];
  if (!isNdArray(field)) throw new Error(`${name} is no array`);
  return field;
};

describe.each(cases)("$name", ({ name, open, scene, image, entities }) => {
  const file = (suffix: string) => `${name.replaceAll(" ", "-")}${suffix}.tfrecords`;

  it("is read as written: plain, gzipped, and through the cache", async () => {
    const scenes = [scene(0), scene(1), scene(2)];
    const plain = await open(await write(file("-plain"), scenes, false));
    const zipped = await write(file("-gzip"), scenes, true);
    const loaded = await open(zipped);
    const cache = temporary("cache");
    const stored = await open(zipped, { cache });
    const again = await open(zipped, { cache });
    expect([plain, loaded, stored, again].map(({ size }) => size)).toEqual([3, 3, 3, 3]);
    for (const i of [2, 0, 1]) {
      const sample = await plain.get(i);
      for (const other of [loaded, stored, again]) expect(await other.get(i)).toEqual(sample);
      expect(array(sample, "image").shape).toEqual(image);
      expect(array(sample, "mask").shape).toEqual([entities, image[0], image[1], 1]);
      const written = scenes[i]!["image"] as { bytes: Uint8Array };
      expect(Buffer.compare(array(sample, "image").data as Uint8Array, written.bytes)).toBe(0);
      for (const [field, spec] of Object.entries(plain.schema)) {
        expect(array(sample, field).shape).toEqual(spec.shape);
      }
    }
    expect(loaded.schema).toEqual(plain.schema);
    expect(stored.schema).toEqual(plain.schema);
    for (const dataset of [plain, loaded, stored, again]) await dataset.close();
  });

  it("keeps scenes with few objects, and as many as asked", async () => {
    const path = await write(file("-many"), [2, 0, 1, 0].map(scene), true);
    const few = await open(path, { maxObjects: 2 });
    expect(few.size).toBe(name === "Objects Room" ? 4 : 3);
    const fewer = await open(path, { maxObjects: 1 });
    expect(fewer.size).toBe(name === "Objects Room" ? 3 : 2);
    const plain = await open(await write(file("-many-plain"), [2, 0, 1, 0].map(scene), false), {
      maxObjects: 1,
      limit: 1,
    });
    expect(plain.size).toBe(1);
    expect(await plain.get(0)).toEqual(await fewer.get(0));
    await plain.close();
  });

  it("is recognized: every other reader refuses it", async () => {
    const path = await write(file("-wrong"), [scene(0)], false);
    for (const other of cases.filter((other) => other.open !== open)) {
      const error = await failure(other.open(path));
      expect(error._tag).toBe("WrongKindError");
      expect(error.path).toBe(path);
    }
  });
});

describe("a multi-object dataset", () => {
  it("puts Multi-dSprites' entities first", async () => {
    const [entities, pixels] = [5, 64 * 64];
    const path = await write("order.tfrecords", [sprites(0, entities, 3)], false);
    const { data } = (await (await openMultiDsprites(path)).get(0)).mask;
    const stored = noise(pixels * entities, 1); // [height, width, entities, 1]
    for (const n of [0, 3, 4]) {
      for (const p of [0, 77, 4095]) expect(data[n * pixels + p]).toBe(stored[p * entities + n]);
    }
  });

  it("crops and resizes image and masks alike", async () => {
    const path = await write("prepared.tfrecords", [room(1, 7)], true);
    const prepare = { crop: { top: 0, left: 0, height: 32, width: 48 }, size: [16, 24] } as const;
    const dataset = await openObjectsRoom(path, prepare);
    const { image, mask } = await dataset.get(0);
    expect([image.shape, mask.shape]).toEqual([[16, 24, 3], [7, 16, 24, 1]]);
    expect(dataset.schema.mask.shape).toEqual([7, 16, 24, 1]);
  });

  it("refuses to fill memory, and says what else to do", async () => {
    const path = await write("large.tfrecords", [0, 1, 2].map(tetromino), true);
    const error = await failure(openTetrominoes(path, { memory: 20_000 }));
    expect(error._tag).toBe("OptionError");
    expect(error.hint).toContain("cache");
  });

  it("keeps no partial cache of a file that is cut off", async () => {
    const whole = gzipSync(tfRecords([0, 1, 2, 3].map((i) => tfExample(tetromino(i)))));
    const path = await put(temporary("cut.tfrecords"), whole.subarray(0, whole.length - 100));
    const cache = temporary("cut-cache");
    const error = await failure(openTetrominoes(path, { cache }));
    expect([error._tag, error.offset]).toEqual(["TruncatedError", whole.length - 100]);
    expect(await readdir(cache)).toEqual([]);
    expect((await failure(openTetrominoes(path)))._tag).toBe("TruncatedError");
    await put(path, whole);
    expect((await openTetrominoes(path, { cache })).size).toBe(4);
    expect(await readdir(cache)).toHaveLength(1);
  });

  it("checks a record of a plain file when it is read", async () => {
    const file = tfRecords([0, 1].map((i) => tfExample(tetromino(i))));
    const at = file.length - 40;
    file[at]! ^= 4;
    const dataset = await openTetrominoes(await put(temporary("flip.tfrecords"), file));
    expect((await dataset.get(0)).image.shape).toEqual([35, 35, 3]);
    const error = await failure(dataset.get(1));
    expect([error._tag, error.offset]).toEqual(["CorruptError", file.length / 2 + 12]);
    await dataset.close();
  });

  it("names the record whose contents have another length", async () => {
    const good = tfExample(tetromino(0));
    const short = tfExample({ ...tetromino(1), image: { bytes: new Uint8Array(9) } });
    const path = await put(temporary("short.tfrecords"), tfRecords([good, short]));
    const dataset = await openTetrominoes(path);
    const error = await failure(dataset.get(1));
    expect([error._tag, error.offset]).toEqual(["WrongKindError", 16 + good.length]);
    expect(error.message).toContain('"image" has 9 values, not [35,35,3]');
  });
});

describeGenuine("tetrominoes/tetrominoes_mini.tfrecords", (path) => {
  it("has ten scenes whose masks, colours and positions agree with the images", async () => {
    const dataset = await openTetrominoes(path);
    expect(dataset.size).toBe(10);
    for (let i = 0; i < dataset.size; i++) {
      const { image, mask, color, x, y, visibility } = await dataset.get(i);
      expect([...visibility.data]).toEqual([1, 1, 1, 1]);
      const pixels = 35 * 35;
      for (let n = 0; n < 4; n++) {
        const inside = Array.from({ length: pixels }, (_, p) => p)
          .filter((p) => mask.data[n * pixels + p] === 255);
        // Tiles are bevelled: each pixel has the object's hue, the brightest its very colour.
        for (let c = 0; c < 3; c++) {
          const values = inside.map((p) => image.data[3 * p + c]!);
          expect(Math.max(...values)).toBe(255 * color.data[3 * n + c]!);
          expect(values.every((value) => value > 0)).toBe(color.data[3 * n + c]! > 0);
        }
        if (n === 0) continue;
        // Four tiles of 5×5 pixels; x counts rows.
        expect(inside).toHaveLength(100);
        expect(near(inside.map((p) => Math.floor(p / 35)), x.data[n]!)).toBe(true);
        expect(near(inside.map((p) => p % 35), y.data[n]!)).toBe(true);
      }
      const sum = (p: number) => [0, 1, 2, 3].reduce((s, n) => s + mask.data[n * pixels + p]!, 0);
      expect(Array.from({ length: pixels }, (_, p) => sum(p)).every((s) => s === 255)).toBe(true);
    }
  });

  it("has the factors that an independent parser finds in the first scene", async () => {
    const { x, y, shape } = await (await openTetrominoes(path)).get(0);
    const list = ({ data }: NdArray) => [...data];
    expect([list(x), list(y), list(shape)]).toEqual([
      [0, 22, 11, 24],
      [0, 0, 19, 20],
      [0, 6, 5, 15],
    ]);
  });
});

const near = (positions: readonly number[], value: number) =>
  Math.min(...positions) <= value + 1 && value - 1 <= Math.max(...positions);
