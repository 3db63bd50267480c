/** Programs as code: each step in its turn, its results in memory that is free again after they were last read. */
import { type Atom, type Literal, sizeOf } from "../../../core/aval.ts";
import type { Program } from "../../../core/program.ts";
import type { Code } from "../simd/assembler.ts";
import { literalBits } from "../simd/kernel.ts";
import { controlWriters } from "./control.ts";
import { dotWriters } from "./dot.ts";
import { costOf, functionOf } from "./functions.ts";
import { indexingWriters } from "./indexing.ts";
import { moveWriters } from "./moves.ts";
import { nest, type Operand } from "./nest.ts";
import { type Address, long, type Place, type Root } from "./place.ts";
import { Plan, type Step, type Surroundings } from "./plan.ts";
import { randomWriters } from "./random.ts";
import { reduceWriters } from "./reduce.ts";
import { type Context, copy, load1, operandOf, type StepWriter } from "./table.ts";
import type { Writer } from "./writer.ts";

/** The steps that are no element-wise loops, by the names of their primitives. */
export const writers: { readonly [name: string]: StepWriter } = {
  ...dotWriters,
  ...reduceWriters,
  ...moveWriters,
  ...indexingWriters,
  ...randomWriters,
  ...controlWriters(writeProgram),
};

/**
 * Writes a program for inputs in these places. `settle` may say where results go; `finish` uses them while they are
 * there.
 */
export function writeProgram(
  context: Context,
  program: Program,
  inputs: readonly Place[],
  finish: (outputs: readonly Place[]) => void,
  settle: (plan: Plan) => void = () => {},
): void {
  const { w, ramps } = context;
  const surroundings: Surroundings = {
    literal: (a: Literal) => ({
      size: 1,
      dtype: a.aval.dtype,
      source: { splat: w.bits(literalBits(a)) },
    }),
    ramp: (dtype) => ramps[dtype],
  };
  w.scoped(() => {
    const plan = new Plan(program, inputs, surroundings);
    settle(plan);
    const last = plan.lastReads();
    const own = new Set<Root>();
    const release = (root: Root) => own.delete(root) && w.give(root);
    plan.steps.forEach((step, i) => {
      for (const root of step.writes) {
        if (root.source || (step.kind === "cluster" && root.size > 1 && !last.has(root))) continue;
        root.source = w.take(root);
        own.add(root);
      }
      writeStep(context, plan, step);
      for (const root of [...step.reads, ...step.writes]) {
        if ((last.get(root) ?? i) <= i) release(root);
      }
    });
    finish(program.outputs.map((a) => plan.place(a)));
    own.forEach(release);
  });
}

function writeStep(context: Context, plan: Plan, step: Step): void {
  const { w } = context;
  if (step.kind === "cluster") {
    return step.shape.length === 0 ? scalars(w, plan, step) : cluster(w, plan, step);
  }
  if (step.kind === "copy") return copy(w, step.from, step.writes[0]!.source!);
  const { equation } = step;
  const write = writers[equation.primitive.name]!; // programs are made of what has one
  w.scoped(() => write(context, equation, equation.inputs.map((a) => plan.place(a)), step.writes));
}

type Cluster = Extract<Step, { kind: "cluster" }>;

/** Results of one element each, in variables. */
function scalars(w: Writer, plan: Plan, { equations }: Cluster): void {
  for (const e of equations) {
    const { root } = plan.place(e.outputs[0]!);
    w.scoped(() => {
      const operands = e.inputs.map((a) => load1(w, plan.place(a)));
      const value = functionOf(e, true)!(w, ...operands); // programs are made of what has one
      w.set((root.source as { splat: Code }).splat, value);
    });
  }
}

/** One loop for some element-wise equations. */
function cluster(w: Writer, plan: Plan, { equations, shape, writes }: Cluster): void {
  const at = plan.stepOf(writes[0]!);
  const reads: Operand[] = [];
  const keys = new Map<string, number>();
  const roots = new Map<Root, number>();
  /** The number of an operand among those that are read. */
  const numberOf = (p: Place): number => {
    let root = roots.get(p.root);
    if (root === undefined) roots.set(p.root, root = roots.size);
    const strides = p.strides.filter((_, a) => p.shape[a] !== 1);
    const key = `${root}:${p.offset}:${strides}`;
    let found = keys.get(key);
    if (found === undefined) {
      found = reads.push(operandOf(long(p))) - 1;
      keys.set(key, found);
    }
    return found;
  };
  const operands = equations.map((e) =>
    e.inputs.map((a: Atom) => {
      const p = plan.place(a);
      return plan.stepOf(p.root) === at ? p.root : numberOf(p);
    })
  );
  const results = equations.map((e) => plan.place(e.outputs[0]!).root);
  const stored = results.filter((r) => r.source);
  const strides = shape.map((_, a) => sizeOf(shape.slice(a + 1)));
  const targets = stored.map((r) => ({ source: r.source as Address, strides, exact: false }));
  const cost = equations.reduce((sum, e) => sum + costOf(e), 0);
  nest(w, shape, reads, targets, cost, (vectors) => {
    const values = new Map<Root, Code>();
    equations.forEach((e, i) => {
      const given = operands[i]!.map((o) => typeof o === "number" ? vectors[o]! : values.get(o)!);
      values.set(results[i]!, w.keep(functionOf(e, false)!(w, ...given)));
    });
    return stored.map((r) => values.get(r)!);
  });
}
