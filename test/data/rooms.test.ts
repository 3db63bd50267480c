/** Rooms like those of 3D Shapes: their factors, and what each changes. */
import { describe, expect, test } from "vitest";
import { crc32c } from "../../src/data/formats/crc32c.ts";
import {
  renderRoom,
  type RoomFactors,
  roomFactors,
  roomScene,
  type Scene,
} from "../../src/data/generate/index.ts";

describe("rooms", () => {
  const plain: RoomFactors = {
    floorHue: 0,
    wallHue: 1 / 3,
    objectHue: 2 / 3,
    scale: 1,
    shape: "sphere",
    orientation: 0,
  };
  const room = (factors: Partial<RoomFactors>) =>
    renderRoom({ ...plain, ...factors }, { size: 32 });
  const area = ({ masks }: Scene) => masks.data.filter((label) => label === 1).length;
  /** The strongest channel at a row and column. */
  const strongest = ({ image }: Scene, row: number, column: number) => {
    const [r = 0, g = 0, b = 0] = image.data.subarray(3 * (32 * row + column));
    return ["red", "green", "blue"][[r, g, b].indexOf(Math.max(r, g, b))];
  };

  test("every value of every factor occurs, as in 3D Shapes: 480,000 rooms", () => {
    const counts = Object.values(roomFactors).map((values) => values.length);
    expect(counts).toEqual([10, 10, 10, 8, 4, 15]); // 3D Shapes' own
    const seen = Object.keys(roomFactors).map(() => new Set<unknown>());
    for (let index = 0; index < 200; index++) {
      const { factors, objects } = roomScene({ size: 4, supersample: 1 }, 1, index);
      Object.values(factors).forEach((value, k) => seen[k]!.add(value));
      const { shape, objectHue, scale } = factors;
      expect(objects).toEqual([{ shape, hue: objectHue, scale }]);
    }
    expect(seen.map((values) => values.size)).toEqual(counts);
  });

  test("hues are those of floor, wall and object", () => {
    for (const turn of [0, 1 / 3, 2 / 3]) {
      const hue = (x: number) => (x + turn) % 1;
      const hues = {
        floorHue: hue(plain.floorHue),
        wallHue: hue(plain.wallHue),
        objectHue: hue(plain.objectHue),
      };
      const scene = room(hues);
      const colors = ["red", "green", "blue"];
      const expected = (x: number) => colors[Math.round(3 * hue(x)) % 3];
      expect(strongest(scene, 30, 3)).toBe(expected(plain.floorHue));
      expect(strongest(scene, 2, 16)).toBe(expected(plain.wallHue));
      expect(strongest(scene, 16, 16)).toBe(expected(plain.objectHue));
    }
  });

  test("scale, shape and orientation change the object's outline as they should", () => {
    for (const shape of roomFactors.shape) {
      const areas = roomFactors.scale.map((scale) => area(room({ shape, scale })));
      expect(areas).toEqual(areas.toSorted((a, b) => a - b));
      expect(areas.at(-1)! / areas[0]!).toBeGreaterThan(2); // (1.25 / 0.75)² = 2.8, nearer above
    }
    const outline = (factors: Partial<RoomFactors>) => crc32c(room(factors).masks.data);
    expect(new Set(roomFactors.shape.map((shape) => outline({ shape }))).size).toBe(4);
    expect(outline({ orientation: 30 })).toBe(outline({})); // a sphere
    expect(outline({ shape: "cube", orientation: 30 })).not.toBe(outline({ shape: "cube" }));
    expect(crc32c(room({ orientation: 30 }).image.data)).not.toBe(crc32c(room({}).image.data));
  });

  test("a factor outside its range is named", () => {
    expect(() => room({ wallHue: 2 })).toThrow(/renderRoom: `wallHue` .*from 0 to 1/);
    expect(() => room({ shape: "cone" as "cube" })).toThrow(/`shape` .*"capsule"/);
  });
});
