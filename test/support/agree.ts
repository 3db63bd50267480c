/** Runs a program on a backend, and holds it against the reference. */
import type { Backend } from "../../src/runtime/backend.ts";
import { isFloat } from "../../src/core/dtype.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { formatProgram } from "../../src/core/printer.ts";
import { type Program, subprograms } from "../../src/core/program.ts";
import { type HostArray, place, read } from "./arrays.ts";
import { Expected } from "./perturbed.ts";

/** Whether a backend has all the element types that a program uses. */
export function supported(program: Program, backend: Backend): boolean {
  return [...program.inputs, ...program.equations.flatMap((e) => e.outputs)]
    .every((v) => backend.supports(v.aval.dtype)) &&
    program.equations.flatMap((e) => subprograms(e.params)).every((p) => supported(p, backend));
}

// How many times the spread of noisy runs an element may be off: sums are made in another order, and a
// backend's own functions are good to a few units in the last place rather than one.
const margin = 16;

// How many noisy runs there are before a difference counts. A few may miss how far an element moves, so
// there are more while one seems to be wrong.
const mostRuns = 32;

/** Fails unless a backend gives what the reference gives, within what rounding can do. */
export async function agree(
  backend: Backend,
  program: Program,
  inputs: readonly HostArray[],
): Promise<void> {
  await expectRight(backend.name, program, inputs, await runOn(backend, program, inputs));
}

/** Fails unless these outputs of a program are what the reference gives, within what rounding can do. */
export async function expectRight(
  by: string,
  program: Program,
  inputs: readonly HostArray[],
  found: readonly (readonly number[])[],
): Promise<void> {
  const right = await Expected.of(program, inputs);
  for (let runs = 1;; runs *= 2) {
    await right.observe(runs);
    const difference = firstDifference(program, found, right);
    if (difference === undefined) return;
    if (runs < mostRuns) continue;
    throw new Error(`${by}: ${difference}\n${formatProgram(inlineCalls(program))}`);
  }
}

async function runOn(
  backend: Backend,
  program: Program,
  inputs: readonly HostArray[],
): Promise<number[][]> {
  const compiled = new Compiled(program, backend);
  const tensors = inputs.map((x) => place(x, backend));
  const outputs = compiled.run(tensors);
  const found = await read(outputs);
  [...tensors, ...outputs].forEach((x) => x.dispose());
  compiled.dispose();
  return found;
}

/** The first element that is further off than rounding can put it. */
function firstDifference(
  program: Program,
  found: readonly (readonly number[])[],
  { values, spread }: Expected,
): string | undefined {
  for (const [k, { aval: { dtype, shape } }] of program.outputs.entries()) {
    const name = `output ${k} (${dtype}[${shape.join()}])`;
    const [y, right] = [found[k]!, values[k]!];
    if (y.length !== right.length) return `${name} has ${y.length} elements, not ${right.length}`;
    const unit = dtype === "float32" ? 2 ** -24 : 2 ** -53;
    const smallest = dtype === "float32" ? 2 ** -126 : 2 ** -1022; // smaller ones may be flushed
    for (const [i, e] of right.entries()) {
      const v = y[i]!;
      if (Object.is(v, e) || v === e) continue;
      // What only moves values has no spread, and must be exact but for the storage of the result.
      const room = isFloat(dtype) ? margin * spread[k]![i]! + unit * Math.abs(e) + smallest : 0;
      if (Math.abs(v - e) <= room) continue;
      return `${name}, element ${i} is ${v}, the reference says ${e} within ${room}`;
    }
  }
  return undefined;
}
