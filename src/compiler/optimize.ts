/** The passes that every backend runs before its own, in order. */
import { eliminateDeadCode, type Program } from "../core/program.ts";
import { eliminateCommonSubexpressions } from "./cse.ts";
import { joinPads } from "./joinPads.ts";
import { simplify } from "./simplify.ts";
import { mapSubprograms } from "./subprograms.ts";

/** A pass: a program in, a program that gives the same out. */
export type Pass = (program: Program) => Program;

/** Dead code elimination at every depth. */
export const eliminateDeadCodeDeep: Pass = (program) => {
  const live = eliminateDeadCode(program);
  return {
    ...live,
    equations: live.equations.map((e) => ({
      ...e,
      params: mapSubprograms(e.params, eliminateDeadCodeDeep),
    })),
  };
};

/** All shared passes by name, in the order in which they run. */
export const passes: Readonly<Record<string, Pass>> = {
  simplify,
  eliminateCommonSubexpressions,
  joinPads,
  eliminateDeadCode: eliminateDeadCodeDeep,
};

/** The program after all shared passes. Outputs may become inputs, constants, or each other. */
export function optimize(program: Program): Program {
  return Object.values(passes).reduce((p, pass) => pass(p), program);
}
