/** Shapes: laws of reshape and transpose, and moves of elements against index arithmetic. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/core/errors.ts";
import { sizeOf } from "../../src/core/aval.ts";
import { at, build, expectHost, holds, hosts, np, place, shapes, values } from "./support.ts";

const withAxis = hosts(shapes(3, 1)).chain((x) =>
  fc.tuple(fc.constant(x), fc.integer({ min: -x.shape.length, max: x.shape.length - 1 }))
);
const fromStart = (axis: number, rank: number) => axis < 0 ? axis + rank : axis;

describe("reshape and transpose", () => {
  it("reshape keeps the order, and finds the size that is -1", async () => {
    await holds([hosts(shapes(4)), shapes(4)], async (x, shape) => {
      const t = place(x);
      if (sizeOf(shape) === x.data.length) {
        await expectHost(np.reshape(t, shape), { shape, data: x.data });
        const inferred = shape.map((n, i) => i === 0 ? -1 : n);
        if (sizeOf(shape) > 0) expect(np.reshape(t, inferred).shape).toEqual(shape);
      } else expect(() => np.reshape(t, shape)).toThrow(ShapeError);
      expect(np.ravel(t).shape).toEqual([x.data.length]);
    });
    expect(() => np.reshape(np.zeros(6), [-1, -1])).toThrow();
    expect(() => np.reshape(np.zeros(6), [4, -1])).toThrow(/reshape: float32\[6\]/);
  });

  it("transpose moves indices, and its inverse moves them back", async () => {
    const permuted = hosts(shapes(4)).chain((x) =>
      fc.tuple(
        fc.constant(x),
        fc.shuffledSubarray(x.shape.map((_, i) => i), { minLength: x.shape.length }),
      )
    );
    await holds([permuted], async ([x, axes]) => {
      const y = np.transpose(place(x), axes);
      const shape = axes.map((a) => x.shape[a]!);
      await expectHost(
        y,
        build(shape, (index) => at(x, x.shape.map((_, i) => index[axes.indexOf(i)]!))),
      );
      await expectHost(np.transpose(y, axes.map((_, i) => axes.indexOf(i))), x);
      await expectHost(place(x).T.T, x);
    });
  });

  it("swapaxes and moveaxis agree", async () => {
    await holds([hosts(shapes(4, 2)), fc.nat(), fc.nat()], (x, m, n) => {
      const rank = x.shape.length;
      const [a, b] = [m % rank, n % rank];
      const expected = [...x.shape];
      [expected[a], expected[b]] = [expected[b]!, expected[a]!];
      expect(np.swapaxes(place(x), a, b - rank).shape).toEqual(expected);
      const moved = x.shape.toSpliced(a, 1).toSpliced(b, 0, x.shape[a]!);
      expect(np.moveaxis(place(x), a - rank, b).shape).toEqual(moved);
    });
    expect(np.moveaxis(np.zeros([2, 3, 4, 5]), [0, 1], [-1, -2]).shape).toEqual([4, 5, 3, 2]);
  });

  it("expandDims and squeeze undo each other", async () => {
    await holds([hosts(shapes(3)), fc.nat(3)], async (x, n) => {
      const axis = n % (x.shape.length + 1);
      const y = np.expandDims(place(x), axis);
      expect(y.shape[axis]).toBe(1);
      await expectHost(np.squeeze(y, axis), x);
    });
    expect(np.expandDims(np.zeros([3]), [0, -1]).shape).toEqual([1, 3, 1]);
    expect(np.squeeze(np.zeros([1, 3, 1])).shape).toEqual([3]);
    expect(() => np.squeeze(np.zeros([1, 3]), 1)).toThrow(ShapeError);
  });

  it("broadcastTo repeats", async () => {
    const x = np.array([[1], [2]]);
    expect(await np.broadcastTo(x, [2, 2, 2]).array()).toEqual([[[1, 1], [2, 2]], [[1, 1], [
      2,
      2,
    ]]]);
    expect(() => np.broadcastTo(x, [3, 2])).toThrow(/broadcastTo: float32\[2,1\].*\[3, 2\]/);
    const [a, b] = np.broadcastArrays(x, np.zeros(3));
    expect([a!.shape, b!.shape]).toEqual([[2, 3], [2, 3]]);
  });

  it("names the axis that is not there", () => {
    expect(() => np.flip(np.zeros([2, 3]), 2)).toThrow(
      /flip: axis 2 is out of range for a tensor with 2 axes/,
    );
    expect(() => np.sum(np.zeros([2, 3]), { axis: [0, -2] })).toThrow(/name one axis twice/);
  });
});

describe("moves of elements", () => {
  it("flip and roll are index arithmetic", async () => {
    await holds([withAxis, fc.integer({ min: -9, max: 9 })], async ([x, axis], by) => {
      const a = fromStart(axis, x.shape.length);
      const n = x.shape[a]!;
      const moved = (f: (i: number) => number) =>
        build(x.shape, (index) => at(x, index.map((i, k) => k === a ? f(i) : i)));
      await expectHost(np.flip(place(x), axis), moved((i) => n - 1 - i));
      await expectHost(np.roll(place(x), by, { axis }), moved((i) => (((i - by) % n) + n) % n));
    });
    const x = np.arange(6).reshape([2, 3]);
    expect(await values(np.roll(x, 2))).toEqual([4, 5, 0, 1, 2, 3]);
    expect(await values(np.roll(x, [1, -1], { axis: [0, 1] }))).toEqual([4, 5, 3, 1, 2, 0]);
  });

  it("rot90 four times is the identity", async () => {
    const x = np.arange(6).reshape([2, 3]);
    expect(await np.rot90(x).array()).toEqual([[2, 5], [1, 4], [0, 3]]);
    for (const k of [-3, 1, 5]) {
      expect(await np.rot90(x, k).array()).toEqual(await np.rot90(x).array());
    }
    expect(await np.rot90(np.rot90(x, 2), 2).array()).toEqual(await x.array());
    expect(await np.rot90(x, 3).array()).toEqual([[3, 0], [4, 1], [5, 2]]);
  });

  it("repeat and tile are index arithmetic", async () => {
    await holds([withAxis, fc.nat(3)], async ([x, axis], count) => {
      const a = fromStart(axis, x.shape.length);
      const shape = x.shape.map((n, i) => i === a ? n * count : n);
      const from = (f: (i: number) => number) =>
        build(shape, (index) => at(x, index.map((i, k) => k === a ? f(i) : i)));
      await expectHost(np.repeat(place(x), count, { axis }), from((i) => Math.floor(i / count)));
      const counts = x.shape.map((_, i) => i === a ? count : 1);
      await expectHost(np.tile(place(x), counts), from((i) => i % x.shape[a]!));
    });
    expect(np.tile(np.zeros([3]), [2, 2]).shape).toEqual([2, 6]);
    expect(await values(np.repeat(np.arange(3), [2, 0, 1]))).toEqual([0, 0, 2]);
  });
});

describe("joining and splitting", () => {
  it("concatenate undoes split", async () => {
    await holds([withAxis, fc.array(fc.nat(5), { maxLength: 3 })], async ([x, axis], cuts) => {
      const parts = np.split(place(x), cuts.sort((a, b) => a - b), { axis });
      expect(parts.length).toBe(cuts.length + 1);
      await expectHost(np.concatenate(parts, { axis }), x);
    });
  });

  it("arraySplit makes the first parts longer, split refuses", () => {
    expect(np.arraySplit(np.zeros(7), 3).map((x) => x.size)).toEqual([3, 2, 2]);
    expect(np.arraySplit(np.zeros(2), 3).map((x) => x.size)).toEqual([1, 1, 0]);
    expect(() => np.split(np.zeros(7), 3)).toThrow(ShapeError);
    expect(() => np.split(np.zeros(7), 0)).toThrow(ArgumentError);
  });

  it("stack makes a new axis", async () => {
    await holds([shapes(3), fc.nat(3)], async (shape, n) => {
      const axis = n % (shape.length + 1);
      const parts = [0, 1, 2].map((v) => np.full(shape, v));
      const y = np.stack(parts, { axis });
      await expectHost(y, build(shape.toSpliced(axis, 0, 3), (index) => index[axis]!));
    });
    expect(np.vstack([np.zeros(3), np.ones([2, 3])]).shape).toEqual([3, 3]);
    expect(np.hstack([np.zeros(3), np.ones(2)]).shape).toEqual([5]);
    expect(np.hstack([np.zeros([2, 3]), np.ones([2, 1])]).shape).toEqual([2, 4]);
  });

  it("names shapes that do not fit", () => {
    expect(() => np.concatenate([np.zeros([2, 3]), np.zeros([2, 4])])).toThrow(
      /float32\[2,3\], float32\[2,4\]/,
    );
    expect(() => np.stack([np.zeros([2]), np.zeros([3])])).toThrow(ShapeError);
    expect(() => np.concatenate([])).toThrow(ArgumentError);
  });

  it("pad looks into an endless row", async () => {
    // Where index i of an endless row is read from, for each mode.
    const mirror = (i: number, n: number, skip: number): number => {
      const period = Math.max(1, 2 * (n - skip));
      const k = ((i % period) + period) % period;
      return k < n ? k : 2 * n - 1 - skip - k;
    };
    const modes = {
      edge: (i: number, n: number) => Math.min(Math.max(i, 0), n - 1),
      reflect: (i: number, n: number) => n === 1 ? 0 : mirror(i, n, 1),
      symmetric: (i: number, n: number) => mirror(i, n, 0),
      wrap: (i: number, n: number) => ((i % n) + n) % n,
    } as const;
    const width = fc.tuple(fc.nat(7), fc.nat(7));
    await holds([hosts(shapes(2, 1, 1)), width, width], async (x, first, second) => {
      const widths = [first, second].slice(0, x.shape.length) as [number, number][];
      const shape = x.shape.map((n, i) => n + widths[i]![0] + widths[i]![1]);
      for (const mode of ["edge", "reflect", "symmetric", "wrap"] as const) {
        const expected = build(
          shape,
          (index) => at(x, index.map((i, a) => modes[mode](i - widths[a]![0], x.shape[a]!))),
        );
        await expectHost(np.pad(place(x), widths, { mode }), expected);
      }
      const padded = build(shape, (index) => {
        const inside = index.map((i, a) => i - widths[a]![0]);
        return inside.every((i, a) => i >= 0 && i < x.shape[a]!) ? at(x, inside) : 7;
      });
      await expectHost(np.pad(place(x), widths, { constantValues: 7 }), padded);
    });
    expect(() => np.pad(np.zeros([0]), 1, { mode: "edge" })).toThrow(ShapeError);
    expect(() => np.pad(np.zeros([2]), -1)).toThrow(ArgumentError);
    expect(() => np.pad(np.zeros([2, 2]), [[1, 1], [1, 1], [1, 1]])).toThrow(ShapeError);
  });
});
