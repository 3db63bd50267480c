/** Invariants of loops: what every step would compute from the same values is computed once, before. */
import { type Atom, Var } from "../../core/aval.ts";
import { type Equation, hasEffect, mapSubprograms, type Program } from "../../core/program.ts";
import type { ScanParams } from "../../primitives/control/scan.ts";
import type { WhileParams } from "../../primitives/control/while.ts";

// Cheaper to make anew, as part of what reads them, than to keep.
const views = new Set(["broadcast", "reshape", "iota"]);

/** The program with invariants of `scan` and `while` bodies moved out. Dead code is left inside. */
export function hoistInvariants(program: Program): Program {
  const equations = program.equations.flatMap((original): Equation[] => {
    const equation = { ...original, params: mapSubprograms(original.params, hoistInvariants) };
    const { name } = equation.primitive;
    // Equations of these names have these parameters.
    if (name === "scan") {
      const params = equation.params as ScanParams;
      if (params.length < 2) return [equation];
      const { moved, body, results } = split(params.body, equation.inputs.slice(0, params.consts));
      const inputs = [...results, ...equation.inputs];
      return [...moved, {
        ...equation,
        params: { ...params, body, consts: params.consts + results.length },
        inputs,
      }];
    }
    if (name === "while") {
      const params = equation.params as WhileParams;
      const { conditionConsts: before, bodyConsts } = params;
      const consts = equation.inputs.slice(before, before + bodyConsts);
      const { moved, body, results } = split(params.body, consts);
      const inputs = [
        ...equation.inputs.slice(0, before),
        ...results,
        ...equation.inputs.slice(before),
      ];
      return [...moved, {
        ...equation,
        params: { ...params, body, bodyConsts: bodyConsts + results.length },
        inputs,
      }];
    }
    return [equation];
  });
  return { ...program, equations };
}

/**
 * A loop's body without its invariants: those as equations for outside, and their results, which the body
 * takes as its first inputs.
 */
function split(
  body: Program,
  consts: readonly Atom[],
): { moved: Equation[]; body: Program; results: Var[] } {
  // Atoms that do not change from step to step, by what they are outside.
  const outside = new Map<Atom, Atom>(consts.map((a, i) => [body.inputs[i]!, a]));
  const moved: Equation[] = [];
  const passed = new Map<Var, Var>();
  const rest: Equation[] = [];
  for (const equation of body.equations) {
    const fixed = equation.inputs.every((a) => !(a instanceof Var) || outside.has(a));
    if (!fixed || !movable(equation)) {
      rest.push(equation);
      continue;
    }
    const outputs = equation.outputs.map((v) => new Var(v.aval));
    equation.outputs.forEach((v, i) => outside.set(v, outputs[i]!));
    const inputs = equation.inputs.map((a) => outside.get(a) ?? a);
    moved.push({ ...equation, inputs, outputs });
    if (views.has(equation.primitive.name)) rest.push(equation);
    else equation.outputs.forEach((v, i) => passed.set(v, outputs[i]!));
  }
  return {
    // A view that only the body reads is dead outside: the next pass removes it.
    moved: passed.size === 0 ? [] : moved,
    body: passed.size === 0
      ? body
      : { ...body, inputs: [...passed.keys(), ...body.inputs], equations: rest },
    results: [...passed.values()],
  };
}

/** True if doing it once, even where the loop takes no step, does no harm. */
function movable(equation: Equation): boolean {
  const { name } = equation.primitive;
  // A barrier orders, and reading out of range is an error on some backends.
  return name !== "barrier" && !name.startsWith("gather") && !name.startsWith("scatter") &&
    !hasEffect(equation);
}
