/** Element-wise instructions on onnx: every type, edge values, against the reference. */
import { describe, test } from "vitest";
import { type DType, dtypes } from "../../src/core/dtype.ts";
import { DTypeError } from "../../src/core/errors.ts";
import type { Primitive } from "../../src/core/program.ts";
import { bind } from "../../src/core/trace.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import * as lax from "../../src/primitives/index.ts";
import { elementwisePrimitives } from "../../src/primitives/elementwise.ts";
import { agree, host } from "./againstReference.ts";

const edges: Record<DType, readonly number[]> = {
  float32: [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.7,
    -3.7,
    1e-3,
    -1e-3,
    1e-8,
    -1e-8,
    1e-20,
    20,
    -20,
    50,
    -50,
    87,
    -87,
    88.5,
    89,
    -100,
    200,
    -200,
    1e6,
    -1e6,
    1e10,
    3e38,
    -3e38,
    Infinity,
    -Infinity,
    NaN,
    0.9999,
    -0.9999,
    8.5,
    -8.5,
    2147483648,
    -2147483649,
    4294967296,
  ],
  float64: [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.7,
    -3.7,
    1e-3,
    -1e-3,
    1e-8,
    -1e-8,
    1e-20,
    20,
    -20,
    50,
    -50,
    709,
    -709,
    710,
    -745,
    800,
    -800,
    1e6,
    1e10,
    1e200,
    -1e200,
    1e308,
    Infinity,
    -Infinity,
    NaN,
    0.9999,
    -0.9999,
    0.7,
    2.3,
    3,
    -3,
    6.5,
    2147483647.5,
    -2147483649,
    4294967296,
  ],
  int32: [0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 100, 2147483647, -2147483648, 65536, -65536],
  uint32: [0, 1, 2, 7, 31, 32, 33, 100, 2147483647, 2147483648, 4294967295, 65536],
  bool: [0, 1],
};

/** One element of the tensor everywhere. */
function repeated(x: Tensor): Tensor {
  const at = x.shape.map(() => 1);
  const one = lax.slice(x, { start: at, limit: at.map((i) => i + 1), strides: at.map(() => 1) });
  return lax.broadcast(lax.reshape(one, []), x.shape, []);
}

const binary: readonly string[] = [
  ...["add", "sub", "mul", "div", "rem", "pow", "max", "min", "atan2", "and", "or", "xor"],
  ...["shiftLeft", "shiftRightLogical", "shiftRightArithmetic", "eq", "ne", "lt", "le", "gt", "ge"],
];
const special = ["select", "convert"];

for (const [name, primitive] of Object.entries(elementwisePrimitives)) {
  if (special.includes(name)) continue;
  describe(name, () => {
    for (const dtype of dtypes) {
      test(dtype, async () => {
        const values = edges[dtype];
        const n = values.length;
        const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
        const inputs = binary.includes(name)
          ? [0, 1].map((side) => host(dtype, [n, n], pairs.map((p) => p[side]!)))
          : [host(dtype, [n], values)];
        // These take no parameters; the table's type does not know.
        const apply = bind<object>;
        try {
          const f = (xs: readonly Tensor[]) => apply(primitive as Primitive<object>, xs, {});
          await agree((...xs) => f(xs), inputs);
          // Among others, where ONNX Runtime optimizes, and with an operand that repeats.
          await agree((...xs) => [
            ...f(xs),
            ...f(xs.map((x) => lax.reverse(x, [0]))),
            ...f([xs[0]!, ...xs.slice(1).map((x) => repeated(x))]),
          ], inputs);
        } catch (error) {
          if (!(error instanceof DTypeError)) throw error;
        }
      });
    }
  });
}

describe("select", () => {
  for (const dtype of dtypes) {
    test(dtype, async () => {
      const values = edges[dtype];
      await agree((c, a, b) => [lax.select(c!, a!, b!)], [
        host("bool", [values.length], [0, 1, 1]),
        host(dtype, [values.length], values),
        host(dtype, [values.length], values.toReversed()),
      ]);
    });
  }
});

describe("convert", () => {
  for (const from of dtypes) {
    for (const to of dtypes) {
      test(`${from} to ${to}`, async () => {
        const values = host(from, [edges[from].length], edges[from]);
        await agree((x) => [lax.convert(x!, to)], [values], { relative: 1e-7 });
      });
    }
  }
});
