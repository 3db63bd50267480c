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
