/** Common subexpressions: the same instruction on the same operands is done once. */
import { type Atom, Literal, Var } from "../../core/aval.ts";
import { type Equation, hasEffect, mapSubprograms, type Program } from "../../core/program.ts";
import { formatParams } from "../../core/printer.ts";

/**
 * The program with equal equations merged. Nothing is merged across a `barrier`: its outputs are other
 * variables, and barriers themselves stay, so that recomputation remains recomputation.
 */
export function eliminateCommonSubexpressions(program: Program): Program {
  const renamed = new Map<Var, Atom>();
  const resolve = (a: Atom): Atom => a instanceof Var ? renamed.get(a) ?? a : a;
  const seen = new Map<string, Equation>();
  const equations: Equation[] = [];
  for (const original of program.equations) {
    const equation = {
      ...original,
      inputs: original.inputs.map(resolve),
      params: mapSubprograms(original.params, eliminateCommonSubexpressions),
    };
    const key = keyOf(equation);
    const twin = key === undefined ? undefined : seen.get(key);
    if (twin) {
      equation.outputs.forEach((v, i) => renamed.set(v, twin.outputs[i]!));
      continue;
    }
    if (key !== undefined) seen.set(key, equation);
    equations.push(equation);
  }
  return { inputs: program.inputs, equations, outputs: program.outputs.map(resolve) };
}

function keyOf(equation: Equation): string | undefined {
  if (equation.primitive.name === "barrier" || hasEffect(equation)) return undefined;
  const inputs = equation.inputs.map((a) =>
    a instanceof Literal ? `${Object.is(a.value, -0) ? "-0" : a.value}${a.aval.dtype}` : a.id
  );
  return `${equation.primitive.name}${formatParams(equation.params)} ${inputs.join(" ")}`;
}
