/** Reductions and running sums: plain loops in index order. */
import type { Aval } from "../../../core/aval.ts";
import type { reducePrimitives } from "../../../primitives/reduce.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, stridesOf, type Value, walk } from "../value.ts";

/** Strides in the reduced result for each axis of the operand: 0 along axes that vanish. */
function targetSteps(shape: readonly number[], out: Aval, axes: readonly number[]): number[] {
  const strides = stridesOf(out.shape);
  let next = 0;
  return shape.map((_, i) => axes.includes(i) ? 0 : strides[next++]!);
}

function fold(initial: number, combine: (a: number, b: number) => number) {
  return (
    [x]: readonly Value[],
    { axes }: { readonly axes: readonly number[] },
    [out]: readonly Aval[],
  ) => {
    const result = allocateValue(out!);
    // A double holds what an integer array cannot, so integers start from the result's own type.
    result.data.fill(initial);
    walk(x!.shape, targetSteps(x!.shape, out!, axes), (position, offset) => {
      result.data[offset] = combine(result.data[offset]!, x!.data[position]!);
    });
    return [result];
  };
}

/** max and min start from the first element they meet, whatever the type. */
function extremum(combine: (a: number, b: number) => number) {
  return (
    [x]: readonly Value[],
    { axes }: { readonly axes: readonly number[] },
    [out]: readonly Aval[],
  ) => {
    const result = allocateValue(out!);
    const seen = new Uint8Array(result.data.length);
    walk(x!.shape, targetSteps(x!.shape, out!, axes), (position, offset) => {
      const value = x!.data[position]!;
      result.data[offset] = seen[offset] ? combine(result.data[offset]!, value) : value;
      seen[offset] = 1;
    });
    return [result];
  };
}

function argExtremum(better: (a: number, b: number) => boolean) {
  return (
    [x]: readonly Value[],
    { axis }: { readonly axis: number },
    [out]: readonly Aval[],
  ) => {
    const result = allocateValue(out!);
    const stride = stridesOf(x!.shape)[axis]!;
    const steps = stridesOf(x!.shape).filter((_, i) => i !== axis);
    walk(out!.shape, steps, (position, offset) => {
      let best = 0;
      for (let i = 0; i < x!.shape[axis]!; i++) {
        const value = x!.data[offset + i * stride]!;
        const champion = x!.data[offset + best * stride]!;
        // The first NaN wins over everything.
        if (!Number.isNaN(champion) && (Number.isNaN(value) || better(value, champion))) best = i;
      }
      result.data[position] = best;
    });
    return [result];
  };
}

/** One kernel for each reduction. */
export const reduceKernels: Kernels<keyof typeof reducePrimitives> = {
  reduceSum: fold(0, (a, b) => a + b),
  reduceMax: extremum(Math.max),
  reduceMin: extremum(Math.min),
  reduceAnd: fold(1, (a, b) => a & b),
  reduceOr: fold(0, (a, b) => a | b),
  argMax: argExtremum((a, b) => a > b),
  argMin: argExtremum((a, b) => a < b),
  cumsum: ([x], { axis, reverse }, [out]) => {
    const result = allocateValue(out!);
    const stride = stridesOf(x!.shape)[axis]!;
    const lines = x!.shape.map((n, i) => i === axis ? Math.min(n, 1) : n);
    const length = x!.shape[axis]!;
    walk(lines, stridesOf(x!.shape), (_, offset) => {
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const at = offset + (reverse ? length - 1 - i : i) * stride;
        sum += x!.data[at]!;
        result.data[at] = sum;
        sum = result.data[at]!; // integers wrap as they are stored
      }
    });
    return [result];
  },
};
