/** Instructions that move and reduce elements on onnx, against the reference. */
import { describe, test } from "vitest";
import { type DType, dtypes } from "../../src/core/dtype.ts";
import { sizeOf } from "../../src/core/aval.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree, type Host, host, random } from "./againstReference.ts";

const numeric = dtypes.filter((d) => d !== "bool");
const numbers: Record<DType, readonly number[]> = {
  float32: [0.5, -1.25, 3, NaN, -0, Infinity, 2, -7, -Infinity, 3],
  float64: [0.5, -1.25, 3, NaN, -0, Infinity, 2, -7, -Infinity, 3],
  int32: [3, -1, 2147483647, -2147483648, 5, 3, 0],
  uint32: [3, 4294967295, 2147483648, 0, 5, 7],
  bool: [1, 0, 1, 1, 0],
};
const of = (dtype: DType, shape: readonly number[]): Host => host(dtype, shape, numbers[dtype]);
const shapes = [[], [0], [5], [1], [2, 3], [1, 4], [0, 3], [2, 0, 3], [2, 3, 4], [1, 2, 1, 3], [
  2,
  1,
  3,
  1,
  2,
]];

describe.each(dtypes)("%s", (dtype) => {
  const like = (shape: readonly number[], offset = 0) =>
    host(dtype, shape, [...numbers[dtype].slice(offset), ...numbers[dtype].slice(0, offset)]);

  test("broadcast, also as an operand of others", async () => {
    const cases: [number[], number[], number[]][] = [
      [[], [], []],
      [[], [2, 3], []],
      [[3], [2, 3], [1]],
      [[2], [2, 3], [0]],
      [[1], [2, 3], [1]],
      [[2, 1], [2, 4, 3], [0, 1]],
      [[2, 3], [2, 4, 3], [0, 2]],
      [[1], [1, 1], [0]],
      [[], [0, 3], []],
      [[1, 3], [0, 3], [0, 1]],
      [[3], [1, 3, 1], [1]],
      [[2, 1, 2], [2, 5, 1, 3, 2], [0, 2, 4]],
    ];
    for (const [from, to, axes] of cases) {
      await agree((x) => [lax.broadcast(x!, to, axes)], [like(from)]);
      await agree((x, y) => {
        const b = lax.broadcast(x!, to, axes);
        return [lax.select(lax.eq(b, y!), b, y!), lax.eq(b, b)];
      }, [like(from), like(to)]);
    }
  });

  test("a number that was reshaped, among others that were reshaped", async () => {
    await agree((x, y) => {
      const number = lax.reshape(lax.reverse(x!, [0]), []);
      const rows = lax.reshape(lax.reverse(y!, [0]), [3, 2]);
      const chosen = lax.select(lax.eq(rows, rows), rows, lax.broadcast(number, [3, 2], []));
      const matched = lax.eq(chosen, lax.broadcast(number, [3, 2], []));
      return [lax.gather(lax.reshape(matched, [6]), lax.iota([4, 1], "int32", 0)), number];
    }, [like([1, 1]), like([6])]);
  });

  test("what follows a broadcast", async () => {
    await agree((x) => {
      const b = lax.broadcast(x!, [4, 3, 2], [1]);
      const all = dtype === "bool";
      return [
        lax.reshape(b, [6, 4]),
        lax.transpose(b, [2, 0, 1]),
        lax.slice(b, { start: [1, 1, 0], limit: [4, 3, 2], strides: [2, 1, 1] }),
        lax.pad(b, { low: [1, 0, 0], high: [0, 2, 0], interior: [0, 1, 1] }),
        lax.concatenate([b, b], 0),
        lax.reverse(b, [0, 1]),
        all ? lax.reduceOr(b, [0, 2]) : lax.reduceMax(b, [0, 2]),
        all ? lax.reduceAnd(b, [0, 1]) : lax.reduceMin(b, [0, 1]),
        ...(all ? [] : [
          lax.reduceSum(b, [0, 2]),
          lax.reduceSum(b, [0]),
          lax.reduceSum(b, [0, 1, 2]),
          lax.cumsum(b, 0),
          lax.argMax(b, 1),
        ]),
        lax.gather(b, lax.full([2, 1], 1, "int32")),
        ...lax.sort(b),
      ];
    }, [host(dtype, [3], [1, 0, 1])]);
  });

  test("reshape", async () => {
    for (const [from, to] of [[[], [1, 1]], [[6], [2, 3]], [[2, 3], [3, 2]], [[0, 3], [2, 0]]]) {
      await agree((x) => [lax.reshape(x!, to!)], [like(from!)]);
    }
    await agree((x) => [lax.reshape(lax.reshape(x!, [6]), [3, 2])], [like([2, 3])]);
  });

  test("transpose, and transposes that cancel", async () => {
    for (const shape of shapes) {
      const order = shape.map((_, i) => (i + 1) % shape.length);
      const back = shape.map((_, i) => order.indexOf(i));
      await agree((x) => {
        const y = lax.transpose(x!, order);
        return [y, lax.transpose(y, back), lax.transpose(y, order)];
      }, [like(shape)]);
    }
    await agree((x) => {
      const y = lax.transpose(x!, [2, 0, 1]);
      const z = lax.reshape(y, [4, 1, 2, 1, 3]);
      return [lax.transpose(z, [2, 0, 4, 3, 1]), lax.transpose(z, [0, 2, 1, 4, 3])];
    }, [like([2, 3, 4])]);
  });

  test("slice and reverse", async () => {
    const cut = { start: [1, 0], limit: [5, 7], strides: [2, 3] };
    await agree((x) => [
      lax.slice(x!, cut),
      lax.slice(x!, { ...cut, limit: [1, 7] }),
      lax.reverse(x!, [0]),
      lax.reverse(x!, [0, 1]),
      lax.reverse(lax.reverse(x!, [1]), [1]),
    ], [like([5, 7])]);
    for (const shape of shapes) {
      await agree((x) => [lax.reverse(x!, shape.map((_, i) => i))], [like(shape)]);
    }
  });

  test("pad", async () => {
    for (const shape of [[2, 3], [0, 3], [1, 1], [3, 0]]) {
      await agree((x, v) => [
        lax.pad(x!, { low: [1, 0], high: [0, 2], interior: [0, 0] }, v),
        lax.pad(x!, { low: [0, 2], high: [1, 0], interior: [2, 1] }, v),
      ], [like(shape), like([], 2)]);
    }
    await agree((x, v) => [lax.pad(x!, { low: [], high: [], interior: [] }, v)], [
      like([]),
      like([]),
    ]);
  });

  test("concatenate", async () => {
    await agree((x, y, z) => [lax.concatenate([x!, y!, z!], 1), lax.concatenate([y!, y!], 0)], [
      like([2, 3]),
      like([2, 0]),
      like([2, 2], 1),
    ]);
  });

  test("iota", async () => {
    if (dtype === "bool") return;
    await agree(() => [
      lax.iota([4], dtype, 0),
      lax.iota([2, 3], dtype, 0),
      lax.iota([2, 3], dtype, 1),
      lax.iota([1, 1], dtype, 0),
      lax.iota([0, 2], dtype, 1),
      lax.iota([3000, 1], dtype, 0),
    ], []);
  });

  test("sort: NaN last, equal keys in their order, other operands along", async () => {
    for (const shape of [[10], [3, 9], [0], [2, 0], [1], [2, 2, 40]]) {
      await agree((x, y) => [...lax.sort(x!), ...lax.sort(x!, y!)], [
        like(shape),
        host("int32", shape, Array.from({ length: sizeOf(shape) }, (_, i) => i)),
      ]);
    }
  });

  test("gather", async () => {
    const at = (shape: number[], ...values: number[]) => host("int32", shape, values);
    await agree((x, i, j, k, n) => [i!, j!, k!, n!].map((m) => lax.gather(x!, m)), [
      like([3, 4, 2]),
      at([2, 1], 2, 0),
      at([2, 2], 2, 3, 0, 1),
      at([2, 1, 3], 2, 3, 1, 0, 0, 1),
      at([3, 0]),
    ]);
    await agree((x, i) => [lax.gather(x!, i!)], [like([3, 0]), at([2, 1], 1, 2)]);
    await agree((x, i) => [lax.gather(x!, i!)], [like([3, 2]), at([0, 1])]);
  });

  test("scatter", async () => {
    const modes = dtype === "bool" ? ["set"] as const : ["set", "add"] as const;
    const finite = (shape: number[]) => host(dtype, shape, [1, 0, 3, 5, 4, 2]);
    for (const mode of modes) {
      await agree((x, i, u) => [lax.scatter(x!, i!, u!, mode)], [
        finite([4, 3]),
        host("int32", [2, 1], [3, 1]),
        finite([2, 3]),
      ]);
      await agree((x, i, u) => [lax.scatter(x!, i!, u!, mode)], [
        finite([4, 3]),
        host("int32", [3, 2], [0, 0, 1, 2, 3, 1]),
        finite([3]),
      ]);
      await agree((x, i, u) => [lax.scatter(x!, i!, u!, mode)], [
        finite([2]),
        host("int32", [3, 0], []),
        finite([3, 2]),
      ]);
      await agree((x, i, u) => [lax.scatter(x!, i!, u!, mode)], [
        finite([2, 2]),
        host("int32", [0, 1], []),
        finite([0, 2]),
      ]);
      await agree((x, i, u) => [lax.scatter(x!, i!, u!, mode)], [
        finite([7]),
        host("int32", [500, 1], [0, 3, 3, 6, 3, 1]),
        finite([500]),
      ]);
    }
  });
});

test("scatter on several threads loses no update", async () => {
  const n = 1 << 16;
  const places = Array.from({ length: 2 * n }, (_, k) => (k * 7) % 3);
  for (const mode of ["add", "set"] as const) {
    await agree((x, i, u, a) => {
      const params = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
      return [lax.scatter(x!, i!, u!, mode), lax.reduceMax(lax.dot(a!, a!, params), [0, 1])];
    }, [
      host("float32", [3, 4, 2], [0]),
      host("int32", [n, 2], places),
      host("float32", [n, 2], [1, 2, 3]),
      host("float32", [400, 400], [1]),
    ]);
  }
});

describe.each(numeric)("%s reductions", (dtype) => {
  test.each(["reduceSum", "reduceMax", "reduceMin"] as const)("%s", async (name) => {
    for (const shape of [...shapes, [4, 5], [3, 1, 5]]) {
      for (const axes of [[0], shape.map((_, i) => i), [shape.length - 1]]) {
        if (shape.length === 0 && axes.length > 0) continue;
        if (name !== "reduceSum" && axes.some((a) => shape[a] === 0)) continue;
        const apply = lax[name];
        await agree((x) => [apply(x!, axes)], [of(dtype, shape)]);
        await agree((x) => [apply(x!, axes)], [random(dtype, shape, -9, 9)], { absolute: 1e-4 });
      }
    }
  });
  test("argMax and argMin", async () => {
    for (const shape of [[10], [3, 10], [2, 1, 3], [0, 2]]) {
      for (const axis of shape.map((_, i) => i)) {
        if (shape[axis] === 0) continue;
        for (const x of [of(dtype, shape), random(dtype, shape, -9, 9), host(dtype, shape, [1])]) {
          await agree((x) => [lax.argMax(x!, axis), lax.argMin(x!, axis)], [x]);
        }
      }
    }
  });
  test("cumsum", async () => {
    for (const shape of [[5], [2, 3], [0, 2], [2, 3, 4], [1]]) {
      for (const axis of shape.map((_, i) => i)) {
        await agree((x) => [lax.cumsum(x!, axis), lax.cumsum(x!, axis, true)], [
          of(dtype, shape),
        ]);
      }
    }
  });
});

test("reduceAnd and reduceOr", async () => {
  for (const shape of shapes) {
    const axes = shape.map((_, i) => i);
    await agree((x) => [lax.reduceAnd(x!, axes), lax.reduceOr(x!, axes)], [of("bool", shape)]);
    if (shape.length === 0) continue;
    await agree((x) => [lax.reduceAnd(x!, [0]), lax.reduceOr(x!, [0])], [of("bool", shape)]);
  }
});

test("threefry2x32", async () => {
  const word = (shape: number[], ...values: number[]) => host("uint32", shape, values);
  await agree((a, b, c, d) => lax.threefry2x32([a!, b!], [c!, d!]), [
    word([3], 0, 0xffffffff, 0x13198a2e),
    word([3], 0, 0xffffffff, 0x03707344),
    word([3], 0, 0xffffffff, 0x243f6a88),
    word([3], 0, 0xffffffff, 0x85a308d3),
  ]);
  await agree((a, b) =>
    lax.threefry2x32(
      [lax.broadcast(a!, [2, 5], []), lax.broadcast(b!, [2, 5], [])],
      [lax.iota([2, 5], "uint32", 0), lax.iota([2, 5], "uint32", 1)],
    ), [word([], 7), word([], 9)]);
});
