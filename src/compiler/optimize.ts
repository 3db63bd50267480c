/** The passes that backends run before their own, in order. */
import type { Passes, Program } from "../core/program.ts";
import { eliminateCommonSubexpressions } from "./cse.ts";
import { eliminateDeadCodeDeep } from "./deadCode.ts";
import { hoistInvariants } from "./hoist.ts";
import { joinPads } from "./joinPads.ts";
import { joinSums } from "./joinSums.ts";
import { recompute } from "./recompute.ts";
import { simplify } from "./simplify.ts";
import { sinkSums } from "./sinkSums.ts";
import { thinLoops } from "./thinLoops.ts";
import { thinStacks } from "./thinStacks.ts";
import { unrollLoops } from "./unroll.ts";

/** All passes that keep loops loops. */
export const passes = {
  eliminateDeadCode: eliminateDeadCodeDeep,
  simplify,
  eliminateCommonSubexpressions,
  joinPads,
  joinSums,
  thinLoops,
  hoistInvariants,
  // Whatever the passes above made superfluous, and what then turns out to be the same.
  eliminateDeadCodeAgain: eliminateDeadCodeDeep,
  simplifyAgain: simplify,
  eliminateCommonSubexpressionsAgain: eliminateCommonSubexpressions,
} as const satisfies Passes;

/** Those, after short loops are written out: as soon as their bodies are as small as they will be. */
export const unrollingPasses = {
  eliminateDeadCodeFirst: eliminateDeadCodeDeep,
  simplifyFirst: simplify,
  eliminateCommonSubexpressionsFirst: eliminateCommonSubexpressions,
  unrollLoops,
  ...passes,
  // Last, for what is computed twice here would be merged again.
  thinStacks,
} as const satisfies Passes;

/** All that keep loops loops, and take sums over steps out of them; then what is kept for later is chosen. */
export const sinkingPasses = {
  ...passes,
  sinkSums,
  simplifyLast: simplify,
  eliminateDeadCodeLast: eliminateDeadCodeDeep,
  // Last, for what is computed twice here would be merged again.
  thinStacks,
  recompute,
} as const satisfies Passes;

/** The program after some passes. Outputs may become inputs, constants, or each other. */
export function optimize(program: Program, using: Passes = passes): Program {
  return Object.values(using).reduce((p, pass) => pass(p), program);
}
