/**
 * Reductions. Along axes where elements repeat there is nothing to reduce: a sum is multiplied, and the
 * rest is what it is.
 */
import type { Shape } from "../../../core/aval.ts";
import type { AxisParams, ReduceParams, reducePrimitives } from "../../../primitives/index.ts";
import type { ElementType, Graph, Value } from "../graph.ts";
import { aligned, filled, full, isEmpty, type Operand, operand } from "../operand.ts";
import { cast, map, reduceNode } from "../values.ts";
import * as patterns from "./patterns.ts";
import { runningSums, sumAlong } from "./sums.ts";
import type { Lowering, Lowerings } from "./table.ts";

const withoutAxes = (shape: Shape, axes: readonly number[]) =>
  shape.filter((_, a) => !axes.includes(a));

/** The same reduction on a type whose kernels can be trusted with all values of this one. */
export function reduceAs(
  g: Graph,
  op: string,
  x: Operand,
  axes: readonly number[],
  type: ElementType,
): Value {
  const held = aligned(g, { ...x, value: cast(g, x.value, type) });
  const y = op === "ReduceSum" ? sumAlong(g, held, axes) : reduceNode(g, op, held, axes);
  return cast(g, y, x.value.type);
}

/** In what sums are made: ONNX Runtime saturates those in int32, ours wrap around. */
export function summable(type: ElementType): ElementType {
  return type === "int32" || type === "uint32" ? "int64" : type;
}

const sum: Lowering<ReduceParams> = (g, [x], { axes }, [out]) => {
  if (isEmpty(x)) return [filled(g, out!, 0)];
  const { type } = x.value;
  const whole = aligned(g, x);
  const held = whole.shape;
  const total = reduceAs(g, "ReduceSum", x, axes, summable(type));
  patterns.noteSum(g, total, whole, axes);
  const repeats = axes.filter((a) => held[a] === 1).reduce((n, a) => n * x.shape[a]!, 1);
  const all = repeats === 1 ? total : map(g, "Mul", [total, g.scalar(type, repeats)]);
  return [{ value: all, shape: withoutAxes(x.shape, axes) }];
};

/** For `all` and `any`, `ofNothing` is what no element at all gives. */
const extremum =
  (op: string, ofNothing = 0): Lowering<ReduceParams> => (g, [x], { axes }, [out]) => {
    if (isEmpty(x)) return [filled(g, out!, ofNothing)];
    const { type } = x.value;
    const y = reduceAs(g, op, x, axes, type === "uint32" ? "float64" : type);
    const shape = withoutAxes(x.shape, axes);
    if (type !== "float32" && type !== "float64") return [{ value: y, shape }];
    // ONNX Runtime passes over NaN; we do not.
    const isNaN = { ...x, value: map(g, "IsNaN", [x.value], "bool") };
    const some = reduceAs(g, "ReduceMax", isNaN, axes, "bool");
    const value = map(g, "Where", [some, g.scalar(type, NaN), y], type);
    if (op === "ReduceMax") patterns.noteMax(g, value, aligned(g, x), axes);
    return [{ value, shape }];
  };

const index = (op: string): Lowering<AxisParams> => (g, [x], { axis }) => {
  const values = full(g, x);
  const shape = withoutAxes(x.shape, [axis]);
  const find = (op: string, v: Value) =>
    g.node(op, [v], { shape, type: "int64" }, { axis, keepdims: 0 });
  if (values.type === "int32" || values.type === "uint32") {
    return [operand(cast(g, find(op, cast(g, values, "float64")), "int32"))];
  }
  // The first NaN comes before any number.
  const isNaN = cast(g, g.node("IsNaN", [values], { shape: x.shape, type: "bool" }), "int32");
  const some = reduceNode(g, "ReduceMax", isNaN, [axis]);
  const found = map(
    g,
    "Where",
    [cast(g, some, "bool"), find("ArgMax", isNaN), find(op, values)],
    "int64",
  );
  return [operand(cast(g, found, "int32"))];
};

/** The reduction family. */
export const reduceLowerings: Lowerings<keyof typeof reducePrimitives> = {
  reduceSum: sum,
  reduceMax: extremum("ReduceMax"),
  reduceMin: extremum("ReduceMin"),
  reduceAnd: extremum("ReduceMin", 1),
  reduceOr: extremum("ReduceMax"),
  argMax: index("ArgMax"),
  argMin: index("ArgMin"),
  cumsum(g, [x], { axis, reverse }) {
    const values = full(g, x);
    const type = values.type === "uint32" ? "int32" : values.type;
    const sums = runningSums(g, cast(g, values, type), axis, reverse);
    return [operand(cast(g, sums, values.type))];
  },
};
