/** Passes on programs: what comes out computes the same. */
import { expect } from "vitest";
import { passes } from "../../src/compiler/optimize.ts";
import { type Equation, type Pass, type Program, subprograms } from "../../src/core/program.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import type { Aval } from "../../src/core/aval.ts";
import { validateProgram } from "../../src/core/validate.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { type HostArray, hostArray, place, Random, read } from "./arrays.ts";
import { reference } from "./reference.ts";

// Folded constants are rounded to float32; everything else here is computed in float64.
const tolerance = 1e-5;

/** The program as it is, without any pass: the reference backend has none of its own. */
async function run(program: Program, inputs: readonly HostArray[]) {
  const compiled = new Compiled(program, reference);
  const tensors = inputs.map((x) => place(x, reference));
  const outputs = compiled.run(tensors);
  const values = await read(outputs);
  [...tensors, ...outputs].forEach((x) => x.dispose());
  compiled.dispose();
  return values;
}

/** Runs the program after each pass, one on top of the other. */
export async function checkPasses(
  program: Program,
  inputs: readonly HostArray[],
  using: readonly Pass[] = passes,
): Promise<Program> {
  const right = await run(program, inputs);
  let now = program;
  for (const { name, run: pass } of using) {
    now = pass(now);
    validateProgram(now);
    const found = await run(now, inputs);
    right.forEach((values, k) =>
      values.forEach((v, i) => {
        const same = Object.is(v, found[k]![i]) ||
          Math.abs(v - found[k]![i]!) <= tolerance * (1 + Math.abs(v));
        if (!same) expect.fail(`${name}: output ${k}, element ${i}: ${found[k]![i]}, not ${v}`);
      })
    );
  }
  return now;
}

/** Passes without those of some names, each of which has to be there. */
export function without(using: readonly Pass[], ...names: string[]): readonly Pass[] {
  expect(using.map((p) => p.name)).toEqual(expect.arrayContaining(names));
  return using.filter((p) => !names.includes(p.name));
}

/** A function of these types as a program without calls. */
export function traced(f: (...xs: Tensor[]) => Tensor[], ...avals: Aval[]): Program {
  return inlineCalls(traceClosed((...xs) => f(...xs), avals));
}

/** The instructions of a program, those of loops and branches included. */
export function everywhere(program: Program): Equation[] {
  return program.equations.flatMap((e) => [e, ...subprograms(e.params).flatMap(everywhere)]);
}

/** Numbers in ±1. */
export function noise(...shape: number[]): HostArray {
  const random = new Random(shape.length + 1);
  return hostArray("float32", shape, () => random.between(-1, 1));
}

/** The product of rows and columns. */
export const matrix = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
