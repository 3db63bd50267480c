/** The passes that every backend runs before its own, in order. */
import type { Program } from "../core/program.ts";
import { eliminateCommonSubexpressions } from "./cse.ts";
import { eliminateDeadCodeDeep } from "./deadCode.ts";
import { hoistInvariants } from "./hoist.ts";
import { joinPads } from "./joinPads.ts";
import { simplify } from "./simplify.ts";
import { thinLoops } from "./thinLoops.ts";

/** A pass: a program in, a program that gives the same out. */
export type Pass = (program: Program) => Program;

/** All shared passes by name, in the order in which they run. */
export const passes: Readonly<Record<string, Pass>> = {
  eliminateDeadCode: eliminateDeadCodeDeep,
  simplify,
  eliminateCommonSubexpressions,
  joinPads,
  thinLoops,
  hoistInvariants,
  // Whatever the passes above made superfluous, and what then turns out to be the same.
  eliminateDeadCodeAgain: eliminateDeadCodeDeep,
  eliminateCommonSubexpressionsAgain: eliminateCommonSubexpressions,
};

/** The program after all shared passes. Outputs may become inputs, constants, or each other. */
export function optimize(program: Program): Program {
  return Object.values(passes).reduce((p, pass) => pass(p), program);
}
