/** Towers like those of ShapeStacks: how they stand, and whether. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Block, towerScene } from "../../src/data/generate/index.ts";
import { runs } from "../support/tier.ts";

type Vec = readonly [number, number, number];
const indices = fc.integer({ min: 0, max: 1e9 });

describe("towers", () => {
  const options = { size: 32, supersample: 1 } as const;

  test("blocks stand one on the other", () => {
    fc.assert(
      fc.property(indices, (index) => {
        const { objects } = towerScene({ ...options, count: [2, 6] }, 0, index);
        expect(objects.length).toBeGreaterThanOrEqual(2);
        expect(objects.length).toBeLessThanOrEqual(6);
        let top = 0;
        for (const { halves, "3d_coords": [, , z] } of objects) {
          expect(z - halves[2]).toBeCloseTo(top, 9);
          top = z + halves[2];
        }
      }),
      { numRuns: runs(20) },
    );
  });

  // Independent of the rule that made them: a rigid body turns over an edge of its support if gravity's torque about some
  // horizontal line through the support's hull has no counterpart.
  test("stable towers have every part's centre of mass over its support, unstable ones do not", () => {
    const points = (block: Block): Vec[] => {
      const { shape, halves: [a, b], rotation, "3d_coords": [x, y] } = block;
      if (shape === "sphere") return [[x, y, 0]];
      return Array.from({ length: 720 }, (_, k) => {
        const [cos, sin] = [Math.cos(k * Math.PI / 360), Math.sin(k * Math.PI / 360)];
        const stretch = shape === "cube" ? 1 / Math.max(Math.abs(cos), Math.abs(sin)) : 1;
        const [u, v] = [a * cos * stretch, (shape === "cube" ? b : a) * sin * stretch];
        const angle = rotation * Math.PI / 180;
        return [
          x + u * Math.cos(angle) - v * Math.sin(angle),
          y + u * Math.sin(angle) + v * Math.cos(angle),
          0,
        ];
      });
    };
    /** True if no direction separates a point from the outline. */
    const over = (outline: Vec[], px: number, py: number) =>
      Array.from({ length: 360 }, (_, k) => [Math.cos(k / 57.3), Math.sin(k / 57.3)] as const)
        .every(([nx, ny]) =>
          Math.max(...outline.map(([x, y]) => nx * (x - px) + ny * (y - py))) > -1e-9
        );
    let standing = 0;
    for (let index = 0; index < 24; index++) {
      const { objects, stable } = towerScene(options, 5, index);
      const holds = objects.slice(1).every((_, k) => {
        const above = objects.slice(k + 1);
        const weights = above.map(({ shape, halves: [a, b, c] }) =>
          a * b * c * { cube: 8, cylinder: 2 * Math.PI, sphere: 4 / 3 * Math.PI }[shape]
        );
        const mass = weights.reduce((sum, w) => sum + w, 0);
        const centre = (axis: 0 | 1) =>
          above.reduce((sum, o, i) => sum + weights[i]! * o["3d_coords"][axis], 0) / mass;
        return [objects[k]!, above[0]!].every((block) => over(points(block), centre(0), centre(1)));
      });
      expect(holds).toBe(stable);
      if (stable) standing++;
    }
    expect(standing).toBeGreaterThan(4);
    expect(standing).toBeLessThan(20);
  });

  test("the label can be chosen; towers of other heights are refused", () => {
    for (const stable of [true, false]) {
      for (let i = 0; i < 5; i++) {
        expect(towerScene({ ...options, stable }, 2, i).stable).toBe(stable);
      }
    }
    expect(() => towerScene({ count: [1, 3] }, 0, 0)).toThrow(/`count` .*from 2 to 6/);
  });
});
