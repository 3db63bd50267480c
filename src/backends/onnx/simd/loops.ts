/** The loops of an element-wise program, with everything known of each before code is written. */
import { byteSize } from "../../../core/dtype.ts";
import { type Atom, sizeOf, type Var } from "../../../core/aval.ts";
import type { Equation, Program } from "../../../core/program.ts";
import { type EquationOf, isEquation } from "../../../compiler/rewrite.ts";
import { along, type Layout, type Space, spaceOf, whole } from "./space.ts";
import { isFill, isRepeat, isScalar, isView } from "./views.ts";

/** Equations over as many elements, connected by what they read. */
export interface Loop {
  readonly elements: number;
  readonly equations: readonly Equation[];
  /** Tensors in memory that it reads in their order. */
  readonly reads: readonly Var[];
  /** Positions of the program's outputs that it writes in their order. */
  readonly writes: readonly number[];
  /** The levels of the loop; one, unless something is repeated or summed. */
  readonly sizes: readonly number[];
  /** The strides along the levels of each tensor that is read, written, repeated or summed. */
  readonly strides: ReadonlyMap<Atom, readonly number[]>;
}

/** Maps an atom to the one whose elements it shows: fills and views have none of their own. */
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

/** True if an equation adds up along levels of its loop. */
export function isSum(equation: Equation): equation is EquationOf<"reduceSum"> {
  return isEquation(equation, "reduceSum");
}

interface Draft {
  readonly equations: Equation[];
  readonly repeats: EquationOf<"broadcast">[];
  readonly reads: Var[];
  readonly writes: number[];
  readonly elements: number;
  /** The draft of which it is part. */
  joined?: Draft;
}

/** All loops. An output that only repeats a scalar is one by itself. Nothing where one has no space. */
export function loopsOf(program: Program, root: Root = rootsOf(program)): Loop[] | undefined {
  const drafts = new Map<Atom, Draft>();
  const draftOf = (a: Atom): Draft => {
    let found = drafts.get(a);
    if (!found) {
      const elements = sizeOf(a.aval.shape);
      found = { elements, equations: [], repeats: [], reads: [], writes: [] };
      drafts.set(a, found);
    }
    // Paths to the resulting draft are compressed, so that the next search is short.
    while (found.joined) {
      if (found.joined.joined) found.joined = found.joined.joined;
      found = found.joined;
    }
    return found;
  };
  const join = (a: Draft, b: Draft): void => {
    if (a !== b) b.joined = a;
  };
  /** The value whose elements an equation goes through. */
  const place = (e: Equation): Atom => isSum(e) ? root(e.inputs[0]!) : e.outputs[0]!;
  const own = program.equations.filter((e) => !isFill(e) && !isView(e) && !isScalar(place(e)));
  for (const e of own) {
    if (isRepeat(e)) draftOf(e.outputs[0]!);
    else e.inputs.map(root).forEach((a) => isScalar(a) || join(draftOf(place(e)), draftOf(a)));
  }
  if (program.equations.some((e) => isSum(e) && isScalar(place(e)))) return undefined;
  // Repeated values have to be in memory.
  const repeated = new Set<Atom>(own.filter(isRepeat).map((e) => e.outputs[0]!));
  if (own.some((e) => isRepeat(e) && repeated.has(root(e.inputs[0]!)))) return undefined;
  // Joined now, and filled in the program's order.
  for (const e of own) {
    if (isRepeat(e)) draftOf(e.outputs[0]!).repeats.push(e);
    else draftOf(place(e)).equations.push(e);
  }
  const sums = new Set<Atom>(own.filter(isSum).flatMap((e) => e.outputs));
  program.outputs.forEach((a, k) => {
    if (isScalar(a) || sums.has(root(a))) return;
    draftOf(isScalar(root(a)) ? a : root(a)).writes.push(k);
  });
  for (const v of program.inputs) if (drafts.has(v)) draftOf(v).reads.push(v);
  const loops = [...new Set(drafts.keys().map(draftOf))]
    .filter((d) => d.equations.length > 0 || d.writes.length > 0)
    .map((d) => placed(d, program));
  return loops.every((l) => l !== undefined) ? loops : undefined;
}

/** A loop with its levels. */
function placed(draft: Draft, program: Program): Loop | undefined {
  const lies = new Map<Atom, Layout>();
  const { equations, repeats, reads, writes, elements } = draft;
  for (const a of [...reads, ...writes.map((k) => program.outputs[k]!)]) {
    lies.set(a, whole(a.aval.shape));
  }
  for (const { params, inputs, outputs } of repeats) {
    const { shape, axes } = params;
    lies.set(outputs[0]!, along(shape, inputs[0]!.aval.shape, axes));
  }
  for (const { params, inputs, outputs } of equations.filter(isSum)) {
    const { shape } = inputs[0]!.aval;
    const { axes } = params;
    const left = shape.map((_, a) => a).filter((a) => !axes.includes(a));
    lies.set(outputs[0]!, along(shape, outputs[0]!.aval.shape, left));
  }
  const flat = repeats.length === 0 && !equations.some(isSum);
  const space: Space | undefined = flat
    ? { sizes: [elements], strides: [...lies].map(() => [1]) }
    : spaceOf([...lies.values()]);
  if (!space) return undefined;
  const strides = new Map([...lies.keys()].map((a, i) => [a, space.strides[i]!]));
  return { elements, equations, reads, writes, sizes: space.sizes, strides };
}

// Half of the 16 vector registers are for constants and what happens within an equation.
const registers = 8;
const long = new Set(["exp", "log", "tanh", "logistic"]);

/** The number of vectors that go through a loop abreast: four, or fewer when so many values do not fit. */
export function abreastOf(
  { equations, writes, sizes }: Loop,
  root: Root,
  program: Program,
): number {
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
  const abreast = most <= registers / 4 ? 4 : most <= registers / 2 ? 2 : 1;
  if (sizes.length === 1) return abreast;
  // Rows end where vectors do.
  const vectors = sizes.at(-1)! / 4;
  return [abreast, 2, 1].find((n) => n <= abreast && vectors % n === 0)!;
}

/**
 * For each output an input whose memory it may take: one of as many bytes that no other loop reads. Loops
 * read a place before they write it.
 */
export function reusesOf(
  program: Program,
  loops: readonly Loop[],
  root: Root,
): (number | undefined)[] {
  const reuses = program.outputs.map((): number | undefined => undefined);
  // Repeated values are read again and again, so that their memory cannot be reused.
  const repeated = new Set(program.equations.filter(isRepeat).map((e) => root(e.inputs[0]!)));
  for (const { reads, writes } of loops) {
    const left = reads.filter((v) => !repeated.has(v));
    for (const k of writes) {
      const { dtype } = program.outputs[k]!.aval;
      const i = left.findIndex((v) => byteSize(v.aval.dtype) === byteSize(dtype));
      if (i >= 0) reuses[k] = program.inputs.indexOf(left.splice(i, 1)[0]!);
    }
  }
  return reuses;
}
