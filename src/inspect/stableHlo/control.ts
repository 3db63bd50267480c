/** Control flow in StableHLO: loops as `while`, choices as `case`. */
import type { Program } from "../../core/program.ts";
import type { controlPrimitives } from "../../primitives/control.ts";
import { compare } from "./elementwise.ts";
import type { Lowerings } from "./lowering.ts";
import { integers, type Type, type Value, type Writer } from "./writer.ts";

const index: Type = { dtype: "int32", shape: [] };
const number = (w: Writer, n: number) => w.fill(n, index);
const after = (w: Writer, i: Value) => w.one("stablehlo.add", [i, number(w, 1)], index);

/** The start indices of row i of a tensor. */
const start = (w: Writer, i: Value, { shape }: Type) =>
  shape.map((_, a) => a === 0 ? i : number(w, 0));

/** Row i of a tensor. */
function row(w: Writer, x: Value, i: Value): Value {
  const one = { dtype: x.dtype, shape: [1, ...x.shape.slice(1)] };
  const taken = w.one("stablehlo.dynamic_slice", [x, ...start(w, i, x)], one, {
    slice_sizes: integers(one.shape),
  });
  return w.one("stablehlo.reshape", [taken], { dtype: x.dtype, shape: x.shape.slice(1) });
}

/** The tensor with another row i. */
function withRow(w: Writer, x: Value, i: Value, y: Value): Value {
  const one = w.one("stablehlo.reshape", [y], { dtype: y.dtype, shape: [1, ...y.shape] });
  return w.one("stablehlo.dynamic_update_slice", [x, one, ...start(w, i, x)], x);
}

/** A loop: everything that condition and step read is part of its state. */
function loop(
  w: Writer,
  state: readonly Value[],
  condition: (state: readonly Value[]) => Value,
  step: (state: readonly Value[]) => readonly Value[],
): Value[] {
  return w.many("stablehlo.while", state, state, {}, [
    { takes: state, write: (now) => [condition(now)] },
    { takes: state, write: step },
  ]);
}

/** One entry for each instruction that holds programs. */
export const controlLowerings: Lowerings<keyof typeof controlPrimitives> = {
  scan(w, inputs, { body, consts, carry, length, reverse }, outputs) {
    const ys = outputs.slice(carry);
    // A loop that takes no step need not be written, and rows of nothing could not be.
    if (length === 0) {
      return [...inputs.slice(consts, consts + carry), ...ys.map((y) => w.fill(0, y))];
    }
    const fixed = inputs.filter((_, k) => k < consts || k >= consts + carry);
    const init = inputs.slice(consts, consts + carry);
    const state = [number(w, 0), ...fixed, ...init, ...ys.map((y) => w.fill(0, y))];
    const from = 1 + fixed.length;
    const results = loop(
      w,
      state,
      ([i]) => compare(w, "LT", i!, number(w, length)),
      (now) => {
        const [step] = now;
        const i = reverse
          ? w.one("stablehlo.subtract", [number(w, length - 1), step!], index)
          : step!;
        const constants = now.slice(1, 1 + consts);
        const xs = now.slice(1 + consts, from).map((x) => row(w, x, i));
        const carried = now.slice(from, from + carry);
        const next = w.program(body, [...constants, ...carried, ...xs]);
        return [
          after(w, step!),
          ...now.slice(1, from),
          ...next.slice(0, carry),
          ...next.slice(carry).map((y, k) => withRow(w, now[from + carry + k]!, i, y)),
        ];
      },
    );
    return results.slice(from);
  },

  cond(w, [at, ...operands], { branches }, outputs) {
    // XLA takes the last branch for every index that is out of bounds.
    const chosen = w.one("stablehlo.maximum", [at!, number(w, 0)], index);
    return w.many(
      "stablehlo.case",
      [chosen],
      outputs,
      {},
      branches.map((branch: Program) => ({
        takes: [],
        write: () => w.program(branch, operands),
      })),
    );
  },

  while(w, inputs, { condition, body, conditionConsts, bodyConsts, maxSteps }) {
    const from = 1 + conditionConsts + bodyConsts;
    const results = loop(
      w,
      [number(w, 0), ...inputs],
      (now) => {
        const [goes] = w.program(condition, [
          ...now.slice(1, 1 + conditionConsts),
          ...now.slice(from),
        ]);
        if (maxSteps === undefined) return goes!;
        const allowed = compare(w, "LT", now[0]!, number(w, maxSteps));
        return w.one("stablehlo.and", [goes!, allowed], goes!);
      },
      (now) => [
        after(w, now[0]!),
        ...now.slice(1, from),
        ...w.program(body, now.slice(1 + conditionConsts)),
      ],
    );
    return results.slice(from);
  },

  barrier: (w, inputs, _, outputs) =>
    inputs.length === 0 ? [] : w.many("stablehlo.optimization_barrier", inputs, outputs),
};
