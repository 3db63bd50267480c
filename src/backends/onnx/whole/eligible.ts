/**
 * Programs that one function does better than graphs: all of their instructions have code here, and so little is computed
 * at a time that ONNX Runtime would be busy with starting operations.
 */
import { type Atom, sizeOf } from "../../../core/aval.ts";
import { type Equation, type Program, subprograms } from "../../../core/program.ts";
import { multiplyAddsOf } from "../../../compiler/cost.ts";
import { hasFewSteps } from "../../../compiler/passes/unroll.ts";
import { type EquationOf, isEquation } from "../../../compiler/rewrite.ts";
import { elementwisePrimitives } from "../../../primitives/index.ts";
import { isEmpty } from "../operand.ts";
import { costOf, functionOf } from "./functions.ts";
import { writers } from "./program.ts";

const moves = new Set([
  ...["broadcast", "transpose", "slice", "reverse", "stopGradient", "barrier", "reshape", "iota"],
]);

// Numbers that are added one after the other, each with a rounding.
const mostTerms = 512;

/** True if there is code for everything in a program. */
export function canBeWhole(program: Program): boolean {
  const atoms: readonly Atom[] = [...program.inputs, ...program.outputs];
  return !atoms.some(isForeign) && program.equations.every(canBeWritten);
}

/** True if there is code for an equation. */
export function canBeWritten(e: Equation): boolean {
  if ([...e.inputs, ...e.outputs].some(isForeign)) return false;
  const { name } = e.primitive;
  if (isEquation(e, "iota") && e.params.dtype === "bool") return false;
  if (moves.has(name)) return true;
  if (Object.hasOwn(elementwisePrimitives, name)) return functionOf(e, false) !== undefined;
  if (!Object.hasOwn(writers, name) || !isShort(e)) return false;
  return subprograms(e.params).every(canBeWhole);
}

const isForeign = ({ aval }: Atom) => aval.dtype === "float64" || isEmpty(aval);

function isShort(e: Equation): boolean {
  const [x] = e.inputs;
  if (!x || x.aval.dtype !== "float32") return true;
  const { shape } = x.aval;
  const terms = (axes: readonly number[]) => sizeOf(axes.map((a) => shape[a]!));
  if (isEquation(e, "reduceSum")) return terms(e.params.axes) <= mostTerms;
  if (isEquation(e, "dot")) return terms(e.params.lhsContract) <= mostTerms;
  return !isEquation(e, "cumsum") || shape[e.params.axis]! <= mostTerms / 4;
}

/** Nanoseconds, roughly, that a program takes as one function, and as a graph. */
export interface Times {
  readonly whole: number;
  readonly graph: number;
}

// Measured on a Xeon. What ONNX Runtime takes for a node and, in a loop, for a step; of one element, and of a product
// for a multiplication and addition. The same for code of one's own.
const node = { graph: 350, whole: 4 };
const step = { graph: 1500, whole: 2 };
const term = { graph: 0.03, whole: 0.06 };
const element = { graph: 0.12, whole: 0.12 };
const hardElement = { graph: 0.5, whole: 0.8 };
const lane = { graph: 3, whole: 12 };

// Steps of a loop of which nobody knows how many it takes.
const someSteps = 20;

/** The time that a program takes. */
export function timesOf(program: Program): Times {
  return program.equations.reduce((sum, e) => added(sum, timeOf(e)), nothing);
}

/** The time that an equation takes. */
export function timeOf(e: Equation): Times {
  if (isEquation(e, "scan")) {
    const each = hasFewSteps(e) ? { ...step, graph: 0 } : step;
    return scaled(added(timesOf(e.params.body), each), e.params.length);
  }
  if (isEquation(e, "while")) {
    const { condition, body, maxSteps = someSteps } = e.params;
    const each = added(added(timesOf(condition), timesOf(body)), step);
    return scaled(each, Math.min(maxSteps, someSteps));
  }
  const inner = subprograms(e.params).map(timesOf);
  if (inner.length > 0) return added(node, longest(inner));
  if (moves.has(e.primitive.name)) return { graph: node.graph / 4, whole: 0 };
  const elements = Math.max(...[...e.inputs, ...e.outputs].map((a) => sizeOf(a.aval.shape)));
  if (isEquation(e, "dot")) {
    const n = multiplyAddsOf(e);
    return { graph: node.graph + term.graph * n, whole: node.whole + term.whole * n };
  }
  const hard = Object.hasOwn(elementwisePrimitives, e.primitive.name) ? costOf(e) : 1;
  const each = hard >= 60 ? lane : hard > 1 ? hardElement : element;
  return added(node, scaled(each, elements));
}

const nothing: Times = { whole: 0, graph: 0 };
const added = (a: Times, b: Times): Times => ({
  whole: a.whole + b.whole,
  graph: a.graph + b.graph,
});
const scaled = (t: Times, n: number): Times => ({ whole: t.whole * n, graph: t.graph * n });
const longest = (times: readonly Times[]): Times => ({
  whole: Math.max(...times.map((t) => t.whole)),
  graph: Math.max(...times.map((t) => t.graph)),
});

/** An equation that is a loop. */
export function isLoop(e: Equation): e is EquationOf<"scan"> | EquationOf<"while"> {
  return isEquation(e, "scan") || isEquation(e, "while");
}
