/**
 * The vocabulary of passes. A pass maps a program to one that computes the same. Most of them look at one equation at a
 * time, together with those that define its operands and those that read its results, and put others in its place:
 * `rewrite` walks the program, `isEquation` tells the equations of a primitive and types their parameters,
 * `definitionsOf` and `readersOf` look up and down, and a `Substitution` says which value stands for another.
 */
import { type Atom, Var } from "../core/aval.ts";
import { type Equation, mapSubprograms, type Primitive, type Program } from "../core/program.ts";
import type { ParamsOf, PrimitiveName } from "../primitives/index.ts";

/** An equation of a primitive, with the parameters that belong to it. */
export type EquationOf<Name extends PrimitiveName> = Equation & {
  readonly primitive: Primitive<ParamsOf<Name>> & { readonly name: Name };
  readonly params: ParamsOf<Name>;
};

/** True if an equation applies the primitive of this name. */
export function isEquation<Name extends PrimitiveName>(
  equation: Equation | undefined,
  name: Name,
): equation is EquationOf<Name> {
  return equation?.primitive.name === name;
}

/** Equations by the variables that they define. */
export type Definitions = ReadonlyMap<Atom, Equation>;

/** The equation that defines each variable. */
export function definitionsOf(equations: readonly Equation[]): Definitions {
  return new Map(equations.flatMap((e) => e.outputs.map((v) => [v, e] as const)));
}

/** The number of times that each atom is read, as an operand or as an output. */
export function readersOf(program: Program): ReadonlyMap<Atom, number> {
  const readers = new Map<Atom, number>();
  for (const a of [...program.equations.flatMap((e) => e.inputs), ...program.outputs]) {
    readers.set(a, (readers.get(a) ?? 0) + 1);
  }
  return readers;
}

/** Atoms that stand for variables; every other variable stands for itself. */
export class Substitution {
  readonly #values = new Map<Atom, Atom>();

  /** Lets atoms stand for variables, one for each. */
  set(variables: readonly Var[], atoms: readonly Atom[]): void {
    variables.forEach((v, i) => this.#values.set(v, atoms[i]!));
  }

  /** True if some atom was set for a variable. */
  has(a: Atom): boolean {
    return this.#values.has(a);
  }

  /** The atom that stands for each of these. */
  of(atoms: readonly Atom[]): Atom[] {
    return atoms.map((a) => this.#values.get(a) ?? a);
  }
}

/**
 * The program with other equations in place of each. Programs within go through `pass`. `replace` receives an equation
 * with its operands substituted, and gives equations that define its outputs; or it lets other atoms stand for them.
 */
export function rewrite(
  program: Program,
  pass: (within: Program) => Program,
  replace: (equation: Equation, values: Substitution) => readonly Equation[],
): Program {
  const values = new Substitution();
  const equations = program.equations.flatMap((e) => {
    const inputs = values.of(e.inputs);
    return replace({ ...e, inputs, params: mapSubprograms(e.params, pass) }, values);
  });
  return { inputs: program.inputs, equations, outputs: values.of(program.outputs) };
}

/** A copy of a program's equations for these inputs, with variables of their own, and what its outputs are then. */
export function instantiated(
  program: Program,
  inputs: readonly Atom[],
): { readonly equations: readonly Equation[]; readonly outputs: readonly Atom[] } {
  const values = new Substitution();
  values.set(program.inputs, inputs);
  const equations = program.equations.map((e) => {
    const copy = {
      ...e,
      inputs: values.of(e.inputs),
      outputs: e.outputs.map((v) => new Var(v.aval)),
    };
    values.set(e.outputs, copy.outputs);
    return copy;
  });
  return { equations, outputs: values.of(program.outputs) };
}
