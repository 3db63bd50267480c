/** Instructions that move elements. */
import type { shapePrimitives } from "../../../primitives/index.ts";
import type { Graph, Value } from "../graph.ts";
import { aligned, filled, full, isEmpty, operand } from "../operand.ts";
import { cast, concatenate, pad, reshape, reverse, slice, spread, transpose } from "../values.ts";
import type { Lowerings } from "./table.ts";

// Longer runs of numbers are counted by the graph instead of written into it.
const longestConstant = 1024;

/** The numbers 0 … n - 1. */
export function count(
  g: Graph,
  n: number,
  type: "float32" | "float64" | "int32" | "uint32",
): Value {
  if (n <= longestConstant) return g.constant(type, [n], Array.from({ length: n }, (_, i) => i));
  if (type === "uint32") return cast(g, count(g, n, "int32"), type);
  const [start, limit, step] = [0, n, 1].map((v) => g.scalar(type, v));
  return g.node("Range", [start!, limit!, step!], { shape: [n], type });
}

/** The shape family. */
export const shapeLowerings: Lowerings<keyof typeof shapePrimitives> = {
  broadcast(g, [x], { shape, axes }) {
    const held = aligned(g, x);
    const stretched = shape.map((_, a) => axes.includes(a) ? held.shape[axes.indexOf(a)]! : 1);
    const first = stretched.findIndex((n, a) => n !== 1 || shape[a] === 1);
    const kept = first < 0 ? [] : stretched.slice(first);
    return [{ value: reshape(g, x.value, kept), shape }];
  },
  reshape(g, [x], { shape }) {
    if (x.value.shape.length === 0) return [{ value: x.value, shape }];
    return [operand(reshape(g, full(g, x), shape))];
  },
  transpose(g, [x], { permutation }, [out]) {
    return [{ value: transpose(g, aligned(g, x), permutation), shape: out!.shape }];
  },
  slice(g, [x], { start, limit, strides }, [out]) {
    const held = aligned(g, x);
    // Where elements repeat, the one that is held stands for those of the slice, too.
    const repeats = held.shape.map((n, a) => n === 1 && x.shape[a] !== 1);
    const value = slice(
      g,
      held,
      start.map((s, a) => repeats[a] ? 0 : s),
      limit.map((l, a) => repeats[a] ? 1 : l),
      strides.map((s, a) => repeats[a] ? 1 : s),
    );
    return [{ value, shape: out!.shape }];
  },
  pad(g, [x, value], { low, high, interior }, [out]) {
    if (isEmpty(x)) return [{ value: value.value, shape: out!.shape }];
    return [operand(pad(g, spread(g, full(g, x), interior, value.value), low, high, value.value))];
  },
  concatenate(g, inputs, { axis }) {
    const parts = inputs.filter((x) => !isEmpty(x));
    return [operand(concatenate(g, parts.map((x) => full(g, x)), axis))];
  },
  reverse(g, [x], { axes }) {
    return [{ value: reverse(g, aligned(g, x), axes), shape: x.shape }];
  },
  iota(g, _, { shape, dtype, axis }, [out]) {
    if (dtype === "bool") {
      const numbers = count(g, shape[axis]!, "int32");
      return [{
        value: reshape(g, cast(g, numbers, "bool"), shape.map((n, a) => a === axis ? n : 1)),
        shape,
      }];
    }
    if (shape[axis] === 1) return [filled(g, out!, 0)];
    const numbers = count(g, shape[axis]!, dtype);
    return [{ value: reshape(g, numbers, shape.slice(axis).map((n, a) => a ? 1 : n)), shape }];
  },
};
