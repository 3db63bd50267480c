/** Sums of any number of terms: additions of additions, as far as nothing else reads what lies between. */
import type { Atom } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import type { PrimitiveName } from "../../primitives/index.ts";
import {
  type Definitions,
  definitionsOf,
  type EquationOf,
  isEquation,
  readersOf,
} from "../rewrite.ts";

/** The sums of a program, each with all its terms. */
export class Sums {
  readonly #readers: ReadonlyMap<Atom, number>;
  readonly #definitions: Definitions;
  /** The additions that are part of a larger sum, by what they define. */
  readonly #parts = new Set<Atom>();

  /** Finds the sums; those of programs within are not looked at. */
  constructor(program: Program) {
    this.#readers = readersOf(program);
    this.#definitions = definitionsOf(program.equations);
    for (const e of program.equations) {
      if (!isEquation(e, "add")) continue;
      for (const a of e.inputs) if (this.soleTerm(a, "add")) this.#parts.add(a);
    }
  }

  /** The equation that defines a value, if one does. */
  definition(a: Atom): Equation | undefined {
    return this.#definitions.get(a);
  }

  /** The equation of a primitive that makes a value for one reader alone. */
  soleTerm<Name extends PrimitiveName>(a: Atom, name: Name): EquationOf<Name> | undefined {
    const e = this.#definitions.get(a);
    return isEquation(e, name) && this.#readers.get(a) === 1 ? e : undefined;
  }

  /** The terms of an addition in order; nothing for other equations, and for sums that are part of larger ones. */
  termsOf(equation: Equation): readonly Atom[] | undefined {
    if (!isEquation(equation, "add") || this.#parts.has(equation.outputs[0]!)) return undefined;
    const terms: Atom[] = [];
    const left = equation.inputs.toReversed(); // the next one last
    for (let a = left.pop(); a; a = left.pop()) {
      const inner = this.soleTerm(a, "add");
      if (inner) left.push(...inner.inputs.toReversed());
      else terms.push(a);
    }
    return terms;
  }
}
