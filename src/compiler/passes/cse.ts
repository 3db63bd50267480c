/** Common subexpressions: the same instruction on the same operands is done once. */
import { Literal } from "../../core/aval.ts";
import { type Equation, hasEffect, type Program } from "../../core/program.ts";
import { formatParams, formatProgram } from "../../core/printer.ts";
import { isEquation, rewrite } from "../rewrite.ts";

/**
 * The program with equal equations merged. Nothing is merged across a `barrier`: its outputs are other
 * variables, and barriers themselves stay, so that recomputation remains recomputation.
 */
export function eliminateCommonSubexpressions(program: Program): Program {
  return merged(program, new ProgramNumbers());
}

function merged(program: Program, numbers: ProgramNumbers): Program {
  const seen = new Map<string, Equation>();
  const within = (p: Program) => merged(p, numbers);
  return rewrite(program, within, (equation, values) => {
    const key = keyOf(equation, numbers);
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

/** Equal programs have equal numbers. A program is read once, however deep it is in others: they have its number. */
class ProgramNumbers {
  readonly #known = new Map<Program, number>();
  readonly #texts = new Map<string, number>();

  of(program: Program): number {
    let number = this.#known.get(program);
    if (number === undefined) {
      const text = formatProgram(program, "", (p) => `${this.of(p)}`);
      number = this.#texts.get(text) ?? this.#texts.size;
      this.#texts.set(text, number);
      this.#known.set(program, number);
    }
    return number;
  }
}

function keyOf(equation: Equation, numbers: ProgramNumbers): string | undefined {
  if (isEquation(equation, "barrier") || hasEffect(equation)) return undefined;
  const inputs = equation.inputs.map((a) =>
    a instanceof Literal ? `${Object.is(a.value, -0) ? "-0" : a.value}${a.aval.dtype}` : a.id
  );
  const params = formatParams(equation.params, "", (p) => `${numbers.of(p)}`);
  return `${equation.primitive.name}${params} ${inputs.join(" ")}`;
}
