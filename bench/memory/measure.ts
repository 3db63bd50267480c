/**
 * What a gradient needs beside its inputs, told three ways: by liveness, by the plan of the webgpu backend, and
 * by how much the process grows when onnx runs it.
 */
import { jit, setBackend, type Tensor, vjp } from "trilevel";
import { peakBytes } from "../../src/compiler/liveness.ts";
import { webgpuPasses } from "../../src/compiler/optimize.ts";
import { openBackend } from "../../src/runtime/choice.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import { flatten } from "../../src/core/tree.ts";
import type { Program } from "../../src/core/program.ts";
import { withExpressions } from "../../src/backends/webgpu/expression.ts";
import { schedule } from "../../src/backends/webgpu/fuse.ts";
import { lower } from "../../src/backends/webgpu/lower/index.ts";
import { plan } from "../../src/backends/webgpu/plan.ts";
import type { Target } from "../../src/backends/webgpu/target.ts";
import {
  type AdjointName,
  adjoints,
  gradientProgram,
  iterations,
  loss,
  sampleArguments,
  type Size,
} from "./gradient.ts";

/** A way to tell the memory of a gradient, in bytes. */
export type Measure = (size: Size, adjoint: AdjointName, steps: number) => number;

/** The most bytes live at one time, run equation by equation, outputs included: any backend could do with this. */
export const byLiveness: Measure = (size, adjoint, steps) =>
  peakBytes(gradientProgram(size, adjoints[adjoint], steps));

/** A GPU with the limits that every device has. */
const target: Target = { maxBuffers: 8, maxBytes: 2 ** 27, software: false, asyncPipelines: false };

/**
 * What webgpu would allocate on a GPU: the blocks that it plans for intermediates, and the outputs.
 */
export const byPlan: Measure = (size, adjoint, steps) => {
  const program = computed(gradientProgram(size, adjoints[adjoint], steps, webgpuPasses));
  const { blocks, outputs } = withExpressions(() => {
    const lowered = lower(program);
    const cut = schedule(lowered.region, lowered.outputs, target);
    return plan(lowered, cut, target);
  });
  return [...blocks, ...outputs.map((slot) => slot.bytes)].reduce((a, b) => a + b, 0);
};

/** The program with each value that it computes as an output once, as backends get it. */
function computed(program: Program): Program {
  const defined = new Set<unknown>(program.equations.flatMap((e) => e.outputs));
  return { ...program, outputs: [...new Set(program.outputs)].filter((a) => defined.has(a)) };
}

/**
 * How much the process grows at its peak while ONNX Runtime runs the gradient for the first time, once all is
 * compiled and all inputs are there. Linux only: it resets and reads the high-water mark of resident memory.
 */
export async function byGrowth(size: Size, adjoint: AdjointName, steps: number): Promise<number> {
  await setBackend("onnx");
  const inputs = flatten(sampleArguments(size))[0] as Tensor[]; // leaves of trees of tensors
  const program = gradientProgram(size, adjoints[adjoint], steps);
  const compiled = new Compiled(program, await openBackend("onnx"));
  for (const x of inputs) await x.data();
  const before = residentBytes("VmRSS");
  Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  const outputs = compiled.run(inputs);
  await outputs[0]!.data();
  return residentBytes("VmHWM") - before;
}

function residentBytes(field: "VmRSS" | "VmHWM"): number {
  const line = Deno.readTextFileSync("/proc/self/status").split("\n")
    .find((l) => l.startsWith(field))!;
  return 1024 * Number(/\d+/.exec(line)![0]);
}

/** Times in milliseconds for each number of iterations. */
export type Times = Readonly<Record<AdjointName, readonly number[]>>;

/** Medians, and first deciles, which tell more when the machine has other work. */
export interface TimeTables {
  readonly medians: Times;
  readonly deciles: Times;
}

/**
 * The time from the loss's cotangent to the gradient, on onnx, with everything forward done before. The
 * numbers of iterations are run in turn, round after round, so that whatever else the machine does falls on
 * all alike, and each is compiled several times, since where memory happens to lie matters too.
 */
export async function backwardTimes(size: Size, seconds: number): Promise<TimeTables> {
  await setBackend("onnx");
  const args = sampleArguments(size);
  // Filled below for every name.
  const [medians, deciles] = [{}, {}] as [
    Record<AdjointName, number[]>,
    Record<AdjointName, number[]>,
  ];
  for (const name of Object.keys(adjoints) as AdjointName[]) {
    const all = iterations.map(() => [] as number[]);
    const repeats = 4;
    for (let k = 0; k < repeats; k++) {
      const runs = iterations.map((steps) => {
        const [y, pullback] = vjp(loss(size, adjoints[name], steps), ...args);
        return { y, back: jit((ct: Tensor) => pullback(ct)) };
      });
      const end = performance.now() + 1000 * seconds / repeats;
      for (let round = -1; round < 2 || performance.now() < end; round++) {
        for (let turn = 0; turn < runs.length; turn++) {
          const i = (turn + round + 1) % runs.length; // nobody is always first
          const { y, back } = runs[i]!;
          const start = performance.now();
          const gradient = flatten(back(y))[0] as (Tensor | null)[];
          await gradient[0]!.data();
          if (round >= 0) all[i]!.push(performance.now() - start);
          gradient.forEach((x) => x?.dispose());
        }
      }
    }
    medians[name] = all.map((times) => quantile(times, 0.5));
    deciles[name] = all.map((times) => quantile(times, 0.1));
  }
  return { medians, deciles };
}

/** The number below which that part of them lies. */
function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(part * sorted.length)]!;
}
