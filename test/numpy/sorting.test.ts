/** Sorting: laws, ties and NaN. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/core/errors.ts";
import { grad } from "../../src/transforms/index.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { expectClose, holds, np, values } from "./support.ts";

const rows = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, Infinity)), {
  maxLength: 12,
});
// NaN counts as larger than all numbers.
const order = (a: number, b: number) =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;

describe("sorting", () => {
  it("orders, keeps equal elements in order, and puts NaN last", async () => {
    await holds([rows, fc.boolean()], async (row, descending) => {
      const x = np.array(row);
      const sign = descending ? -1 : 1;
      const expected = row.map((_, i) => i).sort((i, j) => sign * order(row[i]!, row[j]!) || i - j);
      expect(await values(np.argsort(x, { descending }))).toEqual(expected);
      expectClose(await values(np.sort(x, { descending })), expected.map((i) => row[i]!));
    });
  });

  it("goes along any axis", async () => {
    const x = np.array([[3, 1], [2, 5]]);
    expect(await np.sort(x, { axis: 0 }).array()).toEqual([[2, 1], [3, 5]]);
    expect(await np.argsort(x, { axis: -2, descending: true }).array()).toEqual([[0, 1], [1, 0]]);
    expect(np.sort(np.zeros([2, 0])).shape).toEqual([2, 0]);
    expect(() => np.sort(1)).toThrow(ShapeError);
  });

  it("topK is the head of a descending sort", async () => {
    await holds([rows], async (row) => {
      for (let k = 0; k <= row.length; k++) {
        const [top, at] = np.topK(np.array(row), k);
        const sorted = await values(np.sort(np.array(row), { descending: true }));
        expectClose(await values(top), sorted.slice(0, k));
        expectClose((await values(at)).map((i) => row[i]!), sorted.slice(0, k));
      }
    }, 40);
    expect(() => np.topK(np.zeros(3), 4)).toThrow(ArgumentError);
  });

  it("searchsorted counts what comes before", async () => {
    const sorted = np.array([1, 3, 3, 5]);
    const x = np.array([[0, 3], [5, 9]]);
    expect(await np.searchsorted(sorted, x).array()).toEqual([[0, 1], [3, 4]]);
    expect(await np.searchsorted(sorted, x, { side: "right" }).array()).toEqual([[0, 3], [4, 4]]);
  });

  it("moves derivatives along", async () => {
    const weights = np.array([1, 10, 100]);
    const f = (x: Tensor) => np.sum(np.multiply(np.sort(x), weights));
    expect(await values(grad(f)(np.array([3, 1, 2])))).toEqual([100, 1, 10]);
    const g = (x: Tensor) => np.sum(np.topK(x, 2)[0]);
    expect(await values(grad(g)(np.array([3, 1, 2])))).toEqual([1, 0, 1]);
  });
});
