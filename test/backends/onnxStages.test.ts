/** Programs divided among graphs and kernels, as finely as possible, against the reference. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, OnnxBuffer } from "../../src/backends/onnx/buffers.ts";
import { loadNative } from "../../src/backends/onnx/native.ts";
import { StagedExecutable } from "../../src/backends/onnx/staged.ts";
import { along, spaceOf, whole } from "../../src/backends/onnx/simd/space.ts";
import type { Stage } from "../../src/backends/onnx/code.ts";
import { stagesOf } from "../../src/backends/onnx/simd/stages.ts";
import type { TypedArray } from "../../src/core/dtype.ts";
import { aval } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { type Host, host, random, reference, runOn } from "./againstReference.ts";
import { runs } from "../support/tier.ts";

// Everything a kernel can do is worth one.
const eager = { tensor: 2, kernel: 0 };
const matrix = { lhsContract: [2], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
const names = (stages: readonly Stage[]) =>
  stages.map((s) => s.program.equations.map((e) => e.primitive.name));
const kinds = (stages: readonly Stage[] | undefined) => stages?.map((s) => s.kind).join(" ");

function programOf(f: (...xs: Tensor[]) => readonly Tensor[], inputs: readonly Host[]): Program {
  return eliminateDeadCode(traceClosed(f, inputs.map((x) => aval(x.shape, x.dtype))));
}

function runStages(program: Program, stages: readonly Stage[], inputs: readonly Host[]) {
  const pool = new BufferPool();
  const executable = new StagedExecutable(program, stages, loadNative(), pool);
  const placed = inputs.map(({ data, dtype, shape }) => {
    const copy = pool.take(dtype, shape);
    copy.set(data);
    return new OnnxBuffer(copy);
  });
  const outputs = executable.run(placed) as OnnxBuffer[];
  executable.dispose();
  for (const { error } of outputs) if (error) throw error;
  placed.forEach((b, i) => expect(b.data).toEqual(inputs[i]!.data)); // nothing given is overwritten
  return outputs.map((b) => b.data);
}

async function agree(
  f: (...xs: Tensor[]) => readonly Tensor[],
  inputs: readonly Host[],
  { rounding = 1e-5 } = {},
): Promise<readonly Stage[]> {
  const program = programOf(f, inputs);
  const stages = stagesOf(program, eager);
  if (!stages) return [];
  const right = await runOn(reference, program, inputs);
  runStages(program, stages, inputs).forEach((found: TypedArray, k) => {
    const most = Math.max(1, ...Array.from(right[k]!, Math.abs));
    found.forEach((v, i) =>
      expect(Math.abs(v - right[k]![i]!)).toBeLessThanOrEqual(rounding * most)
    );
  });
  return stages;
}

describe("a layer there and back", () => {
  const f = (x: Tensor, w: Tensor, b: Tensor, ct: Tensor) => {
    const zero = lax.broadcast(literal(0, "float32"), [3, 5, 8], []);
    const before = lax.add(lax.dot(x, w, matrix), lax.broadcast(b, [3, 5, 8], [2]));
    const off = lax.le(before, zero);
    const y = lax.dot(lax.select(off, zero, before), w, matrix);
    const back = lax.select(off, zero, lax.dot(lax.mul(ct, y), w, matrix));
    return [lax.reduceSum(back, [0, 1]), lax.dot(back, w, matrix)];
  };
  const inputs = [[3, 5, 8], [8, 8], [8], [3, 5, 8]].map((shape) => random("float32", shape));

  test("takes turns, and gives what one graph gives", async () => {
    const stages = await agree(f, inputs);
    expect(kinds(stages)).toBe("graph kernel graph kernel graph kernel graph");
  });

  test("is one graph where there is little to do", () => {
    expect(stagesOf(programOf(f, inputs))).toBe(undefined);
  });

  test("keeps its intermediates no longer than needed", () => {
    const program = programOf(f, inputs);
    const pool = new BufferPool();
    const executable = new StagedExecutable(program, stagesOf(program, eager)!, loadNative(), pool);
    const placed = inputs.map(({ data, dtype, shape }) => {
      const copy = pool.take(dtype, shape);
      copy.set(data);
      return new OnnxBuffer(copy);
    });
    const step = () => (executable.run(placed) as OnnxBuffer[]).forEach((b) => pool.give(b.data));
    step();
    // Positions that are free stay the same ones: nothing is lost from one run to the next.
    const probe = () => {
      const taken = Array.from({ length: 64 }, () => pool.take("float32", [64]));
      taken.forEach((t) => pool.give(t));
      return Math.max(...taken.map((t) => t.byteOffset));
    };
    const first = probe();
    for (let i = 0; i < 200; i++) step();
    expect(probe()).toBe(first);
    executable.dispose();
  });
});

test("sums of many rows are sums of sums", async () => {
  const x = random("float32", [4, 30, 4]);
  const f = (x: Tensor) => [lax.reduceSum(lax.mul(x, x), [0, 1]), lax.reduceSum(x, [0])];
  expect(kinds(await agree(f, [x]))).toBe("kernel");
  const square = (x: Tensor) => [lax.reduceSum(lax.mul(x, x), [0, 1])];
  const stages = await agree(square, [random("float32", [100, 100, 4])]);
  expect(names(stages)).toEqual([["mul", "reduceSum"], ["reduceSum"]]);
  // One long axis is cut, if it can be.
  const long = await agree(square, [random("float32", [1, 10_000, 4])]);
  expect(names(long)).toEqual([["mul", "reshape", "reduceSum"], ["reduceSum"]]);
  const prime = await agree(square, [random("float32", [1, 10_007, 4])]);
  expect(names(prime)).toEqual([["mul"], ["reduceSum"]]);
});

test("along any axis but the last, with repetition along any", async () => {
  const shapes = fc.array(fc.constantFrom(1, 2, 3, 4), { minLength: 1, maxLength: 3 });
  const axes = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(shapes, fc.constantFrom(4, 8, 12), axes, axes, async (outer, last, r, s) => {
      const shape = [...outer, last];
      const own = shape.map((_, a) => a).filter((a) => r[a]);
      const summed = shape.slice(0, -1).map((_, a) => a).filter((a) => s[a]);
      const f = (x: Tensor, y: Tensor) => {
        const repeated = lax.broadcast(y, shape, own);
        const z = lax.add(lax.mul(x, repeated), repeated);
        return [z, lax.reduceSum(z, summed), lax.reduceSum(repeated, summed)];
      };
      await agree(f, [random("float32", shape), random("float32", own.map((a) => shape[a]!))]);
    }),
    { numRuns: runs(80) },
  );
});

describe("random programs", () => {
  const shape = [2, 3, 8];
  const inputs = [
    ...[1, 2].map((k) => host("float32", shape, [k, 0, -1, 0.5, -k, 2, 1.5])),
    host("float32", [8], [1, -1, 0.5, 2]),
    host("float32", [2, 3], [1, 0.5, -1]),
    host("float32", [8, 8], [0.25, 0, -0.25, 0.5, 0]),
    host("float32", [], [0.5]),
  ];
  const step = fc.record({ op: fc.nat(12), x: fc.nat(), y: fc.nat() });

  test("agree with the reference however they are divided", async () => {
    let divided = 0;
    const property = fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 24 }),
      fc.nat(3),
      async (steps, kept) => {
        const f = (...[a, b, row, column, w, scalar]: Tensor[]) => {
          const all = [a!, b!];
          const small = [row!, column!];
          const limited = (x: Tensor) => {
            const two = lax.broadcast(literal(2, "float32"), shape, []);
            return lax.max(lax.neg(two), lax.min(two, x));
          };
          for (const { op, x: i, y: k } of steps) {
            const [x, y] = [all[i % all.length]!, all[k % all.length]!];
            const s = small[k % small.length]!;
            const repeated = () => lax.broadcast(s, shape, s.shape.length === 1 ? [2] : [0, 1]);
            const makes: (() => Tensor)[] = [
              () => lax.add(x, y),
              () => limited(lax.mul(x, y)),
              () => lax.sub(x, lax.broadcast(scalar!, shape, [])),
              () => lax.select(lax.lt(x, y), y, x),
              () => lax.add(x, repeated()),
              () => limited(lax.mul(repeated(), y)),
              () => limited(lax.dot(x, w!, matrix)),
              () => lax.reshape(lax.exp(lax.neg(lax.abs(lax.reshape(x, [6, 8])))), shape),
              () => lax.convert(lax.ge(x, y), "float32"),
              () => lax.reverse(x, [1]),
              () => lax.tanh(x),
            ];
            if (makes[op]) all.push(makes[op]());
            else if (op === 11) small.push(lax.tanh(lax.reduceSum(x, [0, 1])));
            else small.push(lax.tanh(lax.reduceSum(x, [2])));
          }
          return [...all.slice(2), ...small.slice(2)].filter((_, i) => i % 4 === kept);
        };
        const stages = await agree(f, inputs, { rounding: 2e-5 });
        if (stages.length > 1) divided++;
      },
    );
    await fc.assert(property, { numRuns: runs(120) });
    expect(divided).toBeGreaterThan(runs(120) / 4);
  });
});

describe("spaces", () => {
  test("join axes along which all tensors go on", () => {
    const full = whole([4, 5, 6, 8]);
    expect(spaceOf([full])).toEqual({ sizes: [960], strides: [[1]] });
    expect(spaceOf([full, along([4, 5, 6, 8], [8], [3])])).toEqual({
      sizes: [120, 8],
      strides: [[8, 1], [0, 1]],
    });
    expect(spaceOf([full, along([4, 5, 6, 8], [4, 8], [0, 3])])).toEqual({
      sizes: [4, 30, 8],
      strides: [[240, 8, 1], [8, 0, 1]],
    });
  });

  test("see axes through other shapes of the same elements", () => {
    expect(spaceOf([whole([20, 6, 8]), along([4, 30, 8], [4], [0])])).toEqual({
      sizes: [4, 240],
      strides: [[240, 1], [1, 0]],
    });
    expect(spaceOf([along([4, 6], [4], [0]), along([3, 8], [3], [0])])).toBe(undefined);
  });

  test("need rows of whole vectors", () => {
    expect(spaceOf([whole([5, 6]), along([5, 6], [6], [1])])).toBe(undefined);
    expect(spaceOf([whole([6, 5]), along([6, 5], [6], [0])])).toBe(undefined);
  });
});
