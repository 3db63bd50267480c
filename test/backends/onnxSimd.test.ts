/** Element-wise work in WebAssembly: every instruction, every length, and where programs are cut. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BufferPool, OnnxBuffer } from "../../src/backends/onnx/buffers.ts";
import { loadNative } from "../../src/backends/onnx/native.ts";
import { StagedExecutable } from "../../src/backends/onnx/staged.ts";
import { Heap } from "../../src/backends/onnx/simd/memory.ts";
import type { Stage } from "../../src/backends/onnx/code.ts";
import { stagesOf } from "../../src/backends/onnx/simd/stages.ts";
import type { DType } from "../../src/core/dtype.ts";
import { aval, type Shape } from "../../src/core/aval.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree, type Host, host, onnx, random, reference, runOn } from "./againstReference.ts";
import { runs } from "../support/tier.ts";

const f32 = (...shape: number[]) => aval(shape, "float32");
const matrices = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
const names = (stage: Stage | undefined) => stage?.program.equations.map((e) => e.primitive.name);
const scalar = (x: Tensor, shape: Shape) => lax.broadcast(x, shape, []);
const constant = (value: number, shape: Shape) => scalar(literal(value, "float32"), shape);

/** Floats with every exponent and sign, subnormal ones too, and the special ones. */
function floats(count: number): Host {
  const data = new Float32Array(count);
  const bits = new Uint32Array(data.buffer);
  const stride = Math.floor(2 ** 32 / count) | 1;
  for (let i = 0; i < count; i++) bits[i] = i * stride;
  data.set([0, -0, Infinity, -Infinity, NaN, 1, -1, 2 ** -149, -(2 ** -149), 2 ** -126, 0.5, 2.5]);
  return { shape: [count], dtype: "float32", data };
}

/** The most units in the last place by which results differ from double precision. */
async function worst(f: (x: Tensor) => Tensor, exact: (x: number) => number): Promise<number> {
  const x = floats(300_001);
  const program = traceClosed((x) => [f(x!)], [f32(300_001)]);
  expect(stagesOf(program)?.map((s) => s.kind)).toEqual(["kernel"]);
  const [y] = await runOn(onnx, program, [x]);
  let most = 0;
  x.data.forEach((v, i) => {
    const [mine, right] = [y![i]!, exact(v)];
    const rounded = Math.fround(right);
    if (Object.is(mine, rounded)) return;
    const exponent = Math.floor(Math.log2(Math.abs(rounded)));
    const off = Math.abs(mine - right) / 2 ** Math.max(-149, exponent - 23);
    // Also where one is NaN or infinite, or a zero has the wrong sign.
    most = Math.max(most, off > 0 ? off : Infinity);
  });
  return most;
}

describe("over all exponents, subnormal numbers, zeros, infinities and NaN", () => {
  const sigmoid = (x: number) => x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x));
  const even = (x: number) => Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
  test.each<[string, (x: Tensor) => Tensor, (x: number) => number, number]>([
    ["neg", lax.neg, (x) => -x, 0],
    ["abs", lax.abs, Math.abs, 0],
    ["sign", lax.sign, Math.sign, 0],
    ["floor", lax.floor, Math.floor, 0],
    ["ceil", lax.ceil, Math.ceil, 0],
    ["round", lax.round, (x) => Math.abs(x) < 2 ** 23 ? even(x) : x, 0],
    ["sqrt", lax.sqrt, Math.sqrt, 0],
    ["reciprocal", (x) => lax.div(constant(1, x.shape), x), (x) => 1 / x, 0],
    ["square", (x) => lax.mul(x, x), (x) => x * x, 0],
    ["rsqrt", lax.rsqrt, (x) => 1 / Math.sqrt(x), 2],
    ["exp", lax.exp, Math.exp, 2],
    ["expm1", lax.expm1, Math.expm1, 2],
    ["log", lax.log, Math.log, 2],
    ["log1p", lax.log1p, Math.log1p, 2],
    ["tanh", lax.tanh, Math.tanh, 2.5],
    ["logistic", lax.logistic, sigmoid, 2.5],
  ])("%s", async (_, f, exact, units) => {
    expect(await worst(f, exact)).toBeLessThanOrEqual(units);
  });
});

describe("of every length", () => {
  const cases: Record<string, (x: Tensor, y: Tensor, n: Shape) => Tensor[]> = {
    "arithmetic": (x, y) => [lax.add(x, y), lax.sub(x, y), lax.mul(x, y)],
    "the larger, the smaller": (x, y) => [lax.max(x, y), lax.min(x, y)],
    "comparisons": (x, y) => [
      ...[lax.eq(x, y), lax.ne(x, y), lax.lt(x, y)],
      ...[lax.le(x, y), lax.gt(x, y), lax.ge(x, y)],
    ],
    "choices": (x, y) => [lax.select(lax.lt(x, y), x, y), lax.select(lax.eq(x, y), y, x)],
    "types": (x) => (["float32", "int32", "uint32", "bool"] as const).map((t) => lax.convert(x, t)),
    "views": (x, _, n) => [lax.reshape(x, [1, ...n]), lax.neg(lax.reshape(x, [...n, 1]))],
    "fills": (x, y, n) => {
      const first = lax.reshape(lax.slice(x, { start: [0], limit: [1], strides: [1] }), []);
      return [lax.add(scalar(first, n), y), scalar(first, n), lax.full(n, 1, x.dtype)];
    },
  };
  const special = [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 3e9, -3e9, 1e-40, 7];
  const numbers: Record<DType, readonly number[]> = {
    float32: special,
    float64: [],
    int32: [0, 1, -1, 5, 2147483647, -2147483648, 65537],
    uint32: [0, 1, 5, 4294967295, 2147483648, 65537],
    bool: [0, 1, 1],
  };
  for (const dtype of ["float32", "int32", "uint32"] as const) {
    test.each(Object.entries(cases))(`${dtype} %s`, async (_, f) => {
      for (const n of [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 200]) {
        const values = numbers[dtype];
        const inputs = [
          host(dtype, [n], values),
          host(dtype, [n], values.flatMap((v, i) => [v, values[(i + 3) % values.length]!])),
        ];
        await agree((x, y) => f(x!, y!, [n]), inputs, { relative: 0, absolute: 0 });
      }
    });
  }
  test("booleans", async () => {
    for (const n of [1, 2, 3, 4, 5, 17, 64, 65]) {
      await agree((x, y) => [
        ...[lax.and(x!, y!), lax.or(x!, y!), lax.xor(x!, y!), lax.not(x!), lax.eq(x!, y!)],
        ...[lax.ne(x!, y!), lax.convert(x!, "float32"), lax.convert(x!, "int32")],
        ...[lax.select(x!, y!, lax.not(y!)), scalar(literal(1, "bool"), [n])],
      ], [host("bool", [n], [0, 1, 1, 0, 0]), host("bool", [n], [1, 0])]);
    }
  });
});

/** A step of Adam on a product with `w`, as optimizers write it. */
function adam(w: Tensor, m: Tensor, v: Tensor, count: Tensor, x: Tensor): Tensor[] {
  const g = lax.dot(lax.transpose(x, [1, 0]), lax.tanh(lax.dot(x, w, matrices)), matrices);
  const c = (value: number) => constant(value, w.shape);
  const next = lax.add(count, literal(1, "int32"));
  const correction = (b: number) => {
    const power = lax.mul(lax.convert(next, "float32"), literal(Math.log(b), "float32"));
    return scalar(lax.neg(lax.expm1(power)), w.shape);
  };
  const m2 = lax.add(lax.mul(m, c(0.9)), lax.mul(g, c(0.1)));
  const v2 = lax.add(lax.mul(v, c(0.999)), lax.mul(lax.mul(g, g), c(0.001)));
  const root = lax.sqrt(lax.div(v2, correction(0.999)));
  const update = lax.div(lax.div(m2, correction(0.9)), lax.add(root, c(1e-8)));
  return [lax.sub(w, lax.mul(update, c(0.01))), m2, v2, next];
}

const adamProgram = traceClosed(
  (w, m, v, count, x) => adam(w!, m!, v!, count!, x!),
  [f32(37, 11), f32(37, 11), f32(37, 11), aval([], "int32"), f32(5, 37)],
);
const adamInputs = [
  random("float32", [37, 11]),
  random("float32", [37, 11], -0.1, 0.1),
  random("float32", [37, 11], 0, 0.1),
  host("int32", [], [3]),
  random("float32", [5, 37]),
];

describe("a cut program", () => {
  test("has the products before, and all of the optimizer behind", async () => {
    const [graph, tail] = stagesOf(adamProgram)!;
    expect(names(graph)).toEqual(["dot", "tanh", "transpose", "dot"]);
    expect(names(tail)).not.toContain("dot");
    expect(tail!.program.outputs.length).toBe(4);
    expect(onnx.compile(adamProgram).kernels?.at(-1)).toMatch(/^simd: \[1\] add .*, \[407\] mul /);
    await agree((w, m, v, count, x) => adam(w!, m!, v!, count!, x!), adamInputs, {
      relative: 1e-5,
      absolute: 1e-6,
    });
  });

  test("is not cut for what is not worth it", () => {
    const program = traceClosed((x, y) => [lax.tanh(lax.dot(x!, y!, matrices))], [
      f32(2, 3),
      f32(3, 2),
    ]);
    expect(stagesOf(program)).toBe(undefined);
  });

  test("makes fills again rather than hand them over", () => {
    const n = [64, 64];
    const [graph, tail] = stagesOf(traceClosed((x, s) => {
      const fill = scalar(s!, n);
      const y = lax.dot(lax.mul(x!, fill), x!, matrices);
      return [lax.exp(lax.mul(lax.add(lax.mul(y, fill), fill), y))];
    }, [f32(64, 64), f32()]))!;
    expect(names(graph)).toEqual(["broadcast", "mul", "dot"]);
    expect(names(tail)).toEqual(["broadcast", "mul", "add", "mul", "exp"]);
    expect(tail!.program.inputs.map((v) => v.aval.shape)).toEqual([[], n]);
  });

  test("tells the tail's outputs what went wrong in the graph", async () => {
    const program = traceClosed((x, i) => {
      const y = lax.gather(x!, i!);
      return [lax.mul(lax.add(lax.mul(y, y), y), lax.exp(y))];
    }, [f32(300), aval([9000, 1], "int32")]);
    expect(stagesOf(program)?.map((s) => s.kind)).toEqual(["graph", "kernel"]);
    const inputs = [random("float32", [300]), host("int32", [9000, 1], [1000])];
    await expect(runOn(onnx, program, inputs)).rejects.toThrow("ONNX Runtime failed in a run");
  });

  test("overwrites what it is given, and nothing else", async () => {
    const executable = onnx.compile(adamProgram);
    const upload = () => adamInputs.map((x) => onnx.upload(x.data, aval(x.shape, x.dtype)));
    const read = (buffers: ReturnType<typeof upload>, avals: readonly Host[]) =>
      Promise.all(buffers.map((b, i) => onnx.download(b, aval(avals[i]!.shape, avals[i]!.dtype))));
    const [kept, given] = [upload(), upload()];
    const first = await read(executable.run(kept), adamInputs);
    expect(await read(kept, adamInputs)).toEqual(adamInputs.map((x) => x.data));
    const second = await read(executable.run(given, new Set([0, 1, 2, 3])), adamInputs);
    expect(second).toEqual(first);
    expect(await onnx.download(given[4]!, f32(5, 37))).toEqual(adamInputs[4]!.data);
  });

  test("runs in constant memory", () => {
    const pool = new BufferPool(new Heap(2 ** 18));
    const executable = new StagedExecutable(
      adamProgram,
      stagesOf(adamProgram)!,
      loadNative(),
      pool,
    );
    const place = ({ data, dtype, shape }: Host) => {
      const copy = pool.take(dtype, shape);
      copy.set(data);
      return new OnnxBuffer(copy);
    };
    const [x, ...state] = [adamInputs[4]!, ...adamInputs.slice(0, 4)].map(place);
    let buffers: OnnxBuffer[] = state;
    for (let i = 0; i < 10_000; i++) {
      buffers = executable.run([...buffers, x!], new Set([0, 1, 2, 3])) as OnnxBuffer[];
    }
    expect(buffers.every((b) => pool.holds(b.data))).toBe(true);
    expect(buffers[3]!.data[0]).toBe(10_003);
  });

  test("runs as a whole where there is no room", async () => {
    const bytes = 4 * 37 * 11;
    const right = await runOn(reference, adamProgram, adamInputs);
    for (const room of [0, 3 * bytes, 5 * bytes, 9 * bytes]) {
      const pool = new BufferPool(new Heap(2 ** 17));
      while (pool.heap.take(2 ** 10) !== undefined);
      for (let at = 0; at < room; at += 2 ** 10) pool.heap.give(2 ** 16 + at, 2 ** 10);
      const executable = new StagedExecutable(
        adamProgram,
        stagesOf(adamProgram)!,
        loadNative(),
        pool,
      );
      const inputs = adamInputs.map(({ data, dtype, shape }) => {
        const copy = pool.take(dtype, shape);
        copy.set(data);
        return new OnnxBuffer(copy);
      });
      const outputs = executable.run(inputs, new Set([0, 1])) as OnnxBuffer[];
      outputs.forEach(({ data }, i) =>
        data.forEach((v, k) => expect(v).toBeCloseTo(right[i]![k]!, 4))
      );
    }
  });
});

describe("random element-wise programs", () => {
  // Small whole numbers, of which sums are exact in single precision.
  const unary = [lax.neg, lax.abs, lax.sign, lax.floor, lax.exp];
  const binary = [lax.add, lax.sub, lax.max, lax.min];
  const shapes = [[], [3, 5], [33], [1], [15]];
  const inputs = shapes.flatMap((shape) =>
    [1, 2].map((k) => host("float32", shape, [k, 0, -1, 3, -k, 2]))
  );
  const step = fc.record({
    op: fc.nat(unary.length + binary.length),
    at: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
  });

  test("agree with the reference", async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 20 }),
      fc.nat(2),
      async (steps, kept) => {
        const f = (...xs: Tensor[]) => {
          const all = [...xs];
          const ends: Tensor[] = [];
          for (const { op, at } of steps) {
            const [x, y, z] = at.map((i) => all[i % all.length]!) as [Tensor, Tensor, Tensor];
            // An operand of another size changes its shape, or repeats its largest element.
            const like = (a: Tensor) =>
              a.size === x.size
                ? lax.reshape(a, x.shape)
                : scalar(lax.reduceMax(a, a.shape.map((_, i) => i)), x.shape);
            if (unary[op] === lax.exp) ends.push(lax.exp(x));
            else if (unary[op]) all.push(unary[op](x));
            else if (op === unary.length) all.push(lax.select(lax.lt(x, like(y)), x, like(z)));
            else all.push(binary[op - unary.length - 1]!(x, like(y)));
          }
          return [...ends, ...all.slice(xs.length).filter((_, i) => i % 3 === kept)];
        };
        await agree(f, inputs, { relative: 2.4e-7 });
      },
    );
    await fc.assert(property, { numRuns: runs(100) });
  });
});

describe("the heap", () => {
  test("never gives the same bytes twice, and finds room again", () => {
    const action = fc.record({ bytes: fc.integer({ min: 0, max: 40_000 }), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const heap = new Heap(2 ** 18);
        const live: { start: number; bytes: number }[] = [];
        for (const { bytes, which } of actions) {
          const start = heap.take(bytes);
          if (start !== undefined) {
            expect(start % 64).toBe(0);
            expect(start).toBeGreaterThanOrEqual(2 ** 16);
            expect(start + bytes).toBeLessThanOrEqual(2 ** 18);
            for (const b of live) {
              expect(start >= b.start + b.bytes || b.start >= start + bytes).toBe(true);
            }
            live.push({ start, bytes });
          }
          if (live.length > 0 && (start === undefined || which % 2 === 0)) {
            const [gone] = live.splice(which % live.length, 1);
            heap.give(gone!.start, gone!.bytes);
          }
        }
        live.forEach((b) => heap.give(b.start, b.bytes));
        expect(heap.take(3 * 2 ** 16)).toBe(2 ** 16);
      }),
    );
  });
});
