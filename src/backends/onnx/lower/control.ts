/**
 * Loops and branches: graphs within the graph, which read from outside what they need. Values without
 * elements never enter them.
 */
import type { Aval } from "../../../core/aval.ts";
import type { Program } from "../../../core/program.ts";
import type { controlPrimitives, ScanParams, WhileParams } from "../../../primitives/index.ts";
import type { Graph, Value } from "../graph.ts";
import { empty, full, isEmpty, type Operand, operand } from "../operand.ts";
import { map, reshape } from "../values.ts";
import { count } from "./shape.ts";
import type { Lowering, Lowerings } from "./table.ts";

/** The function that lowers programs, which are the parameters of these primitives. */
type LowerProgram = (g: Graph, program: Program, inputs: readonly Operand[]) => Operand[];

/** Outputs in their places again, once those without elements were left out. */
function withEmpty(avals: readonly Aval[], values: readonly Value[]): Operand[] {
  let next = 0;
  return avals.map((a) => isEmpty(a) ? empty(a) : operand(values[next++]!));
}

const solid = (avals: readonly Aval[]) => avals.filter((a) => !isEmpty(a));
const solidValues = (g: Graph, operands: readonly Operand[]) =>
  operands.filter((x) => !isEmpty(x)).map((x) => full(g, x));
const typed = ({ shape, dtype }: Aval) => ({ shape, type: dtype });

/** New inputs of a graph for these types. */
const inputsOf = (g: Graph, avals: readonly Aval[]) =>
  withEmpty(avals, solid(avals).map((a) => g.input(typed(a))));

/**
 * ONNX's Scan, which reads and writes its slices in place. Unrolled loops were slower at any length
 * (measured: 3.8 against 3.0 µs a step of ten small operations), and their sessions far slower to make.
 */
const scan = (lowerProgram: LowerProgram): Lowering<ScanParams> => (g, inputs, params, outputs) => {
  const { body, consts, carry, length, reverse } = params;
  const outer = inputs.slice(0, consts);
  const init = inputs.slice(consts, consts + carry);
  const xs = inputs.slice(consts + carry);
  if (length <= 1) return unrolled(lowerProgram)(g, inputs, params, outputs);

  const inner = g.inner("loop");
  const [carryAvals, yAvals] = [outputs.slice(0, carry), outputs.slice(carry)];
  const state = inputsOf(inner, carryAvals);
  const slices = inputsOf(inner, body.inputs.slice(consts + carry).map((v) => v.aval));
  const solidXs = xs.filter((x) => !isEmpty(x));
  // The loop counts its steps by what it reads, so it must read something.
  const counted = solidXs.length > 0 ? [] : [count(g, length, "int32")];
  counted.forEach(() => inner.input({ shape: [], type: "int32" }));
  inner.finish(solidValues(inner, lowerProgram(inner, body, [...outer, ...state, ...slices])));
  const stacked = solidXs.map((x) => full(g, x));
  const ys = solid(yAvals).length;
  const read = stacked.length + counted.length;
  const direction = reverse ? 1 : 0;
  const results = g.nodes(
    "Scan",
    [...solidValues(g, init), ...stacked, ...counted],
    solid(outputs).map(typed),
    {
      body: inner,
      num_scan_inputs: read,
      scan_input_directions: Array<number>(read).fill(direction),
      ...(ys > 0 ? { scan_output_directions: Array<number>(ys).fill(direction) } : {}),
    },
  );
  return withEmpty(outputs, results);
};

/** One step, or none, needs no loop. */
const unrolled =
  (lowerProgram: LowerProgram): Lowering<ScanParams> => (g, inputs, params, outputs) => {
    const { body, consts, carry, length } = params;
    const init = inputs.slice(consts, consts + carry);
    if (length === 0) return [...init, ...outputs.slice(carry).map(empty)];
    const xs = inputs.slice(consts + carry).map((x) => ({
      value: isEmpty(x) ? x.value : reshape(g, full(g, x), x.shape.slice(1)),
      shape: x.shape.slice(1),
    }));
    const results = lowerProgram(g, body, [...inputs.slice(0, consts), ...init, ...xs]);
    return results.map((y, i) => {
      if (i < carry || isEmpty(y)) return { ...y, shape: outputs[i]!.shape };
      return operand(reshape(g, full(g, y), [1, ...y.shape]));
    });
  };

const whileLoop =
  (lowerProgram: LowerProgram): Lowering<WhileParams> => (g, inputs, params, outputs) => {
    const { condition, body, conditionConsts, bodyConsts, maxSteps } = params;
    const forCondition = inputs.slice(0, conditionConsts);
    const forBody = inputs.slice(conditionConsts, conditionConsts + bodyConsts);
    const init = inputs.slice(conditionConsts + bodyConsts);
    const holds = (at: Graph, carry: readonly Operand[]) =>
      full(at, lowerProgram(at, condition, [...forCondition, ...carry])[0]!);

    const inner = g.inner("loop");
    inner.input({ shape: [], type: "int64" }); // the number of the step
    inner.input({ shape: [], type: "bool" }); // the condition, known to be true
    const state = inputsOf(inner, outputs);
    const next = lowerProgram(inner, body, [...forBody, ...state]);
    inner.finish([holds(inner, next), ...solidValues(inner, next)]);
    const limit = maxSteps === undefined ? null : g.scalar("int64", maxSteps);
    const results = g.nodes(
      "Loop",
      [limit, holds(g, init), ...solidValues(g, init)],
      solid(outputs).map(typed),
      { body: inner },
    );
    return withEmpty(outputs, results);
  };

/** The control family. */
export const controlLowerings = (
  lowerProgram: LowerProgram,
): Lowerings<keyof typeof controlPrimitives> => ({
  scan: scan(lowerProgram),
  while: whileLoop(lowerProgram),
  cond(g, [index, ...operands], { branches }, outputs) {
    const choose = (at: Graph, first: number): Value[] => {
      const run = (g: Graph) => solidValues(g, lowerProgram(g, branches[first]!, operands));
      if (first === branches.length - 1) return run(at);
      const isLater = map(at, "Greater", [index.value, at.scalar("int32", first)], "bool");
      const branch = (f: (inner: Graph) => Value[]) => {
        const inner = at.inner("branch");
        inner.finish(f(inner));
        return inner;
      };
      return at.nodes("If", [isLater], solid(outputs).map(typed), {
        then_branch: branch((inner) => choose(inner, first + 1)),
        else_branch: branch(run),
      });
    };
    return withEmpty(outputs, choose(g, 0));
  },
  /** A loop of one step: no pass of ONNX Runtime's looks into it, and it waits for all its inputs. */
  barrier(g, inputs, _, outputs) {
    const inner = g.inner("loop");
    inner.input({ shape: [], type: "int64" });
    const go = inner.input({ shape: [], type: "bool" });
    const state = inputsOf(inner, outputs);
    inner.finish([go, ...solidValues(inner, state)]);
    const steps = g.scalar("int64", 1);
    const go1 = g.scalar("bool", 1);
    const results = g.nodes(
      "Loop",
      [steps, go1, ...solidValues(g, inputs)],
      solid(outputs).map(typed),
      {
        body: inner,
      },
    );
    return withEmpty(outputs, results);
  },
});
