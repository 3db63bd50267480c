/**
 * Kernels take few steps, however large tensors are: software that runs WebGPU ends the loops of a kernel after 65,535 steps, all
 * together, and its results are then wrong without a word.
 */
import { describe, expect, test } from "vitest";
import { kernelsOf } from "./webgpuPlans.ts";
import { type Aval, aval } from "../../src/core/aval.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { np, setBackend } from "../../src/index.ts";
import * as lax from "../../src/primitives/index.ts";
import { softmax } from "./webgpuPrograms.ts";

/** The most steps that an invocation takes in the loops of a kernel; what tries again until it succeeds counts once. */
function stepsOf(text: string): number {
  let total = 0;
  const open: number[] = [];
  for (const line of text.split("\n")) {
    const times = open.reduce((product, n) => product * n, 1);
    const loop = /^\s*(for|while|loop)\b.*\{$/.exec(line);
    const steps = loop ? roundsOf(line) : 1;
    if (loop) total += times * steps;
    if (/\{$/.test(line)) open.push(/^\s*\}/.test(line) ? open.pop() ?? 1 : steps);
    else if (/^\s*\}/.test(line)) open.pop();
  }
  return total;
}

function roundsOf(line: string): number {
  if (/^\s*while \(low < high\)/.test(line)) return 32; // halves what is left
  if (/^\s*loop\b/.test(line)) return 1; // tries again
  const [, name, start, condition, step] =
    /for \(var (\w+) = ([^;]*); ([^;]*); ([^)]*)\)/.exec(line) ?? [];
  if (/\*= 2u|\/= 2u/.test(step ?? "")) return 32;
  const by = Number(/\+= (\d+)u/.exec(step!)?.[1] ?? 1);
  const limits = condition!.split("<")[1]!;
  const within = new RegExp(`min\\(${start} \\+ (\\d+)u`).exec(limits)?.[1];
  const most = Number(
    within ?? /(\d+)u/.exec(limits)?.[1] ?? (limits.trim() === "end" ? 256 : NaN),
  );
  if (!Number.isFinite(most)) throw new Error(`nobody knows how often ${name} counts: ${line}`);
  return Math.ceil(most / by);
}

const f32 = (...shape: number[]): Aval => aval(shape, "float32");
const matrices = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
const filter = {
  strides: [1],
  padding: [[2, 2]],
  lhsDilation: [1],
  rhsDilation: [1],
  groups: 1,
} as const;
const reduced = (x: Tensor, axis: number) => [
  lax.reduceSum(x, [axis]),
  lax.reduceMax(x, [axis]),
  lax.argMax(x, axis),
  lax.argMin(x, axis),
];

const programs:
  readonly (readonly [string, readonly Aval[], (...xs: Tensor[]) => readonly Tensor[]])[] = [
    ["reductions of columns", [f32(3_000_000, 64)], (x) => reduced(x!, 0)],
    ["reductions of rows", [f32(64, 3_000_000)], (x) => reduced(x!, 1)],
    ["reductions of everything", [f32(100_000_007)], (x) => reduced(x!, 0)],
    ["reductions of many rows", [f32(5000, 70_001)], (x) => reduced(x!, 1)],
    ["softmax", [f32(80, 200_003)], (x) => [softmax(x!, 1)]],
    [
      "running sums of one row",
      [f32(20_000_003)],
      (x) => [lax.cumsum(x!, 0, false), lax.cumsum(x!, 0, true)],
    ],
    ["running sums of many rows", [f32(2000, 70_000)], (x) => [lax.cumsum(x!, 1, false)]],
    [
      "a product with few rows",
      [f32(3, 1_000_003), f32(1_000_003, 40)],
      (x, y) => [lax.dot(x!, y!, matrices)],
    ],
    ["a product", [f32(40, 1_000_003), f32(1_000_003, 40)], (x, y) => [lax.dot(x!, y!, matrices)]],
    [
      "a large product",
      [f32(1000, 100_003), f32(100_003, 1000)],
      (x, y) => [lax.dot(x!, y!, matrices)],
    ],
    [
      "a long filter",
      [f32(16, 8, 100_003), f32(16, 8, 100_003)],
      (x, w) => [lax.conv(x!, w!, filter)],
    ],
    ["gathering", [f32(1_000_003, 3), aval([500_000, 1], "int32")], (x, i) => [lax.gather(x!, i!)]],
    ["sorting", [f32(1_000_003)], (x) => lax.sort(x!)],
    [
      "adding to places",
      [f32(1000), aval([1_000_003, 1], "int32"), f32(1_000_003)],
      (x, i, y) => [lax.scatter(x!, i!, y!, "add")],
    ],
  ];

describe.for([true, false])("on software %s", (software) => {
  test.for(programs)("%s", ([, inputs, f]) => {
    const kernels = kernelsOf(traceClosed(f, inputs), software);
    expect(kernels.length).toBeGreaterThan(0);
    for (const { text } of kernels) expect(stepsOf(text), text).toBeLessThanOrEqual(65_535);
  });
});

test("long columns are right", async () => {
  await setBackend("webgpu");
  const columns = np.ones([100_000, 4]);
  expect([...await np.sum(columns, { axis: 0 }).data()]).toEqual([1e5, 1e5, 1e5, 1e5]);
  const last = np.concatenate([np.zeros([150_001]), np.array([2, 2, 1])]);
  expect(await np.argmax(last).item()).toBe(150_001);
  expect(await np.argmin(np.negative(last)).item()).toBe(150_001);
  const nan = np.concatenate([np.zeros([90_000]), np.array([NaN, 2, NaN]), np.zeros([20_000])]);
  expect(await np.argmax(nan).item()).toBe(90_000);
});
