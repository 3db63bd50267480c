/** Videos of flying shapes and digits, and of bouncing balls: groups, motion, collisions, and the laws that these keep. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { binaryShapes, bouncingBalls, flyingDigits, flyingShapes, ndarray } from "trilevel/data";
import { collide } from "../../src/data/generate/bouncingBalls.ts";
import { runs } from "../support/tier.ts";

const indices = fc.integer({ min: 0, max: 1e9 });
const digit = (value: number) => ndarray(new Uint8Array(36).fill(value), [6, 6]);
const digits = [digit(90), digit(250)];
const videos = {
  shapes: (seed: number, index: number) => flyingShapes({ frames: 6 }, seed, index),
  outlines: (seed: number, index: number) =>
    flyingShapes({ frames: 6, style: "outline" }, seed, index),
  digits: (seed: number, index: number) =>
    flyingDigits({ digits, frames: 6, size: 12 }, seed, index),
  balls: (seed: number, index: number) =>
    bouncingBalls({ frames: 6, size: 24, count: [1, 4] }, seed, index),
};

test.each(Object.entries(videos))(
  "%s: the same seed and index make the same video, others another; groups are where one thing alone is",
  (_, make) => {
    fc.assert(
      fc.property(indices, indices, (seed, index) => {
        const one = make(seed, index);
        expect(make(seed, index)).toEqual(one);
        expect(make(seed, index + 1).objects).not.toEqual(one.objects);
        expect(make(seed + 1, index).objects).not.toEqual(one.objects);
        one.groups.data.forEach((k, p) => {
          expect(k).toBeLessThanOrEqual(one.objects.length);
          if (k > 0) expect(one.video.data[p]).toBeGreaterThan(0);
        });
      }),
      { numRuns: runs(6) },
    );
  },
);

test("a shape that flies alone keeps its pixels, and moves by its speed between the edges", () => {
  fc.assert(
    fc.property(indices, (index) => {
      const [frames, size] = [10, 28];
      const { video, objects: [shape] } = flyingShapes({ frames, size, count: [1, 1] }, 1, index);
      const pixels = shape!.of === "square" ? 64 : 49;
      const corner = (t: number) => {
        const on = [...video.data.subarray(t * size * size, (t + 1) * size * size)]
          .flatMap((x, p) => x > 0 ? [p] : []);
        expect(on).toHaveLength(pixels);
        return [
          Math.min(...on.map((p) => Math.floor(p / size))),
          Math.min(...on.map((p) => p % size)),
        ];
      };
      const speed = Math.hypot(shape!.rowSpeed, shape!.columnSpeed);
      expect(speed).toBeGreaterThanOrEqual(0.5);
      for (let t = 1; t < frames; t++) {
        const [a, b] = [corner(t - 1), corner(t)];
        // Places are whole pixels, so that a step is known to one of them.
        expect(Math.abs(a[0]! - b[0]!)).toBeLessThanOrEqual(Math.abs(shape!.rowSpeed) + 1);
        expect(Math.abs(a[1]! - b[1]!)).toBeLessThanOrEqual(Math.abs(shape!.columnSpeed) + 1);
      }
    }),
    { numRuns: runs(20) },
  );
});

test("outlines are two pixels wide, of shapes that are filled otherwise", () => {
  const on = (style: "filled" | "outline", index: number) => {
    const { image, objects } = binaryShapes({ count: 1, style }, 0, index);
    return [objects[0]!.shape, image.data.reduce((sum, x) => sum + x, 0)];
  };
  const seen = Array.from({ length: 12 }, (_, i) => [on("filled", i), on("outline", i)]);
  for (const [filled, outline] of seen) {
    expect(filled![0]).toBe(outline![0]);
    // A square of 8 without its middle of 4; a triangle of 49 without the 9 that are two pixels from all sides.
    expect([filled![1], outline![1]]).toEqual(filled![0] === "square" ? [64, 48] : [49, 40]);
  }
  expect(new Set(seen.map(([filled]) => filled![0])).size).toBe(3);
});

test("where digits overlap the brighter one is seen, and neither has the pixel", () => {
  const { video, groups } = flyingDigits({ digits, frames: 3, size: 3, count: [2, 2] }, 0, 1);
  expect(groups.data.every((k) => k === 0)).toBe(true); // both fill the video
  expect(new Set(video.data).size).toBe(1);
  expect(() => flyingDigits({ digits: [], size: 12 }, 0, 0)).toThrow(/`digits` is empty/);
  expect(() => flyingDigits({ digits, size: 2 }, 0, 0)).toThrow(
    /2 pixels is too small for an object of 3×3/,
  );
  expect(() => flyingShapes({ size: 12 }, 0, 0)).toThrow(/12 pixels is too small for an object of/);
});

test("a collision exchanges velocities as the masses say", () => {
  expect(collide([1, -0.5], [1, 3])).toEqual([-1.25, 0.25]);
  fc.assert(
    fc.property(
      fc.tuple(
        fc.double({ min: -2, max: 2, noNaN: true }),
        fc.double({ min: -2, max: 2, noNaN: true }),
      ),
      fc.tuple(
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        fc.double({ min: 0.1, max: 3, noNaN: true }),
      ),
      ([v1, v2], [m1, m2]) => {
        const [u1, u2] = collide([v1, v2], [m1, m2]);
        expect(m1 * u1 + m2 * u2).toBeCloseTo(m1 * v1 + m2 * v2, 9);
        expect(m1 * u1 ** 2 + m2 * u2 ** 2).toBeCloseTo(m1 * v1 ** 2 + m2 * v2 ** 2, 9);
      },
    ),
  );
});

test("balls stay in the box and keep their energy; events are frames in which some ball turned inside", () => {
  fc.assert(
    fc.property(indices, (index) => {
      const frames = 60;
      const made = bouncingBalls({ frames, size: 8, count: [3, 3], speed: 1 }, 0, index);
      const { places, objects, events, collisions } = made;
      const at = (
        t: number,
        k: number,
      ) => [...places.data.subarray(2 * (3 * t + k), 2 * (3 * t + k) + 2)];
      const moves = (t: number, k: number) => at(t + 1, k).map((x, i) => x - at(t, k)[i]!);
      for (let t = 1; t + 1 < frames; t++) {
        objects.forEach(({ radius }, k) => {
          for (const x of at(t, k)) {
            // A step beyond the wall is turned back in the next one.
            expect(x).toBeGreaterThan(radius - 1);
            expect(x).toBeLessThan(10 - radius + 1);
          }
          const change = moves(t, k).map((x, i) => Math.abs(x - moves(t - 1, k)[i]!));
          const free = at(t, k).every((x) => x > radius + 1 && x < 9 - radius);
          // Far from walls, a ball that changes its way was hit in this frame or the next one.
          if (free && Math.max(...change) > 1e-3) {
            expect(Math.max(events.data[t]!, events.data[t + 1]!)).toBe(1);
          }
        });
      }
      const total = (t: number) =>
        objects.reduce((sum, { mass }, k) => sum + mass * Math.hypot(...moves(t, k)) ** 2, 0);
      const quiet = (t: number) =>
        events.data[t] === 0 && events.data[t + 1] === 0 &&
        objects.every(({ radius }, k) =>
          [...at(t, k), ...at(t + 1, k)].every((x) => x > radius + 0.5 && x < 9.5 - radius)
        );
      const energies = Array.from({ length: frames - 1 }, (_, t) => t).filter(quiet).map(total);
      energies.forEach((e) => expect(e / energies[0]!).toBeCloseTo(1, 3));
      const pixels = 64;
      events.data.forEach((event, t) => {
        const seen = collisions.data.subarray(t * pixels, (t + 1) * pixels).some((x) => x === 1);
        expect(seen ? 1 : 0).toBeLessThanOrEqual(event);
      });
    }),
    { numRuns: runs(12) },
  );
});

test("collisions do happen, a curtain hides what is behind it, and masses follow radii", () => {
  const options = { frames: 40, size: 24, count: [3, 3] } as const;
  const total = Array.from({ length: 10 }, (_, i) => bouncingBalls(options, 0, i))
    .reduce((sum, { events }) => sum + events.data.reduce((a, b) => a + b, 0), 0);
  expect(total).toBeGreaterThan(5);
  const open = bouncingBalls(options, 0, 3);
  const hidden = bouncingBalls({ ...options, curtain: 0.5 }, 0, 3);
  expect(hidden.places).toEqual(open.places);
  open.video.data.forEach((x, p) => {
    const behind = p % 24 >= 6 && p % 24 < 18;
    expect(hidden.video.data[p]).toBe(behind ? 0 : x);
  });
  expect(open.objects.every(({ mass, radius }) => mass === radius ** 2)).toBe(true);
  const same = bouncingBalls({ ...options, equalMasses: true }, 0, 3).objects;
  expect(same.every(({ mass }) => mass === 1)).toBe(true);
  const speed = Math.hypot(...same.flatMap(({ vx, vy }) => [vx, vy]));
  expect(speed).toBeCloseTo(0.5, 9);
  expect(() => bouncingBalls({ count: [30, 30], radii: [2] }, 0, 0)).toThrow(
    /arrangement of balls/,
  );
});
