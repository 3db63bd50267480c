/** Products and convolutions on onnx, against the reference. */
import { describe, test } from "vitest";
import {
  conv,
  type ConvParams,
  dot,
  type DotParams,
  transpose,
} from "../../src/primitives/index.ts";
import { agree, random } from "./againstReference.ts";

const loose = { relative: 1e-4, absolute: 1e-5 };

describe.each(["float32", "float64", "int32", "uint32"] as const)("dot of %s", (dtype) => {
  const cases: [string, number[], number[], DotParams][] = [
    ["matrices", [2, 3], [3, 4], {
      lhsContract: [1],
      rhsContract: [0],
      lhsBatch: [],
      rhsBatch: [],
    }],
    ["transposed", [3, 2], [4, 3], {
      lhsContract: [0],
      rhsContract: [1],
      lhsBatch: [],
      rhsBatch: [],
    }],
    ["vectors", [3], [3], { lhsContract: [0], rhsContract: [0], lhsBatch: [], rhsBatch: [] }],
    ["outer", [3], [2], { lhsContract: [], rhsContract: [], lhsBatch: [], rhsBatch: [] }],
    ["scalars", [], [], { lhsContract: [], rhsContract: [], lhsBatch: [], rhsBatch: [] }],
    ["no elements summed", [2, 0], [0, 3], {
      lhsContract: [1],
      rhsContract: [0],
      lhsBatch: [],
      rhsBatch: [],
    }],
    ["no elements", [0, 2], [2, 3], {
      lhsContract: [1],
      rhsContract: [0],
      lhsBatch: [],
      rhsBatch: [],
    }],
    ["batched", [5, 2, 3], [5, 3, 4], {
      lhsContract: [2],
      rhsContract: [1],
      lhsBatch: [0],
      rhsBatch: [0],
    }],
    ["batched, both transposed", [5, 3, 2], [5, 4, 3], {
      lhsContract: [1],
      rhsContract: [2],
      lhsBatch: [0],
      rhsBatch: [0],
    }],
    ["batch inside", [2, 5, 3], [3, 4, 5], {
      lhsContract: [2],
      rhsContract: [0],
      lhsBatch: [1],
      rhsBatch: [2],
    }],
    ["batched vectors", [5, 3], [5, 3], {
      lhsContract: [1],
      rhsContract: [1],
      lhsBatch: [0],
      rhsBatch: [0],
    }],
    ["heads", [2, 6, 3, 4], [2, 7, 3, 4], {
      lhsContract: [3],
      rhsContract: [3],
      lhsBatch: [0, 2],
      rhsBatch: [0, 2],
    }],
    ["batch axes crossed", [2, 3, 4], [3, 2, 4], {
      lhsContract: [2],
      rhsContract: [2],
      lhsBatch: [1, 0],
      rhsBatch: [0, 1],
    }],
    ["two contracted, crossed", [2, 3, 4], [4, 2, 5], {
      lhsContract: [2, 0],
      rhsContract: [0, 1],
      lhsBatch: [],
      rhsBatch: [],
    }],
    ["all batch", [2, 3], [2, 3], {
      lhsContract: [],
      rhsContract: [],
      lhsBatch: [0, 1],
      rhsBatch: [0, 1],
    }],
    ["unit axes", [1, 3, 1], [1, 3], {
      lhsContract: [1],
      rhsContract: [1],
      lhsBatch: [],
      rhsBatch: [],
    }],
  ];
  test.each(cases)("%s", async (_, left, right, params) => {
    const inputs = [random(dtype, left, -9, 9), random(dtype, right, -9, 9)];
    await agree((x, y) => [dot(x!, y!, params)], inputs, loose);
    // The same through transpositions that the product should see through.
    const turn = (shape: number[]) => shape.map((_, i) => shape.length - 1 - i);
    const mirrored = (axes: readonly number[], shape: number[]) =>
      axes.map((a) => shape.length - 1 - a);
    await agree(
      (x, y) => [dot(transpose(x!, turn(left)), transpose(y!, turn(right)), {
        lhsContract: mirrored(params.lhsContract, left),
        rhsContract: mirrored(params.rhsContract, right),
        lhsBatch: mirrored(params.lhsBatch, left),
        rhsBatch: mirrored(params.rhsBatch, right),
      })],
      inputs,
      loose,
    );
  });
});

const plain: ConvParams = {
  strides: [1, 1],
  padding: [[0, 0], [0, 0]],
  lhsDilation: [1, 1],
  rhsDilation: [1, 1],
  groups: 1,
};

describe.each(["float32", "float64"] as const)("conv of %s", (dtype) => {
  const cases: [string, number[], number[], Partial<ConvParams>][] = [
    ["plain", [2, 3, 6, 5], [4, 3, 3, 2], {}],
    ["padded unevenly", [2, 3, 6, 5], [4, 3, 3, 3], { padding: [[1, 2], [0, 1]] }],
    ["padding that cuts", [2, 3, 8, 9], [4, 3, 3, 3], { padding: [[-1, 2], [1, -2]] }],
    ["strides", [2, 3, 9, 8], [4, 3, 3, 3], { strides: [2, 3], padding: [[1, 1], [1, 1]] }],
    ["dilated filter", [1, 2, 9, 9], [3, 2, 3, 2], { rhsDilation: [2, 3] }],
    ["dilated input", [2, 3, 4, 3], [4, 3, 3, 3], {
      lhsDilation: [2, 3],
      padding: [[2, 1], [2, 2]],
    }],
    ["dilated input, wide padding", [2, 3, 4, 3], [4, 3, 2, 2], {
      lhsDilation: [2, 2],
      padding: [[3, 4], [0, 5]],
    }],
    ["dilated input, negative padding", [2, 3, 4, 5], [4, 3, 2, 2], {
      lhsDilation: [2, 2],
      padding: [[-1, 0], [1, -2]],
    }],
    ["all cut away", [1, 1, 1, 2], [1, 1, 1, 1], { padding: [[1, -1], [0, 0]] }],
    ["dilated input, all cut away", [1, 1, 1, 2], [1, 1, 1, 1], {
      lhsDilation: [1, 2],
      padding: [[1, -1], [0, 0]],
    }],
    ["dilated input and strides", [2, 3, 4, 5], [4, 3, 3, 3], {
      lhsDilation: [2, 2],
      strides: [3, 2],
      padding: [[1, 2], [1, 1]],
    }],
    ["all dilated", [1, 2, 4, 5], [3, 2, 2, 2], {
      lhsDilation: [2, 3],
      rhsDilation: [2, 1],
      padding: [[2, 2], [1, 1]],
    }],
    ["groups", [2, 4, 5, 5], [6, 2, 3, 3], { groups: 2, padding: [[1, 1], [1, 1]] }],
    ["depthwise", [2, 4, 5, 5], [4, 1, 3, 3], { groups: 4 }],
    ["groups, dilated input", [2, 4, 3, 3], [6, 2, 3, 3], {
      groups: 2,
      lhsDilation: [2, 2],
      padding: [[2, 2], [2, 2]],
    }],
    ["a large filter", [3, 2, 12, 11], [4, 2, 10, 9], { padding: [[1, 1], [1, 1]] }],
    // As derivatives in filters are: few places, and many of what lies along the first axis.
    ["a window as large as the input", [17, 3, 8, 7], [4, 3, 8, 7], {
      padding: [[1, 1], [0, 2]],
    }],
    ["a large window, padding that cuts", [16, 2, 12, 11], [5, 2, 10, 9], {
      padding: [[2, -1], [-1, 2]],
    }],
    ["a large window, strides", [16, 2, 12, 11], [5, 2, 9, 9], {
      strides: [2, 1],
      padding: [[2, 1], [0, 0]],
    }],
    ["a large window, dilated", [18, 3, 13, 15], [4, 3, 6, 7], {
      rhsDilation: [2, 2],
      padding: [[1, 0], [0, 1]],
    }],
    ["a large window, input dilated", [16, 2, 5, 6], [3, 2, 8, 9], {
      lhsDilation: [2, 2],
      strides: [2, 1],
      padding: [[1, 1], [0, 1]],
    }],
    ["a long window", [16, 3, 30], [4, 3, 27], {
      strides: [1],
      padding: [[1, 1]],
      lhsDilation: [1],
      rhsDilation: [1],
    }],
    ["a window of space", [16, 2, 4, 5, 4], [3, 2, 4, 4, 3], {
      strides: [1, 1, 1],
      padding: [[0, 0], [0, 0], [0, 0]],
      lhsDilation: [1, 1, 1],
      rhsDilation: [1, 1, 1],
    }],
    ["no output", [2, 3, 2, 2], [4, 3, 3, 3], {}],
    ["no batch", [0, 3, 5, 5], [4, 3, 3, 3], {}],
    ["no channels", [2, 0, 5, 5], [4, 0, 3, 3], {}],
    ["only padding", [2, 3, 0, 5], [4, 3, 2, 2], { padding: [[2, 2], [1, 1]] }],
    ["line", [2, 3, 9], [4, 3, 3], {
      strides: [2],
      padding: [[1, 2]],
      lhsDilation: [1],
      rhsDilation: [2],
    }],
    ["line, dilated input", [2, 3, 9], [4, 3, 3], {
      strides: [1],
      padding: [[1, 2]],
      lhsDilation: [3],
      rhsDilation: [2],
    }],
    ["space", [1, 2, 4, 5, 3], [3, 2, 2, 2, 2], {
      strides: [1, 2, 1],
      padding: [[1, 0], [0, 0], [0, 1]],
      lhsDilation: [1, 1, 1],
      rhsDilation: [1, 1, 1],
    }],
  ];
  test.each(cases)("%s", async (_, x, w, params) => {
    await agree((x, w) => [conv(x!, w!, { ...plain, ...params })], [
      random(dtype, x),
      random(dtype, w),
    ], loose);
  });
});
