/** Rays through CLEVR's studio: where they meet things, and how few of them a picture takes. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CAMERA, drawLamps, lookAtOrigin, studio } from "../../src/data/generate/clevr/studio.ts";
import { clevrScene } from "../../src/data/generate/index.ts";
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
import { sceneRandom } from "../../src/data/generate/threefry.ts";

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

describe("pictures", () => {
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
});
