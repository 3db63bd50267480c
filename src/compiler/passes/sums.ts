/** Sums of any number of terms: additions of additions, as far as nothing else reads what lies between. */
import type { Atom } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { readersOf } from "./simplify.ts";

/** The sums of a program, each with all its terms. */
export class Sums {
  readonly #readers: ReadonlyMap<Atom, number>;
  readonly #definitions = new Map<Atom, Equation>();
  readonly #parts = new Set<Equation>();

  /** Finds the sums; those of programs within are not looked at. */
  constructor(program: Program) {
    this.#readers = readersOf(program);
    for (const e of program.equations) {
      e.outputs.forEach((v) => this.#definitions.set(v, e));
      if (e.primitive.name !== "add") continue;
      for (const a of e.inputs) {
        const inner = this.soleTerm(a, "add");
        if (inner) this.#parts.add(inner);
      }
    }
  }

  /** The equation that defines a value, if one does. */
  definition(a: Atom): Equation | undefined {
    return this.#definitions.get(a);
  }

  /** The equation of one of these names that makes a value for one reader alone. */
  soleTerm(a: Atom, ...names: readonly string[]): Equation | undefined {
    const e = this.#definitions.get(a);
    return e && this.#readers.get(a) === 1 && names.includes(e.primitive.name) ? e : undefined;
  }

  /** The terms of an addition in order; nothing for other equations, and for sums that are part of larger ones. */
  termsOf(equation: Equation): readonly Atom[] | undefined {
    if (equation.primitive.name !== "add" || this.#parts.has(equation)) return undefined;
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
