import * as fc from "fast-check";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crc32c } from "../../src/data/formats/crc32c.ts";
import { clevrCrop, crop } from "../../src/data/image.ts";
import {
  clevrScene,
  clevrSizes,
  generateScene,
  openScenePool,
  openScenes,
  renderClevr,
  renderTetrominoes,
  type Scene,
  type ScenesOptions,
  type SceneSpec,
  spriteColors,
  spritesScene,
  tetrominoesScene,
  threefry2x32,
} from "../../src/data/generate/index.ts";
import tetrominoes from "../fixtures/tetrominoes.json" with { type: "json" };
import { runs } from "../support/tier.ts";

const small = { kind: "clevr", height: 24, width: 32, supersample: 1, count: [2, 4] } as const;
const specs: readonly SceneSpec[] = [
  { kind: "sprites" },
  { kind: "sprites", size: 20, count: [1, 4], minVisibility: 0.2, distinctColors: true },
  { kind: "tetrominoes" },
  small,
  { ...small, mirror: true, crop: clevrCrop },
  { kind: "rooms", size: 16 },
  { kind: "towers", size: 32, supersample: 1 },
];
/** A scene as something quick to compare: arrays by their checksums. */
const print = ({ image, masks, ...properties }: Scene) => ({
  image: [crc32c(image.data), ...image.shape],
  masks: [crc32c(masks.data), ...masks.shape],
  ...properties,
});
const indices = fc.integer({ min: 0, max: 1e9 });

describe("threefry2x32", () => {
  test("gives the known answers of Random123", () => {
    const hash = (key: [number, number], counter: [number, number]) =>
      threefry2x32(key, counter).map((word) => word.toString(16).padStart(8, "0")).join(" ");
    expect(hash([0, 0], [0, 0])).toBe("6b200159 99ba4efe");
    expect(hash([0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff])).toBe("1cb996fc bb002be7");
    expect(hash([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3])).toBe("c4923a9c 483df7a0");
  });
});

describe.each(specs.map((spec) => [JSON.stringify(spec), spec] as const))("%s", (_, spec) => {
  test("the same seed and index make the same scene, others another", () => {
    fc.assert(
      fc.property(indices, indices, (seed, index) => {
        const scene = generateScene(spec, seed, index);
        expect(print(generateScene(spec, seed, index))).toEqual(print(scene));
        expect(generateScene(spec, seed, index + 1).objects).not.toEqual(scene.objects);
        expect(generateScene(spec, seed + 1, index).objects).not.toEqual(scene.objects);
      }),
      { numRuns: runs(10) },
    );
  });

  test("every object is seen, and the mask names no other", () => {
    fc.assert(
      fc.property(indices, (index) => {
        const { image, masks, objects, visibility }: Scene = generateScene(spec, 3, index);
        const [height, width] = masks.shape;
        expect(image.shape).toEqual([height, width, 3]);
        const labels = new Set(masks.data);
        objects.forEach((_, k) => expect(labels).toContain(k + 1));
        expect(Math.max(...labels)).toBe(objects.length);
        expect(visibility).toHaveLength(objects.length);
        visibility.forEach((fraction) => {
          expect(fraction).toBeGreaterThan(0);
          expect(fraction).toBeLessThanOrEqual(1);
        });
      }),
      { numRuns: runs(20) },
    );
  });
});

describe("sprites", () => {
  test("random backgrounds are muted, differ between scenes, and are well apart from the sprites", () => {
    const backgrounds = new Set<string>();
    for (let index = 0; index < 40; index++) {
      const options = { background: "random", distinctColors: true } as const;
      const { image, masks, objects } = spritesScene(options, 3, index);
      const corner = masks.data.indexOf(0);
      const background = [...image.data.subarray(3 * corner, 3 * corner + 3)];
      backgrounds.add(`${background}`);
      expect(Math.min(...background)).toBeGreaterThanOrEqual(20);
      expect(Math.max(...background)).toBeLessThanOrEqual(120);
      for (const { color } of objects) {
        const difference = spriteColors[color].map((value, i) => value - background[i]!);
        expect(Math.hypot(...difference)).toBeGreaterThanOrEqual(100);
      }
    }
    expect(backgrounds.size).toBeGreaterThan(35);
  });

  test("the default is three sprites in 32×32, each at least half visible", () => {
    fc.assert(fc.property(indices, (index) => {
      const { masks, objects, visibility } = spritesScene({}, 0, index);
      expect(masks.shape).toEqual([32, 32]);
      expect(objects).toHaveLength(3);
      visibility.forEach((fraction) => expect(fraction).toBeGreaterThanOrEqual(0.5));
    }));
  });

  test("areas are those of geometry", () => {
    const area = { circle: Math.PI, square: 2, triangle: 3 * Math.sqrt(3) / 4 };
    for (const shape of ["circle", "square", "triangle"] as const) {
      const options = { size: 200, count: [1, 1], shapes: [shape] } as const;
      const { masks, objects } = spritesScene(options, 0, 0);
      const [{ radius, x, y }] = objects as unknown as [{ radius: number; x: number; y: number }];
      const pixels = [...masks.data.keys()].filter((pixel) => masks.data[pixel] === 1);
      expect(pixels.length / (area[shape] * radius ** 2)).toBeCloseTo(1, 1);
      // The centroid of every shape is its centre.
      const mean = (f: (pixel: number) => number) =>
        pixels.reduce((sum, pixel) => sum + f(pixel) + 0.5, 0) / pixels.length;
      expect(mean((pixel) => pixel % 200)).toBeCloseTo(x, 0);
      expect(mean((pixel) => Math.floor(pixel / 200))).toBeCloseTo(y, 0);
    }
  });

  test("sprites on a grid stand on it, and share no cell", () => {
    fc.assert(fc.property(indices, (index) => {
      const options = { size: 24, grid: 4 };
      const { masks, objects } = spritesScene(options, 0, index);
      objects.forEach(({ x, y, radius, rotation }, k) => {
        expect([x % 4, y % 4, rotation]).toEqual([0, 0, 0]);
        expect(radius).toBeCloseTo(4 * Math.SQRT2);
        // A square fills its cells.
        expect(masks.data.filter((label) => label === k + 1)).toHaveLength(64);
        for (const [pixel, label] of masks.data.entries()) {
          if (label !== k + 1) continue;
          expect(Math.abs(pixel % 24 + 0.5 - x)).toBeLessThan(4);
          expect(Math.abs(Math.floor(pixel / 24) + 0.5 - y)).toBeLessThan(4);
        }
      });
      // A cell belongs to one sprite at most.
      for (let cell = 0; cell < 36; cell++) {
        const [row, column] = [4 * Math.floor(cell / 6), 4 * (cell % 6)];
        const labels = Array.from(
          { length: 16 },
          (_, i) => masks.data[(row + (i >> 2)) * 24 + column + i % 4]!,
        );
        expect(new Set(labels.filter((label) => label > 0)).size).toBeLessThan(2);
      }
    }));
    expect(() => spritesScene({ size: 8, grid: 8 }, 0, 0)).toThrow(
      /two cells of 8 pixels do not fit/,
    );
  });

  test("distinct colours are distinct; impossible wishes are refused", () => {
    const { objects } = spritesScene(
      { count: [5, 5], distinctColors: true, minVisibility: 0 },
      0,
      0,
    );
    expect(new Set(objects.map(({ color }) => color)).size).toBe(5);
    const tooFew = { colors: ["red"], distinctColors: true } as const;
    expect(() => spritesScene(tooFew, 0, 0)).toThrow(/distinct colours/);
    const crowded = { size: 8, count: [30, 30], minVisibility: 1 } as const;
    expect(() => spritesScene(crowded, 0, 0)).toThrow(/no acceptable/);
  });
});

describe("tetrominoes", () => {
  test.each(tetrominoes.scenes)(
    "genuine scene %# is drawn bit by bit",
    ({ objects, image, masks }) => {
      const scene = renderTetrominoes(objects as Parameters<typeof renderTetrominoes>[0]);
      expect(crc32c(scene.image.data)).toBe(image);
      expect(crc32c(scene.masks.data)).toBe(masks);
    },
  );

  test("four cells of 25 pixels each, all visible, all 19 shapes and 6 colours occur", () => {
    const scenes = Array.from({ length: 300 }, (_, i) => tetrominoesScene({}, 1, i));
    for (const { masks, visibility } of scenes) {
      expect(visibility).toEqual([1, 1, 1]);
      for (const k of [1, 2, 3]) {
        expect(masks.data.filter((label) => label === k)).toHaveLength(100);
      }
    }
    const objects = scenes.flatMap((scene) => scene.objects);
    expect(new Set(objects.map(({ shape }) => shape)).size).toBe(19);
    expect(new Set(objects.map(({ color }) => color)).size).toBe(6);
  });
});

describe("CLEVR-like scenes", () => {
  const options = { height: 60, width: 80, supersample: 1 };

  test("keep CLEVR's rules: count, distance, visible pixels", () => {
    fc.assert(
      fc.property(indices, (index) => {
        const { objects, masks } = clevrScene(options, 0, index);
        expect(objects.length).toBeGreaterThanOrEqual(3);
        expect(objects.length).toBeLessThanOrEqual(10);
        objects.forEach(({ "3d_coords": [x, y, z], size, pixel_coords }, k) => {
          expect(z).toBe(clevrSizes[size]);
          expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(3);
          expect(masks.data.filter((label) => label === k + 1).length * 16).toBeGreaterThanOrEqual(
            200,
          );
          expect(pixel_coords[2]).toBeGreaterThan(0);
          for (const { "3d_coords": [u, v], size: other } of objects.slice(0, k)) {
            const gap = Math.hypot(x - u, y - v) - clevrSizes[size] - clevrSizes[other];
            expect(gap).toBeGreaterThanOrEqual(0.25);
          }
        });
      }),
      { numRuns: runs(15) },
    );
  });

  test("an unhidden object is where its pixel coordinates say", () => {
    for (let index = 0; index < 10; index++) {
      const { objects, masks, visibility } = clevrScene(options, 1, index);
      objects.forEach(({ pixel_coords: [x, y] }, k) => {
        if (visibility[k] !== 1) return;
        expect(masks.data[Math.floor(y) * 80 + Math.floor(x)]).toBe(k + 1);
      });
    }
  });

  test("objects stand out in their colours: red is redder than blue", () => {
    const at = (color: "red" | "blue", material: "rubber" | "metal") => {
      const object = { shape: "sphere", size: "large", material, color, rotation: 0 } as const;
      const description = { objects: [{ ...object, "3d_coords": [0, 0, 0.7] as const }] };
      const { image, objects } = renderClevr(description, options);
      const [x, y] = objects[0]!.pixel_coords;
      const pixel = Math.floor(y) * 80 + Math.floor(x);
      return image.data[pixel * 3]! - image.data[pixel * 3 + 2]!;
    };
    for (const material of ["rubber", "metal"] as const) {
      expect(at("red", material)).toBeGreaterThan(40);
      expect(at("blue", material)).toBeLessThan(-40);
    }
  });

  test("a crop shows the part of the frame it names, in image, masks and coordinates", () => {
    const objects = clevrScene({ ...options, count: [6, 6] }, 2, 0).objects;
    const whole = renderClevr({ objects }, { height: 240, width: 320, supersample: 1 });
    const part = renderClevr({ objects }, {
      height: 192,
      width: 192,
      supersample: 1,
      crop: clevrCrop,
    });
    expect(crc32c(part.image.data)).toBe(crc32c(crop(whole.image, clevrCrop).data));
    const masks = { data: whole.masks.data, shape: [240, 320, 1] };
    expect(crc32c(part.masks.data)).toBe(crc32c(crop(masks, clevrCrop).data));
    part.objects.forEach(({ pixel_coords: [x, y] }, k) => {
      expect(x + 64).toBeCloseTo(whole.objects[k]!.pixel_coords[0], 9);
      expect(y + 29).toBeCloseTo(whole.objects[k]!.pixel_coords[1], 9);
    });
  });

  test("a mirror changes the picture but belongs to the background", () => {
    const { masks, objects, image } = clevrScene({ ...options, mirror: true }, 0, 3);
    expect(new Set(masks.data).size).toBe(objects.length + 1);
    const colourful = [...masks.data.keys()].filter((pixel) => {
      const [r, g, b] = image.data.subarray(pixel * 3, pixel * 3 + 3) as unknown as [
        number,
        number,
        number,
      ];
      return masks.data[pixel] === 0 && Math.max(r, g, b) - Math.min(r, g, b) > 25;
    });
    expect(colourful.length).toBeGreaterThan(10); // mirror images of objects
  });
});

describe("threads and shards", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "scenes-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test.each([0, 1, 3])(
    "%d workers make the scenes that one call after the other makes",
    async (workers) => {
      await using pool = openScenePool({ workers });
      const made = await pool.generate(small, 5, 100, 21);
      expect(made.map(print))
        .toEqual(made.map((_, i) => print(generateScene(small, 5, 100 + i))));
      expect(made).toHaveLength(21);
      const crowded = { kind: "sprites", size: 8, count: [30, 30], minVisibility: 1 } as const;
      await expect(pool.generate(crowded, 0, 0, 1)).rejects.toMatchObject({ _tag: "OptionError" });
    },
  );

  test("a closed pool refuses", async () => {
    const pool = openScenePool({ workers: 1 });
    await pool.close();
    await expect(pool.generate(small, 0, 0, 1)).rejects.toMatchObject({ _tag: "ClosedError" });
  });

  const spec = { kind: "sprites", size: 200 } as const; // 26 scenes to a shard
  const open = (options: Partial<ScenesOptions> = {}) =>
    openScenes(spec, { size: 60, directory, workers: 0, ...options });
  const expected = (index: number) => print(generateScene(spec, 0, index));
  const shards = async () =>
    (await readdir(directory, { recursive: true })).filter((name) => name.endsWith(".scenes"))
      .map((name) => join(directory, name)).sort();
  const writingTimes = async () =>
    await Promise.all((await shards()).map(async (path) => (await stat(path)).mtimeMs));

  test("shards give the scenes back, in any order, and are not made twice", async () => {
    const progress: number[] = [];
    await using first = await open({ workers: 2, onProgress: (done) => progress.push(done) });
    expect(progress).toEqual([26, 52, 60]);
    for (const i of [59, 0, 26, 25, 52]) expect(print(await first.get(i))).toEqual(expected(i));
    const before = await writingTimes();
    expect(before).toHaveLength(3);
    await using again = await open({ memory: 0 });
    for (const i of [7, 40, 7]) expect(print(await again.get(i))).toEqual(expected(i));
    expect(await writingTimes()).toEqual(before);
  });

  test("samples belong to the caller", async () => {
    await using scenes = await open({ size: 2 });
    (await scenes.get(0)).image.data.fill(1);
    expect(print(await scenes.get(0))).toEqual(expected(0));
  });

  test("another seed or size is another set; equal options in another order are not", async () => {
    for (const options of [{ size: 1 }, { size: 2 }, { size: 1, seed: 1 }]) await open(options);
    expect(await readdir(directory)).toHaveLength(3);
    await openScenes({ size: 200, kind: "sprites" }, { size: 1, directory });
    expect(await readdir(directory)).toHaveLength(3);
  });

  test("a missing shard is made again, with the same bytes", async () => {
    await open();
    const [shard] = await shards() as [string];
    const bytes = await readFile(shard);
    await rm(shard);
    await open();
    expect(bytes.equals(await readFile(shard))).toBe(true);
    const everything = await readdir(directory, { recursive: true });
    expect(everything.filter((name) => name.includes("partial"))).toEqual([]);
  });

  test("a damaged shard is reported with its path and a hint", async () => {
    await open({ size: 3 });
    const [shard] = await shards() as [string];
    const bytes = await readFile(shard);
    const flipped = Uint8Array.from(bytes, (byte, i) => i === bytes.length >> 1 ? byte ^ 1 : byte);
    for (
      const damaged of [flipped, bytes.subarray(0, 1000), bytes.subarray(0, 5), new Uint8Array()]
    ) {
      await writeFile(shard, damaged);
      await using scenes = await open({ size: 3 });
      await expect(scenes.get(0)).rejects.toMatchObject({ path: shard });
      await expect(scenes.get(1)).rejects.toThrow(/Delete the file/);
    }
  });

  test.each(["rooms", "towers"] as const)("shards keep what %s say of themselves", async (kind) => {
    await using scenes = await openScenes({ kind, size: 16 }, { size: 3, directory, workers: 0 });
    const one = generateScene({ kind, size: 16 }, 0, 2);
    expect(print(await scenes.get(2))).toEqual(print(one));
    expect(Object.keys(scenes.schema)).toEqual(Object.keys(one));
  });

  test("without a directory scenes are made when asked for", async () => {
    await using scenes = await openScenes({ kind: "tetrominoes" }, { size: 10, seed: 4 });
    expect(scenes.size).toBe(10);
    expect(print(await scenes.get(9))).toEqual(print(generateScene({ kind: "tetrominoes" }, 4, 9)));
    await expect(scenes.get(10)).rejects.toMatchObject({ _tag: "IndexError" });
    await expect(openScenes({ kind: "tetrominoes" }, { size: 0 }))
      .rejects.toMatchObject({ _tag: "OptionError" });
  });
});
