/** Sorting: laws, ties and NaN. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/core/errors.ts";
import { type Program, subprograms } from "../../src/core/program.ts";
import { sizeOf } from "../../src/core/aval.ts";
import { random } from "../../src/index.ts";
import { grad } from "../../src/transforms/index.ts";
import { makeProgram } from "../../src/inspect/index.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { expectClose, holds, np, values } from "./support.ts";

const rows = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, Infinity)), {
  maxLength: 12,
});
// NaN counts as larger than all numbers.
const order = (a: number, b: number) =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;

/** The most elements of any tensor in a program. */
function largest(program: Program): number {
  const own = program.equations.flatMap((e) => e.outputs.map((v) => sizeOf(v.aval.shape)));
  const inner = program.equations.flatMap((e) => subprograms(e.params)).map(largest);
  return Math.max(0, ...own, ...inner);
}

/** How often each loop of a program runs. */
function rounds(program: Program): number[] {
  return program.equations.flatMap((e) => [
    ...("length" in e.params ? [Number(e.params["length"])] : []),
    ...subprograms(e.params).flatMap(rounds),
  ]);
}

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

  it("searchsorted finds what counting finds, NaN after all numbers", async () => {
    const numbers = fc.array(fc.constantFrom(-Infinity, -1, 0, 1, 2, 3, Infinity, NaN), {
      maxLength: 9,
    });
    const comes = (a: number, b: number) => a < b || (Number.isNaN(b) && !Number.isNaN(a));
    await holds([numbers, numbers], async (some, x) => {
      const sorted = some.toSorted((a, b) => comes(a, b) ? -1 : comes(b, a) ? 1 : 0);
      const count = (before: (a: number, b: number) => boolean) =>
        x.map((value) => sorted.filter((a) => before(a, value)).length);
      const [row, places] = [np.array(sorted), np.array(x)];
      expect(await values(np.searchsorted(row, places))).toEqual(count(comes));
      const right = np.searchsorted(row, places, { side: "right" });
      expect(await values(right)).toEqual(count((a, b) => !comes(b, a)));
    }, 100);
  });

  it("nothing that searchsorted makes is larger than what it is given", () => {
    const [n, m] = [20_000, 10_000];
    const search = makeProgram(
      (a: Tensor, b: Tensor) => np.searchsorted(a, b),
      np.zeros(n),
      np.zeros(m),
    );
    expect(largest(search.program)).toBe(n);
    const choose = makeProgram(
      (p: Tensor) => random.choice(random.key(0), n, m, { p }),
      np.zeros(n),
    );
    expect(largest(choose.program)).toBeLessThanOrEqual(2 * n);
    // As many steps as the number of elements has bits, each of one look at every place.
    expect(rounds(search.program)).toEqual([15]);
  });

  it("moves derivatives along", async () => {
    const weights = np.array([1, 10, 100]);
    const f = (x: Tensor) => np.sum(np.multiply(np.sort(x), weights));
    expect(await values(grad(f)(np.array([3, 1, 2])))).toEqual([100, 1, 10]);
    const g = (x: Tensor) => np.sum(np.topK(x, 2)[0]);
    expect(await values(grad(g)(np.array([3, 1, 2])))).toEqual([1, 0, 1]);
  });
});
