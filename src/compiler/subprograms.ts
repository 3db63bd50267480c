/** Applying a pass to the programs inside an equation: loop bodies and branches. */
import type { Params } from "../core/primitive.ts";
import { isProgram, type Program } from "../core/program.ts";

/** The parameters with every program in them replaced; the same object if there is none. */
export function mapSubprograms(params: Params, pass: (program: Program) => Program): Params {
  const holds = (value: unknown) =>
    isProgram(value) || (Array.isArray(value) && value.some(isProgram));
  if (!Object.values(params).some(holds)) return params;
  const apply = (value: unknown): unknown =>
    isProgram(value) ? pass(value) : Array.isArray(value) ? value.map(apply) : value;
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, apply(value)]));
}
