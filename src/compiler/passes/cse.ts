/** Common subexpressions: the same instruction on the same operands is done once. */
import { Literal } from "../../core/aval.ts";
import { type Equation, hasEffect, type Program } from "../../core/program.ts";
import { formatParams } from "../../core/printer.ts";
import { isEquation, rewrite } from "../rewrite.ts";

/**
 * The program with equal equations merged. Nothing is merged across a `barrier`: its outputs are other
 * variables, and barriers themselves stay, so that recomputation remains recomputation.
 */
export function eliminateCommonSubexpressions(program: Program): Program {
  const seen = new Map<string, Equation>();
  return rewrite(program, eliminateCommonSubexpressions, (equation, values) => {
    const key = keyOf(equation);
    if (key === undefined) return [equation];
    const twin = seen.get(key);
    if (!twin) {
      seen.set(key, equation);
      return [equation];
    }
    values.set(equation.outputs, twin.outputs);
    return [];
  });
}

function keyOf(equation: Equation): string | undefined {
  if (isEquation(equation, "barrier") || hasEffect(equation)) return undefined;
  const inputs = equation.inputs.map((a) =>
    a instanceof Literal ? `${Object.is(a.value, -0) ? "-0" : a.value}${a.aval.dtype}` : a.id
  );
  return `${equation.primitive.name}${formatParams(equation.params)} ${inputs.join(" ")}`;
}
