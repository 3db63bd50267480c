/**
 * Loops that stack less for other loops. Much of what a derivative's loop reads of each step of the loop before it is
 * cheap to compute from the rest: only that is stacked, and the others are computed again where they are read.
 */
import { type Atom, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { interleave, multipliedIn, split, worthEquation } from "./minCut.ts";
import { eliminateDeadCodeDeep } from "../passes/deadCode.ts";
import { bytesOf, peakBytes } from "../liveness.ts";
import { definitionsOf, type EquationOf, isEquation, rewrite } from "../rewrite.ts";

// A stack takes time as well: it is written and read once more than what a step keeps to itself.
const byte = 1 / 8;

/** The program with less written by `scan`s for those that read it. Its peak is not higher. */
export function recomputeResiduals(program: Program, equation: number = worthEquation): Program {
  let now = rewrite(program, (within) => recomputeResiduals(within, equation), (e) => [e]);
  const loops = now.equations.filter((e) => isEquation(e, "scan")).map((e) => e.outputs);
  // Unread values are removed on the way, so loops are identified by the variables that they define.
  const find = (outputs: readonly Var[]) =>
    now.equations.find((e) => e.outputs.some((v) => outputs.includes(v)));
  for (const [i, written] of loops.entries()) {
    for (const read of loops.slice(i + 1)) {
      const [writer, reader] = [find(written), find(read)];
      if (!isEquation(writer, "scan") || !isEquation(reader, "scan")) continue;
      const thinner = between(now, writer, reader, equation);
      if (thinner && peakBytes(thinner) <= peakBytes(now)) now = thinner;
    }
  }
  return now;
}

/** The program with less written by one loop for another; nothing where all of it is needed. */
function between(
  program: Program,
  writer: EquationOf<"scan">,
  reader: EquationOf<"scan">,
  equation: number,
): Program | undefined {
  const { inputs, equations, outputs } = program;
  const [from, to] = [equations.indexOf(writer), equations.indexOf(reader)];
  const [writes, reads] = [writer.params, reader.params];
  const { body, consts, carry, length } = writes;
  const firstX = reads.consts + reads.carry;

  // Values of the writer's body, by what they are outside: constants, slices of its own, and what it stacks.
  const given = new Map<Atom, Atom>(body.inputs.map((v, i) => [v, writer.inputs[i]!]));
  body.inputs.slice(consts, consts + carry).forEach((v) => given.delete(v));
  const stacks = new Map<Atom, Var>();
  const valueOf = new Map<Atom, Atom>();
  writer.outputs.slice(carry).forEach((y, i) => {
    stacks.set(body.outputs[carry + i]!, y);
    valueOf.set(y, body.outputs[carry + i]!);
  });
  // The values in the writer's body that correspond to the reader's slices.
  const known = new Map<Atom, Var>();
  reader.inputs.slice(firstX).forEach((x, i) => {
    const value = valueOf.get(x);
    if (value instanceof Var) known.set(reads.body.inputs[firstX + i]!, value);
  });

  const readFrom = (first: number, except?: Equation) =>
    equations.slice(first).filter((e) => e !== except).flatMap((e) => e.inputs);
  const later = new Set<Atom>([...inputs, ...outputs, ...readFrom(to)]);
  const elsewhere = new Set<Atom>([
    ...outputs,
    ...readFrom(from + 1, reader),
    ...reader.inputs.slice(0, firstX),
  ]);
  const multiplied = new Set([...multipliedIn(reads.body.equations)].map((a) => known.get(a)));
  const keep = (v: Var): number => {
    const outer = given.get(v);
    if (outer) return outer instanceof Var && !later.has(outer) ? bytesOf(outer.aval) : 0;
    const stack = stacks.get(v);
    const there = stack && (elsewhere.has(stack) || multiplied.has(v));
    return there ? 0 : length * bytesOf(v.aval);
  };
  const definitions = definitionsOf(body.equations);
  const prices = { keep, equation, byte: byte * length };
  const { kept, again } = split(known.values(), definitions, prices);
  if (again.size === 0) return undefined;

  // Kept values come to the reader as constants, or step by step.
  const fixed = new Set<Atom>(body.inputs.slice(0, consts));
  const added = { consts: new Map<Var, Atom>(), xs: new Map<Var, Atom>() };
  const fresh = [...kept].filter((v) => !given.has(v) && !stacks.has(v));
  const stackOf = (v: Var) => new Var({ ...v.aval, shape: [length, ...v.aval.shape] });
  const stacked = new Map(fresh.map((v) => [v, stackOf(v)] as const));
  for (const v of kept) {
    const copy = new Var(v.aval);
    known.set(v, copy);
    const outer = given.get(v) ?? stacks.get(v) ?? stacked.get(v)!;
    (fixed.has(v) ? added.consts : added.xs).set(copy, outer);
  }
  const written: Equation = {
    ...writer,
    params: { ...writes, body: { ...body, outputs: [...body.outputs, ...stacked.keys()] } },
    outputs: [...writer.outputs, ...stacked.values()],
  };
  const read: Equation = {
    ...reader,
    params: {
      ...reads,
      consts: reads.consts + added.consts.size,
      body: {
        inputs: [...added.consts.keys(), ...reads.body.inputs, ...added.xs.keys()],
        ...interleave(reads.body, again, definitions, known),
      },
    },
    inputs: [...added.consts.values(), ...reader.inputs, ...added.xs.values()],
  };
  return eliminateDeadCodeDeep({
    ...program,
    equations: equations.with(from, written).with(to, read),
  });
}
