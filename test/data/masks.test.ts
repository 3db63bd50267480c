/** Polygons and run lengths against pycocotools; label maps. */

import fc from "fast-check";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  CorruptError,
  decodeCounts,
  masksToLabels,
  ndarray,
  polygonsToMask,
  runLengthsToMask,
} from "trilevel/data";
import { fixture } from "./support.ts";

interface Fixtures {
  readonly polygons: { polygon: number[]; size: [number, number]; mask: string }[];
  readonly codes: { counts: string; size: [number, number]; mask: string }[];
}
const fixtures: Fixtures = JSON.parse(await readFile(fixture("masks.json"), "utf8"));
const text = (data: Uint8Array) => data.join("");

// COCO's text, written the obvious way.
function encodeCounts(counts: readonly number[]): string {
  return counts.map((count, i) => {
    let value = i > 2 ? count - counts[i - 2]! : count;
    let out = "";
    for (let more = true; more;) {
      const low = value & 31;
      value >>= 5;
      more = low & 16 ? value !== -1 : value !== 0;
      out += String.fromCharCode(48 + (low | (more ? 32 : 0)));
    }
    return out;
  }).join("");
}

describe("COCO masks", () => {
  it("fill polygons with pycocotools' pixels", () => {
    for (const { polygon, size, mask } of fixtures.polygons) {
      const found = polygonsToMask([polygon], size);
      expect(found.shape).toEqual([...size, 1]);
      expect(text(found.data)).toBe(mask);
    }
  });

  it("decode pycocotools' run lengths", () => {
    for (const { counts, size, mask } of fixtures.codes) {
      expect(text(runLengthsToMask({ counts, size }).data)).toBe(mask);
    }
  });

  it("fill a square with exactly its pixels, whatever the direction", () => {
    fc.assert(
      fc.property(
        fc.nat(9),
        fc.nat(9),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (
          x,
          y,
          w,
          h,
        ) => {
          const corners = [x, y, x + w, y, x + w, y + h, x, y + h];
          const reversed = [x, y, x, y + h, x + w, y + h, x + w, y];
          const { data } = polygonsToMask([corners], [20, 20]);
          expect(polygonsToMask([reversed], [20, 20]).data).toEqual(data);
          data.forEach((value, p) => {
            const [row, column] = [Math.floor(p / 20), p % 20];
            const inside = column >= x && column < x + w && row >= y && row < y + h;
            expect(value).toBe(inside ? 1 : 0);
          });
        },
      ),
    );
  });

  it("unite polygons", () => {
    const a = [0, 0, 4, 0, 4, 4, 0, 4];
    const b = [2, 2, 6, 2, 6, 6, 2, 6];
    const [first, second] = [a, b].map((polygon) => polygonsToMask([polygon], [8, 8]).data);
    const union = polygonsToMask([a, b], [8, 8]).data;
    union.forEach((value, p) => expect(value).toBe(first![p]! | second![p]!));
  });

  it("read back any run lengths", () => {
    fc.assert(fc.property(fc.array(fc.nat(2 ** 20)), (counts) => {
      expect(decodeCounts(encodeCounts(counts))).toEqual(counts);
    }));
    fc.assert(fc.property(fc.string(), (code) => {
      try {
        decodeCounts(code);
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptError);
      }
    }));
  });

  it("refuse run lengths of another size", () => {
    expect(() => runLengthsToMask({ size: [2, 2], counts: [1, 2] })).toThrow("covers 3 of 2×2");
    expect(() => runLengthsToMask({ size: [2, 2], counts: [5, -1] })).toThrow(CorruptError);
    // Columns first: pixels 1 and 2 are (row 1, column 0) and (row 0, column 1).
    expect([...runLengthsToMask({ size: [2, 2], counts: [1, 2, 1] }).data]).toEqual([0, 1, 1, 0]);
  });
});

describe("label maps", () => {
  it("give every pixel to its largest mask", () => {
    const masks = ndarray(Uint8Array.of(0, 5, 9, 0, 9, 9), [2, 1, 3, 1]);
    const labels = masksToLabels(masks);
    expect([[...labels.data], labels.shape]).toEqual([[0, 1, 0], [1, 3]]);
    expect([...masksToLabels(masks, { backgrounds: 0 }).data]).toEqual([0, 2, 1]);
    expect([...masksToLabels(masks, { backgrounds: 4 }).data]).toEqual([0, 0, 0]);
    expect(() => masksToLabels(ndarray(new Uint8Array(4), [2, 2]))).toThrow("no label map");
  });
});
