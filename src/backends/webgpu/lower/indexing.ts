/** Instructions whose indices are data. */
import type { indexingPrimitives } from "../../../primitives/indexing.ts";
import type { NoParams } from "../../../core/program.ts";
import type { Aval } from "../../../core/aval.ts";
import type { ScatterParams } from "../../../primitives/index.ts";
import { branch, code, index, indexCode, typeOf, unflatten } from "../expression.ts";
import { type Expr, type Read, type Region, Value } from "../value.ts";
import { reducers } from "../kernel/reducers.ts";
import { scatterAdd, scatterLast } from "../kernel/scatter.ts";
import { mergeOrder, orderWithin, sortBlock } from "../kernel/sort.ts";
import { type Lowering, type Lowerings, pointwise, scalar } from "./table.ts";

/** The place in `x` of an element, its first axes read from `indices`. */
function place(read: Read, x: Value, indices: Value, at: readonly Expr[]): Expr[] {
  const depth = indices.shape.at(-1)!;
  const outer = indices.shape.length - 1;
  const found = Array.from({ length: depth }, (_, k) => {
    const i = read(indices, [...at.slice(0, outer), index(k)]);
    return indexCode(x.shape[k]!, "bitcast<u32>($0)", i);
  });
  return [...found, ...at.slice(outer)];
}

const gather: Lowering<NoParams> = ([x, indices], _, { region, outputs: [out] }) => [
  pointwise(
    region,
    out!,
    [x!, indices!],
    4,
    (read, at) => read(x!, place(read, x!, indices!, at)),
  ),
];

const scatter: Lowering<ScatterParams> = (inputs, { mode }, { region, outputs: [out] }) => {
  const [x, indices, updates] = inputs as [Value, Value, Value];
  if (updates.size === 0) return [pointwise(region, out!, [x], 0, (read, at) => read(x, at))];
  return [
    mode === "add"
      ? add(region, out!, x, indices, updates)
      : set(region, out!, x, indices, updates),
  ];
};

/** Few updates: each element looks through all of them. Many: each update adds itself, atomically. */
function add(region: Region, out: Aval, x: Value, indices: Value, updates: Value): Value {
  const depth = indices.shape.at(-1)!;
  const outer = indices.shape.slice(0, -1);
  const count = outer.reduce((a, b) => a * b, 1);
  if (count > 64) {
    return new Value(region, out.shape, out.dtype, {
      kind: "custom",
      inputs: [indices, updates],
      reads: [updates.size / count * depth, 1],
      initial: x,
      atomic: true,
      write: scatterAdd(indices, updates),
    });
  }
  const type = typeOf(out.dtype);
  const found = new Value(region, out.shape, out.dtype, {
    kind: "reduction",
    inputs: [indices, updates],
    cost: 2 * depth,
    reducer: reducers.sum,
    domain: [...out.shape, ...outer],
    axes: outer.map((_, i) => out.shape.length + i),
    element(read, at) {
      const target = at.slice(0, depth);
      const update = at.slice(out.shape.length);
      const same = target.map((of, k) =>
        code("bool", "bitcast<u32>($0) == $1", read(indices, [...update, index(k)]), of)
      );
      const value = read(updates, [...update, ...at.slice(depth, out.shape.length)]);
      if (same.length === 0) return value;
      const here = same.reduce((a, b) => code("bool", "$0 && $1", a, b));
      return code(type, `select(${type}(0), $1, $0)`, here, value);
    },
  });
  return pointwise(
    region,
    out,
    [x, found],
    1,
    (read, at) => code(type, "$0 + $1", read(x, at), read(found, at)),
  );
}

/** Scatter that overwrites. If several updates meet in one place, the last is kept: its number is found first. */
function set(region: Region, out: Aval, x: Value, indices: Value, updates: Value): Value {
  const depth = indices.shape.at(-1)!;
  const outer = indices.shape.slice(0, -1);
  const places = out.shape.slice(0, depth);
  const nothing = scalar(region, 0, "uint32");
  const zeros = pointwise(
    region,
    { shape: places, dtype: "uint32" },
    [nothing],
    0,
    (read) => read(nothing, []),
  );
  const winner = new Value(region, places, "uint32", {
    kind: "custom",
    inputs: [indices],
    reads: [depth],
    initial: zeros,
    atomic: true,
    write: scatterLast(indices),
  });
  return pointwise(
    region,
    out,
    [x, winner, updates],
    4,
    (read, at) => chooseUpdate(read, at, { x, winner, updates, outer, depth }),
  );
}

function chooseUpdate(
  read: Read,
  at: readonly Expr[],
  { x, winner, updates, outer, depth }: {
    x: Value;
    winner: Value;
    updates: Value;
    outer: readonly number[];
    depth: number;
  },
): Expr {
  const number = read(winner, at.slice(0, depth));
  const count = outer.reduce((a, b) => a * b, 1);
  const last = indexCode(count, "$0 - 1u", number);
  const update = read(updates, [...unflatten(last, outer), ...at.slice(depth)]);
  return branch(code("bool", "$0 != 0u", number), update, read(x, at));
}

const sort: Lowering<NoParams> = (inputs, _, { region, outputs }) => {
  const keys = inputs[0]!;
  const n = keys.shape.at(-1);
  if (keys.size === 0 || n === 1) return inputs;
  let order = new Value(region, keys.shape, "uint32", {
    kind: "custom",
    inputs: [keys],
    reads: [Math.min(n!, sortBlock)],
    write: orderWithin(keys),
  });
  for (let width = sortBlock; width < n!; width *= 2) {
    const before = order;
    order = new Value(region, keys.shape, "uint32", {
      kind: "custom",
      inputs: [keys, before],
      reads: [n!, n!],
      write: mergeOrder(keys, before, width),
    });
  }
  return inputs.map((x, i) =>
    pointwise(region, outputs[i]!, [x, order], 4, (read, at) => {
      const from = indexCode(n!, "$0", read(order, at));
      return read(x, [...at.slice(0, -1), from]);
    })
  );
};

/** The indexing family. */
export const indexingLowerings: Lowerings<keyof typeof indexingPrimitives> = {
  gather,
  scatter,
  sort,
};
