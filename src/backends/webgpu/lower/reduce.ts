/** Reductions and running sums. */
import type { reducePrimitives } from "../../../primitives/reduce.ts";
import { type Shape, sizeOf } from "../../../core/aval.ts";
import type { AxisParams, ReduceParams } from "../../../primitives/index.ts";
import {
  branch,
  code,
  constant,
  flatten,
  index,
  indexCode,
  typeOf,
  unflatten,
} from "../expression.ts";
import { type Expr, type Read, type Reduction, type Region, Value } from "../value.ts";
import { cumulative, longestRow } from "../kernel/cumulative.ts";
import { type Reducer, type ReducerName, reducers } from "../kernel/reducers.ts";
import { type Lowering, type Lowerings, pointwise } from "./table.ts";

/**
 * The longest row of one kernel: software that runs kernels ends their loops, all together, after 65,535 steps, and a
 * kernel may have several.
 */
const mostColumns = 2 ** 14;

/** A reduction of a whole domain, in two stages where few rows would leave a device idle, and where rows are long. */
export function reduction(
  region: Region,
  out: Pick<Value, "shape" | "dtype">,
  definition: Omit<Reduction, "kind">,
): Value {
  const { reducer, domain, axes } = definition;
  const outer = domain.filter((_, i) => !axes.includes(i));
  const inner = axes.toSorted((a, b) => a - b).map((a) => domain[a]!);
  const [rows, columns] = [sizeOf(outer), sizeOf(inner)];
  const single = () =>
    new Value(region, out.shape, out.dtype, { kind: "reduction", ...definition });
  if (columns < 2048 || (columns <= mostColumns && (rows >= 64 || reducer.arg))) return single();
  const parts = partsOf(columns);
  if (reducer.arg) return reductionOfParts(region, out, definition, parts);
  const width = Math.ceil(columns / parts);
  const type = typeOf(out.dtype);
  const partial = reduction(region, { shape: [...outer, parts], dtype: out.dtype }, {
    ...definition,
    domain: [...outer, parts, width],
    axes: [outer.length + 1],
    element(read, at) {
      const place = flatten(at.slice(outer.length), [parts, width]);
      const within = unflatten(place, inner);
      const before = at.slice(0, outer.length);
      const [i, o] = [within.values(), before.values()];
      const element = definition.element(
        read,
        domain.map((_, a) => (axes.includes(a) ? i : o).next().value!),
      );
      if (parts * width === columns) return element;
      const inside = code("bool", "$0 < $1", place, index(columns));
      return branch(inside, element, code(type, reducer.start(type)));
    },
  });
  return new Value(region, out.shape, out.dtype, {
    kind: "reduction",
    inputs: [partial],
    cost: 1,
    reducer,
    domain: partial.shape,
    axes: [outer.length],
    element: (read, at) => read(partial, at),
  });
}

/** The place of the best element along one axis: of the best of each part, the best. */
function reductionOfParts(
  region: Region,
  out: Pick<Value, "shape" | "dtype">,
  definition: Omit<Reduction, "kind">,
  parts: number,
): Value {
  const { domain, axes: [axis], inputs } = definition;
  const size = domain[axis!]!;
  const width = Math.ceil(size / parts);
  const outer = domain.toSpliced(axis!, 1);
  const within = (at: readonly Expr[], place: Expr) =>
    at.toSpliced(axis!, 0, indexCode(size, `min($0, ${size - 1}u)`, place));
  // Places beyond the end repeat the last element, and among equal elements the first is chosen.
  const each = reduction(region, { shape: [...outer, parts], dtype: out.dtype }, {
    ...definition,
    domain: [...outer, parts, width],
    axes: [outer.length + 1],
    element: (read, at) =>
      definition.element(
        read,
        within(at.slice(0, outer.length), flatten(at.slice(outer.length), [parts, width])),
      ),
  });
  const placeIn = (read: Read, before: readonly Expr[], part: Expr) => {
    const found = indexCode(width, "bitcast<u32>($0)", read(each, [...before, part]));
    return flatten([part, found], [parts, width]);
  };
  const best = reduction(region, out, {
    ...definition,
    inputs: [...inputs, each],
    domain: [...outer, parts],
    axes: [outer.length],
    element(read, at) {
      const before = at.slice(0, outer.length);
      return definition.element(read, within(before, placeIn(read, before, at.at(-1)!)));
    },
  });
  return pointwise(region, out, [each, best], 4, (read, at) => {
    const part = indexCode(parts, "bitcast<u32>($0)", read(best, at));
    return code("i32", "bitcast<i32>($0)", placeIn(read, at, part));
  });
}

/** The number of parts to cut a row in: about as many as each part is long, a divisor where there is one. */
function partsOf(columns: number): number {
  const wanted = Math.min(512, Math.ceil(Math.sqrt(columns)));
  for (let parts = wanted; parts >= wanted / 2; parts--) {
    if (columns % parts === 0) return parts;
  }
  return wanted;
}

function reduce(name: ReducerName): Lowering<ReduceParams> {
  return ([x], { axes }, { region, outputs: [out] }) => [
    reduceValue(region, out!, reducers[name], x!, axes),
  ];
}

function reduceArg(name: ReducerName): Lowering<AxisParams> {
  return ([x], { axis }, { region, outputs: [out] }) => [
    reduceValue(region, out!, reducers[name], x!, [axis]),
  ];
}

function reduceValue(
  region: Region,
  out: { shape: Shape; dtype: Value["dtype"] },
  reducer: Reducer,
  x: Value,
  axes: readonly number[],
): Value {
  return reduction(region, out, {
    inputs: [x],
    cost: 1,
    reducer,
    domain: x.shape,
    axes,
    element: (read, at) => read(x, at),
  });
}

/** The reduction family. */
export const reduceLowerings: Lowerings<keyof typeof reducePrimitives> = {
  reduceSum: reduce("sum"),
  reduceMax: reduce("max"),
  reduceMin: reduce("min"),
  reduceAnd: reduce("and"),
  reduceOr: reduce("or"),
  argMax: reduceArg("argMax"),
  argMin: reduceArg("argMin"),
  cumsum: ([x], { axis, reverse }, { region, outputs: [out] }) => {
    if (x!.size === 0) return [pointwise(region, out!, [x!], 0, (read, at) => read(x!, at))];
    return [runningSums(region, x!, axis, reverse)];
  },
};

/** Running sums of rows; of long ones within parts, to each of which the sum of those before is added. */
function runningSums(region: Region, x: Value, axis: number, reverse: boolean): Value {
  const { shape, dtype } = x;
  const size = shape[axis]!;
  if (size <= longestRow) {
    return new Value(region, shape, dtype, {
      kind: "custom",
      inputs: [x],
      reads: [1],
      write: cumulative(x, axis, reverse),
    });
  }
  const type = typeOf(dtype);
  const zero = constant(0, type);
  const width = longestRow / 2;
  const parts = Math.ceil(size / width);
  const cut = (at: readonly Expr[], along: readonly Expr[]) => at.toSpliced(axis, 1, ...along);
  const split = pointwise(
    region,
    { shape: shape.toSpliced(axis, 1, parts, width), dtype },
    [x],
    1,
    (read, at) => {
      const place = flatten(at.slice(axis, axis + 2), [parts, width]);
      const element = read(x, at.toSpliced(axis, 2, indexCode(size, "$0", place)));
      if (parts * width === size) return element;
      return branch(code("bool", "$0 < $1", place, index(size)), element, zero);
    },
  );
  const within = runningSums(region, split, axis + 1, reverse);
  const totals = pointwise(
    region,
    { shape: shape.with(axis, parts), dtype },
    [within],
    0,
    (read, at) => read(within, cut(at, [at[axis]!, index(reverse ? 0 : width - 1)])),
  );
  const sums = runningSums(region, totals, axis, reverse);
  return pointwise(region, { shape, dtype }, [within, sums], 2, (read, at) => {
    const along = unflatten(at[axis]!, [parts, width]);
    const [part] = along as [Expr, Expr];
    const neighbour = indexCode(parts, reverse ? "$0 + 1u" : "$0 - 1u", part);
    const first = code("bool", "$0 == $1", part, index(reverse ? parts - 1 : 0));
    const before = branch(first, zero, read(sums, at.with(axis, neighbour)));
    return code(type, "$0 + $1", read(within, cut(at, along)), before);
  });
}
