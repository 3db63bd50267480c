/**
 * Where a program is cut: a graph for ONNX Runtime, then a tail of element-wise work for WebAssembly. The
 * tail is closed under consumers: nothing of it is read by the graph.
 */
import { bytesOf } from "../../../compiler/liveness.ts";
import { type Atom, type Equation, type Program, sizeOf, Var } from "../../../core/program.ts";
import { isEmpty } from "../operand.ts";
import { emitterOf } from "./emit.ts";

/** Both parts. The tail's inputs are inputs of the program or outputs of the graph. */
export interface Cut {
  /** What comes before the tail, if anything does. */
  readonly graph: Program | undefined;
  readonly tail: Program;
}

// Nanoseconds, measured on a Xeon: what ONNX Runtime takes for an operation and for a tensor that comes in
// or goes out, what either takes for a byte read or written, and what a kernel takes beside.
const perNode = 400;
const perFeed = 2600;
const perByte = 0.025;
const perKernel = 2000;

/** The program in two parts; nothing where ONNX Runtime alone is as fast. */
export function partition(program: Program): Cut | undefined {
  const computed = new Set<Atom>(program.equations.flatMap((e) => e.outputs));
  if (!program.outputs.every((a) => computed.has(a))) return undefined;
  const { before, after } = split(program);
  const made = new Set<Atom>(after.flatMap((e) => e.outputs));
  const needed = varsOf(after.flatMap((e) => e.inputs)).filter((v) => !made.has(v));
  const given = new Set<Atom>(program.inputs);
  const read = new Set<Atom>(before.flatMap((e) => e.inputs));
  const graph = {
    inputs: program.inputs.filter((v) => read.has(v)),
    equations: before,
    outputs: varsOf([...program.outputs, ...needed]).filter((v) => !made.has(v) && !given.has(v)),
  };
  const outputs = program.outputs.filter((a) => made.has(a));
  if (outputs.length === 0) return undefined;
  const tail = { inputs: needed, equations: after, outputs };
  if (graph.outputs.length === 0) return { graph: undefined, tail };
  const feeds = (p: Program) => p.inputs.length + p.outputs.length;
  const fills = new Set<Atom>(after.filter(isFill).flatMap((e) => e.outputs));
  const bytes = (atoms: readonly Atom[]) =>
    sum(atoms.map((a) => a instanceof Var && !fills.has(a) ? perByte * bytesOf(a.aval) : 0));
  const nodes = after.filter((e) => !isFill(e) && !isView(e));
  const saved = sum(nodes.map((e) => perNode + bytes(e.inputs) + bytes(e.outputs)));
  const spent = perKernel + bytes(tail.inputs) + bytes(tail.outputs) +
    perFeed * (feeds(graph) - feeds(program));
  return saved > spent ? { graph, tail } : undefined;
}

/** The longest tail, and what has to come before it. Fills may be in both: they cost nothing. */
function split(program: Program): { before: Equation[]; after: Equation[] } {
  const [before, after]: Equation[][] = [[], []];
  const readBefore = new Set<Atom>();
  const readAfter = new Set<Atom>(program.outputs);
  for (const equation of program.equations.toReversed()) {
    const early = equation.outputs.some((v) => readBefore.has(v));
    const known = isKnown(equation);
    if (early || !known) {
      before!.push(equation);
      equation.inputs.forEach((a) => readBefore.add(a));
      if (!known || !isFill(equation)) continue;
      if (!equation.outputs.some((v) => readAfter.has(v))) continue;
    }
    after!.push(equation);
    equation.inputs.forEach((a) => readAfter.add(a));
  }
  return { before: before!.reverse(), after: after!.reverse() };
}

/** Whether a kernel can do it. */
function isKnown(equation: Equation): boolean {
  const atoms = [...equation.inputs, ...equation.outputs];
  if (atoms.some(({ aval }) => aval.dtype === "float64" || isEmpty(aval))) return false;
  return isFill(equation) || isView(equation) ||
    emitterOf(equation, isScalar(equation.outputs[0]!)) !== undefined;
}

/** Whether there is one element. */
export function isScalar({ aval }: Atom): boolean {
  return sizeOf(aval.shape) === 1;
}

/** Whether it repeats one element. */
export function isFill({ primitive, inputs }: Equation): boolean {
  return primitive.name === "broadcast" && isScalar(inputs[0]!);
}

/** Whether it gives its operand's elements in their order. */
export function isView({ primitive }: Equation): boolean {
  return primitive.name === "reshape" || primitive.name === "stopGradient";
}

const varsOf = (atoms: readonly Atom[]): Var[] => [
  ...new Set(atoms.filter((a): a is Var => a instanceof Var)),
];
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
