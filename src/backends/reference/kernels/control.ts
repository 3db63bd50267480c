/** Loops and branches, which run their programs with the interpreter itself. */
import type { controlPrimitives } from "../../../primitives/control.ts";
import type { Program } from "../../../core/program.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, type Value } from "../value.ts";

function slice(x: Value, step: number): Value {
  const shape = x.shape.slice(1);
  const size = x.data.length / x.shape[0]!;
  return { shape, data: x.data.subarray(step * size, (step + 1) * size), bytes: 0 };
}

/** One kernel for each control primitive. */
export const controlKernels = (
  interpret: (program: Program, inputs: readonly Value[]) => Value[],
): Kernels<keyof typeof controlPrimitives> => ({
  scan: (inputs, { body, consts, carry, length, reverse }, outputs) => {
    const constants = inputs.slice(0, consts);
    let carried = inputs.slice(consts, consts + carry);
    const xs = inputs.slice(consts + carry);
    const ys = outputs.slice(carry).map(allocateValue);
    for (let i = 0; i < length; i++) {
      const step = reverse ? length - 1 - i : i;
      const results = interpret(body, [...constants, ...carried, ...xs.map((x) => slice(x, step))]);
      carried = results.slice(0, carry);
      ys.forEach((y, k) => slice(y, step).data.set(results[carry + k]!.data));
    }
    return [...carried, ...ys];
  },
  cond: ([index, ...operands], { branches }) => {
    const chosen = Math.min(Math.max(index!.data[0]!, 0), branches.length - 1);
    return interpret(branches[chosen]!, operands);
  },
  while: (inputs, { condition, body, conditionConsts, bodyConsts, maxSteps = Infinity }) => {
    const forCondition = inputs.slice(0, conditionConsts);
    const forBody = inputs.slice(conditionConsts, conditionConsts + bodyConsts);
    let carried = inputs.slice(conditionConsts + bodyConsts);
    for (let step = 0; step < maxSteps; step++) {
      const [go] = interpret(condition, [...forCondition, ...carried]);
      if (!go!.data[0]) break;
      carried = interpret(body, [...forBody, ...carried]);
    }
    return carried;
  },
  barrier: (inputs) => inputs,
});
