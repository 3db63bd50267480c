/** Instructions that put elements of several values into one. */
import { isEquation } from "../../../compiler/rewrite.ts";
import { nest } from "./nest.ts";
import { stridesOf } from "./place.ts";
import { addressOf, copy, load1, type StepWriter } from "./table.ts";

const concatenate: StepWriter = ({ w }, equation, inputs, [out]) => {
  if (!isEquation(equation, "concatenate")) return;
  const { axis } = equation.params;
  if (out!.size === 1) return copy(w, inputs[0]!, out!.source!);
  const strides = stridesOf(equation.outputs[0]!.aval.shape);
  const { base, offset } = addressOf(out!);
  let start = 0;
  for (const x of inputs) {
    copy(w, x, { base, offset: offset + 4 * start * strides[axis]! }, strides);
    start += x.shape[axis]!;
  }
};

const pad: StepWriter = ({ w }, equation, [x, value], [out]) => {
  if (!isEquation(equation, "pad")) return;
  const { low, interior } = equation.params;
  if (out!.size === 1) return copy(w, x!, out!.source!);
  const strides = stridesOf(equation.outputs[0]!.aval.shape);
  const source = addressOf(out!);
  w.scoped(() => {
    const fill = { source: { splat: load1(w, value!) }, strides: [0] };
    nest(w, [out!.size], [fill], [{ source, strides: [1], exact: false }], 0, (v) => v);
  });
  const start = low.reduce((sum, n, a) => sum + n * strides[a]!, 0);
  const steps = strides.map((s, a) => s * (interior[a]! + 1));
  copy(w, x!, { base: source.base, offset: source.offset + 4 * start }, steps);
};

/** The instructions of the shape family that move elements. */
export const moveWriters: { readonly [name: string]: StepWriter } = { concatenate, pad };
