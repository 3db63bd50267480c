/** Stages, and what they are compiled to: plain data, from which executables are made, in this process or another. */
import type { Program } from "../../core/program.ts";
import { type GraphCode, graphCode } from "./session.ts";
import { wholeCode } from "./whole/code.ts";
import { type KernelCode, kernelCode } from "./simd/kernel.ts";

/** The code of one stage. */
export type Code = GraphCode | KernelCode;

/** A part of a program. What it reads comes from outside or from parts before it. */
export interface Stage {
  readonly kind: "graph" | "kernel" | "whole";
  readonly program: Program;
  /** The compiled code, once there is some. */
  readonly code?: Code | undefined;
}

/** Stages with their code, for a memory of so many pages; those that have it keep it. */
export function withCode(stages: readonly Stage[], pages: number): Stage[] {
  const turns = stages.filter((s) => s.kind === "graph").length > 1 ? "inTurns" : "alone";
  return stages.map((stage) => {
    const { kind, program, code } = stage;
    if (code) return stage;
    return {
      ...stage,
      code: kind === "graph"
        ? graphCode(program, turns)
        : (kind === "whole" ? wholeCode : kernelCode)(program, pages),
    };
  });
}
