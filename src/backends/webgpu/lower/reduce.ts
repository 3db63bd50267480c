/** Reductions and running sums. */
import { type Shape, sizeOf } from "../../../core/program.ts";
import type { AxisParams, ReduceParams } from "../../../primitives/index.ts";
import { branch, code, flatten, index, typeOf, unflatten } from "../expression.ts";
import { cumulative } from "../kernel/cumulative.ts";
import { type Reducer, type ReducerName, reducers } from "../kernel/reducers.ts";
import { type Reduction, type Region, Value } from "../value.ts";
import { type Lowering, type Lowerings, pointwise } from "./table.ts";

/** A reduction of a whole domain, in two stages where few rows would leave a device idle. */
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
  if (reducer.arg || columns < 2048 || rows >= 64) return single();
  const parts = partsOf(columns);
  const width = Math.ceil(columns / parts);
  const type = typeOf(out.dtype);
  const partial = new Value(region, [...outer, parts], out.dtype, {
    ...definition,
    kind: "reduction",
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

/** How many parts to cut a row in: about as many as each part is long, a divisor where there is one. */
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
export const reductions: Lowerings<
  | "reduceSum"
  | "reduceMax"
  | "reduceMin"
  | "reduceAnd"
  | "reduceOr"
  | "argMax"
  | "argMin"
  | "cumsum"
> = {
  reduceSum: reduce("sum"),
  reduceMax: reduce("max"),
  reduceMin: reduce("min"),
  reduceAnd: reduce("and"),
  reduceOr: reduce("or"),
  argMax: reduceArg("argMax"),
  argMin: reduceArg("argMin"),
  cumsum: ([x], { axis, reverse }, { region, outputs: [out] }) => {
    if (x!.size === 0) return [pointwise(region, out!, [x!], 0, (read, at) => read(x!, at))];
    return [
      new Value(region, out!.shape, out!.dtype, {
        kind: "special",
        inputs: [x!],
        reads: [1],
        write: cumulative(x!, axis, reverse),
      }),
    ];
  },
};
