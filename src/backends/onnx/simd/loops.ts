/** How an element-wise program falls into loops, and what is known of each before code is written. */
import { byteSize } from "../../../core/dtype.ts";
import { type Atom, type Equation, type Program, sizeOf, type Var } from "../../../core/program.ts";
import { isFill, isScalar, isView } from "./partition.ts";

/** Equations over as many elements, connected by what they read. */
export interface Loop {
  readonly elements: number;
  readonly equations: Equation[];
  /** Tensors in memory that it reads. */
  readonly reads: Var[];
  /** Positions of the program's outputs that it writes. */
  readonly writes: number[];
}

/** Whose elements an atom has: fills and views have none of their own. */
export type Root = (a: Atom) => Atom;

/** The roots of a program's atoms. */
export function rootsOf(program: Program): Root {
  const roots = new Map<Atom, Atom>();
  const root = (a: Atom) => roots.get(a) ?? a;
  for (const e of program.equations) {
    if (isFill(e) || isView(e)) roots.set(e.outputs[0]!, root(e.inputs[0]!));
  }
  return root;
}

/** All loops. An output that only repeats a scalar is one by itself. */
export function loopsOf(program: Program, root: Root): Loop[] {
  const loops = new Map<Atom, Loop>();
  const loopOf = (a: Atom): Loop => {
    let found = loops.get(a);
    if (!found) {
      found = { elements: sizeOf(a.aval.shape), equations: [], reads: [], writes: [] };
      loops.set(a, found);
    }
    return found;
  };
  const join = (a: Loop, b: Loop): void => {
    if (a === b) return;
    for (const [key, loop] of loops) if (loop === b) loops.set(key, a);
  };
  const own = program.equations.filter((e) => !isFill(e) && !isView(e) && !isScalar(e.outputs[0]!));
  for (const e of own) {
    for (const a of e.inputs.map(root)) {
      if (!isScalar(a)) join(loopOf(e.outputs[0]!), loopOf(a));
    }
  }
  // Joined now, and filled in the program's order.
  own.forEach((e) => loopOf(e.outputs[0]!).equations.push(e));
  program.outputs.forEach((a, k) => {
    if (!isScalar(a)) loopOf(isScalar(root(a)) ? a : root(a)).writes.push(k);
  });
  for (const v of program.inputs) loops.get(v)?.reads.push(v);
  return [...new Set(loops.values())];
}

// Half of the 16 vector registers are for constants and what happens within an equation.
const registers = 8;
const long = new Set(["exp", "log", "tanh", "logistic"]);

/** How many vectors go through a loop abreast: four, or fewer when so many values do not fit. */
export function abreastOf({ equations, writes }: Loop, root: Root, program: Program): number {
  const ends = new Map<Atom, number>();
  equations.forEach((e, i) => e.inputs.forEach((a) => ends.set(root(a), i)));
  for (const k of writes) ends.set(root(program.outputs[k]!), equations.length);
  const live = new Set<Atom>();
  let most = 1;
  equations.forEach((e, i) => {
    for (const a of e.inputs) if (!isScalar(root(a))) live.add(root(a));
    live.add(e.outputs[0]!);
    most = Math.max(most, live.size + (long.has(e.primitive.name) ? registers / 2 : 0));
    for (const a of live) if (ends.get(a)! <= i) live.delete(a);
  });
  return most <= registers / 4 ? 4 : most <= registers / 2 ? 2 : 1;
}

/**
 * For each output an input whose memory it may take: one of as many bytes that no other loop reads. Loops
 * read a place before they write it.
 */
export function reusesOf(program: Program, loops: readonly Loop[]): (number | undefined)[] {
  const reuses = program.outputs.map((): number | undefined => undefined);
  for (const { reads, writes } of loops) {
    const left = [...reads];
    for (const k of writes) {
      const { dtype } = program.outputs[k]!.aval;
      const i = left.findIndex((v) => byteSize(v.aval.dtype) === byteSize(dtype));
      if (i >= 0) reuses[k] = program.inputs.indexOf(left.splice(i, 1)[0]!);
    }
  }
  return reuses;
}
