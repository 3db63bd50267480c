/** Videos of moving sprites: what they say of flow, boxes and centres is what their segments show. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { flowColors, movingSprites, ndarray, segmentBoxes, segmentCenters } from "trilevel/data";
import { runs } from "../support/tier.ts";

const indices = fc.integer({ min: 0, max: 1e9 });

test("the same seed and index make the same video, others another", () => {
  fc.assert(
    fc.property(indices, indices, (seed, index) => {
      const options = { frames: 2, size: 16, count: [1, 3] } as const;
      const one = movingSprites(options, seed, index);
      expect(movingSprites(options, seed, index)).toEqual(one);
      expect(movingSprites(options, seed, index + 1).objects).not.toEqual(one.objects);
      expect(movingSprites(options, seed + 1, index).objects).not.toEqual(one.objects);
    }),
    { numRuns: runs(10) },
  );
});

test("a sprite alone moves as the flow says, back as the flow of the next frame, and stays inside", () => {
  fc.assert(
    fc.property(indices, (index) => {
      const frames = 12;
      const made = movingSprites({ frames, count: [1, 1], size: 20 }, 0, index);
      const { segments, forwardFlow, backwardFlow, centers, boxes, objects: [sprite] } = made;
      const at = (t: number) => segments.data.indexOf(1, t * 400) * 2;
      const speed = Math.hypot(sprite!.vx, sprite!.vy);
      for (let t = 0; t + 1 < frames; t++) {
        for (const axis of [0, 1]) {
          const moved = forwardFlow.data[at(t) + axis]!;
          expect(Math.abs(moved)).toBeLessThanOrEqual(speed + 1e-6);
          expect(backwardFlow.data[at(t + 1) + axis]).toBeCloseTo(-moved, 5);
          // Pixels are whole: a centre of mass is known to half a pixel.
          const seen = 20 * (centers.data[2 * (t + 1) + axis]! - centers.data[2 * t + axis]!);
          expect(Math.abs(seen - moved)).toBeLessThan(1);
        }
        expect(boxes.data[4 * t + 2]! - boxes.data[4 * t]!).toBeLessThanOrEqual(
          (2 * sprite!.radius + 1) / 20,
        );
      }
      segments.data.forEach((label, p) => {
        if (label > 0) return;
        expect(forwardFlow.data[2 * p]).toBe(0);
        expect(backwardFlow.data[2 * p + 1]).toBe(0);
      });
      expect(Math.min(...boxes.data)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...boxes.data)).toBeLessThanOrEqual(1);
    }),
    { numRuns: runs(10) },
  );
});

test("boxes hold all pixels of their objects and touch them on each side, centres are means", () => {
  fc.assert(
    fc.property(indices, fc.integer({ min: 1, max: 5 }), (index, count) => {
      const options = { frames: 4, size: 24, count: [count, count], minVisibility: 0.3 } as const;
      const { segments: { data }, boxes, centers } = movingSprites(options, 1, index);
      for (let row = 0; row < 4 * count; row++) {
        const [frame, object] = [Math.floor(row / count), row % count + 1];
        const own = [...data.subarray(frame * 576, (frame + 1) * 576).entries()]
          .filter(([, label]) => label === object).map(([p]) => [Math.floor(p / 24), p % 24]);
        const box = [...boxes.data.subarray(4 * row, 4 * row + 4)].map((side) => side * 24);
        if (own.length === 0) expect(box).toEqual([0, 0, 0, 0]);
        [0, 1].forEach((axis) => {
          const places = own.map((place) => place[axis]!).sort((a, b) => a - b);
          if (places.length === 0) return;
          expect(box[axis]).toBeCloseTo(places[0]!, 4);
          expect(box[axis + 2]).toBeCloseTo(places.at(-1)! + 1, 4);
          const mean = places.reduce((a, b) => a + b + 0.5, 0) / places.length;
          expect(24 * centers.data[2 * row + axis]!).toBeCloseTo(mean, 4);
        });
      }
    }),
    { numRuns: runs(10) },
  );
});

test("every sprite is seen in the first frame; one that is hidden is an error unless told", () => {
  for (let index = 0; index < 20; index++) {
    const { boxes } = movingSprites({ frames: 1 }, 5, index);
    for (let k = 0; k < 3; k++) expect(boxes.data[4 * k + 2]).toBeGreaterThan(boxes.data[4 * k]!);
  }
  const labels = ndarray(Uint8Array.of(1, 1, 0, 1), [2, 1, 2]);
  expect(() => segmentBoxes(labels, { objects: 2 })).toThrow(
    /segmentBoxes: object 2 has no pixel in frame 0/,
  );
  expect(() => segmentCenters(labels, { objects: 2 })).toThrow(/object 2 has no pixel/);
  const zeros = segmentBoxes(labels, { objects: 2, hidden: "zeros" });
  expect([...zeros.data]).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 0, 0.5, 1, 1, 0, 0, 0, 0]);
  expect(() => segmentBoxes(ndarray(labels.data, [4]), { objects: 1 })).toThrow(
    /labels of shape \[frames, height, width\], got \[4\]/,
  );
  expect(() => movingSprites({ count: [9, 9], minVisibility: 1 }, 0, 0)).toThrow(/no acceptable/);
});

test("colours of flow are those of another conversion from hue, saturation and value", () => {
  // The textbook's six cases (Smith, 1978; Python's colorsys).
  const rgb = (h: number, s: number) => {
    const sector = Math.floor(h * 6);
    const [p, q, t] = [1 - s, 1 - s * (h * 6 - sector), 1 - s * (1 - (h * 6 - sector))];
    return [[1, t, p], [q, 1, p], [p, 1, t], [p, q, 1], [t, p, 1], [1, p, q]][sector % 6]!;
  };
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 24, maxLength: 24 }),
      (numbers) => {
        const flow = ndarray(Float32Array.from(numbers), [2, 2, 3, 2]);
        const { data, shape } = flowColors(flow);
        expect(shape).toEqual([2, 2, 3, 3]);
        for (let p = 0; p < 12; p++) {
          const [a, b] = [flow.data[2 * p]!, flow.data[2 * p + 1]!];
          const saturation = Math.min(1, 50 * Math.hypot(a, b) / Math.hypot(2, 3));
          rgb((Math.atan2(b, a) / Math.PI + 1) / 2, saturation).forEach((x, c) =>
            expect(data[3 * p + c]).toBeCloseTo(x, 4)
          );
        }
      },
    ),
    { numRuns: runs(50) },
  );
  expect(() => flowColors(ndarray(new Float32Array(6), [2, 3]))).toThrow(
    /flow of shape \[height, width, 2\], got \[2, 3\]/,
  );
});
