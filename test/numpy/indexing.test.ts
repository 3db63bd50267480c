/** Indexing and updates against a host model of NumPy's rules. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/core/errors.ts";
import { grad, jit } from "../../src/transforms/index.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import {
  at,
  build,
  expectHost,
  holds,
  type Host,
  hosts,
  indices,
  np,
  place,
  shapes,
  small,
  values,
} from "./support.ts";

/** An item for one axis: what is written, and the places that it means. */
interface Item {
  readonly written: np.Index;
  readonly places: readonly number[];
  readonly kind: "number" | "range";
}

/** Python's range, by its definition. */
function range(size: number, start?: number, stop?: number, step = 1): number[] {
  const clamp = (n: number, low: number, high: number) => Math.min(Math.max(n, low), high);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const from = start === undefined
    ? (step > 0 ? 0 : size - 1)
    : clamp(start < 0 ? start + size : start, low, high);
  const to = stop === undefined
    ? (step > 0 ? size : -1)
    : clamp(stop < 0 ? stop + size : stop, low, high);
  const places: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) places.push(i);
  return places;
}

const bound = fc.option(fc.integer({ min: -6, max: 6 }), { nil: undefined });
const step = fc.option(fc.constantFrom(-3, -2, -1, 1, 2, 3), { nil: undefined });

function item(size: number): fc.Arbitrary<Item> {
  const ranges = fc.tuple(bound, bound, step).map(([a, b, c]): Item => ({
    written: c === undefined ? b === undefined ? a === undefined ? ":" : [a] : [a, b] : [a, b, c],
    places: range(size, a, b, c),
    kind: "range",
  }));
  if (size === 0) return ranges;
  const numbers = fc.integer({ min: -size, max: size - 1 }).map((n): Item => ({
    written: n,
    places: [n < 0 ? n + size : n],
    kind: "number",
  }));
  return fc.oneof(ranges, numbers);
}

const indexed = hosts(shapes(3)).chain((x) =>
  fc.tuple(
    fc.constant(x),
    fc.nat(x.shape.length).chain((n) => fc.tuple(...x.shape.slice(0, n).map(item))),
    fc.boolean(),
  )
);

/** What basic indices read, by picking places. */
function pick(x: Host, items: readonly Item[]): Host {
  const rows = x.shape.map((n, i) => items[i]?.places ?? range(n));
  const kept = x.shape.map((_, i) => i).filter((i) => items[i]?.kind !== "number");
  return build(
    kept.map((i) => rows[i]!.length),
    (index) => at(x, rows.map((row, i) => row[kept.includes(i) ? index[kept.indexOf(i)]! : 0]!)),
  );
}

const ints = (...data: number[]) => np.array(data, { dtype: "int32" });

describe("slice", () => {
  it("reads what NumPy reads", async () => {
    await holds([indexed], async ([x, items, dots]) => {
      const index = [...items.map((i) => i.written), ...(dots ? ["..." as const] : [])];
      await expectHost(np.slice(place(x), ...index), pick(x, items));
    }, 400);
  });

  it("puts new axes and an ellipsis where they are written", () => {
    const x = np.zeros([2, 3, 4]);
    expect(np.slice(x, null, 0, null).shape).toEqual([1, 1, 3, 4]);
    expect(np.slice(x, "...", 0).shape).toEqual([2, 3]);
    expect(np.slice(x, 0, "...", null, [1, 3]).shape).toEqual([3, 1, 2]);
    expect(np.slice(x, "...", null).shape).toEqual([2, 3, 4, 1]);
    expect(np.slice(x, 1, 2, 3).shape).toEqual([]);
  });

  it("puts the axes of index tensors where NumPy puts them", () => {
    const x = np.zeros([2, 3, 4, 5]);
    const i = np.zeros([6, 7], { dtype: "int32" });
    expect(np.slice(x, ":", i).shape).toEqual([2, 6, 7, 4, 5]);
    expect(np.slice(x, ":", i, i).shape).toEqual([2, 6, 7, 5]);
    expect(np.slice(x, i, ":", i).shape).toEqual([6, 7, 3, 5]);
    expect(np.slice(x, 0, ":", i).shape).toEqual([6, 7, 3, 5]);
    expect(np.slice(x, ":", 0, i).shape).toEqual([2, 6, 7, 5]);
    expect(np.slice(x, ":", null, i).shape).toEqual([2, 1, 6, 7, 4, 5]);
    expect(np.slice(x, i, null, i).shape).toEqual([6, 7, 1, 4, 5]);
    expect(np.slice(x, [1], i).shape).toEqual([1, 6, 7, 4, 5]);
  });

  it("reads pairs, counts from the end, and clips", async () => {
    const x = np.arange(12).reshape([3, 4]);
    expect(await values(np.slice(x, ints(0, -1), ints(1, 2)))).toEqual([1, 10]);
    expect(await np.slice(x, ints(2, 9, -9)).array()).toEqual([[8, 9, 10, 11], [8, 9, 10, 11], [
      0,
      1,
      2,
      3,
    ]]);
    const fetch = np.at(x, ints(2, 9), 0);
    expect(await values(fetch.get())).toEqual([8, 8]);
    expect(await values(fetch.get({ mode: "fill" }))).toEqual([8, -(2 ** 31)]);
    expect(await values(fetch.get({ mode: "fill", fillValue: 7 }))).toEqual([8, 7]);
  });

  it("refuses what is outside, too much, or of unknown size", () => {
    const x = np.zeros([2, 3]);
    expect(() => np.slice(x, 2)).toThrow(
      /slice: index 2 is out of range for axis 0 of float32\[2,3\]/,
    );
    expect(() => np.slice(x, 0, 0, 0)).toThrow(ShapeError);
    expect(() => np.slice(x, "...", "...")).toThrow(ShapeError);
    expect(() => np.slice(x, 0.5)).toThrow(ShapeError);
    expect(() => np.slice(x, [0, 1, 0])).toThrow(ArgumentError);
    expect(() => np.slice(x, np.zeros([2]))).toThrow(DTypeError);
    expect(() => np.slice(x, np.array([true, false]))).toThrow(/use np.where/);
  });
});

describe("take", () => {
  const table = hosts(shapes(3, 1, 1)).chain((x) => fc.tuple(fc.constant(x), fc.nat(), shapes(2)));
  it("picks along an axis, NaN outside", async () => {
    await holds([table, fc.infiniteStream(fc.integer({ min: -6, max: 6 }))], async (
      [x, n, shape],
      numbers,
    ) => {
      const axis = n % x.shape.length;
      const size = x.shape[axis]!;
      const where = build(shape, () => numbers.next().value!);
      const expected = (place: (i: number) => number | undefined) =>
        build(x.shape.toSpliced(axis, 1, ...shape), (index) => {
          const i = place(at(where, index.slice(axis, axis + shape.length)));
          if (i === undefined) return NaN;
          return at(x, index.toSpliced(axis, shape.length, i));
        });
      const [t, i] = [place(x), place(where, "int32")];
      const counted = (k: number) => k < 0 ? k + size : k;
      await expectHost(
        np.take(t, i, { axis }),
        expected((k) => counted(k) >= 0 && counted(k) < size ? counted(k) : undefined),
      );
      await expectHost(
        np.take(t, i, { axis: axis - x.shape.length, mode: "clip" }),
        expected((k) => Math.min(Math.max(k, 0), size - 1)),
      );
      await expectHost(
        np.take(t, i, { axis, mode: "wrap" }),
        expected((k) => ((k % size) + size) % size),
      );
    });
    expect(await values(np.take(np.arange(6).reshape([2, 3]), ints(4, 0)))).toEqual([4, 0]);
    expect(np.take(np.zeros([0]), ints(1, 2)).shape).toEqual([2]);
  });

  it("takeAlongAxis undoes sorting", async () => {
    await holds([hosts(shapes(3, 1)), fc.nat()], async (x, n) => {
      const axis = n % x.shape.length;
      const t = place(x);
      const order = np.argsort(t, { axis });
      const sorted = np.takeAlongAxis(t, order, { axis });
      expect(await values(sorted)).toEqual(await values(np.sort(t, { axis })));
      const inverse = np.argsort(order, { axis });
      await expectHost(np.takeAlongAxis(sorted, inverse, { axis }), x);
    });
    expect(np.takeAlongAxis(np.zeros([2, 3]), np.zeros([1, 5], { dtype: "int32" })).shape)
      .toEqual([2, 5]);
    expect(() => np.takeAlongAxis(np.zeros([2, 3]), ints(0))).toThrow(ShapeError);
  });

  it("oneHot is a row of the identity, or nothing", async () => {
    expect(await np.oneHot(ints(1, -1, 3), 3).array()).toEqual([[0, 1, 0], [0, 0, 0], [0, 0, 0]]);
    expect(np.oneHot(np.zeros([2, 4], { dtype: "int32" }), 3, { axis: 0 }).shape).toEqual([
      3,
      2,
      4,
    ]);
    expect(np.oneHot(1, 3, { dtype: "bool" }).dtype).toBe("bool");
  });
});

describe("dynamic slices", () => {
  const boxes = hosts(shapes(3, 0, 1)).chain((x) =>
    fc.tuple(
      fc.constant(x),
      fc.tuple(...x.shape.map((n) => fc.nat(n))),
      fc.tuple(...x.shape.map(() => fc.integer({ min: -3, max: 6 }))),
    )
  );
  it("are moved until they fit, for numbers and tensors", async () => {
    await holds([boxes], async ([x, sizes, starts]) => {
      const from = starts.map((s, i) => {
        const n = x.shape[i]!;
        return Math.min(Math.max(s < 0 ? s + n : s, 0), n - sizes[i]!);
      });
      const expected = build(sizes, (index) => at(x, index.map((i, a) => i + from[a]!)));
      const dynamic = starts.map((s) => ints(s).slice(0));
      await expectHost(np.dynamicSlice(place(x), starts, sizes), expected);
      await expectHost(np.dynamicSlice(place(x), dynamic, sizes), expected);
      const y = build(sizes, () => 9);
      const updated = build(
        x.shape,
        (index) =>
          index.every((i, a) => i >= from[a]! && i < from[a]! + sizes[a]!) ? 9 : at(x, index),
      );
      await expectHost(np.dynamicUpdateSlice(place(x), place(y), starts), updated);
      await expectHost(np.dynamicUpdateSlice(place(x), place(y), dynamic), updated);
    });
    expect(() => np.dynamicSlice(np.zeros([3]), [0], [4])).toThrow(ShapeError);
    expect(() => np.dynamicUpdateSlice(np.zeros([3]), np.zeros([4]), [0])).toThrow(ShapeError);
  });
});

describe("at", () => {
  const updates = {
    set: (_: number, y: number) => y,
    add: (x: number, y: number) => x + y,
    multiply: (x: number, y: number) => x * y,
    min: (x: number, y: number) => Math.min(x, y),
    max: (x: number, y: number) => Math.max(x, y),
    subtract: (x: number, y: number) => x - y,
    divide: (x: number, y: number) => x / y,
    power: (x: number, y: number) => x ** y,
  } as const;
  const counting = ["add", "multiply", "min", "max", "subtract", "divide", "power"] as const;
  const names = ["set", ...counting] as const;

  it("changes what slice reads, and nothing else", async () => {
    await holds([indexed, small], async ([x, items], y) => {
      // Numbered elements tell which ones the index means.
      const numbered = pick(build(x.shape, (i) => offset(x.shape, i)), items);
      const index = items.map((i) => i.written);
      for (const name of names) {
        const expected = {
          ...x,
          data: x.data.map((v, i) => numbered.data.includes(i) ? updates[name](v, y) : v),
        };
        await expectHost(np.at(place(x), ...index)[name](y), expected);
      }
      const twice = { ...x, data: x.data.map((v, i) => numbered.data.includes(i) ? 2 * v : v) };
      await expectHost(np.at(place(x), ...index).apply((t) => t.mul(2)), twice);
    }, 80);
  });

  it("counts places that are named twice, and drops what is outside", async () => {
    const rows = hosts(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(2)));
    const places = fc.array(fc.integer({ min: -6, max: 6 }), { maxLength: 6 });
    await holds([rows, places, fc.infiniteStream(small)], async (x, where, numbers) => {
      const [n, width] = x.shape as [number, number];
      const y = build([where.length, width], () => numbers.next().value!);
      const t = np.at(place(x), place({ shape: [where.length], data: where }, "int32"));
      const counted = (k: number) => k < 0 ? k + n : k;
      for (const name of counting) {
        const run = (clip: boolean) => {
          const data = [...x.data];
          where.forEach((k, row) => {
            const i = clip ? Math.min(Math.max(counted(k), 0), n - 1) : counted(k);
            if (i < 0 || i >= n) return;
            for (let c = 0; c < width; c++) {
              data[i * width + c] = updates[name](data[i * width + c]!, at(y, [row, c]));
            }
          });
          return { ...x, data };
        };
        // Quotients and powers of one place are put together in another order.
        const rounding = name === "divide" || name === "power" ? 1e-12 : 0;
        await expectHost(t[name](place(y)), run(false), rounding);
        await expectHost(t[name](place(y), { mode: "clip" }), run(true), rounding);
      }
    });
  });

  it("changes nothing elsewhere, not even a derivative", async () => {
    const x = np.array([-1, 2, 0]);
    const cube = (x: Tensor) => np.sum(np.at(x, 1).power(3));
    expect(await values(grad(cube)(x))).toEqual([1, 12, 1]);
    const root = (x: Tensor) => np.sum(np.at(x, 1).apply(np.sqrt));
    expect(await values(grad(root)(x))).toEqual([1, 0.5 / Math.SQRT2, 1]);
    const positive = (x: Tensor) => np.sum(np.at(x, np.greater(x, 0)).apply((t) => t.mul(t)));
    expect(await values(grad(positive)(x))).toEqual([1, 4, 1]);
  });

  it("takes a mask", async () => {
    const x = np.arange(6).reshape([2, 3]);
    expect(await values(np.at(x, np.greater(x, 2)).set(0))).toEqual([0, 1, 2, 0, 0, 0]);
    expect(await np.at(x, np.array([false, true])).add(10).array()).toEqual([[0, 1, 2], [
      13,
      14,
      15,
    ]]);
  });

  it("broadcasts values, and refuses to lose digits", async () => {
    const x = np.zeros([2, 3]);
    expect(await np.at(x, ":", 1).set(np.array([5, 6])).array()).toEqual([[0, 5, 0], [0, 6, 0]]);
    expect(() => np.at(np.arange(3), 0).set(0.5)).toThrow(DTypeError);
    expect(() => np.at(x, 0).set(np.zeros([4]))).toThrow(ShapeError);
  });

  it("has the derivatives of a copy", async () => {
    const i = ints(1, 1, 7);
    const slope = (f: (x: Tensor) => Tensor) =>
      values(grad((x: Tensor) => np.sum(f(x)))(np.ones(3)));
    expect(await slope((x) => np.at(x, i).set(5))).toEqual([1, 0, 1]);
    expect(await slope((x) => np.at(x, i).multiply(3))).toEqual([1, 9, 1]);
    const toValue = grad((y: Tensor) => np.sum(np.at(np.zeros(3), i).add(y)))(np.ones(3));
    expect(await values(toValue)).toEqual([1, 1, 0]);
    expect(await values(jit(grad((x: Tensor) => np.sum(np.take(x, ints(2, 2)))))(np.ones(3))))
      .toEqual([0, 0, 2]);
  });
});

function offset(shape: readonly number[], index: readonly number[]): number {
  return indices(shape).findIndex((other) => other.every((n, i) => n === index[i]));
}
