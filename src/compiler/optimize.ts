/** The passes that backends run before their own, in order. */
import type { Passes, Program } from "../core/program.ts";
import { eliminateCommonSubexpressions } from "./passes/cse.ts";
import { eliminateDeadCodeDeep } from "./passes/deadCode.ts";
import { hoistInvariants } from "./passes/hoist.ts";
import { padsToConcat } from "./passes/padsToConcat.ts";
import { mergeContractions } from "./passes/mergeContractions.ts";
import { recomputeAtPeak } from "./remat/peakMemory.ts";
import { simplify } from "./passes/simplify.ts";
import { deferLoopReductions } from "./passes/deferLoopReductions.ts";
import { sinkBroadcasts } from "./passes/sinkBroadcasts.ts";
import { recomputeResiduals } from "./remat/loopResiduals.ts";
import { unrollLoops } from "./passes/unroll.ts";

/** All passes that keep loops loops. */
export const passes = {
  eliminateDeadCode: eliminateDeadCodeDeep,
  simplify,
  eliminateCommonSubexpressions,
  padsToConcat,
  mergeContractions,
  sinkBroadcasts,
  hoistInvariants,
  // Whatever the passes above made superfluous, and what then turns out to be the same.
  eliminateDeadCodeAgain: eliminateDeadCodeDeep,
  simplifyAgain: simplify,
  eliminateCommonSubexpressionsAgain: eliminateCommonSubexpressions,
} as const satisfies Passes;

/** Those, after short loops are written out: as soon as their bodies are as small as they will be. */
export const onnxPasses = {
  eliminateDeadCodeFirst: eliminateDeadCodeDeep,
  simplifyFirst: simplify,
  eliminateCommonSubexpressionsFirst: eliminateCommonSubexpressions,
  unrollLoops,
  ...passes,
  // Last, for what is computed twice here would be merged again.
  recomputeResiduals,
} as const satisfies Passes;

/** All that keep loops loops, and take sums over steps out of them; then what is kept for later is chosen. */
export const webgpuPasses = {
  ...passes,
  deferLoopReductions,
  simplifyLast: simplify,
  eliminateDeadCodeLast: eliminateDeadCodeDeep,
  // Last, for what is computed twice here would be merged again.
  recomputeResiduals,
  recomputeAtPeak,
} as const satisfies Passes;

/** The program after some passes. Outputs may become inputs, constants, or each other. */
export function optimize(program: Program, using: Passes = passes): Program {
  return Object.values(using).reduce((p, pass) => pass(p), program);
}
