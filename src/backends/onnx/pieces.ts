/**
 * Very long programs in pieces: several graphs, which run one after the other. Without its optimizations, ONNX Runtime
 * makes a session in time that is proportional to the graph, and values that are handed from one session to the next
 * cost more than they do within one: there are as few pieces as memory for one graph allows.
 */
import { equationsIn } from "../../compiler/cost.ts";
import { type Atom, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { isRepeat, isView } from "./simd/views.ts";

/** The most equations of one piece. */
export const mostEquations = 16_000;

/**
 * The program as programs of at most `most` equations, in order; each reads the inputs and what earlier pieces
 * give. The last place for a cut, and the first, are `most` and half of it: between those it is where the fewest
 * values have to be handed on. An equation whose own programs are larger is a piece by itself.
 */
export function piecesOf(program: Program, most: number = mostEquations): readonly Program[] {
  if (equationsIn(program) <= most) return [program];
  const results = new Set<Atom>(program.outputs);
  // Views are made again in each piece that reads them, for a graph would copy what it hands on.
  const views = new Map<Atom, Equation>();
  const steps: Equation[] = [];
  for (const e of program.equations) {
    if ((isView(e) || isRepeat(e)) && !results.has(e.outputs[0]!)) views.set(e.outputs[0]!, e);
    else steps.push(e);
  }
  const lists = cut(steps, lastReads(steps, views, results), most);
  if (lists.length === 1) return [program];
  const drafts = lists.map((own) => ({ own, ...withViews(own, views) }));
  const wanted = new Set<Atom>([...results, ...drafts.flatMap((d) => d.inputs)]);
  return drafts.map(({ own, inputs, equations }) => ({
    inputs,
    equations,
    outputs: own.flatMap((e) => e.outputs).filter((v) => wanted.has(v)),
  }));
}

/** The number of the last step that reads each value, also through views. */
function lastReads(
  steps: readonly Equation[],
  views: ReadonlyMap<Atom, Equation>,
  results: ReadonlySet<Atom>,
): ReadonlyMap<Atom, number> {
  const last = new Map<Atom, number>();
  steps.forEach((step, i) => {
    for (const a of step.inputs) {
      let source = a;
      for (let view = views.get(source); view; view = views.get(source)) source = view.inputs[0]!;
      last.set(source, i);
    }
  });
  for (const a of results) last.set(a, Infinity);
  return last;
}

/** The steps in lists of at most `most` equations. */
function cut(
  steps: readonly Equation[],
  lastRead: ReadonlyMap<Atom, number>,
  most: number,
): Equation[][] {
  const lists: Equation[][] = [];
  for (let start = 0; start < steps.length;) {
    let best = { end: start + 1, handed: Infinity };
    let size = 0;
    let handed = 0; // values of this piece that are read after `at`
    const ends = new Map<number, number>();
    let at = start;
    for (; at < steps.length; at++) {
      const step = steps[at]!;
      size += equationsIn({ equations: [step] });
      if (size > most && at > start) break;
      for (const v of step.outputs) {
        const last = lastRead.get(v) ?? at;
        if (last <= at) continue;
        handed++;
        ends.set(last, (ends.get(last) ?? 0) + 1);
      }
      handed -= ends.get(at) ?? 0;
      if (2 * size >= most && handed < best.handed) best = { end: at + 1, handed };
    }
    const end = at === steps.length ? at : best.end;
    lists.push(steps.slice(start, end));
    start = end;
  }
  return lists;
}

/** Equations with the views through which they read, and what they read from elsewhere. */
function withViews(
  own: readonly Equation[],
  views: ReadonlyMap<Atom, Equation>,
): Pick<Program, "equations"> & { readonly inputs: readonly Var[] } {
  const equations: Equation[] = [];
  const defined = new Set<Atom>();
  const inputs = new Set<Var>();
  for (const e of own) {
    for (const a of e.inputs) {
      const chain: Equation[] = [];
      let source = a;
      while (!defined.has(source)) {
        const view = views.get(source);
        if (!view) break;
        chain.push(view);
        source = view.inputs[0]!;
      }
      if (source instanceof Var && !defined.has(source)) inputs.add(source);
      for (const view of chain.reverse()) {
        defined.add(view.outputs[0]!);
        equations.push(view);
      }
    }
    e.outputs.forEach((v) => defined.add(v));
    equations.push(e);
  }
  return { equations, inputs: [...inputs] };
}
