/**
 * Sums of products that are one product. A weight used in several places, or at every step of a loop, gets a derivative
 * from each: `xᵀ₁y₁ + xᵀ₂y₂` is `[x₁; x₂]ᵀ [y₁; y₂]`, one product along a longer axis, which neither writes the terms
 * nor adds them up. So are sums of sums: `Σx₁ + Σx₂ = Σ[x₁; x₂]`.
 */
import { type Atom, sizeOf, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { formatParams } from "../../core/printer.ts";
import { primitives } from "../../primitives/index.ts";
import { type EquationOf, isEquation, rewrite } from "../rewrite.ts";
import { Sums } from "./sums.ts";

/** A term that can be joined to others. */
type Term = EquationOf<"dot"> | EquationOf<"reduceSum">;

/** The program with the terms of every sum joined where that moves less. */
export function mergeContractions(program: Program): Program {
  const sums = new Sums(program);
  // The terms and partial sums of merged contractions remain as dead code.
  return rewrite(program, mergeContractions, (equation) => {
    const terms = sums.termsOf(equation);
    if (!terms) return [equation];
    const groups = new Map<string, Term[]>();
    const rest: Atom[] = [];
    for (const term of terms) {
      const made = sums.soleTerm(term, "dot") ?? sums.soleTerm(term, "reduceSum");
      const key = made && kindOf(made);
      if (key === undefined) rest.push(term);
      else if (groups.has(key)) groups.get(key)!.push(made!);
      else groups.set(key, [made!]);
    }
    const joined: Term[][] = [];
    for (const group of groups.values()) {
      if (worthJoining(group)) joined.push(group);
      else for (const e of group) rest.push(e.outputs[0]!);
    }
    if (joined.length === 0) return [equation];
    const made = joined.flatMap(join);
    const products = made.filter((e) => !isEquation(e, "concatenate"));
    return [...made, ...summed([...rest, ...products.map((e) => e.outputs[0]!)], equation)];
  });
}

/** The axis of each operand along which two equations of one kind can be put side by side. */
function seams(term: Term): readonly (number | undefined)[] {
  if (isEquation(term, "reduceSum")) return [term.params.axes[0]];
  const { lhsContract, rhsContract } = term.params;
  return [lhsContract[0], rhsContract[0]];
}

/** A key that is equal for equations which can be joined; undefined where there is no axis to join along. */
function kindOf(e: Term): string | undefined {
  const axes = seams(e);
  if (axes.some((a) => a === undefined)) return undefined;
  const shapes = e.inputs.map((x, i) => x.aval.shape.with(axes[i]!, 0));
  return `${e.primitive.name}${formatParams(e.params)} ${shapes.join(" ")} ${
    e.inputs[0]!.aval.dtype
  }`;
}

/** True if putting operands side by side moves no more elements than adding the terms up. */
function worthJoining(group: readonly Term[]): boolean {
  const held = group.reduce(
    (sum, e) => sum + e.inputs.reduce((n, x) => n + sizeOf(x.aval.shape), 0),
    0,
  );
  const added = 3 * (group.length - 1) * sizeOf(group[0]!.outputs[0]!.aval.shape);
  return group.length > 1 && (2 * held <= added || held <= smallest);
}

// With fewer elements it is the number of operations that counts, not their size.
const smallest = 2 ** 16;

/** One equation for a group: its operands side by side, then what each did. */
function join(group: readonly Term[]): Equation[] {
  const [first] = group as [Term];
  const { site } = first;
  const sides = seams(first).map((axis, i): Equation => {
    const inputs = group.map((e) => e.inputs[i]!);
    const { aval } = inputs[0]!;
    const long = inputs.reduce((n, x) => n + x.aval.shape[axis!]!, 0);
    const outputs = [new Var({ ...aval, shape: aval.shape.with(axis!, long) })];
    return { primitive: primitives.concatenate, params: { axis: axis! }, inputs, outputs, site };
  });
  const inputs = sides.map((s) => s.outputs[0]!);
  return [...sides, { ...first, inputs, outputs: [new Var(first.outputs[0]!.aval)] }];
}

/** The sum of some values, as the outputs of `equation`. */
function summed(terms: readonly Atom[], equation: Equation): Equation[] {
  const { primitive, params, outputs: [out], site } = equation;
  const { aval } = out!;
  if (terms.length === 1) {
    const { shape } = aval;
    return [{
      primitive: primitives.reshape,
      params: { shape },
      inputs: terms,
      outputs: [out!],
      site,
    }];
  }
  let sum = terms[0]!;
  return terms.slice(1).map((term, i) => {
    const outputs = [i === terms.length - 2 ? out! : new Var(aval)];
    const made = { primitive, params, inputs: [sum, term], outputs, site };
    sum = outputs[0]!;
    return made;
  });
}
