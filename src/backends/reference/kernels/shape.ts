/** Kernels that move elements: each walks its output and reads from computed places, or the reverse. */
import type { shapePrimitives } from "../../../primitives/shape.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, stridesOf, walk } from "../value.ts";

/** One kernel for each shape primitive. */
export const shapeKernels: Kernels<keyof typeof shapePrimitives> = {
  broadcast: ([x], { shape, axes }, [out]) => {
    const result = allocateValue(out!);
    const from = stridesOf(x!.shape);
    const steps = shape.map((_, a) => {
      const i = axes.indexOf(a);
      return i < 0 || x!.shape[i] === 1 ? 0 : from[i]!;
    });
    walk(shape, steps, (position, offset) => result.data[position] = x!.data[offset]!);
    return [result];
  },
  reshape: ([x], _, [out]) => {
    const result = allocateValue(out!);
    result.data.set(x!.data);
    return [result];
  },
  transpose: ([x], { permutation }, [out]) => {
    const result = allocateValue(out!);
    const from = stridesOf(x!.shape);
    const steps = permutation.map((a) => from[a]!);
    walk(out!.shape, steps, (position, offset) => result.data[position] = x!.data[offset]!);
    return [result];
  },
  slice: ([x], { start, strides }, [out]) => {
    const result = allocateValue(out!);
    const from = stridesOf(x!.shape);
    const steps = strides.map((s, i) => s * from[i]!);
    const first = start.reduce((sum, s, i) => sum + s * from[i]!, 0);
    walk(out!.shape, steps, (p, offset) => result.data[p] = x!.data[offset]!, first);
    return [result];
  },
  pad: ([x, value], { low, interior }, [out]) => {
    const result = allocateValue(out!);
    result.data.fill(value!.data[0]!);
    const to = stridesOf(out!.shape);
    const steps = interior.map((n, i) => (n + 1) * to[i]!);
    const first = low.reduce((sum, n, i) => sum + n * to[i]!, 0);
    walk(x!.shape, steps, (position, offset) => result.data[offset] = x!.data[position]!, first);
    return [result];
  },
  concatenate: (inputs, { axis }, [out]) => {
    const result = allocateValue(out!);
    const to = stridesOf(out!.shape);
    let start = 0;
    for (const x of inputs) {
      walk(x.shape, to, (position, offset) => result.data[offset] = x.data[position]!, start);
      start += x.shape[axis]! * to[axis]!;
    }
    return [result];
  },
  reverse: ([x], { axes }, [out]) => {
    const result = allocateValue(out!);
    const from = stridesOf(x!.shape);
    const steps = from.map((s, i) => axes.includes(i) ? -s : s);
    const first = axes.reduce((sum, a) => sum + Math.max(0, x!.shape[a]! - 1) * from[a]!, 0);
    walk(out!.shape, steps, (p, offset) => result.data[p] = x!.data[offset]!, first);
    return [result];
  },
  iota: (_, { shape, axis }, [out]) => {
    const result = allocateValue(out!);
    const steps = shape.map((_, i) => i === axis ? 1 : 0);
    walk(shape, steps, (position, index) => result.data[position] = index);
    return [result];
  },
};
