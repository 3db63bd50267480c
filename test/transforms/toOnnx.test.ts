/** Exported models, run by ONNX Runtime as anyone would run them, give what the functions give. */
import fc from "fast-check";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { cond, grad, np, scan, setBackend, type Tensor, toOnnx, vmap } from "trilevel";
import { beforeAll, expect, test } from "vitest";
import { isFloat } from "../../src/core/dtype.ts";
import { traceFunction } from "../../src/core/function.ts";
import { expectRight } from "../support/agree.ts";
import type { HostArray } from "../support/arrays.ts";
import { place } from "../support/arrays.ts";
import { randomPrograms } from "../support/random/randomProgram.ts";
import { reference } from "../support/reference.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend("reference"));

/** Runs a model on arrays. */
async function run(model: Uint8Array, inputs: readonly HostArray[]): Promise<number[][]> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 3 });
  const feeds = inputs.map(({ dtype, shape, values }, i) => {
    const data = isFloat(dtype) ? Float32Array.from(values) : Int32Array.from(values);
    return [`arg${i}`, new OrtTensor(dtype as "float32" | "int32", data, shape)] as const;
  }).filter(([name]) => session.inputNames.includes(name));
  const results = await session.run(Object.fromEntries(feeds));
  return session.outputNames.map((name) => Array.from(results[name]!.data as Float32Array));
}

const array = (shape: readonly number[], ...values: number[]): HostArray => ({
  dtype: "float32",
  shape,
  values,
});

test("what a function closes over is part of the model; leaves are numbered in order", async () => {
  const w = np.array([[1, 2], [3, 4]]);
  const loss = ({ a, b }: { a: Tensor; b: Tensor }) => np.sum(np.sin(np.matmul(w, a)).mul(b));
  const model = await toOnnx(grad(loss), { a: np.zeros([2]), b: np.zeros([2]) });
  const [a, b] = [[0.5, -1], [2, 3]];
  const [da, db] = await run(model, [array([2], ...a), array([2], ...b)]);
  const z = [a[0]! + 2 * a[1]!, 3 * a[0]! + 4 * a[1]!];
  z.forEach((v, i) => expect(db![i]).toBeCloseTo(Math.sin(v), 6));
  const slopes = z.map((v, i) => Math.cos(v) * b[i]!);
  expect(da![0]).toBeCloseTo(slopes[0]! + 3 * slopes[1]!, 5);
  expect(da![1]).toBeCloseTo(2 * slopes[0]! + 4 * slopes[1]!, 5);
});

test("loops and branches are in it", async () => {
  const f = (xs: Tensor) =>
    scan(
      (c: Tensor, x: Tensor) => {
        const next = cond(x.greater(0), (y: Tensor) => y.add(x), (y: Tensor) => y.mul(2), c);
        return [next, next];
      },
      np.array(1),
      xs,
    )[1];
  const model = await toOnnx(vmap(f), np.zeros([2, 3]));
  const [ys] = await run(model, [array([2, 3], 1, -1, 2, -1, -1, 3)]);
  expect(ys).toEqual([2, 4, 6, 2, 4, 7]);
});

test("random programs, their gradients included", async () => {
  const property = fc.asyncProperty(randomPrograms, async (random) => {
    const inputs = random.inputs();
    const f = (x: Tensor, y: Tensor, k: Tensor) => random.run(x, y, k);
    const examples = inputs.map((x) => place(x, reference)) as [Tensor, Tensor, Tensor];
    const found = await run(await toOnnx(f, ...examples), inputs);
    const { program } = traceFunction(f, examples, "test");
    await expectRight("the model", program, inputs, found);
  });
  await fc.assert(property, { numRuns: runs(30) });
});
