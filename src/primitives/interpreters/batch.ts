/** Vectorization: from a program on single elements to the program on a batch of them. */
import { Environment } from "../../core/evaluate.ts";
import {
  asOperands,
  type Equation,
  inputAvals,
  type MappedAxis,
  type Program,
  subprograms,
} from "../../core/program.ts";
import { type Aval, Var } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed, withSourceLocation } from "../../core/trace.ts";
import { broadcastBatch } from "../broadcast.ts";
import { flagsKey, Remembered } from "./remembered.ts";

/** A batched program, and which outputs carry the batch (as axis 0). */
export interface BatchedProgram {
  readonly program: Program;
  readonly batched: readonly boolean[];
}

/** The abstract value of a batch of `size`. */
export function batchAval(a: Aval, size: number): Aval {
  return { ...a, shape: [size, ...a.shape] };
}

/**
 * The program on inputs of which those that `batched` names carry a batch as axis 0.
 * Outputs that `force` names are batched in any case.
 */
export function batchProgram(
  program: Program,
  batched: readonly boolean[],
  axis: MappedAxis,
  force: readonly boolean[] = [],
): BatchedProgram {
  if (force.some(Boolean)) {
    // Mostly those outputs are batched anyway, and the program is there already.
    const found = batchProgram(program, batched, axis);
    if (force.every((f, i) => !f || found.batched[i])) return found;
  }
  const key = `${JSON.stringify(axis.name)} ${axis.size} ${flagsKey(batched)} ${flagsKey(force)}`;
  return remembered.of(program, key, () => derive(program, batched, axis, force));
}

const remembered = new Remembered<BatchedProgram>();

function derive(
  program: Program,
  batched: readonly boolean[],
  axis: MappedAxis,
  force: readonly boolean[],
): BatchedProgram {
  let outBatched: readonly boolean[] = [];
  const avals = inputAvals(program).map((a, i) => batched[i] ? batchAval(a, axis.size) : a);
  const result = traceClosed((...inputs) => {
    const [outputs, flags] = runBatched(program, inputs, batched, axis);
    outBatched = flags.map((b, i) => b || (force[i] ?? false));
    return outputs.map((x, i) => outBatched[i] && !flags[i] ? broadcastBatch(x, axis.size) : x);
  }, avals);
  return { program: result, batched: outBatched };
}

/** Runs a program on batches; outputs that no batched input reaches come without one. */
export function runBatched(
  program: Program,
  inputs: readonly Tensor[],
  batched: readonly boolean[],
  axis: MappedAxis,
): [outputs: Tensor[], batched: boolean[]] {
  const env = new Environment(program.inputs, inputs);
  const carried = new Set<unknown>(program.inputs.filter((_, i) => batched[i]));
  for (const equation of program.equations) {
    const { primitive, params, inputs, outputs, site } = equation;
    const values = inputs.map((a) => env.read(a));
    const flags = inputs.map((a) => carried.has(a));
    withSourceLocation(site, () => {
      if (!flags.includes(true) && !mayExchange(equation, axis)) {
        env.define(outputs, bind(primitive, values, params));
        return;
      }
      const result = primitive.batch(asOperands(values), asOperands(flags), params, axis);
      env.define(outputs, result.outputs);
      outputs.forEach((v, i) => (result.batched?.[i] ?? true) && carried.add(v));
    });
  }
  return [
    program.outputs.map((a) => env.read(a)),
    program.outputs.map((a) => a instanceof Var && carried.has(a)),
  ];
}

/** True if an equation exchanges values along this axis, or holds a program that does. */
export function exchanges(equation: Equation, { name }: MappedAxis): boolean {
  return name !== undefined &&
    holds(equation, ({ primitive, params }) => primitive.alongAxis?.(params) === name);
}

/** As `exchanges`, or a call may do so in its derivative alone, which is not known yet. */
function mayExchange(equation: Equation, axis: MappedAxis): boolean {
  return exchanges(equation, axis) ||
    axis.name !== undefined && holds(equation, ({ primitive }) => primitive.inline !== undefined);
}

function holds(equation: Equation, test: (equation: Equation) => boolean): boolean {
  return test(equation) ||
    subprograms(equation.params).some((p) => p.equations.some((e) => holds(e, test)));
}
