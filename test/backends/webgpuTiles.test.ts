/** What the kernels of products take four at a time, and how much they do: seen from their text, without a GPU. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Kernel } from "../../src/backends/webgpu/kernel/kernel.ts";
import type { DType } from "../../src/core/dtype.ts";
import { aval, type Shape } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { np } from "../../src/index.ts";
import * as lax from "../../src/primitives/index.ts";
import { planOf } from "./webgpuPlans.ts";
import { convolutions, products } from "./webgpuProducts.ts";
import { runs } from "../support/tier.ts";

const kernelsOf = (program: Program) =>
  planOf(program).steps.map((s) => s.kind === "dispatch" ? s.kernel : expect.fail("a loop"));

/** The looks of the only kernel. */
function kernelOf(
  f: (...xs: Tensor[]) => Tensor,
  shapes: readonly Shape[],
  dtype: DType = "float32",
) {
  const all = kernelsOf(traceClosed((...xs) => [f(...xs)], shapes.map((s) => aval(s, dtype))));
  expect(all.length).toBe(1);
  return looksOf(all[0]!);
}

/** The text of a kernel, and the types of elements of what it writes and reads. */
function looksOf({ text, bindings }: Kernel) {
  const types = [...text.matchAll(/var<storage, (\w+)> \w+: array<(.+)>;/g)];
  const found = (access: string) => types.filter((t) => t[1] === access).map((t) => t[2]!);
  expect(types.length).toBe(bindings.length);
  return { text, reads: found("read"), writes: found("read_write") };
}

const none = { lhsBatch: [], rhsBatch: [] };
const dot = (lhs: number, rhs: number) => (x: Tensor, y: Tensor) =>
  lax.dot(x, y, { ...none, lhsContract: [lhs], rhsContract: [rhs] });
const plain = dot(1, 0);
const relu = (x: Tensor) => lax.max(x, lax.fullLike(x, 0));
const four = "vec4<f32>";

/** The looks of the kernel of a convolution, which another may follow that brings its result into order. */
function convolution(f: (...xs: Tensor[]) => Tensor, shapes: readonly Shape[]) {
  const kernels = kernelsOf(
    traceClosed((...xs) => [f(...xs)], shapes.map((s) => aval(s, "float32"))),
  );
  return looksOf(kernels[0]!);
}

describe("what is read and written in fours", () => {
  test.each<[string, (x: Tensor, y: Tensor) => Tensor, Shape, Shape, string[], string]>([
    ["rows by columns", plain, [64, 64], [64, 64], [four, four], four],
    ["rows by rows", dot(1, 1), [64, 64], [64, 64], [four, four], four],
    ["columns by columns", dot(0, 0), [64, 64], [64, 64], [four, four], four],
    ["columns by rows", dot(0, 1), [64, 64], [64, 64], [four, four], four],
    ["rows that a tile does not divide", plain, [61, 44], [44, 52], [four, four], four],
    ["an odd k", plain, [64, 63], [63, 64], ["f32", four], four],
    ["an odd n", plain, [64, 64], [64, 63], [four, "f32"], "f32"],
    ["an odd m, along which memory runs", dot(0, 0), [64, 63], [64, 64], ["f32", four], four],
    ["nothing divisible", plain, [33, 35], [35, 37], ["f32", "f32"], "f32"],
    ["operands that are computed", (x, y) => plain(relu(x), relu(y)), [64, 64], [64, 64], [
      four,
      four,
    ], four],
    ["operands turned around", (x, y) => plain(lax.transpose(x, [1, 0]), y), [64, 64], [64, 64], [
      four,
      four,
    ], four],
    ["an activation that follows", (x, y) => relu(plain(x, y)), [64, 64], [64, 64], [
      four,
      four,
    ], four],
    [
      "rows that begin at an odd place",
      (x, y) => plain(lax.slice(x, { start: [0, 1], limit: [64, 65], strides: [1, 1] }), y),
      [64, 68],
      [64, 64],
      [four, four], // two of them hold four neighbours
      four,
    ],
    [
      "odd parts of rows in fours",
      (x, y) => plain(lax.slice(x, { start: [0, 0], limit: [64, 61], strides: [1, 1] }), y),
      [64, 64],
      [61, 64],
      ["f32", four],
      four,
    ],
    ["elements in reverse", (x, y) => plain(x, lax.reverse(y, [1])), [64, 64], [64, 64], [
      four,
      "f32",
    ], "f32"],
  ])("%s", (_, f, x, y, reads, written) => {
    const kernel = kernelOf((a, b) => f(a!, b!), [x, y]);
    expect(kernel.reads.toSorted()).toEqual(reads.toSorted());
    expect(kernel.writes).toEqual([written]);
  });

  test.each<DType>(["int32", "uint32"])("%s", (dtype) => {
    const type = `vec4<${dtype === "int32" ? "i32" : "u32"}>`;
    const { reads, writes } = kernelOf((x, y) => plain(x!, y!), [[64, 64], [64, 64]], dtype);
    expect([...reads, ...writes]).toEqual([type, type, type]);
  });

  test("the channels of images that have them last, whose pixels may be outside", () => {
    const convolve = (x: Tensor, w: Tensor) =>
      np.convGeneralDilated(x, w, { strides: 1, padding: "SAME" });
    const { text, reads } = convolution(convolve, [[2, 12, 12, 8], [3, 3, 8, 32]]);
    expect(reads).toEqual([four, four]);
    // One choice for all channels of a pixel.
    const [choice] = /if \([^{]*\) \{[^}]*\} else/.exec(text) ?? expect.fail(text);
    expect(choice.match(/\.[xyzw];/g)!.length).toBe(4);
  });

  test("pixels that are never outside", () => {
    const mix = (x: Tensor, w: Tensor) => np.convGeneralDilated(x, w, { padding: "VALID" });
    const { reads } = convolution(mix, [[2, 8, 8, 16], [1, 1, 16, 32]]);
    expect(reads).toEqual([four, four]);
  });
});

test("the panels hold vectors, and so do the sums", () => {
  const { text } = kernelOf((x, y) => plain(x!, y!), [[64, 64], [64, 64]]);
  expect(text.match(/var<workgroup> .*/g)).toEqual([
    "var<workgroup> shared_vec4_f32_0: array<vec4<f32>, 128>;",
    "var<workgroup> shared_vec4_f32_1: array<vec4<f32>, 128>;",
  ]);
  expect(text.match(/let [ab] = shared/g)).toHaveLength(2);
  expect(text.match(/sum\d+_\d \+= a\.[xyzw] \* b;/g)).toHaveLength(4);
});

/** That a kernel runs on every device. */
function modest({ text }: Kernel): void {
  const shared = [...text.matchAll(/var<workgroup> \w+: array<(?:vec(\d)<)?\w+>?, (\d+)>/g)];
  expect(shared.length).toBe(text.match(/var<workgroup>/g)?.length ?? 0);
  const bytes = shared.map(([, width = "1", size]) => 4 * Number(width) * Number(size));
  expect(bytes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(16384);
  expect(Number(/@workgroup_size\((\d+)\)/.exec(text)![1])).toBeLessThanOrEqual(256);
  expect(text.length).toBeLessThan(100_000);
}

test("no kernel needs more than WebGPU guarantees", () =>
  fc.assert(
    fc.property(fc.oneof(products, convolutions), ({ program }) =>
      kernelsOf(program).forEach(modest)),
    { numRuns: runs(200) },
  ));

test("nor do several side by side, of all types", () => {
  const types: DType[] = ["float32", "int32", "uint32"];
  const side = 512; // so many tiles that they are as large as they get
  const kernels = kernelsOf(traceClosed(
    (...xs) => [
      ...types.map((_, i) => plain(xs[i]!, xs[i]!)),
      ...types.map((_, i) => lax.reduceMax(xs[i]!, [1])),
    ],
    types.map((dtype) => aval([side, side], dtype)),
  ));
  kernels.forEach(modest);
});

test("parts of a vector that is shared are never written alone", () =>
  fc.assert(
    fc.property(fc.oneof(products, convolutions), ({ program }) => {
      for (const { text } of kernelsOf(program)) {
        expect(text).not.toMatch(/shared_vec\w+\[[^\]]*\](\.[xyzw]|\[)[^=]* = /);
      }
    }),
    { numRuns: runs(50) },
  ));

test("what fills a grid of two axes beyond the last workgroup does nothing", () => {
  const many = (batch: number) =>
    kernelOf(
      (x, y) =>
        lax.dot(x!, y!, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] }),
      [[batch, 4, 3], [batch, 3, 4]],
    ).text;
  expect(many(65537)).toContain("if (number < 65537u)");
  expect(many(65536)).not.toContain("if (number <");
});
