/**
 * Divides a program into graphs for ONNX Runtime and kernels of WebAssembly, which alternate. A kernel runs
 * at the end, where an optimizer updates all parameters, and wherever large tensors would go through several
 * operations of ONNX Runtime, each of which reads and writes all of memory.
 */
import { type Atom, sizeOf, Var } from "../../../core/aval.ts";
import type { Equation, Program } from "../../../core/program.ts";
import { primitives } from "../../../primitives/index.ts";
import { definitionsOf, type EquationOf, isEquation } from "../../../compiler/rewrite.ts";
import { divisorOf } from "../lower/sums.ts";
import { isEmpty } from "../operand.ts";
import type { Stage } from "../code.ts";
import { emitterOf } from "./emit.ts";
import { loopsOf } from "./loops.ts";
import { splitEpilogue } from "./elementwiseEpilogue.ts";
import { isRepeat, isScalar, isView } from "./views.ts";

/**
 * The least work that is worth a kernel between graphs, which costs two calls and leaves each session less to optimize:
 * the number of elements of a tensor, and of all tensors of a kernel.
 */
export interface Worth {
  readonly tensor: number;
  readonly kernel: number;
}

/** The stages of a program in order; nothing where one graph is as fast. */
export function stagesOf(
  program: Program,
  worth: Worth = { tensor: 2 ** 18, kernel: 2 ** 20 },
): readonly Stage[] | undefined {
  const computed = new Set<Atom>(program.equations.flatMap((e) => e.outputs));
  if (!program.outputs.every((a) => computed.has(a))) return undefined;
  const { before, tail } = splitEpilogue(program);
  const stages = divide({ ...program, equations: before }, tail, worth);
  return stages.some((s) => s.kind === "kernel") ? stages : undefined;
}

/** Stages of the equations before the tail, and the tail. */
function divide(program: Program, tail: readonly Equation[], worth: Worth): Stage[] {
  const made = new Set<Atom>(tail.flatMap((e) => e.outputs));
  const wanted = new Set<Atom>(
    [...program.outputs, ...tail.flatMap((e) => e.inputs)].filter((a) => !made.has(a)),
  );
  const equations = program.equations.flatMap((e) =>
    isLarge(e, worth.tensor) ? inShortSums(e) : [e]
  );
  const large = new Set(equations.filter((e) => isLarge(e, worth.tensor)));
  let places: ReadonlyMap<Equation, number>;
  for (;;) {
    places = placesOf(equations, wanted, large);
    const idle = idleOf(places, worth.kernel);
    if (idle.length === 0) break;
    idle.forEach((e) => large.delete(e));
  }
  const stages = assembled(equations, places, tail, program.outputs);
  const fits = stages.every((s) => s.kind === "graph" || loopsOf(s.program) !== undefined);
  if (fits) return stages;
  return assembled(equations, placesOf(equations, wanted, new Set()), tail, program.outputs);
}

const kindOf = (place: number) => place % 2 === 0 ? "graph" : "kernel";

/** Equations of kernels that have less to do than they should. */
function idleOf(places: ReadonlyMap<Equation, number>, least: number): Equation[] {
  const byPlace = Map.groupBy(places.keys(), (e) => places.get(e)!);
  return [...byPlace].filter(([place, own]) =>
    kindOf(place) === "kernel" &&
    own.reduce((n, e) => n + sizeOf(e.inputs[0]!.aval.shape), 0) < least
  ).flatMap(([, own]) => own);
}

/**
 * The turn of each equation, as early as what it reads allows: graphs have even numbers and kernels odd ones. Equations
 * that compute nothing have none: they are part of whatever reads them, if that can.
 */
function placesOf(
  equations: readonly Equation[],
  wanted: ReadonlySet<Atom>,
  large: ReadonlySet<Equation>,
): Map<Equation, number> {
  const places = new Map<Equation, number>();
  const makers = definitionsOf(equations);
  /** When a value is there for a reader in a graph, and for one in a kernel. */
  const ready = (a: Atom): { graph: number; kernel: number } => {
    const maker = makers.get(a);
    if (!maker) return { graph: 0, kernel: 1 };
    const place = places.get(maker);
    if (place === undefined) {
      const source = ready(maker.inputs[0]!);
      // A kernel repeats only values in memory.
      const waits = isRepeat(maker) && !isScalar(maker.inputs[0]!) && source.graph > 0;
      return waits ? { ...source, kernel: source.graph + 1 } : source;
    }
    if (kindOf(place) === "graph") return { graph: place, kernel: place + 1 };
    const whole = !isEquation(maker, "reduceSum");
    return { graph: place + 1, kernel: whole ? place : place + 2 };
  };
  const held = heldFor(equations, large);
  for (const equation of equations) {
    const { inputs, outputs } = equation;
    const here = (a: Atom) => wanted.has(a) || (isTurn(equation) && held.has(a));
    const computes = !isView(equation) && !isRepeat(equation) && !isTurn(equation);
    if (!computes && !outputs.some(here)) continue;
    const kind = large.has(equation) ? "kernel" : "graph";
    const first = kind === "graph" ? 0 : 1;
    places.set(equation, inputs.reduce((n, a) => Math.max(n, ready(a)[kind]), first));
  }
  return places;
}

/** True if it gives its operand's elements in another order: as they are read, in a graph. */
function isTurn(equation: Equation): boolean {
  return isEquation(equation, "transpose");
}

/** The atoms that kernels read, directly or through views and repetitions. */
function heldFor(equations: readonly Equation[], large: ReadonlySet<Equation>): Set<Atom> {
  const held = new Set<Atom>();
  for (const e of equations.toReversed()) {
    const seenThrough = (isView(e) || isRepeat(e)) && held.has(e.outputs[0]!);
    if (large.has(e) || seenThrough) e.inputs.forEach((a) => held.add(a));
  }
  return held;
}

/** True if a kernel could do it, and it has so many elements to go through. */
function isLarge(e: Equation, least: number): boolean {
  const [x] = e.inputs;
  if (!x || isView(e) || isRepeat(e) || sizeOf(x.aval.shape) < Math.max(2, least)) return false;
  if ([...e.inputs, ...e.outputs].some((a) => a.aval.dtype === "float64" || isEmpty(a.aval))) {
    return false;
  }
  return isEquation(e, "reduceSum") ? isSumOfRows(e) : emitterOf(e, false) !== undefined;
}

/** True if it adds up along all but some last axes, which vectors fit, and can be cut where it is long. */
function isSumOfRows({ params, inputs: [x] }: EquationOf<"reduceSum">): boolean {
  const { shape, dtype } = x!.aval;
  const { axes } = params;
  const last = shape[Math.max(...axes)]!;
  return dtype === "float32" && !axes.includes(shape.length - 1) && shape.at(-1)! % 4 === 0 &&
    (last <= mostSummands || divisorOf(last, mostSummands) !== undefined);
}

// Summands that are added one by one; more would lose digits.
const mostSummands = 128;

/** A large sum as sums of short stretches and sums of those, of which only the first have much to do. */
function inShortSums(e: Equation): Equation[] {
  if (!isEquation(e, "reduceSum")) return [e];
  const { axes } = e.params;
  const { aval } = e.inputs[0]!;
  const last = Math.max(...axes);
  const size = aval.shape[last]!;
  if (size > mostSummands) {
    const part = divisorOf(size, mostSummands);
    if (part === undefined) return [e];
    const shape = aval.shape.toSpliced(last, 1, size / part, part);
    const split = new Var({ ...aval, shape });
    const reshaped = { ...e, primitive: primitives.reshape, params: { shape }, outputs: [split] };
    const both = { axes: [...axes, last + 1] };
    return [reshaped, ...inShortSums({ ...e, params: both, inputs: [split] })];
  }
  const inner: number[] = [];
  let summands = 1;
  for (const a of axes.toSorted((a, b) => b - a)) {
    if (summands * aval.shape[a]! > mostSummands) break;
    summands *= aval.shape[a]!;
    inner.unshift(a);
  }
  if (inner.length === axes.length) return [e];
  const left = aval.shape.map((_, a) => a).filter((a) => !inner.includes(a));
  const part = new Var({ ...aval, shape: left.map((a) => aval.shape[a]!) });
  const rest = left.flatMap((a, i) => axes.includes(a) ? [i] : []);
  return [
    { ...e, params: { axes: inner }, outputs: [part] },
    ...inShortSums({ ...e, params: { axes: rest }, inputs: [part] }),
  ];
}

/**
 * Equations by their turns as programs, those of even turns in graphs: with the views that each reads through, and what others read of
 * it.
 */
export function assembled(
  equations: readonly Equation[],
  places: ReadonlyMap<Equation, number>,
  tail: readonly Equation[],
  outputs: readonly Atom[],
  odd: Exclude<Stage["kind"], "graph"> = "kernel",
): Stage[] {
  const makers = definitionsOf(equations);
  const turns = Map.groupBy(equations.filter((e) => places.has(e)), (e) => places.get(e)!);
  const parts: { readonly kind: Stage["kind"]; readonly own: readonly Equation[] }[] = [...turns]
    .sort(([a], [b]) => a - b).map(([place, own]) => ({
      kind: kindOf(place) === "graph" ? "graph" : odd,
      own,
    }));
  if (tail.length > 0) parts.push({ kind: "kernel", own: tail });
  const drafts = parts.map(({ kind, own }) => {
    const all: Equation[] = [];
    const defined = new Set<Atom>();
    const read = new Set<Var>();
    const include = (e: Equation): void => {
      for (const a of e.inputs) {
        if (!(a instanceof Var) || defined.has(a)) continue;
        const maker = makers.get(a);
        if (maker && !places.has(maker)) include(maker);
        else read.add(a);
      }
      e.outputs.forEach((v) => defined.add(v));
      all.push(e);
    };
    own.forEach(include);
    return { kind, own, all, read };
  });
  const needed = new Set<Atom>([...outputs, ...drafts.flatMap((d) => [...d.read])]);
  return drafts.map(({ kind, own, all, read }) => ({
    kind,
    program: {
      inputs: [...read],
      equations: all,
      outputs: own.flatMap((e) => e.outputs).filter((v) => needed.has(v)),
    },
  }));
}
