/** What a GPU with as few buffers as WebGPU guarantees is to do, found out without one. */
import { withExpressions } from "../../src/backends/webgpu/expression.ts";
import { schedule } from "../../src/backends/webgpu/fuse.ts";
import { lower } from "../../src/backends/webgpu/lower/index.ts";
import type { Kernel } from "../../src/backends/webgpu/kernel/kernel.ts";
import { type Plan, plan, type Step } from "../../src/backends/webgpu/plan.ts";
import type { Target } from "../../src/backends/webgpu/target.ts";
import { optimize, webgpuPasses } from "../../src/compiler/optimize.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";

const gpu = { maxBuffers: 8, maxBytes: 2 ** 27, software: false, asyncPipelines: false };

/** The kernels of a program, for a GPU or for software with as much memory as it needs. */
export function kernelsOf(program: Program, software: boolean): Kernel[] {
  const kernels = (steps: readonly Step[]): Kernel[] =>
    steps.flatMap((s) => s.kind === "dispatch" ? [s.kernel] : kernels(s.body));
  return kernels(planOf(program, { ...gpu, maxBytes: 2 ** 40, software }).steps);
}

/** The plan of a program. */
export function planOf(program: Program, target: Target = gpu): Plan {
  const optimized = optimize(inlineCalls(eliminateDeadCode(program)), webgpuPasses);
  return withExpressions(() => {
    const lowered = lower(optimized);
    return plan(lowered, schedule(lowered.region, lowered.outputs, target), target);
  });
}
