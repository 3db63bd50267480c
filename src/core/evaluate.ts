/**
 * Running a program on tensors: equation by equation, through `bind`. Inside a trace that inlines the
 * program; outside it computes, and frees every intermediate after its last use.
 */
import { runtime } from "./dispatch.ts";
import { type Atom, Literal, type Var } from "./aval.ts";
import type { Program } from "./program.ts";
import { literal, type Tensor } from "./tensor.ts";
import { bind, currentTrace, withSourceLocation } from "./trace.ts";

/** The tensors that a program's variables stand for, while it is being walked. */
export class Environment {
  readonly #values = new Map<Var, Tensor>();

  constructor(variables: readonly Var[], values: readonly Tensor[]) {
    this.define(variables, values);
  }

  define(variables: readonly Var[], values: readonly Tensor[]): void {
    variables.forEach((v, i) => this.#values.set(v, values[i]!));
  }

  read(atom: Atom): Tensor {
    if (atom instanceof Literal) {
      const { dtype, weak, whole } = atom.aval;
      return literal(atom.value, dtype, weak, whole);
    }
    return this.#values.get(atom)!;
  }
}

/** The program's outputs for these inputs. */
export function evaluate(program: Program, inputs: readonly Tensor[]): Tensor[] {
  const env = new Environment(program.inputs, inputs);
  if (currentTrace()) {
    walk(program, env);
    return program.outputs.map((a) => env.read(a));
  }
  // A check that fails makes all outputs unreadable, whichever equation it belongs to.
  return runtime().guard(() => {
    walk(program, env, lastUses(program));
    // The caller owns the outputs: an input that is handed through is shared, not handed over.
    const taken = new Set<Tensor>(inputs);
    return program.outputs.map((a) => {
      const x = env.read(a);
      if (taken.has(x)) return x.alias();
      taken.add(x);
      return x;
    });
  }, inputs);
}

/** Applies the equations one by one; what is not needed any more is freed. */
function walk(program: Program, env: Environment, last?: readonly Var[][]): void {
  program.equations.forEach((equation, i) => {
    const { primitive, params } = equation;
    const outputs = withSourceLocation(
      equation.site,
      () => bind(primitive, equation.inputs.map((a) => env.read(a)), params),
    );
    env.define(equation.outputs, outputs);
    for (const v of last?.[i] ?? []) env.read(v).dispose();
  });
}

/** For each equation, the variables defined inside the program that nothing needs after it. */
export function lastUses(program: Program): Var[][] {
  const seen = new Set<Atom>([...program.outputs, ...program.inputs]);
  return program.equations.toReversed().map((equation) => {
    const ends: Var[] = [];
    for (const a of [...equation.inputs, ...equation.outputs]) {
      if (a instanceof Literal || seen.has(a)) continue;
      seen.add(a);
      ends.push(a);
    }
    return ends;
  }).reverse();
}
