/** Instructions that move elements: index arithmetic, and nothing else. */
import type { shapePrimitives } from "../../../primitives/shape.ts";
import { branch, code, flatten, index, indexCode, sum, typeOf, unflatten } from "../expression.ts";
import type { Expr, Value } from "../value.ts";
import { type Lowerings, pointwise } from "./table.ts";

const zero = index(0);

/** The index reduced by a constant; wraps below zero, where `below` is false then. */
const minus = (x: Expr, by: number) => by === 0 ? x : indexCode(x.bound, "$0 - $1", x, index(by));
const below = (x: Expr, limit: number) => code("bool", "$0 < $1", x, index(limit));
const both = (a: Expr, b: Expr) => code("bool", "$0 && $1", a, b);

/** The index counted in steps, which it is a multiple of. */
const quotient = (x: Expr, by: number, bound: number) =>
  by === 1 ? x : indexCode(bound, "$0 / $1", x, index(by));

/** The shape family. */
export const shapeLowerings: Lowerings<keyof typeof shapePrimitives> = {
  broadcast: ([x], { axes }, { region, outputs: [out] }) => [
    pointwise(
      region,
      out!,
      [x!],
      0,
      (read, at) => read(x!, axes.map((a, i) => x!.shape[i] === 1 ? zero : at[a]!)),
    ),
  ],
  reshape: ([x], _, { region, outputs: [out] }) => [
    pointwise(
      region,
      out!,
      [x!],
      0,
      (read, at) => read(x!, unflatten(flatten(at, out!.shape), x!.shape)),
    ),
  ],
  transpose: ([x], { permutation }, { region, outputs: [out] }) => [
    pointwise(
      region,
      out!,
      [x!],
      0,
      (read, at) => read(x!, x!.shape.map((_, i) => at[permutation.indexOf(i)]!)),
    ),
  ],
  slice: ([x], { start, strides }, { region, outputs: [out] }) => [
    pointwise(
      region,
      out!,
      [x!],
      0,
      (read, at) => read(x!, at.map((of, i) => sum([{ of, scale: strides[i]! }], start[i]!))),
    ),
  ],
  pad: ([x, value], { low, interior }, { region, outputs: [out] }) => [
    pointwise(region, out!, [x!, value!], 2, (read, at) => {
      const outside = read(value!, []);
      if (x!.size === 0) return outside;
      const conditions: Expr[] = [];
      const source = at.map((i, axis) => {
        const n = x!.shape[axis]!;
        const step = interior[axis]! + 1;
        const extent = (n - 1) * step + 1;
        const from = minus(i, low[axis]!);
        if (low[axis] !== 0 || extent < out!.shape[axis]!) conditions.push(below(from, extent));
        if (step > 1) {
          conditions.push(code("bool", "$0 % $1 == 0u", from, index(step)));
        }
        return indexCode(n, "$0", quotient(from, step, n));
      });
      if (conditions.length === 0) return read(x!, at);
      return branch(conditions.reduce(both), read(x!, source), outside);
    }),
  ],
  concatenate: (inputs, { axis }, { region, outputs: [out] }) => {
    // Two at a time, as a balanced tree, so that a wide one can be cut where buffers run out.
    const join = (parts: readonly Value[]): Value => {
      if (parts.length === 1) return parts[0]!;
      const middle = Math.ceil(parts.length / 2);
      const [left, right] = [join(parts.slice(0, middle)), join(parts.slice(middle))];
      const n = left.shape[axis]!;
      const shape = out!.shape.map((m, i) => i === axis ? n + right.shape[axis]! : m);
      return pointwise(region, { shape, dtype: out!.dtype }, [left, right], 4, (read, at) => {
        const i = at[axis]!;
        if (n === 0) return read(right, at);
        if (right.shape[axis] === 0) return read(left, at);
        const leftAt = at.map((a, k) => k === axis ? indexCode(n, "$0", i) : a);
        const rest = indexCode(right.shape[axis]!, "$0 - $1", i, index(n));
        const rightAt = at.map((a, k) => k === axis ? rest : a);
        return branch(below(i, n), read(left, leftAt), read(right, rightAt));
      });
    };
    return [join(inputs)];
  },
  reverse: ([x], { axes }, { region, outputs: [out] }) => [
    pointwise(region, out!, [x!], 0, (read, at) =>
      read(
        x!,
        at.map((i, axis) => {
          const n = x!.shape[axis]!;
          return !axes.includes(axis) || n === 1 ? i : indexCode(n, "$0 - $1", index(n - 1), i);
        }),
      )),
  ],
  iota: (_, { axis, dtype }, { region, outputs: [out] }) => [
    pointwise(region, out!, [], 1, (_, at) => {
      const type = typeOf(dtype);
      const i = at[axis]!;
      if (type === "u32") return i;
      return type === "bool" ? code(type, "$0 != 0u", i) : code(type, `${type}($0)`, i);
    }),
  ],
};
