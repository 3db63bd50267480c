/** Runs a program on a backend, and holds it against the reference. */
import { expect } from "vitest";
import type { Backend } from "../../src/core/backend.ts";
import { isFloat } from "../../src/core/dtype.ts";
import { Compiled } from "../../src/core/execute.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { formatProgram, type Program, subprograms } from "../../src/core/program.ts";
import { type HostArray, place, read } from "./arrays.ts";
import { type Expected, expected } from "./perturbed.ts";

/** Whether a backend has all the element types that a program uses. */
export function supported(program: Program, backend: Backend): boolean {
  return [...program.inputs, ...program.equations.flatMap((e) => e.outputs)]
    .every((v) => backend.supports(v.aval.dtype)) &&
    program.equations.flatMap((e) => subprograms(e.params)).every((p) => supported(p, backend));
}

// How many times the spread of noisy runs an element may be off: sums are made in another order, and a
// backend's own functions are good to a few units in the last place rather than one.
const margin = 16;

/** Fails unless a backend gives what the reference gives, within what rounding can do. */
export async function agree(
  backend: Backend,
  program: Program,
  inputs: readonly HostArray[],
  right?: Expected,
): Promise<void> {
  const { values, spread } = right ?? await expected(program, inputs);
  const compiled = new Compiled(program, backend);
  const tensors = inputs.map((x) => place(x, backend));
  const outputs = compiled.run(tensors);
  const found = await read(outputs);
  [...tensors, ...outputs].forEach((x) => x.dispose());
  compiled.dispose();
  program.outputs.forEach(({ aval: { dtype, shape } }, k) => {
    const fail = (i: number, why: string) =>
      expect.fail(
        `${backend.name}: output ${k} (${dtype}[${shape}]), element ${i} is ${found[k]![i]}, the ` +
          `reference says ${values[k]![i]}${why}\n${formatProgram(inlineCalls(program))}`,
      );
    if (found[k]!.length !== values[k]!.length) fail(0, "; sizes differ");
    const unit = dtype === "float32" ? 2 ** -24 : 2 ** -53;
    const smallest = dtype === "float32" ? 2 ** -126 : 2 ** -1022; // smaller ones may be flushed
    found[k]!.forEach((v, i) => {
      const e = values[k]![i]!;
      if (Object.is(v, e) || v === e) return;
      if (!isFloat(dtype)) fail(i, "");
      // What only moves values has no spread, and must be exact but for the storage of the result.
      const room = margin * spread[k]![i]! + unit * Math.abs(e) + smallest;
      if (!(Math.abs(v - e) <= room)) fail(i, ` within ${room}`);
    });
  });
}
