/** Replaces calls by the programs they stand for: the last step before compiling. */
import { type Atom, Literal, Var } from "./aval.ts";
import { type Equation, mapSubprograms, type Program } from "./program.ts";

/**
 * The same program without calls, at any depth. A program that is found in several places, as the body of loops say,
 * gets variables of its own in each, so that passes may know values by their variables.
 */
export function inlineCalls(program: Program): Program {
  return inlined(program, new Set());
}

function inlined(program: Program, seen: Set<Var>): Program {
  const within = (p: Program): Program => {
    const variables = [...p.inputs, ...p.equations.flatMap((e) => e.outputs)];
    const again = variables.some((v) => seen.has(v));
    variables.forEach((v) => seen.add(v));
    return inlined(again ? refresh(p) : p, seen);
  };
  const equations: Equation[] = [];
  const renamed = new Map<Var, Atom>();
  const resolve = (a: Atom): Atom => a instanceof Literal ? a : renamed.get(a) ?? a;
  const visit = (equation: Equation): void => {
    const inputs = equation.inputs.map(resolve);
    const body = equation.primitive.inline?.(equation.params);
    if (!body) {
      equations.push({ ...equation, inputs, params: mapSubprograms(equation.params, within) });
      return;
    }
    // A program may be called more than once: each call gets variables of its own.
    const copy = refresh(body);
    copy.inputs.forEach((v, i) => renamed.set(v, inputs[i]!));
    copy.equations.forEach(visit);
    equation.outputs.forEach((v, i) => renamed.set(v, resolve(copy.outputs[i]!)));
  };
  program.equations.forEach(visit);
  return { inputs: program.inputs, equations, outputs: program.outputs.map(resolve) };
}

/** The same program with new variables. */
export function refresh(program: Program): Program {
  const fresh = new Map<Var, Var>();
  const copy = (v: Var): Var => {
    const made = new Var(v.aval);
    fresh.set(v, made);
    return made;
  };
  const read = (a: Atom): Atom => a instanceof Var ? fresh.get(a)! : a;
  return {
    inputs: program.inputs.map(copy),
    equations: program.equations.map((e) => ({
      ...e,
      inputs: e.inputs.map(read),
      outputs: e.outputs.map(copy),
    })),
    outputs: program.outputs.map(read),
  };
}
