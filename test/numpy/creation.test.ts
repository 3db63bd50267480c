/** Creation, methods, and who owns what. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, DTypeError, ShapeError, TrilevelError } from "../../src/core/errors.ts";
import { memory, scope } from "../../src/runtime/memory.ts";
import type { NestedArray, Tensor } from "../../src/core/tensor.ts";
import { jit } from "../../src/transforms/index.ts";
import {
  build,
  expectClose,
  expectHost,
  holds,
  hosts,
  np,
  place,
  shapes,
  values,
} from "./support.ts";

describe("fromData", () => {
  it("is the inverse of data(), to the last bit", async () => {
    await holds([hosts(shapes(3, 0, 4))], async (x) => {
      const exact = np.divide(place(x), 3); // float32 of the reference backend is kept in double precision
      const { dtype, shape } = exact;
      const again = np.fromData(await exact.data(), { dtype, shape });
      expect([again.dtype, again.shape]).toEqual([dtype, shape]);
      expect(await again.data()).toEqual(await exact.data());
    });
  });

  it("copies, and refuses data of another size or kind", async () => {
    const host = new Int32Array([1, 2]);
    const x = np.fromData(host, { dtype: "int32", shape: [2] });
    host[0] = 9;
    expect(await values(x)).toEqual([1, 2]);
    expect(() => np.fromData(host, { dtype: "int32", shape: [3] })).toThrow(
      "fromData: 2 elements do not fill the shape [3]",
    );
    expect(() => np.fromData(host, { dtype: "float32", shape: [2] })).toThrow(DTypeError);
  });
});

describe("array", () => {
  it("reads nested lists and gives them back", async () => {
    await holds([hosts(shapes(4, 0, 1))], async (x) => {
      const nest = (shape: readonly number[], data: readonly number[]): NestedArray =>
        shape.length === 0 ? data[0]! : Array.from({ length: shape[0]! }, (_, i) => {
          const n = data.length / shape[0]!;
          return nest(shape.slice(1), data.slice(i * n, (i + 1) * n));
        });
      const list = nest(x.shape, x.data);
      const t = np.array(list);
      await expectHost(t, x);
      expect(await t.array()).toEqual(list);
    });
  });

  it("chooses element types", () => {
    expect(np.array([1, 2]).dtype).toBe("float32");
    expect(np.array([true]).dtype).toBe("bool");
    expect(np.array([true, 2]).dtype).toBe("float32");
    expect(np.array([]).dtype).toBe("float32");
    expect(np.array(true).dtype).toBe("bool");
    expect(np.array(new Float64Array(2)).dtype).toBe("float32");
    expect(np.array(new Float64Array(2), { dtype: "float64" }).dtype).toBe("float64");
    expect(np.array(new Uint32Array(2)).dtype).toBe("uint32");
    expect(np.array(new Uint8Array(2), { dtype: "bool" }).dtype).toBe("bool");
    expect(() => np.array(new Uint8Array(2))).toThrow(DTypeError);
    expect(np.array(np.arange(3), { dtype: "float32", shape: [3, 1] }).shape).toEqual([3, 1]);
  });

  it("copies, rounds to its type, and truncates", async () => {
    const host = new Float32Array([1, 2]);
    const x = np.array(host);
    host[0] = 9;
    expect(await values(x)).toEqual([1, 2]);
    expect(await values(np.array([0.1]))).toEqual([Math.fround(0.1)]);
    expect(await values(np.array([1.9, -1.9], { dtype: "int32" }))).toEqual([1, -1]);
  });

  it("refuses ragged lists and other things", () => {
    expect(() => np.array([[1, 2], [3]])).toThrow(/data\[1\] is a list of 1/);
    expect(() => np.array([1, [2]])).toThrow(ShapeError);
    expect(() => np.array([[1], 2])).toThrow(ShapeError);
    expect(() => np.array([1, 2], { shape: [3] })).toThrow(ShapeError);
    expect(() => np.zeros([-1])).toThrow(ArgumentError);
    expect(() => np.zeros([1.5])).toThrow(ArgumentError);
    // What JavaScript lets through, though the types do not.
    const untyped = (x: unknown) => () => np.array(x as NestedArray);
    expect(untyped(["a"])).toThrow(ArgumentError);
    expect(untyped(null)).toThrow(TrilevelError);
    expect(untyped(undefined)).toThrow(TrilevelError);
    expect(() => np.exp("1" as unknown as number)).toThrow(
      /a tensor was expected, not the string "1"/,
    );
  });
});

describe("filled tensors", () => {
  it("are what they say", async () => {
    await expectHost(np.full([2], np.array([1, 2])), { shape: [2], data: [1, 2] });
    await expectHost(np.zeros(2, { dtype: "int32" }), { shape: [2], data: [0, 0] });
    expect(np.full([], true).dtype).toBe("bool");
    expect(np.onesLike(np.arange(3)).dtype).toBe("int32");
    expect(np.zerosLike(np.arange(3), { shape: [2], dtype: "bool" }).shape).toEqual([2]);
    expect(await values(np.fullLike(np.zeros(2), 5))).toEqual([5, 5]);
    const offset = fc.integer({ min: -4, max: 4 });
    await holds([fc.nat(4), fc.nat(4), offset], async (m, n, k) => {
      await expectHost(np.eye(m, n, { k }), build([m, n], ([i, j]) => Number(j! - i! === k)));
      await expectHost(np.tri(m, n, { k }), build([m, n], ([i, j]) => Number(j! - i! <= k)));
    });
  });

  it("arange and linspace count", async () => {
    const n = fc.integer({ min: -6, max: 6 });
    await holds([n, n, n.filter((s) => s !== 0)], async (start, stop, step) => {
      const expected: number[] = [];
      for (let i = start; step > 0 ? i < stop : i > stop; i += step) expected.push(i);
      expect(await values(np.arange(start, stop, step))).toEqual(expected);
    });
    expect(np.arange(3).dtype).toBe("int32");
    expect(np.arange(0, 1, 0.5).dtype).toBe("float32");
    expect(np.arange(3, { dtype: "float32" }).dtype).toBe("float32");
    expect(() => np.arange(0, 1, 0)).toThrow(ArgumentError);
    expect(() => np.arange(NaN)).toThrow(ArgumentError);
    expect(await values(np.linspace(0, 1, 4, { endpoint: false }))).toEqual([0, 0.25, 0.5, 0.75]);
    expect(await values(np.linspace(3, 4, 1))).toEqual([3]);
    expect(await values(np.linspace(0, 3, 3, { dtype: "int32" }))).toEqual([0, 1, 3]);
    expect(np.linspace(np.zeros([2]), 1, 5, { axis: -1 }).shape).toEqual([2, 5]);
    expectClose(await values(np.logspace(0, 2, 3)), [1, 10, 100], 1e-9);
  });

  it("meshgrid runs along columns or rows", async () => {
    const [x, y] = np.meshgrid([np.arange(2), np.arange(3)]);
    expect(await x!.array()).toEqual([[0, 1], [0, 1], [0, 1]]);
    expect(await y!.array()).toEqual([[0, 0], [1, 1], [2, 2]]);
    const ij = np.meshgrid([np.arange(2), np.arange(3), np.arange(4)], { indexing: "ij" });
    expect(ij.map((t) => t.shape)).toEqual([[2, 3, 4], [2, 3, 4], [2, 3, 4]]);
    expect(np.meshgrid([np.arange(2), np.arange(3), np.arange(4)])[0]!.shape).toEqual([3, 2, 4]);
  });
});

describe("methods", () => {
  it("do what the functions of their names do", async () => {
    const x = np.array([[1, 2], [3, 4]]);
    expect(await values(x.mul(2).sub(1).div(2))).toEqual([0.5, 1.5, 2.5, 3.5]);
    expect(await x.sum({ axis: 0 }).array()).toEqual([4, 6]);
    expect(await x.T.array()).toEqual([[1, 3], [2, 4]]);
    expect(await x.matmul(x).slice(0, 0).item()).toBe(7);
    expect(await x.at(0, 0).set(9).max().item()).toBe(9);
    expect(await x.greater(2).and(x.less(4)).any().item()).toBe(1);
    expect(x.reshape(-1).expandDims(0).mT.shape).toEqual([4, 1]);
    expect(x.astype("int32").pow(2).dtype).toBe("int32");
    expect(Object.keys(x)).toEqual(["aval", "source"]);
  });
});

describe("ownership", () => {
  const count = () => memory().reference?.tensors ?? 0;

  it("functions leave nothing behind but what they return", () => {
    const x = np.array([[1, 2], [3, 4]]);
    const i = np.array([0, 1], { dtype: "int32" });
    const calls: (() => Tensor | readonly Tensor[])[] = [
      () => np.logsumexp(x),
      () => np.prod(x),
      () => np.softmax(x),
      () => np.power(x, 7),
      () => np.linspace(0, 1, 5),
      () => np.einsum("ij,jk,kl->il", x, x, x),
      () => np.at(x, i, i).max(3),
      () => np.take(x, i),
      () => np.topK(x, 1),
      () => np.split(x, 2),
      () => np.erfInv(x),
      () => np.pad(x, 2, { mode: "reflect" }),
      () => np.maxPool(np.reshape(x, [1, 2, 2, 1]), [2, 2]),
      () => x.T,
      () => np.where(true, x, 0),
    ];
    for (const call of calls) {
      const before = count();
      const result = scope(call);
      const made = Array.isArray(result) ? result : [result];
      expect(count() - before).toBe(made.length);
      made.forEach((t) => t.dispose());
      expect(count()).toBe(before);
    }
  });

  it("a function that returns its input shares it", async () => {
    const x = np.array([1, 2]);
    const same = [
      np.reshape(x, [2]),
      np.asarray(x),
      np.positive(x),
      np.copy(x),
      np.concatenate([x]),
      np.broadcastTo(x, [2]),
      np.at(x, "...").get(),
      ...np.broadcastArrays(x, x),
    ];
    const before = count();
    for (const y of same) {
      expect(y).not.toBe(x);
      expect(await values(y)).toEqual([1, 2]);
      y.dispose();
      expect(await values(x)).toEqual([1, 2]);
    }
    expect(count()).toBe(before);
  });

  it("frees intermediates when a function throws", () => {
    const x = np.ones([2, 3]);
    const before = count();
    expect(() => np.average(x, { weights: np.ones([4]) })).toThrow();
    expect(count() - before).toBe(1); // the weights, which the caller made
  });

  it("an array made while tracing outlives the scope in which it was traced", async () => {
    const f = jit((x: Tensor) => np.add(x, np.array([10, 20])));
    const first = scope(() => f(np.array([1, 2])));
    expect(await values(first)).toEqual([11, 22]);
    expect(await values(f(np.array([3, 4])))).toEqual([13, 24]);
  });
});
