/** Reverse mode's second half: running a linear program backwards. */
import { Environment } from "../../core/evaluate.ts";
import { NotDifferentiableError } from "../../core/errors.ts";
import {
  asOperands,
  inputAvals,
  LinearInput,
  outputAvals,
  type Program,
} from "../../core/program.ts";
import { type Atom, Var } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed, withSourceLocation } from "../../core/trace.ts";
import { add } from "../elementwise.ts";
import { instantiate } from "../broadcast.ts";
import { flagsKey, Remembered } from "./remembered.ts";

/**
 * The transpose of a program in its `linear` inputs. Inputs: the other inputs, then cotangents of
 * the outputs that `present` names (the others' are zero). Outputs: cotangents of the linear inputs.
 */
export function transposeProgram(
  program: Program,
  linear: readonly boolean[],
  present: readonly boolean[] = program.outputs.map(() => true),
): Program {
  const key = `${flagsKey(linear)} ${flagsKey(present)}`;
  return remembered.of(program, key, () => derive(program, linear, present));
}

const remembered = new Remembered<Program>();

function derive(
  program: Program,
  linear: readonly boolean[],
  present: readonly boolean[],
): Program {
  const known = inputAvals(program).filter((_, i) => !linear[i]);
  const cotangents = outputAvals(program).filter((_, i) => present[i]);
  return traceClosed((...inputs) => {
    let next = 0;
    const values = linear.map((l) => l ? null : inputs[next++]!);
    const given = present.map((p) => p ? inputs[next++]! : null);
    const result = backwardPass(program, values, given);
    return program.inputs.flatMap((v, i) => linear[i] ? [instantiate(result[i], v)] : []);
  }, [...known, ...cotangents]);
}

/**
 * Cotangents of a program's linear inputs (those whose value is `null`) from those of its outputs;
 * `null` cotangents are symbolic zeros.
 */
export function backwardPass(
  program: Program,
  values: readonly (Tensor | null)[],
  cotangents: readonly (Tensor | null)[],
): (Tensor | null)[] {
  const unknown = new Set<Atom>(program.inputs.filter((_, i) => values[i] === null));
  const env = new Environment([], []);
  program.inputs.forEach((v, i) => values[i] && env.define([v], [values[i]]));

  // Values that do not depend on linear inputs are computed first, forwards.
  const linear = program.equations.filter((equation) => {
    if (equation.inputs.some((a) => unknown.has(a))) {
      equation.outputs.forEach((v) => unknown.add(v));
      return true;
    }
    withSourceLocation(equation.site, () => {
      const inputs = equation.inputs.map((a) => env.read(a));
      env.define(equation.outputs, bind(equation.primitive, inputs, equation.params));
    });
    return false;
  });

  const sums = new Map<Atom, Tensor>();
  const accumulate = (to: Atom, ct: Tensor | null | undefined) => {
    if (!ct || !(to instanceof Var)) return;
    const sum = sums.get(to);
    sums.set(to, sum ? add(sum, ct) : ct);
  };
  program.outputs.forEach((a, i) => unknown.has(a) && accumulate(a, cotangents[i]));
  for (const { primitive, params, inputs, outputs, site } of linear.reverse()) {
    const cts = outputs.map((v) => sums.get(v) ?? null);
    if (cts.every((ct) => ct === null)) continue;
    withSourceLocation(site, () => {
      if (!primitive.transpose) {
        throw new NotDifferentiableError(
          `${primitive.name} is not linear, or has no reverse derivative`,
          primitive.name === "while"
            ? "give whileLoop a maxSteps, or use scan or foriLoop, to differentiate in reverse"
            : "linearTranspose takes functions that are linear in their arguments",
        );
      }
      const operands = inputs.map((a) => unknown.has(a) ? new LinearInput(a.aval) : env.read(a));
      const result = primitive.transpose(asOperands(cts), asOperands(operands), params);
      inputs.forEach((a, i) => unknown.has(a) && accumulate(a, result[i]));
    });
  }
  return program.inputs.map((v, i) => values[i] === null ? sums.get(v) ?? null : null);
}
