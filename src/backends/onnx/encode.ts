/** From a program to the bytes of an ONNX model. */
import type { TypedArray } from "../../core/dtype.ts";
import type { Program } from "../../core/program.ts";
import { Graph, type ModelOptions, writeModel } from "./graph.ts";
import { lowerProgram } from "./lower/index.ts";
import { empty, full, isEmpty, operand } from "./operand.ts";

/**
 * The program as an ONNX model that any runtime can load: inputs `arg0`, `arg1` …, outputs `out0` …. Its
 * first inputs take the values of `constants` and vanish.
 *
 * @throws BackendError naming a primitive that ONNX cannot say.
 */
export function encodeProgram(
  program: Program,
  constants: readonly TypedArray[] = [],
): Uint8Array {
  return writeModel(build(program, { portable: true }, constants));
}

/**
 * The program as a graph for ONNX Runtime, whose own operators it may use. Inputs and outputs without
 * elements are left out: the runtime does not take them everywhere. An output called `mark` comes first and tells
 * nothing.
 */
export function build(
  program: Program,
  options: ModelOptions = {},
  constants: readonly TypedArray[] = [],
  mark?: string,
): Graph {
  const { portable = false } = options;
  const g = new Graph(options);
  const inputs = program.inputs.map(({ aval }, i) => {
    const constant = constants[i];
    if (constant) return operand(g.data(aval.dtype, aval.shape, constant));
    if (!portable && isEmpty(aval)) return empty(aval);
    return operand(g.input({ shape: aval.shape, type: aval.dtype }, `arg${i - constants.length}`));
  });
  const outputs = lowerProgram(g, program, inputs);
  const named = outputs.map((x, i) => ({ x, name: `out${i}` }))
    .filter(({ x }) => portable || !isEmpty(x));
  const marks = mark === undefined ? [] : [{ value: g.scalar("bool", 0), name: mark }];
  const values = named.map(({ x, name }) => ({
    value: isEmpty(x) ? g.constant(x.value.type, x.shape, []) : full(g, x),
    name,
  }));
  const all = [...marks, ...values];
  g.finish(all.map(({ value }) => value), all.map(({ name }) => name));
  return g;
}
