import * as fc from "fast-check";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crc32c } from "../../src/data/formats/crc32c.ts";
import { clevrCrop, crop } from "../../src/data/image.ts";
import { CAMERA, drawLamps, lookAtOrigin, studio } from "../../src/data/generate/clevr/studio.ts";
import {
  aim,
  type Camera,
  LENGTH,
  makeRay,
  project,
  wholeFrame,
} from "../../src/data/generate/rays/camera.ts";
import { paint } from "../../src/data/generate/rays/paint.ts";
import { see } from "../../src/data/generate/rays/see.ts";
import {
  makeSolid,
  normalAt,
  shorten,
  type Solid,
  type SolidShape,
} from "../../src/data/generate/rays/solid.ts";
import { FINISHES } from "../../src/data/generate/rays/stage.ts";
import { along, dot, length, type Vec } from "../../src/data/generate/rays/vector.ts";
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
import { sceneRandom } from "../../src/data/generate/threefry.ts";
import tetrominoes from "../fixtures/tetrominoes.json" with { type: "json" };
import { runs } from "../support/tier.ts";

const small = { kind: "clevr", height: 24, width: 32, supersample: 1, count: [2, 4] } as const;
const specs: readonly SceneSpec[] = [
  { kind: "sprites" },
  { kind: "sprites", size: 20, count: [1, 4], minVisibility: 0.2, distinctColors: true },
  { kind: "tetrominoes" },
  small,
  { ...small, mirror: true, crop: clevrCrop },
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
    expect(() => spritesScene({ size: 8, grid: 8 }, 0, 0)).toThrow(/two cells of 8 pixels/);
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

const rayThrough = (camera: Camera, x: number, y: number) => {
  const ray = makeRay();
  aim(ray, camera, x, y);
  return ray;
};

describe("CLEVR's geometry", () => {
  const place = fc.double({ min: -3, max: 3, noNaN: true });
  const extent = fc.double({ min: 0.2, max: 1, noNaN: true });
  const solids = fc.tuple(
    fc.constantFrom<SolidShape>("cube", "sphere", "cylinder", "capsule"),
    fc.tuple(place, place, place),
    fc.tuple(extent, extent, extent),
    place,
  ).map(([shape, centre, [a, b, c], angle]) =>
    makeSolid(
      shape,
      centre,
      {
        cube: [a, b, c],
        sphere: [a, a, a],
        cylinder: [a, a, c],
        capsule: [a, a, a + c],
      }[shape] as unknown as Vec,
      angle,
    )
  );
  const camera = lookAtOrigin([7.5, -6.5, 5.3]);

  test("the ray through a point's pixel meets the point", () => {
    fc.assert(fc.property(place, place, place, (x, y, z) => {
      const [column, row, depth] = project(camera, [x, y, z]);
      const [, , , ...direction] = rayThrough(camera, column, row).subarray(0, 6);
      const d = direction as unknown as Vec;
      const reached = along(camera.position, d, depth / dot(d, camera.forward));
      [x, y, z].forEach((value, axis) => expect(reached[axis]).toBeCloseTo(value, 9));
    }));
  });

  // World and pixel coordinates of a scene that CLEVR's generator wrote; the jittered position of its
  // camera, which scene files leave out, was fitted to them.
  test.each([
    [[-2.1331, -1.0970, 0.7000], [90, 89, 11.194]],
    [[0.6659, -2.1092, 0.7000], [116, 131, 8.773]],
    [[2.2904, 2.8879, 0.7000], [280, 96, 10.705]],
    [[-2.0159, 2.2667, 0.7000], [168, 66, 13.128]],
    [[-1.4338, 0.8046, 0.3500], [149, 89, 12.041]],
    [[1.0028, 0.4460, 0.7000], [195, 106, 10.081]],
    [[-1.0564, -2.6233, 0.7000], [63, 115, 9.583]],
  ] as [Vec, Vec][])("%s is seen at %s, as in Blender", (point, pixel) => {
    const [x, y, depth] = project(lookAtOrigin([7.006, -6.451, 5.082]), point);
    expect(Math.abs(x - pixel[0])).toBeLessThan(1);
    expect(Math.abs(y - pixel[1])).toBeLessThan(1);
    expect(Math.abs(depth - pixel[2])).toBeLessThan(0.02);
  });

  test("rays end where they first enter a solid", () => {
    fc.assert(fc.property(solids, place, place, (solid, dx, dy) => {
      const target: Vec = [solid.x + dx / 3, solid.y + dy / 3, solid.z + (dx - dy) / 9];
      const [column, row] = project(camera, target);
      const ray = rayThrough(camera, column, row);
      const direction = [...ray.subarray(3, 6)] as unknown as Vec;
      const met = shorten(solid, ray);
      const hit = ray[LENGTH]!;
      expect(met).toBe(hit < Infinity);
      const step = 0.01;
      let t = 0;
      while (t < 20 && !inside(solid, along(camera.position, direction, t))) t += step;
      if (hit === Infinity) {
        expect(t).toBeGreaterThanOrEqual(20);
        return;
      }
      // Marching may step over a corner, so it finds the hit or something later.
      expect(t).toBeGreaterThanOrEqual(hit - 1e-9);
      expect(inside(solid, along(camera.position, direction, hit + 1e-6)) || t > hit + step).toBe(
        true,
      );
      expect(shorten(solid, ray)).toBe(false); // it ends there
      const point = along(camera.position, direction, hit);
      const normal = new Float64Array(3);
      normalAt(solid, ...point, normal, 0);
      const outward = [...normal] as unknown as Vec;
      expect(length(outward)).toBeCloseTo(1, 9);
      expect(inside(solid, along(point, outward, 1e-6))).toBe(false);
    }));
  });

  function inside({ shape, x, y, z, a, b, c, cos, sin }: Solid, p: Vec): boolean {
    const [dx, dy, dz] = [p[0] - x, p[1] - y, p[2] - z];
    switch (shape) {
      case "sphere":
        return Math.hypot(dx, dy, dz) < a;
      case "cylinder":
        return Math.hypot(dx, dy) < a && Math.abs(dz) < c;
      case "capsule": {
        const end = Math.max(Math.abs(dz) - (c - a), 0);
        return Math.hypot(dx, dy, end) < a;
      }
      case "cube": {
        const [u, v] = [cos * dx + sin * dy, cos * dy - sin * dx];
        return Math.abs(u) < a && Math.abs(v) < b && Math.abs(dz) < c;
      }
    }
  }
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

  test.each([false, true])("few rays make nearly the picture of many, mirror %s", (mirror) => {
    const view = { height: 48, width: 48, crop: { top: 20, left: 60, width: 200, height: 200 } };
    const spec = { ...view, count: [3, 6] as const, mirror };
    let [sum, far] = [0, 0];
    for (let index = 0; index < 4; index++) {
      const few = clevrScene(spec, 7, index).image.data;
      // Twice as large, a ray to every pixel: a quarter of each pixel above.
      const sizes = { height: 96, width: 96, supersample: 1 };
      const many = clevrScene({ ...spec, ...sizes }, 7, index).image.data;
      few.forEach((value, i) => {
        const [c, column, row] = [i % 3, Math.floor(i / 3) % 48, Math.floor(i / 144)];
        const quarter = (x: number, y: number) =>
          many[((2 * row + y) * 96 + 2 * column + x) * 3 + c]!;
        const mean = (quarter(0, 0) + quarter(1, 0) + quarter(0, 1) + quarter(1, 1)) / 4;
        sum += Math.abs(value - mean);
        if (Math.abs(value - mean) > 16) far++;
      });
    }
    expect(sum / (4 * 48 * 48 * 3)).toBeLessThan(0.6);
    expect(far / (4 * 48 * 48 * 3)).toBeLessThan(0.003);
  });

  test("rays are cast where the picture bends, and to a quarter of the pixels elsewhere", () => {
    let rays = 0;
    // Every ray looks at the plane's normal to meet it.
    const plane = {
      get normal(): Vec {
        rays++;
        return [0, 0, 1];
      },
      offset: 0,
      albedo: [0.8, 0.8, 0.8] as const,
    };
    const looks = { albedo: [0.7, 0.1, 0.1], finish: FINISHES.rubber } as const;
    const body = { ...makeSolid("sphere", [0, 0, 0.7], [0.7, 0.7, 0.7]), ...looks };
    const stage = { ...studio([], drawLamps(sceneRandom(0, 0), 0)), planes: [plane] };
    const camera = lookAtOrigin(CAMERA);
    const view = wholeFrame(camera, 64, 64);
    const raysOf = (bodies: readonly (typeof body)[]) => {
      rays = 0;
      const filled = { ...stage, bodies };
      paint(filled, camera, view, see(filled, camera, view).masks, 2);
      return rays / 2; // a ray that ends there looks twice
    };
    const empty = raysOf([]);
    expect(empty).toBeLessThan(0.35 * 64 * 64); // the rim, too
    expect(empty).toBeGreaterThanOrEqual(32 * 32);
    expect(raysOf([body])).toBeLessThan(0.6 * 64 * 64); // of 4 · 64²
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

  test("without a directory scenes are made when asked for", async () => {
    await using scenes = await openScenes({ kind: "tetrominoes" }, { size: 10, seed: 4 });
    expect(scenes.size).toBe(10);
    expect(print(await scenes.get(9))).toEqual(print(generateScene({ kind: "tetrominoes" }, 4, 9)));
    await expect(scenes.get(10)).rejects.toMatchObject({ _tag: "IndexError" });
    await expect(openScenes({ kind: "tetrominoes" }, { size: 0 }))
      .rejects.toMatchObject({ _tag: "OptionError" });
  });
});
