/** What a GPU with as few buffers as WebGPU guarantees is to do, found out without one. */
import { withExpressions } from "../../src/backends/webgpu/expression.ts";
import { schedule } from "../../src/backends/webgpu/fuse.ts";
import { lower } from "../../src/backends/webgpu/lower/index.ts";
import { type Plan, plan } from "../../src/backends/webgpu/plan.ts";
import { optimize, sinkingPasses } from "../../src/compiler/optimize.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { eliminateDeadCode, type Program } from "../../src/core/program.ts";

const target = { maxBuffers: 8, maxBytes: 2 ** 27, software: false, asyncPipelines: false };

/** The plan of a program. */
export function planOf(program: Program): Plan {
  const optimized = optimize(inlineCalls(eliminateDeadCode(program)), sinkingPasses);
  return withExpressions(() => {
    const lowered = lower(optimized);
    return plan(lowered, schedule(lowered.region, lowered.outputs, target), target);
  });
}
