/** Compositions for which ONNX Runtime has one node: found, and equal to what they stand for. */
import { expect, test } from "vitest";
import { aval } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree, host, onnx } from "./againstReference.ts";

const values = [0.5, -1.25, 3, NaN, -0, Infinity, 2, -7, 1e-30, -3, -Infinity, 40];
const shape = [3, 4, 5];

// A reversal comes last, so that what is looked at is part of a graph.
const reversed = (x: Tensor) => lax.reverse(x, [0]);
const nodesOf = (f: (x: Tensor) => Tensor): readonly string[] => {
  const program: Program = traceClosed((x) => [f(x!)], [aval(shape, "float32")]);
  const executable = onnx.compile(program);
  executable.dispose();
  return executable.kernels!;
};

function softmax(x: Tensor, axis: number): Tensor {
  const axes = x.shape.map((_, a) => a).filter((a) => a !== axis);
  const along = (y: Tensor) => lax.broadcast(y, x.shape, axes);
  const weights = lax.exp(lax.sub(x, along(lax.reduceMax(x, [axis]))));
  return lax.div(weights, along(lax.reduceSum(weights, [axis])));
}

test.each([0, 1, 2])("softmax along axis %i", async (axis) => {
  const f = (x: Tensor) => reversed(softmax(x, axis));
  await agree((x) => [f(x!)], [host("float32", shape, values)]);
  await agree((x) => [f(x!)], [host("float32", shape, values.filter(Number.isFinite))]);
  const nodes = nodesOf(f);
  if (axis === 2) expect(nodes).toContain("Softmax");
  else expect(nodes.filter((n) => n === "IsNaN" || n === "Where")).toHaveLength(0);
});

test("the rectifier, through which NaN goes", async () => {
  const relu = (x: Tensor) => {
    const zero = lax.broadcast(literal(0, "float32"), x.shape, []);
    return reversed(lax.select(lax.le(x, zero), zero, x));
  };
  await agree((x) => [relu(x!)], [host("float32", shape, values)]);
  expect(nodesOf(relu)).toContain("Relu");
});

test("a choice that is no rectifier", async () => {
  const other = (x: Tensor) => {
    const zero = lax.broadcast(literal(0, "float32"), x.shape, []);
    return reversed(lax.select(lax.le(x, zero), zero, lax.mul(x, x)));
  };
  await agree((x) => [other(x!)], [host("float32", shape, values)]);
  expect(nodesOf(other)).not.toContain("Relu");
});

interface Norm {
  readonly epsilon?: number;
  readonly axis?: number;
  /** 1: a scale; 2: an offset, too. */
  readonly affine?: 0 | 1 | 2;
  /** Operands of products and sums in the other order. */
  readonly turned?: boolean;
}

/** Layer normalization along an axis, of x alone: the scale and the offset are a row of x, and another one. */
function normalized(x: Tensor, { epsilon = 1e-5, axis = x.shape.length - 1, ...more }: Norm = {}) {
  const { affine = 0, turned = false } = more;
  const axes = x.shape.map((_, a) => a).filter((a) => a !== axis);
  const along = (y: Tensor) => lax.broadcast(y, x.shape, axes);
  const two = (f: (a: Tensor, b: Tensor) => Tensor) => (a: Tensor, b: Tensor) =>
    turned ? f(b, a) : f(a, b);
  const [mul, add] = [two(lax.mul), two(lax.add)];
  const fill = (value: number, shape: readonly number[]) =>
    lax.broadcast(literal(value, "float32"), shape, []);
  const mean = (y: Tensor) => {
    const sum = lax.reduceSum(y, [axis]);
    return lax.div(sum, fill(x.shape[axis]!, sum.shape));
  };
  const centered = lax.sub(x, along(mean(x)));
  const variance = mean(lax.mul(centered, centered));
  const factor = lax.rsqrt(add(variance, fill(epsilon, variance.shape)));
  const row = (k: number) => {
    const start = x.shape.map((_, a) => a === axis ? 0 : k);
    const limit = x.shape.map((n, a) => a === axis ? n : k + 1);
    const numbers = lax.reshape(lax.slice(x, { start, limit, strides: x.shape.map(() => 1) }), [
      x.shape[axis]!,
    ]);
    return lax.broadcast(numbers, x.shape, [axis]);
  };
  const y = mul(centered, along(factor));
  if (affine === 0) return { y, factor };
  const scaled = mul(y, row(0));
  return { y: affine === 1 ? scaled : add(scaled, row(1)), factor };
}

const isOneNode = (nodes: readonly string[]) =>
  nodes.includes("LayerNormalization") && !nodes.includes("Sqrt");

test.each(
  [
    {},
    { affine: 1 },
    { affine: 2 },
    { affine: 2, turned: true },
    { turned: true, epsilon: 0 },
  ] satisfies Norm[],
)("layer normalization, %o", async (norm) => {
  const f = (x: Tensor) => reversed(normalized(x, norm).y);
  const finite = [0.5, -1.25, 3, 2, -7, 1e-3, 40];
  await agree((x) => [f(x!)], [host("float32", shape, finite)], { relative: 1e-5, absolute: 1e-5 });
  await agree((x) => [f(x!)], [host("float32", shape, values)], { relative: 1e-5, absolute: 1e-5 });
  expect(isOneNode(nodesOf(f))).toBe(true);
});

test("layer normalization of rows far from 0 and of long rows keeps its digits", async () => {
  const f = (x: Tensor) => reversed(normalized(x).y);
  // Means are exact; of their squares float32 has no digit left that matters.
  const far = [65534, 65535, 65536, 65537, 65538, 65536];
  await agree((x) => [f(x!)], [host("float32", [4, 192], far)], { relative: 1e-6 });
  const numbers = Array.from({ length: 3 * 4096 }, (_, i) => Math.sin(i * i));
  await agree((x) => [f(x!)], [host("float32", [3, 4096], numbers)], {
    relative: 1e-5,
    absolute: 2e-6,
  });
});

test("what is no layer normalization of rows, or is read in part, keeps its pieces", async () => {
  const f = (norm: Norm) => (x: Tensor) => reversed(normalized(x, norm).y);
  expect(isOneNode(nodesOf(f({ axis: 1 })))).toBe(false);
  expect(isOneNode(nodesOf(f({ axis: 0, affine: 2 })))).toBe(false);
  await agree((x) => [f({ axis: 0, affine: 2 })(x!)], [host("float32", shape, [1, 2.5, -3, 7])]);
  const nodesFor = (program: Program) => {
    const executable = onnx.compile(program);
    executable.dispose();
    return executable.kernels!;
  };
  const long = traceClosed((x) => [f({})(x!)], [aval([3, 4097], "float32")]);
  expect(isOneNode(nodesFor(long))).toBe(false);
  // Gradients read the factor: a node more would be no gain.
  const both = traceClosed((x) => {
    const { y, factor } = normalized(x!);
    return [reversed(y), reversed(factor)];
  }, [aval(shape, "float32")]);
  expect(nodesFor(both)).not.toContain("LayerNormalization");
  // The rows of one tensor over the deviation of another's.
  const mixed = (x: Tensor) => {
    const { factor } = normalized(x);
    return reversed(lax.mul(lax.mul(x, x), lax.broadcast(factor, x.shape, [0, 1])));
  };
  expect(nodesOf(mixed)).not.toContain("LayerNormalization");
  // A scale for each row, not for each element of it.
  const perRow = (x: Tensor) => {
    const { y } = normalized(x);
    return reversed(lax.mul(y, lax.broadcast(lax.reduceMax(x, [2]), x.shape, [0, 1])));
  };
  await agree((x) => [perRow(x!)], [host("float32", shape, [1, 2.5, -3, 7])]);
});
