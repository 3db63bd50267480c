/** Compiled programs on disk: what is found there gives what was written, and what is wrong there is not used. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { BufferPool, OnnxBuffer } from "../../src/backends/onnx/buffers.ts";
import { CompilationCache } from "../../src/backends/onnx/cache/cache.ts";
import { Store } from "../../src/backends/onnx/cache/store.ts";
import { OnnxBackend } from "../../src/backends/onnx/index.ts";
import { loadNative } from "../../src/backends/onnx/native.ts";
import { StagedExecutable } from "../../src/backends/onnx/staged.ts";
import { Heap } from "../../src/backends/onnx/simd/memory.ts";
import { stagesOf } from "../../src/backends/onnx/simd/stages.ts";
import { onnxPasses } from "../../src/compiler/optimize.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import { formatProgram } from "../../src/core/printer.ts";
import type { Program } from "../../src/core/program.ts";
import type { Shape } from "../../src/core/aval.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import * as lax from "../../src/primitives/index.ts";
import { explain } from "../../src/inspect/explain.ts";
import { expectRight } from "../support/agree.ts";
import { type HostArray, place, read } from "../support/arrays.ts";
import { randomPrograms } from "../support/random/randomProgram.ts";
import { entries, floats, fresh, programOf, removeAll, run } from "./onnxCacheRuns.ts";
import { runs } from "../support/tier.ts";

afterEach(() => {
  removeAll();
  vi.restoreAllMocks();
});

const matrices = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
const number = (value: number, shape: Shape) => lax.broadcast(literal(value, "float32"), shape, []);

/** A product, something after it, and a sum. */
const layer = (x: Tensor, w: Tensor) => {
  const y = lax.tanh(lax.dot(x, w, matrices));
  return [y, lax.reduceSum(lax.mul(y, y), [0, 1])];
};
const layerInputs = [floats(1, 5, 7), floats(2, 7, 3)];
const layerProgram = programOf((x, w) => layer(x!, w!), layerInputs);

/** A step of an optimizer behind products of large tensors with much between them: graphs and kernels. */
const largeInputs = [floats(3, 512, 512), floats(4, 512, 512)];
const largeProgram = programOf((x, w) => {
  const shape = [512, 512];
  let y = lax.mul(lax.dot(x!, w!, matrices), number(1 / 32, shape));
  for (let i = 0; i < 4; i++) y = lax.tanh(lax.add(lax.mul(y, y), number(i / 8, shape)));
  const step = lax.mul(lax.dot(y, w!, matrices), number(1 / 512, shape));
  const moment = lax.add(lax.mul(x!, number(0.9, shape)), lax.mul(step, number(0.1, shape)));
  return [moment, lax.sub(w!, lax.div(moment, lax.add(lax.abs(moment), number(1, shape))))];
}, largeInputs);

describe.each([
  ["one graph", layerProgram, layerInputs],
  ["graphs and kernels", largeProgram, largeInputs],
])("%s", (what, program, inputs) => {
  test("gives the same without a cache, from an empty one, and from a full one", async () => {
    const directory = fresh();
    const without = await run(program, inputs, undefined);
    expect(without.kernels.some((k) => k.startsWith("simd"))).toBe(what !== "one graph");
    const cold = await run(program, inputs, directory);
    const written = entries(directory);
    expect(written).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.entry$/)]);
    const bytes = readFileSync(join(directory, written[0]!));
    const warm = await run(program, inputs, directory);
    expect(cold).toEqual(without);
    expect(warm).toEqual(without);
    expect(entries(directory)).toEqual(written);
    expect(readFileSync(join(directory, written[0]!)).equals(bytes)).toBe(true);
    if (what === "one graph") await expectRight("onnx", program, inputs, warm.found);
  });

  test("reuses what is donated", async () => {
    const directory = fresh();
    const { found } = await run(program, inputs, undefined);
    for (let i = 0; i < 2; i++) {
      expect((await run(program, inputs, directory, new Set([0, 1]))).found).toEqual(found);
    }
  });
});

test("what is found is run, not lowered again", async () => {
  const directory = fresh();
  await run(layerProgram, layerInputs, directory);
  const [name] = entries(directory);
  const key = name!.split(".")[0]!;
  const store = new Store(directory);
  const entry = store.read(key) as { stages: [{ code: { kernels: string[] } }] };
  entry.stages[0].code.kernels = ["as it was kept"];
  store.write(key, entry);
  const { kernels, found } = await run(layerProgram, layerInputs, directory);
  expect(kernels).toEqual(["as it was kept"]);
  await expectRight("onnx", layerProgram, layerInputs, found);
});

test("nothing is kept unless it is asked for", () => {
  const names = new OnnxBackend().passes.map((pass) => pass.name);
  expect(names).toEqual(onnxPasses.map((pass) => pass.name));
});

test("results that are inputs, numbers, or twice the same, are what they are", async () => {
  const directory = fresh();
  const program = programOf((x, y) => {
    const z = lax.mul(lax.add(x!, y!), y!);
    return [y!, literal(2, "float32"), z, x!, z, lax.neg(z), lax.sub(number(1, []), number(1, []))];
  }, [floats(1), floats(2)]);
  const inputs = [floats(1), floats(2)];
  for (let i = 0; i < 2; i++) {
    const { found } = await run(program, inputs, directory);
    await expectRight("onnx", program, inputs, found);
  }
  expect(entries(directory).length).toBe(1);
});

test("explain tells the same of what is found", () => {
  const directory = fresh();
  const told = (directory: string | undefined) => {
    const backend = new OnnxBackend(directory);
    const [x, w] = layerInputs.map((x) => place(x, backend));
    const { cost, peakBytes, kernels, stages } = explain(layer, x!, w!);
    return { cost, peakBytes, kernels, last: formatProgram(stages.at(-1)!.program) };
  };
  const right = told(undefined);
  expect(right.cost.multiplyAdds).toBe(5 * 7 * 3);
  expect(told(directory)).toEqual(right);
  expect(entries(directory).length).toBe(1);
  expect(told(directory)).toEqual(right);
});

test("tensors without elements come back", async () => {
  const directory = fresh();
  const inputs = [floats(1, 0, 3), floats(2, 2, 3)];
  const program = programOf((x, y) => [lax.neg(lax.abs(x!)), lax.exp(lax.neg(y!))], inputs);
  const nothing = programOf((x) => [lax.neg(lax.abs(x!))], inputs.slice(0, 1));
  for (let i = 0; i < 2; i++) {
    await expectRight("onnx", program, inputs, (await run(program, inputs, directory)).found);
    expect((await run(nothing, inputs.slice(0, 1), directory)).found).toEqual([[]]);
  }
});

test("callbacks are those of the process that runs, not of the one that compiled", async () => {
  const directory = fresh();
  for (let i = 0; i < 2; i++) {
    const seen: number[][] = [];
    const program = programOf((x) => {
      const y = lax.mul(lax.sin(x!), lax.cos(x!));
      lax.callback([y], (values) => seen.push(Array.from(values[0]!)));
      return [lax.exp(y)];
    }, [floats(1, 3)]);
    const { found } = await run(program, [floats(1, 3)], directory);
    expect(seen.length).toBe(1);
    seen[0]!.forEach((v, k) => expect(Math.exp(v)).toBeCloseTo(found[0]![k]!, 5));
  }
  expect(entries(directory).length).toBe(1);
});

describe("programs that look alike are kept apart", () => {
  const x = floats(1, 2, 3);
  type Made = readonly [program: Program, inputs: readonly HostArray[]];
  const times = (value: number, input = x): Made => [
    programOf((x) => [lax.add(lax.mul(x!, number(value, input.shape)), x!)], [input]),
    [input],
  ];
  const summed = (axis: number): Made => [
    programOf((x) => [lax.neg(lax.reduceSum(x!, [axis]))], [floats(1, 3, 3)]),
    [floats(1, 3, 3)],
  ];
  const infinity = (sign: number): Made => [
    programOf((x) => [lax.add(lax.div(number(sign * 0, [2, 3]), x!), x!)], [x]),
    [{ ...x, values: x.values.map(Math.abs) }],
  ];
  test.each<[string, Made, Made]>([
    ["constants", times(2), times(2 + 2 ** -20)],
    ["signs of zero", infinity(1), infinity(-1)],
    ["shapes", times(2, floats(1, 2, 3)), times(2, floats(1, 3, 2))],
    ["parameters", summed(0), summed(1)],
  ])("%s", async (_, a, b) => {
    const directory = fresh();
    for (const [program, inputs] of [a, b, a, b]) {
      const { found } = await run(program, inputs, directory);
      expect(found).toEqual((await run(program, inputs, undefined)).found);
      await expectRight("onnx", program, inputs, found);
    }
    expect(entries(directory).length).toBe(2);
  });
});

describe("what is damaged is written again", () => {
  const damages: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["empty", () => new Uint8Array(0)],
    ["cut short within its checksum", (bytes) => bytes.subarray(0, 20)],
    ["cut short behind its checksum", (bytes) => bytes.subarray(0, 32)],
    ["cut in half", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["a byte short", (bytes) => bytes.subarray(0, -1)],
    ["a byte longer", (bytes) => Uint8Array.of(...bytes, 0)],
    ["something else", () => new TextEncoder().encode("not an entry ".repeat(100))],
    ...[0, 0.1, 0.5, 0.9].map((at): [string, (bytes: Uint8Array) => Uint8Array] => [
      `changed in a bit at ${at}`,
      (bytes) => bytes.map((b, i) => i === Math.floor(at * bytes.length) ? b ^ 4 : b),
    ]),
  ];
  test.each(damages)("%s", async (_, damage) => {
    const directory = fresh();
    const right = await run(layerProgram, layerInputs, directory);
    const file = join(directory, entries(directory)[0]!);
    const bytes = readFileSync(file);
    writeFileSync(file, damage(bytes));
    expect(readFileSync(file).equals(bytes)).toBe(false);
    expect(await run(layerProgram, layerInputs, directory)).toEqual(right);
    expect(new Store(directory).read(entries(directory)[0]!.split(".")[0]!)).toBeDefined();
    expect(await run(layerProgram, layerInputs, directory)).toEqual(right);
  });

  test("under another's name", async () => {
    const directory = fresh();
    const other = programOf((x, w) => layer(x!, lax.neg(w!)), layerInputs);
    const wrong = await run(other, layerInputs, directory);
    const [foreign] = entries(directory);
    const right = await run(layerProgram, layerInputs, directory);
    expect(wrong.found).not.toEqual(right.found);
    const own = entries(directory).find((name) => name !== foreign)!;
    renameSync(join(directory, foreign!), join(directory, own));
    expect((await run(layerProgram, layerInputs, directory)).found).toEqual(right.found);
  });
});

describe("what was compiled under other circumstances is not found", () => {
  const native = loadNative();
  const files = (made: CompilationCache) => {
    const program = made.optimize(layerProgram);
    made.stagesOf(program, (program) => [{ kind: "graph", program }]);
  };
  test("by another version of ONNX Runtime, or for another memory", () => {
    const directory = fresh();
    files(new CompilationCache(directory, native, 16, onnxPasses));
    files(new CompilationCache(directory, native, 16, onnxPasses));
    expect(entries(directory).length).toBe(1);
    files(new CompilationCache(directory, { ...native, version: "0.0.0" }, 16, onnxPasses));
    expect(entries(directory).length).toBe(2);
    files(new CompilationCache(directory, native, 32, onnxPasses));
    expect(entries(directory).length).toBe(3);
  });
});

describe("where nothing can be kept, everything is computed, and said once why", () => {
  test("no directory", async () => {
    const file = join(fresh(), "file");
    writeFileSync(file, "");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { found } = await run(layerProgram, layerInputs, file);
    await expectRight("onnx", layerProgram, layerInputs, found);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(file));
  });

  test("a directory that is taken away", async () => {
    const directory = join(fresh(), "cache");
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const backend = new OnnxBackend(directory);
    rmSync(directory, { recursive: true });
    for (const scale of [1, 2]) {
      const program = programOf(
        (x, w) => layer(x!, lax.mul(w!, number(scale, [7, 3]))),
        layerInputs,
      );
      const compiled = new Compiled(program, backend);
      const found = await read(compiled.run(layerInputs.map((x) => place(x, backend))));
      await expectRight("onnx", program, layerInputs, found);
    }
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(directory));
  });

  test("an entry's name is taken", async () => {
    const directory = fresh();
    const right = await run(layerProgram, layerInputs, directory);
    const file = join(directory, entries(directory)[0]!);
    rmSync(file);
    mkdirSync(file);
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    expect(await run(layerProgram, layerInputs, directory)).toEqual(right);
    expect(warn).toHaveBeenCalledOnce();
    expect(entries(directory).length).toBe(1); // and nothing is left of the attempt
  });
});

test("stages that were found run as a whole where there is no room for them", async () => {
  const directory = fresh();
  const native = loadNative();
  const right = await run(largeProgram, largeInputs, undefined);
  for (let i = 0; i < 2; i++) {
    const pool = new BufferPool(new Heap(2 ** 17));
    const cache = new CompilationCache(directory, native, pool.heap.pages, onnxPasses);
    const program = cache.optimize(largeProgram);
    const stages = cache.stagesOf(program, (program) => stagesOf(program)!);
    expect(stages.some((s) => s.kind === "kernel")).toBe(true);
    const executable = new StagedExecutable(program, stages, native, pool);
    const inputs = largeInputs.map(({ values }) => new OnnxBuffer(Float32Array.from(values)));
    const outputs = executable.run(inputs) as OnnxBuffer[];
    outputs.forEach(({ data, error }, k) => {
      expect(error).toBe(undefined);
      const off = right.found[k]!.map((v, j) => Math.abs(v - data[j]!));
      expect(off.reduce((a, b) => Math.max(a, b))).toBeLessThan(1e-4);
    });
    executable.dispose();
  }
});

test("processes that compile the same at the same time get the same", async () => {
  const directory = join(fresh(), "made", "on the way");
  const worker = fileURLToPath(new URL("./onnxCacheWorker.ts", import.meta.url));
  const start = (cache: string) =>
    new Promise<string>((resolve, reject) => {
      const env = { ...process.env, TRILEVEL_CACHE: cache, TRILEVEL_BACKEND: "onnx" };
      const child = spawn(process.execPath, ["run", "-A", worker], { env });
      let [out, errors] = ["", ""];
      child.stdout.on("data", (text) => out += text);
      child.stderr.on("data", (text) => errors += text);
      child.on("close", (code) => code === 0 ? resolve(out) : reject(new Error(errors)));
    });
  const [without, ...together] = await Promise.all(["", directory, directory].map(start));
  expect(JSON.parse(without!).length).toBe(12);
  expect(together).toEqual([without, without]);
  const written = entries(directory);
  expect(written.length).toBe(12);
  expect(written.every((name) => /^[0-9a-f]{64}\.entry$/.test(name))).toBe(true);
  const inodes = () => written.map((name) => statSync(join(directory, name)).ino);
  const before = inodes();
  expect(await start(directory)).toBe(without);
  expect(inodes()).toEqual(before); // all were found
});

test(
  "random programs give the same from an empty cache and from a full one, and what they should",
  async () => {
    const directory = fresh();
    await fc.assert(
      fc.asyncProperty(randomPrograms, async (random) => {
        const inputs = random.inputs();
        const program = programOf((x, y, k) => random.run(x!, y!, k!), inputs);
        const without = await run(program, inputs, undefined);
        const cold = await run(program, inputs, directory);
        const warm = await run(program, inputs, directory);
        expect(cold).toEqual(without);
        expect(warm).toEqual(without);
        await expectRight("onnx", program, inputs, warm.found);
      }),
      { numRuns: runs(40) },
    );
    expect(entries(directory).length).toBeGreaterThan(runs(40) / 2);
  },
  0,
);
