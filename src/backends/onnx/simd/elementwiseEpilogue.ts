/** The element-wise end of a program: closed under consumers, so that nothing before it waits for it. */
import { bytesOf } from "../../../compiler/liveness.ts";
import { type Atom, Var } from "../../../core/aval.ts";
import type { Equation, Program } from "../../../core/program.ts";
import { isEmpty } from "../operand.ts";
import { emitterOf } from "./emit.ts";
import { isFill, isScalar, isView } from "./views.ts";

// Nanoseconds, measured on a Xeon: what ONNX Runtime takes for an operation and for a tensor that comes in
// or goes out, what either takes for a byte read or written, and what a kernel takes beside.
const perNode = 400;
const perFeed = 2600;
const perByte = 0.025;
const perKernel = 2000;

/** The equations of a tail and those before it. Without a tail where ONNX Runtime does that as fast. */
export function splitEpilogue(
  program: Program,
): { readonly before: readonly Equation[]; readonly tail: readonly Equation[] } {
  const { before, tail } = split(program);
  return paysOff(program, before, tail)
    ? { before, tail }
    : { before: program.equations, tail: [] };
}

/** The longest tail, and what has to come before it. Fills may be in both: they cost nothing. */
function split(program: Program): { before: Equation[]; tail: Equation[] } {
  const [before, tail]: [Equation[], Equation[]] = [[], []];
  const readBefore = new Set<Atom>();
  const readAfter = new Set<Atom>(program.outputs);
  for (const equation of program.equations.toReversed()) {
    const early = equation.outputs.some((v) => readBefore.has(v));
    const known = isKnown(equation);
    if (early || !known) {
      before.push(equation);
      equation.inputs.forEach((a) => readBefore.add(a));
      if (!known || !isFill(equation)) continue;
      if (!equation.outputs.some((v) => readAfter.has(v))) continue;
    }
    tail.push(equation);
    equation.inputs.forEach((a) => readAfter.add(a));
  }
  return { before: before.reverse(), tail: tail.reverse() };
}

function paysOff(
  program: Program,
  before: readonly Equation[],
  tail: readonly Equation[],
): boolean {
  const made = new Set<Atom>(tail.flatMap((e) => e.outputs));
  const outputs = program.outputs.filter((a) => made.has(a));
  if (outputs.length === 0) return false;
  const inputs = varsOf(tail.flatMap((e) => e.inputs)).filter((v) => !made.has(v));
  const given = new Set<Atom>(program.inputs);
  const read = new Set<Atom>(before.flatMap((e) => e.inputs));
  const passed = varsOf([...program.outputs, ...inputs]).filter((v) =>
    !made.has(v) && !given.has(v)
  );
  if (passed.length === 0) return true;
  const feeds = program.inputs.filter((v) => read.has(v)).length + passed.length -
    program.inputs.length - program.outputs.length;
  const fills = new Set<Atom>(tail.filter(isFill).flatMap((e) => e.outputs));
  const bytes = (atoms: readonly Atom[]) =>
    sum(atoms.map((a) => a instanceof Var && !fills.has(a) ? perByte * bytesOf(a.aval) : 0));
  const nodes = tail.filter((e) => !isFill(e) && !isView(e));
  const saved = sum(nodes.map((e) => perNode + bytes(e.inputs) + bytes(e.outputs)));
  return saved > perKernel + bytes(inputs) + bytes(outputs) + perFeed * feeds;
}

/** True if a kernel can do it at the end of a program. */
function isKnown(equation: Equation): boolean {
  const atoms = [...equation.inputs, ...equation.outputs];
  if (atoms.some(({ aval }) => aval.dtype === "float64" || isEmpty(aval))) return false;
  return isFill(equation) || isView(equation) ||
    emitterOf(equation, isScalar(equation.outputs[0]!)) !== undefined;
}

const varsOf = (atoms: readonly Atom[]): Var[] => [
  ...new Set(atoms.filter((a): a is Var => a instanceof Var)),
];
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
