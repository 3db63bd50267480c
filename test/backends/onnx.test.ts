/** The onnx backend as a whole: sessions, errors, memory, export. */
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { encodeProgram } from "../../src/backends/onnx/encode.ts";
import { BackendError } from "../../src/core/errors.ts";
import { aval } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import { literal } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree, host, onnx, random, runOn } from "./againstReference.ts";

const f32 = (...shape: number[]) => aval(shape, "float32");
const matrices = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };

describe("runs", () => {
  test("division by zero does not end the process, also when it is known beforehand", async () => {
    const x = host("int32", [4], [7, -7, 0, -2147483648]);
    for (const divisor of [0, -1, 3]) {
      await agree((x) => {
        const y = lax.full([4], divisor, "int32");
        return [lax.div(x!, y), lax.rem(x!, y), lax.div(y, y), lax.rem(y, y)];
      }, [x]);
    }
  });

  test("an index out of range rejects the download, and what was computed from it", async () => {
    const gather = traceClosed((x, i) => [lax.gather(x!, i!)], [f32(3), aval([1, 1], "int32")]);
    const twice = traceClosed((x) => [lax.add(x!, x!)], [f32(1)]);
    const [x, i] = [host("float32", [3], [1]), host("int32", [1, 1], [7])];
    await expect(runOn(onnx, gather, [x, i])).rejects.toThrow(BackendError);
    const buffers = [onnx.upload(x.data, f32(3)), onnx.upload(i.data, aval([1, 1], "int32"))];
    const broken = onnx.compile(gather).run(buffers);
    const next = onnx.compile(twice).run(broken);
    await expect(onnx.download(next[0]!, f32(1))).rejects.toThrow("ONNX Runtime failed in a run");
  });

  test("freed and donated memory is used again, and read values stay", async () => {
    const n = 4096;
    const increment = onnx.compile(
      traceClosed((x) => [lax.add(x!, lax.full([n], 1, "float32"))], [f32(n)]),
    );
    let x = onnx.upload(new Float32Array(n), f32(n));
    const first = await onnx.download(x, f32(n));
    for (let step = 0; step < 100; step++) x = increment.run([x], new Set([0]))[0]!;
    const last = await onnx.download(x, f32(n));
    onnx.free(x);
    const y = onnx.upload(new Float32Array(n).fill(5), f32(n));
    increment.run([y]);
    expect(first.every((v) => v === 0)).toBe(true);
    expect(last.every((v) => v === 100)).toBe(true);
  });

  test("a program without elements, and one of constants", async () => {
    await agree((x) => [lax.add(x!, x!)], [host("float32", [0, 2], [])]);
    await agree(() => [lax.full([2], 3, "float32"), lax.full([0], 3, "int32")], []);
  });

  test("large products on several threads", async () => {
    await agree((x, y) => [lax.dot(x!, y!, matrices)], [
      random("float32", [340, 340]),
      random("float32", [340, 340]),
    ], { relative: 1e-4, absolute: 1e-3 });
  });
});

describe("ONNX Runtime's optimizer", () => {
  async function optimized(program: Program): Promise<string> {
    const path = join(await mkdtemp(join(tmpdir(), "trilevel-")), "model.onnx");
    const session = await InferenceSession.create(encodeProgram(program), {
      graphOptimizationLevel: "all",
      optimizedModelFilePath: path,
      logSeverityLevel: 4,
    });
    await session.release();
    return await readFile(path, "latin1");
  }
  const count = (text: string, word: string) => text.split(word).length - 1;

  test("does not merge the same work before and behind a barrier", async () => {
    const twice = traceClosed((x, w) => {
      const [again] = lax.barrier([x!]);
      const first = lax.dot(x!, w!, matrices);
      return [lax.add(lax.tanh(first), lax.tanh(lax.dot(again!, w!, matrices)))];
    }, [f32(4, 4), f32(4, 4)]);
    const once = traceClosed((x, w) => {
      const product = () => lax.tanh(lax.dot(x!, w!, matrices));
      return [lax.add(product(), product())];
    }, [f32(4, 4), f32(4, 4)]);
    expect(count(await optimized(twice), "MatMul")).toBe(2);
    expect(count(await optimized(once), "MatMul")).toBe(1);
  });

  test("finds transposes and reshapes cancelled", async () => {
    const text = await optimized(traceClosed((x, y) => {
      const turned = lax.transpose(lax.reshape(x!, [4, 1, 3]), [2, 1, 0]);
      const back = lax.reshape(lax.transpose(turned, [2, 1, 0]), [4, 3]);
      return [lax.add(lax.dot(lax.transpose(y!, [1, 0]), back, matrices), literalOf([3, 3]))];
    }, [f32(4, 3), f32(4, 3)]));
    expect(count(text, "Transpose")).toBe(0);
    expect(count(text, "Reshape")).toBe(0);
    expect(count(text, "Expand")).toBe(0);
  });
});

const literalOf = (shape: number[]) => lax.broadcast(literal(2, "float32"), shape, []);

describe("export", () => {
  test("a model that needs no operator of ONNX Runtime's own", async () => {
    const program = traceClosed((x, y) => [
      lax.dot(x!, y!, { lhsContract: [1], rhsContract: [2], lhsBatch: [0], rhsBatch: [0] }),
      lax.exp(x!),
      literal(2, "float32"),
      y!,
    ], [f32(2, 3, 2), f32(2, 4, 3)]);
    const bytes = encodeProgram(program);
    expect(new TextDecoder("latin1").decode(bytes)).not.toContain("com.microsoft");
    const session = await InferenceSession.create(bytes);
    expect(session.inputNames).toEqual(["arg0", "arg1"]);
    expect(session.outputNames).toEqual(["out0", "out1", "out2", "out3"]);
    const [x, y] = [random("float32", [2, 3, 2]), random("float32", [2, 4, 3])];
    const out = await session.run({
      arg0: new OrtTensor("float32", x.data as Float32Array, x.shape),
      arg1: new OrtTensor("float32", y.data as Float32Array, y.shape),
    });
    const ours = await runOn(onnx, program, [x, y]);
    ours.forEach((values, i) => {
      const theirs = out[`out${i}`]!.data as Float32Array;
      values.forEach((v, k) => expect(theirs[k]).toBeCloseTo(v, 5));
    });
  });

  test("inputs and outputs without elements keep their places", async () => {
    const program = traceClosed((x, y) => [lax.reshape(x!, [3, 0]), lax.neg(y!)], [f32(0), f32(2)]);
    const session = await InferenceSession.create(encodeProgram(program));
    expect(session.inputNames).toEqual(["arg0", "arg1"]);
    expect(session.outputNames).toEqual(["out0", "out1"]);
  });
});
