/** What stages are compiled to: plain data, from which executables are made, in this process or another. */
import { type GraphCode, graphCode } from "../session.ts";
import { type KernelCode, kernelCode } from "./kernel.ts";
import type { Stage } from "./stages.ts";

/** The code of one stage. */
export type Code = GraphCode | KernelCode;

/** Stages with their code, for a memory of so many pages; those that have it keep it. */
export function withCode(stages: readonly Stage[], pages: number): Stage[] {
  const turns = stages.filter((s) => s.kind === "graph").length > 1 ? "inTurns" : "alone";
  return stages.map((stage) => {
    const { kind, program, code } = stage;
    if (code) return stage;
    return {
      ...stage,
      code: kind === "graph" ? graphCode(program, turns) : kernelCode(program, pages),
    };
  });
}
