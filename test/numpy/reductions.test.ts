/** Reductions and running results against loops, at all axes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { grad } from "../../src/transforms/index.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import {
  at,
  build,
  expectClose,
  expectHost,
  holds,
  type Host,
  hosts,
  indices,
  np,
  place,
  shapes,
  values,
} from "./support.ts";

/** A host tensor and some of its axes (undefined: all). */
const withAxes = (minSize: number) =>
  hosts(shapes(4, 0, minSize)).chain((x) =>
    fc.tuple(
      fc.constant(x),
      fc.option(fc.subarray(x.shape.map((_, i) => i)), { nil: undefined }),
    )
  );

/** For each element of the result, the elements that it comes from. */
function groups(x: Host, axes = x.shape.map((_, i) => i)) {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const inner = indices(axes.map((a) => x.shape[a]!));
  return (outer: readonly number[]) =>
    inner.map((index) =>
      at(
        x,
        x.shape.map((_, i) => axes.includes(i) ? index[axes.indexOf(i)]! : outer[kept.indexOf(i)]!),
      )
    );
}

const total = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0);
const average = (xs: readonly number[]) => total(xs) / xs.length;
const variance = (xs: readonly number[]) => average(xs.map((x) => (x - average(xs)) ** 2));
const middle = (xs: readonly number[]) => {
  const sorted = [...xs].sort((a, b) => a - b);
  return average([sorted[Math.ceil(xs.length / 2) - 1]!, sorted[Math.floor(xs.length / 2)]!]);
};

describe("reductions", () => {
  const table: [string, np.Reduction, (xs: readonly number[]) => number, number][] = [
    ["sum", np.sum, total, 0],
    ["prod", np.prod, (xs) => xs.reduce((a, b) => a * b, 1), 0],
    ["mean", np.mean, average, 0],
    ["var", np.var, variance, 0],
    ["std", np.std, (xs) => Math.sqrt(variance(xs)), 0],
    ["all", np.all, (xs) => Number(xs.every((x) => x !== 0)), 0],
    ["any", np.any, (xs) => Number(xs.some((x) => x !== 0)), 0],
    ["countNonzero", np.countNonzero, (xs) => xs.filter((x) => x !== 0).length, 0],
    ["logsumexp", np.logsumexp, (xs) => Math.log(total(xs.map(Math.exp))), 0],
    ["nansum", np.nansum, total, 0],
    ["max", np.max, (xs) => Math.max(...xs), 1],
    ["min", np.min, (xs) => Math.min(...xs), 1],
    ["ptp", np.ptp, (xs) => Math.max(...xs) - Math.min(...xs), 1],
    ["median", np.median, middle, 1],
  ];
  it.each(table)("%s is a loop", async (_, f, loop, minSize) => {
    await holds([withAxes(minSize)], async ([x, axis]) => {
      const group = groups(x, axis);
      const kept = x.shape.filter((_, i) => axis !== undefined && !axis.includes(i));
      const expected = build(kept, (outer) => loop(group(outer)));
      const y = f(place(x), { axis });
      await expectHost(y, expected, 1e-9);
      const keeping = f(place(x), { axis, keepdims: true });
      const reduced = axis ?? x.shape.map((_, i) => i);
      expect(keeping.shape).toEqual(x.shape.map((n, i) => reduced.includes(i) ? 1 : n));
    }, 80);
  });

  it("count integers and booleans", async () => {
    const b = np.array([true, true, false]);
    expect(np.sum(b).dtype).toBe("int32");
    expect(await np.sum(b).item()).toBe(2);
    expect(np.mean(b).dtype).toBe("float32");
    expect(np.sum(np.arange(3)).dtype).toBe("int32");
    expect(np.prod(b).dtype).toBe("int32");
    expect(np.max(b).dtype).toBe("bool");
    expect(await np.min(b).item()).toBe(0);
    expect(np.cumsum(b).dtype).toBe("int32");
    expect(await np.argmax(b).item()).toBe(0);
  });

  it("refuse the largest of nothing, and give NaN for its mean", async () => {
    expect(() => np.max(np.zeros([0]))).toThrow(/reduceMax: .* has no elements/);
    expect(() => np.argmin(np.zeros([2, 0]), { axis: 1 })).toThrow(
      /argMin: expected one element or more/,
    );
    expect(() => np.median(np.zeros([0]))).toThrow(/quantile: expected one element or more/);
    expect(await np.mean(np.zeros([0])).item()).toBeNaN();
    expect(await np.logsumexp(np.zeros([0])).item()).toBe(-Infinity);
  });

  it("var divides by n - ddof", async () => {
    expectClose([await np.var(np.array([1, 2, 3, 4]), { ddof: 1 }).item()], [5 / 3], 1e-9);
  });

  it("carry NaN", async () => {
    const x = np.array([1, NaN, 3]);
    for (const f of [np.sum, np.max, np.min, np.mean, np.prod, np.median, np.logsumexp]) {
      expect(await f(x).item()).toBeNaN();
    }
    expect(await np.nansum(x).item()).toBe(4);
    expect(await np.nanmean(x).item()).toBe(2);
    expect(await np.argmax(x).item()).toBe(1);
  });

  it("average weighs", async () => {
    const x = np.array([[1, 2], [3, 4]]), w = np.array([3, 1]);
    expect(await np.average(x).item()).toBe(2.5);
    expect(await values(np.average(x, { axis: 0, weights: w }))).toEqual([1.5, 2.5]);
    expect(await values(np.average(x, { axis: 1, weights: w }))).toEqual([1.25, 3.25]);
  });

  it("argmax finds the first", async () => {
    await holds([hosts(shapes(3, 1, 1)), fc.nat()], async (x, n) => {
      const axis = n % x.shape.length;
      const group = groups(x, [axis]);
      const kept = x.shape.toSpliced(axis, 1);
      const first = (f: (...xs: number[]) => number) =>
        build(kept, (outer) => group(outer).indexOf(f(...group(outer))));
      await expectHost(np.argmax(place(x), { axis }), first(Math.max));
      await expectHost(np.argmin(place(x), { axis }), first(Math.min));
      expect(await np.argmax(place(x)).item()).toBe(x.data.indexOf(Math.max(...x.data)));
    });
  });

  it("quantile interpolates", async () => {
    const x = np.array([1, 2, 4, 8]);
    const at40 = async (method: NonNullable<np.QuantileOptions["method"]>) =>
      await np.quantile(x, 0.4, { method }).item();
    expectClose([await at40("linear")], [2.4], 1e-6);
    expect(await at40("lower")).toBe(2);
    expect(await at40("higher")).toBe(4);
    expect(await at40("nearest")).toBe(2);
    expect(await at40("midpoint")).toBe(3);
    expect(() => np.quantile(x, 2)).toThrow();
  });
});

describe("softmax", () => {
  it("sums to 1, does not overflow, and logSoftmax is its logarithm", async () => {
    const wide = fc.double({ min: -500, max: 500, noNaN: true });
    await holds([hosts(shapes(3, 1, 1), wide), fc.nat()], async (x, n) => {
      const axis = n % x.shape.length;
      const p = np.softmax(place(x), { axis });
      const sums = await values(np.sum(p, { axis }));
      expectClose(sums, sums.map(() => 1), 1e-9);
      const q = np.exp(np.logSoftmax(place(x), { axis }));
      expectClose(await values(q), await values(p), 1e-9);
    });
    expect(np.softmax(np.zeros([2, 0])).shape).toEqual([2, 0]);
  });
});

describe("running results", () => {
  const table: [string, np.Cumulative, (a: number, b: number) => number][] = [
    ["cumsum", np.cumsum, (a, b) => a + b],
    ["cumprod", np.cumprod, (a, b) => a * b],
    ["cummax", np.cummax, (a, b) => Math.max(a, b)],
    ["cummin", np.cummin, (a, b) => Math.min(a, b)],
  ];
  it.each(table)("%s is a loop, also from the end", async (_, f, step) => {
    await holds([hosts(shapes(3, 1, 0, 7)), fc.nat()], async (x, n) => {
      const axis = n % x.shape.length;
      const size = x.shape[axis]!;
      const run = (reverse: boolean) =>
        build(x.shape, (index) => {
          const order = Array.from({ length: size }, (_, i) => i);
          const until = order.filter((i) => reverse ? i >= index[axis]! : i <= index[axis]!);
          return until.map((i) => at(x, index.with(axis, i))).reduce(step);
        });
      await expectHost(f(place(x), { axis }), run(false));
      await expectHost(f(place(x), { axis, reverse: true }), run(true));
      expect(f(place(x)).shape).toEqual([x.data.length]);
    }, 80);
  });

  it("diff undoes cumsum", async () => {
    await holds([hosts(shapes(3, 1, 1)), fc.nat()], async (x, n) => {
      const axis = n % x.shape.length;
      const y = np.diff(np.cumsum(place(x), { axis }), { axis });
      const shape = x.shape.with(axis, x.shape[axis]! - 1);
      await expectHost(y, build(shape, (index) => at(x, index.with(axis, index[axis]! + 1))));
    });
    expect(await values(np.diff(np.array([1, 4, 9, 16]), { n: 2 }))).toEqual([2, 2]);
    expect(await values(np.diff(np.array([true, true, false])))).toEqual([0, 1]);
  });
});

describe("derivatives where others divide by zero", () => {
  const slopes = (f: (x: Tensor) => Tensor, x: number[]) => values(grad(f)(np.array(x)));
  it("prod with zeros", async () => {
    expect(await slopes(np.prod, [2, 0, 3])).toEqual([0, 6, 0]);
    expect(await slopes(np.prod, [0, 0, 3])).toEqual([0, 0, 0]);
  });
  it("cumprod with zeros", async () => {
    expect(await slopes((x) => np.sum(np.cumprod(x)), [2, 0, 3])).toEqual([1, 8, 0]);
  });
  it("logsumexp of infinities", async () => {
    expect(await slopes(np.logsumexp, [-Infinity, 0])).toEqual([0, 1]);
    expect(await slopes(np.logsumexp, [-Infinity, -Infinity])).toEqual([0, 0]);
  });
  it("max shares between equal elements", async () => {
    expect(await slopes(np.max, [1, 3, 3])).toEqual([0, 0.5, 0.5]);
  });
});
