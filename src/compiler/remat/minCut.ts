/**
 * The choice between keeping a value for later and recomputing it there: a minimum cut between the values that are
 * expensive to compute and those that are wanted later. Keeping a value costs its bytes, recomputing it a part of them.
 */
import { type Atom, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { multiplyAddsOf } from "../cost.ts";
import { bytesOf } from "../liveness.ts";
import type { Definitions } from "../rewrite.ts";
import { Network } from "./network.ts";

type Names = ReadonlySet<string>;
const named = (names: string): Names => new Set(names.split(" "));

// Operations that cost nothing where they are read.
const views = named("broadcast reshape slice iota");

// Operations that only move elements.
const moves = named("broadcast reshape slice transpose reverse pad concatenate");

// Operations that take no longer than reading their operands: no sums, series, searches, random numbers or effects.
const arithmetic = named(
  "neg abs sign floor ceil round sqrt rsqrt not stopGradient add sub mul div max min and or xor shiftLeft " +
    "shiftRightLogical shiftRightArithmetic eq ne lt le gt ge isFinite select convert transpose reverse",
);

// A value of which the extremum is known must not be computed again: by a rounding, it might not attain it.
const ranking = named("reduceMax reduceMin argMax argMin sort");

/** The prices of having a value later, in bytes. */
export interface Prices {
  /** Keeping it; 0 where it is there anyway. */
  keep(v: Var): number;
  /** One more equation. */
  readonly equation: number;
  /** Each byte that is computed again. */
  readonly byte: number;
}

/** Bytes that one more equation is worth. */
export const worthEquation = 2 ** 10;

/** Of the wanted values and those they depend on: the ones to keep, and the ones to recompute from them. */
export function split(
  wanted: Iterable<Var>,
  definitions: Definitions,
  { keep, equation, byte }: Prices,
): { readonly kept: ReadonlySet<Var>; readonly again: ReadonlySet<Var> } {
  const network = new Network();
  const ranked = readBy([...new Set(definitions.values())], (e) => ranking.has(e.primitive.name));
  // Each value is an edge from where it is made to where it is there.
  const ends = new Map<Var, { readonly made: number; readonly there: number }>();
  const endsOf = (v: Var) => {
    let found = ends.get(v);
    if (!found) ends.set(v, found = { made: network.node(), there: network.node() });
    return found;
  };
  for (const v of wanted) network.edge(endsOf(v).there, network.sink, Infinity);
  for (const [v, { made, there }] of ends) { // and those that are found on the way
    const bytes = keep(v);
    network.edge(made, there, bytes);
    const maker = definitions.get(v);
    const name = maker?.primitive.name ?? "";
    const cheap = views.has(name) || (arithmetic.has(name) && !ranked.has(v));
    if (bytes === 0 || !maker || !cheap) {
      network.edge(network.source, made, Infinity);
      continue;
    }
    const price = views.has(name) ? 0 : byte * bytesOf(v.aval);
    network.edge(network.source, made, equation + price);
    for (const a of maker.inputs) {
      if (a instanceof Var) network.edge(endsOf(a).there, made, Infinity);
    }
  }
  const behind = network.cut();
  const [kept, again] = [new Set<Var>(), new Set<Var>()];
  for (const [v, { made, there }] of ends) {
    if (behind.has(made)) again.add(v);
    else if (behind.has(there)) kept.add(v);
  }
  return { kept, again };
}

/** The operands of products and convolutions. They are read many times, so they should be stored, not recomputed. */
export function multipliedIn(equations: readonly Equation[]): ReadonlySet<Atom> {
  return readBy(equations, (e) => multiplyAddsOf(e) > 0);
}

/** The atoms that some equations read, directly or through equations that only move elements. */
function readBy(
  equations: readonly Equation[],
  reads: (equation: Equation) => boolean,
): ReadonlySet<Atom> {
  const found = new Set<Atom>();
  for (const e of equations.toReversed()) {
    const moved = moves.has(e.primitive.name) && found.has(e.outputs[0]!);
    if (moved || reads(e)) e.inputs.forEach((a) => found.add(a));
  }
  return found;
}

/**
 * A program's equations, each after those that make again what it reads. `known` says what stands for what is read: a
 * value that is there, or one to be made again.
 */
export function interleave(
  { equations, outputs }: Pick<Program, "equations" | "outputs">,
  again: ReadonlySet<Atom>,
  definitions: Definitions,
  known: ReadonlyMap<Atom, Atom> = new Map(),
): Pick<Program, "equations" | "outputs"> {
  const made: Equation[] = [];
  const now = new Map(known);
  const read = (a: Atom): Atom => {
    const other = now.get(a);
    if (other) return read(other);
    if (!again.has(a)) return a;
    const maker = definitions.get(a)!; // nothing else is made again
    const copy = new Var(a.aval);
    made.push({ ...maker, inputs: maker.inputs.map(read), outputs: [copy] });
    now.set(a, copy);
    return copy;
  };
  for (const e of equations) {
    const inputs = e.inputs.map(read);
    made.push({ ...e, inputs });
  }
  return { equations: made, outputs: outputs.map(read) };
}
