/** Convolution and pooling are loops over windows. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/core/errors.ts";
import { costOf } from "../../src/compiler/cost.ts";
import { grad, vjp } from "../../src/transforms/index.ts";
import { makeProgram } from "../../src/inspect/index.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { at, build, expectHost, holds, type Host, hosts, np, place, values } from "./support.ts";

interface Case {
  readonly x: Host;
  readonly w: Host;
  readonly strides: number[];
  readonly padding: [number, number][];
  readonly lhsDilation: number[];
  readonly rhsDilation: number[];
  readonly groups: number;
}

const between = (min: number, max: number) => fc.integer({ min, max });
const cases: fc.Arbitrary<Case> = between(1, 2).chain((rank) => {
  const per = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: rank, maxLength: rank });
  return fc.record({
    batch: between(1, 2),
    groups: between(1, 2),
    inside: between(1, 2),
    outside: between(1, 2),
    space: per(between(1, 6)),
    window: per(between(1, 3)),
    strides: per(between(1, 3)),
    padding: per(fc.tuple(between(-1, 3), between(-1, 3))),
    lhsDilation: per(between(1, 3)),
    rhsDilation: per(between(1, 2)),
  }).chain(({ batch, groups, inside, outside, space, window, ...options }) =>
    fc.record({
      x: hosts(fc.constant([batch, ...space, inside * groups])),
      w: hosts(fc.constant([...window, inside, outside * groups])),
      groups: fc.constant(groups),
      ...Object.fromEntries(
        Object.entries(options).map(([key, value]) => [key, fc.constant(value)]),
      ) as { [K in keyof typeof options]: fc.Arbitrary<(typeof options)[K]> },
    })
  );
});

/** The definition, a loop over every window. */
function convolve({ x, w, strides, padding, lhsDilation, rhsDilation, groups }: Case): Host {
  const space = x.shape.slice(1, -1);
  const window = w.shape.slice(0, -2);
  const [inside, out] = [w.shape.at(-2)!, w.shape.at(-1)!];
  const sizes = space.map((n, i) => {
    const padded = (n - 1) * lhsDilation[i]! + 1 + padding[i]![0] + padding[i]![1];
    return Math.max(
      0,
      Math.floor((padded - (window[i]! - 1) * rhsDilation[i]! - 1) / strides[i]!) + 1,
    );
  });
  return build([x.shape[0]!, ...sizes, out], (index) => {
    const [o, n] = [index.at(-1)!, index[0]!];
    const group = Math.floor(o / (out / groups));
    let sum = 0;
    for (const q of build(window, () => 0).data.map((_, i) => unravel(i, window))) {
      const p = q.map((k, i) => index[i + 1]! * strides[i]! + k * rhsDilation[i]! - padding[i]![0]);
      const hit = p.every((v, i) =>
        v >= 0 && v % lhsDilation[i]! === 0 && v / lhsDilation[i]! < space[i]!
      );
      if (!hit) continue;
      for (let c = 0; c < inside; c++) {
        const from = p.map((v, i) => v / lhsDilation[i]!);
        sum += at(x, [n, ...from, group * inside + c]) * at(w, [...q, c, o]);
      }
    }
    return sum;
  });
}

function unravel(i: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (const n of shape.toReversed()) {
    index.unshift(i % n);
    i = Math.floor(i / n);
  }
  return index;
}

describe("convGeneralDilated", () => {
  it("is a loop over windows", async () => {
    await holds([cases], async (c) => {
      const { x, w, ...options } = c;
      await expectHost(np.convGeneralDilated(place(x), place(w), options), convolve(c));
    }, 300);
  });

  it("SAME keeps sizes, divided by strides", () => {
    const shape = (n: number, k: number, s: number) =>
      np.convGeneralDilated(np.ones([1, n, 1]), np.ones([k, 1, 1]), { strides: s, padding: "SAME" })
        .shape[1];
    for (let n = 1; n < 8; n++) {
      for (let k = 1; k < 5; k++) {
        for (let s = 1; s < 4; s++) expect(shape(n, k, s)).toBe(Math.ceil(n / s));
      }
    }
  });

  it("takes other layouts", async () => {
    await holds([cases], async (c) => {
      const { x, w, ...options } = c;
      if (x.shape.length !== 4) return;
      const y = np.convGeneralDilated(
        np.transpose(place(x), [0, 3, 1, 2]),
        np.transpose(place(w), [3, 2, 0, 1]),
        { ...options, dimensionNumbers: ["NCHW", "OIHW", "CNWH"] },
      );
      const expected = convolve(c);
      await expectHost(np.transpose(y, [1, 3, 2, 0]), expected);
    }, 40);
  });

  it("refuses what does not fit", () => {
    const x = np.ones([1, 4, 4, 3]), w = np.ones([3, 3, 3, 8]);
    const fails = (f: () => Tensor, error: new (...args: never[]) => Error) =>
      expect(f).toThrow(error);
    fails(() => np.convGeneralDilated(x, np.ones([3, 3, 4, 8])), ShapeError);
    fails(() => np.convGeneralDilated(x, np.ones([3, 3, 3])), ShapeError);
    fails(() => np.convGeneralDilated(x, w, { strides: 0 }), ArgumentError);
    fails(() => np.convGeneralDilated(x, w, { strides: [1] }), ArgumentError);
    fails(() => np.convGeneralDilated(x, w, { padding: [[1, 1]] }), ArgumentError);
    fails(() => np.convGeneralDilated(x, w, { padding: "SAME", lhsDilation: 2 }), ArgumentError);
    fails(
      () => np.convGeneralDilated(x, w, { dimensionNumbers: ["NHW", "HIO", "NHW"] }),
      ArgumentError,
    );
  });
});

describe("gradients of convolutions", () => {
  const inner = ({ x: _x, w: _w, ...options }: Case, cotangent: Tensor) => (x: Tensor, w: Tensor) =>
    np.sum(np.multiply(np.convGeneralDilated(x, w, options), cotangent));

  /** The derivative in each element of `at`, of which the convolution is a linear function. */
  const slopes = (c: Case, at: "x" | "w", cotangent: Host): Host => ({
    shape: c[at].shape,
    data: c[at].data.map((_, i) => {
      const unit = { ...c[at], data: c[at].data.map((_, j) => +(i === j)) };
      const y = convolve({ ...c, [at]: unit });
      return y.data.reduce((sum, v, j) => sum + v * cotangent.data[j]!, 0);
    }),
  });

  it("are slopes, for all strides, dilations, groups and paddings", async () => {
    await holds([cases, fc.integer()], async (c, seed) => {
      const y = convolve(c);
      const cotangent = { ...y, data: y.data.map((_, i) => (seed % 7 + i * 5) % 11 - 5) };
      const both = grad(inner(c, place(cotangent)), { argnums: [0, 1] });
      const [x, w] = both(place(c.x), place(c.w)) as [Tensor, Tensor];
      await expectHost(x, slopes(c, "x", cotangent), 1e-9);
      await expectHost(w, slopes(c, "w", cotangent), 1e-9);
    }, 200);
  });

  it("in a filter multiply no zeros between elements", async () => {
    await holds([cases], (c) => {
      const { x, w, ...options } = c;
      const convolution = (x: Tensor, w: Tensor) => np.convGeneralDilated(x, w, options);
      const y = convolution(place(x), place(w));
      const gradient = (x: Tensor, w: Tensor) =>
        vjp((w: Tensor) => convolution(x, w), w)[1](np.ones(y.shape))[0];
      // Each element of the smaller operand meets each of the filter at most once.
      const places = Math.min(x.data.length / x.shape.at(-1)!, y.size / y.shape.at(-1)!);
      const { multiplyAdds } = costOf(makeProgram(gradient, place(x), place(w)).program);
      expect(multiplyAdds).toBeLessThanOrEqual(places * w.data.length);
    }, 100);
  });
});

describe("convTranspose", () => {
  it("has the sizes of the convolution that it transposes", () => {
    for (let k = 1; k < 6; k++) {
      for (let s = 1; s < 4; s++) {
        const x = np.ones([1, 5, 2]), w = np.ones([k, 2, 3]);
        expect(np.convTranspose(x, w, { strides: s }).shape).toEqual([1, 5 * s, 3]);
        const valid = np.convTranspose(x, w, { strides: s, padding: "VALID" });
        expect(valid.shape).toEqual([1, 5 * s + Math.max(k - s, 0), 3]);
      }
    }
  });

  it("with its kernel transposed is the derivative of a convolution", async () => {
    await holds(
      [hosts(fc.constant([1, 3, 4, 2])), hosts(fc.constant([3, 3, 5, 2]))],
      async (y, w) => {
        // conv: [1, 7, 9, 5] → [1, 3, 4, 2] with strides 2.
        const inner = (x: Tensor) =>
          np.sum(np.multiply(np.convGeneralDilated(x, place(w), { strides: 2 }), place(y)));
        const expected = await values(grad(inner)(np.zeros([1, 7, 9, 5])));
        const actual = np.convTranspose(place(y), place(w), {
          strides: 2,
          padding: "VALID",
          transposeKernel: true,
        });
        await expectHost(actual, { shape: [1, 7, 9, 5], data: expected });
      },
      20,
    );
  });
});

describe("pooling", () => {
  const pools = fc.record({
    x: hosts(fc.tuple(between(1, 2), between(1, 6), between(1, 6), between(1, 2))),
    window: fc.tuple(between(1, 3), between(1, 3)),
    strides: fc.tuple(between(1, 3), between(1, 3)),
    padding: fc.tuple(
      fc.tuple(between(0, 2), between(0, 2)),
      fc.tuple(between(0, 2), between(0, 2)),
    ),
  });
  it("is a loop over windows", async () => {
    await holds([pools], async ({ x, window, strides, padding }) => {
      const sizes = window.map((k, i) =>
        Math.max(
          0,
          Math.floor((x.shape[i + 1]! + padding[i]![0] + padding[i]![1] - k) / strides[i]!) + 1,
        )
      );
      const shape = [x.shape[0]!, ...sizes, x.shape[3]!];
      const over = (f: (inside: number[], count: number) => number) =>
        build(shape, ([n, i, j, c]) => {
          const inside: number[] = [];
          for (let p = 0; p < window[0]; p++) {
            for (let q = 0; q < window[1]; q++) {
              const a = i! * strides[0] + p - padding[0][0];
              const b = j! * strides[1] + q - padding[1][0];
              if (a >= 0 && b >= 0 && a < x.shape[1]! && b < x.shape[2]!) {
                inside.push(at(x, [n!, a, b, c!]));
              }
            }
          }
          return f(inside, window[0] * window[1]);
        });
      const options = { strides, padding };
      const sum = (xs: number[]) => xs.reduce((a, b) => a + b, 0);
      await expectHost(np.maxPool(place(x), window, options), over((xs) => Math.max(...xs)));
      await expectHost(np.minPool(place(x), window, options), over((xs) => Math.min(...xs)));
      await expectHost(np.avgPool(place(x), window, options), over((xs, n) => sum(xs) / n), 1e-12);
      await expectHost(
        np.avgPool(place(x), window, { ...options, countIncludePad: false }),
        over((xs) => sum(xs) / xs.length),
        1e-12,
      );
    });
  });

  it("gives the derivative to the first of equal elements, and carries NaN", async () => {
    const f = (x: Tensor) => np.sum(np.maxPool(x, [2, 2]));
    const x = np.array([[[[1], [3]], [[3], [3]]]]);
    expect(await values(grad(f)(x))).toEqual([0, 1, 0, 0]);
    const y = np.array([[[1], [NaN], [NaN], [1]]]);
    expect(await values(np.maxPool(y, [2]))).toEqual([NaN, NaN]);
    expect(await values(np.minPool(y, [2]))).toEqual([NaN, NaN]);
  });
});

describe("integers", () => {
  const options: readonly np.ConvOptions[] = [
    {},
    { strides: 2, padding: "SAME" },
    { padding: [[2, 1], [-1, 3]], rhsDilation: 2 },
    { lhsDilation: 2, padding: [[1, 0], [0, 2]], groups: 2 },
  ];
  it.each(options)("stay integers, with the values of floats: %o", async (given) => {
    const inside = given.groups === 2 ? 2 : 4;
    const x = np.arange(2 * 6 * 5 * 4).reshape([2, 6, 5, 4]).sub(99);
    const w = np.arange(3 * 2 * inside * 6).reshape([3, 2, inside, 6]).sub(31);
    const y = np.convGeneralDilated(x, w, given);
    expect(y.dtype).toBe("int32");
    const right = np.convGeneralDilated(x.astype("float64"), w.astype("float64"), given);
    expect(await y.array()).toEqual(await right.array());
  });

  it("are exact beyond 2²⁴, and transposed too", async () => {
    const x = np.array([[[16777217], [1]]], { dtype: "int32" });
    const w = np.array([[[1]], [[1]]], { dtype: "int32" });
    expect(await np.convGeneralDilated(x, w).array()).toEqual([[[16777218]]]);
    const y = np.convTranspose(x, w, { strides: 2 });
    expect(y.dtype).toBe("int32");
    expect((await y.data())[0]).toBe(16777217);
  });
});
