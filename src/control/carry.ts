/** What loops carry: trees whose leaves keep their types from step to step. */
import { promoteTypes } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { type AnyFunction, tensorLeaves, traceLeaves } from "../core/function.ts";
import { type Aval, formatAval, type Program, sameShape } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { assertSameStructure, paths, type Structure } from "../core/tree.ts";
import { convert } from "../primitives/index.ts";

/** A traced loop body. */
export interface Body {
  readonly program: Program;
  readonly captured: readonly Tensor[];
  readonly output: Structure;
  /** The initial carry, in the types that the body gives back. */
  readonly carry: Tensor[];
  readonly structure: Structure;
}

/**
 * Traces `f(carry, …others)`. A bare number to start from takes the type that the body gives it (as in JAX,
 * weak types are promoted); `carryOf` finds the carry's structure in the result's.
 *
 * @throws TreeError or ShapeError when the body gives another carry than it takes, naming the leaf.
 */
export function traceBody(
  name: string,
  f: AnyFunction,
  init: unknown,
  others: { structures: readonly Structure[]; avals: readonly Aval[] },
  carryOf: (output: Structure) => Structure = (output) => output,
): Body {
  const [given, structure] = tensorLeaves(init, `${name}: init`);
  let carry = given;
  for (;;) {
    const traced = traceLeaves(
      f,
      [structure, ...others.structures],
      [...carry.map((x) => ({ ...x.aval, weak: false })), ...others.avals],
      name,
    );
    assertSameStructure(
      structure,
      carryOf(traced.output),
      `${name}: the carry and what the step gives`,
    );
    const after = traced.program.outputs.slice(0, carry.length).map((a) => a.aval);
    const names = paths(structure);
    const adapted = carry.map((x, i) => {
      const next = after[i]!;
      if (sameShape(next.shape, x.shape) && next.dtype === x.dtype) return x;
      const dtype = promoteTypes(x.aval, next).dtype;
      // Only a bare number may change its type, and only to the one it meets.
      if (sameShape(next.shape, x.shape) && given[i]!.aval.weak && dtype !== x.dtype) {
        return convert(x, dtype);
      }
      throw new ShapeError(
        `${name}: the carry${names[i]} is ${formatAval(x.aval)} before the step and ` +
          `${formatAval(next)} after it`,
        "the step must give a carry of the shapes and element types it takes: start from zeros of the " +
          "final type, or convert with astype",
      );
    });
    if (adapted.every((x, i) => x === carry[i])) {
      return { ...traced, carry: carry.map((x) => convert(x, x.dtype)), structure };
    }
    carry = adapted;
  }
}
