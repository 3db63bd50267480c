/** Invariants of loops: what every step would compute from the same values is computed once, before. */
import { type Atom, Var } from "../../core/aval.ts";
import { type Equation, hasEffect, type Program } from "../../core/program.ts";
import { isEquation, rewrite, Substitution } from "../rewrite.ts";

// Cheaper to compute again, within their reader, than to keep.
const views = new Set(["broadcast", "reshape", "iota"]);

/** The program with invariants of `scan` and `while` bodies moved out. Dead code is left inside. */
export function hoistInvariants(program: Program): Program {
  return rewrite(program, hoistInvariants, (equation) => {
    const { inputs, params } = equation;
    if (isEquation(equation, "scan")) {
      const { body, consts, length } = equation.params;
      if (length < 2) return [equation];
      const { moved, rest, results } = split(body, inputs.slice(0, consts));
      const added = { body: rest, consts: consts + results.length };
      return [...moved, {
        ...equation,
        params: { ...params, ...added },
        inputs: [...results, ...inputs],
      }];
    }
    if (isEquation(equation, "while")) {
      const { body, conditionConsts, bodyConsts } = equation.params;
      const consts = inputs.slice(conditionConsts, conditionConsts + bodyConsts);
      const { moved, rest, results } = split(body, consts);
      const added = { body: rest, bodyConsts: bodyConsts + results.length };
      return [...moved, {
        ...equation,
        params: { ...params, ...added },
        inputs: inputs.toSpliced(conditionConsts, 0, ...results),
      }];
    }
    return [equation];
  });
}

/**
 * A loop's body without its invariants: those as equations for outside, and their results, which the rest of the body
 * takes as its first inputs.
 */
function split(
  body: Program,
  consts: readonly Atom[],
): { moved: readonly Equation[]; rest: Program; results: readonly Var[] } {
  // Atoms that do not change from step to step, by what they are outside.
  const outside = new Substitution();
  outside.set(body.inputs.slice(0, consts.length), consts);
  const moved: Equation[] = [];
  const passed = new Map<Var, Var>();
  const left: Equation[] = [];
  for (const equation of body.equations) {
    const fixed = equation.inputs.every((a) => !(a instanceof Var) || outside.has(a));
    if (!fixed || !movable(equation)) {
      left.push(equation);
      continue;
    }
    const outputs = equation.outputs.map((v) => new Var(v.aval));
    moved.push({ ...equation, inputs: outside.of(equation.inputs), outputs });
    outside.set(equation.outputs, outputs);
    if (views.has(equation.primitive.name)) left.push(equation);
    else equation.outputs.forEach((v, i) => passed.set(v, outputs[i]!));
  }
  // A view that only the body reads is dead outside: the next pass removes it.
  if (passed.size === 0) return { moved: [], rest: body, results: [] };
  return {
    moved,
    rest: { ...body, inputs: [...passed.keys(), ...body.inputs], equations: left },
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
