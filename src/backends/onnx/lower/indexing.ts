/** Instructions whose indices are data. */
import { sizeOf } from "../../../core/aval.ts";
import type { indexingPrimitives } from "../../../primitives/index.ts";
import type { Graph, Value } from "../graph.ts";
import { filled, full, isEmpty, operand } from "../operand.ts";
import { reduceAs, summable } from "./reduce.ts";
import { cast, expand, map, reshape, slice } from "../values.ts";
import type { Lowerings } from "./table.ts";

/** The permutation that sorts values along the last axis, int64; equal values keep their order. */
function order(g: Graph, values: Value): { values: Value; positions: Value } {
  const axis = values.shape.length - 1;
  const outputs = [values, { shape: values.shape, type: "int64" as const }];
  const [ordered, positions] = g.nodes(
    "TopK",
    [values, g.list([values.shape[axis]!])],
    outputs.map(({ shape, type }) => ({ shape, type })),
    { axis, largest: 0, sorted: 1 },
  );
  return { values: ordered!, positions: positions! };
}

function alongLast(g: Graph, values: Value, positions: Value): Value {
  return g.node("GatherElements", [values, positions], values, { axis: values.shape.length - 1 });
}

/** The positions of a stable ascending order, NaN last. */
function ascending(g: Graph, keys: Value): Value {
  if (keys.type !== "float32" && keys.type !== "float64") {
    return order(g, cast(g, keys, keys.type === "int32" ? "int32" : "float64")).positions;
  }
  // NaN sorts as ∞ first; then what is NaN goes behind what is not.
  const isNaN = map(g, "IsNaN", [keys], "bool");
  const first = order(g, map(g, "Where", [isNaN, g.scalar(keys.type, Infinity), keys], keys.type));
  const nanFirst = alongLast(g, cast(g, isNaN, "int32"), first.positions);
  return alongLast(g, first.positions, order(g, nanFirst).positions);
}

/**
 * ScatterND of ONNX Runtime 1.30 loses updates that meet in one place when it runs on several threads;
 * ScatterElements, slower, does not. It wants an index for each element, along one axis.
 */
function scatterElements(g: Graph, x: Value, at: Value, values: Value, reduction: string): Value {
  const depth = at.shape.at(-1)!;
  const count = sizeOf(at.shape) / depth;
  const [places, rest] = [x.shape.slice(0, depth), sizeOf(x.shape.slice(depth))];
  const steps = places.map((_, i) => sizeOf(places.slice(i + 1)));
  const terms = map(g, "Mul", [reshape(g, at, [count, depth]), g.list(steps)]);
  const row = reduceAs(g, "ReduceSum", operand(terms), [1], "int64");
  const flat = reshape(g, x, [sizeOf(places), rest]);
  const index = expand(g, reshape(g, row, [count, 1]), [count, rest]);
  const updates = reshape(g, values, [count, rest]);
  const y = g.node("ScatterElements", [flat, index, updates], flat, { axis: 0, reduction });
  return reshape(g, y, x.shape);
}

/** The indexing family. */
export const indexingLowerings: Lowerings<keyof typeof indexingPrimitives> = {
  gather(g, [x, indices], _, [out]) {
    if (isEmpty(x)) return [filled(g, out!, 0)];
    const depth = indices.shape.at(-1)!;
    if (depth === 0) {
      const outer = out!.shape.length - x.shape.length;
      const lifted = [...Array<number>(outer).fill(1), ...x.shape];
      return [operand(expand(g, reshape(g, full(g, x), lifted), out!.shape))];
    }
    const output = { shape: out!.shape, type: x.value.type };
    const at = full(g, indices);
    if (depth === 1) {
      const flat = reshape(g, at, indices.shape.slice(0, -1));
      return [operand(g.node("Gather", [full(g, x), flat], output, { axis: 0 }))];
    }
    return [operand(g.node("GatherND", [full(g, x), cast(g, at, "int64")], output))];
  },
  scatter(g, [x, indices, updates], { mode }) {
    if (isEmpty(updates)) return [x];
    const values = full(g, updates);
    const depth = indices.shape.at(-1)!;
    if (depth === 0) {
      // Every update goes to the whole: they add up, or the last one stays.
      const count = sizeOf(indices.shape.slice(0, -1));
      const stacked = reshape(g, values, [count, ...x.shape]);
      const zeros = stacked.shape.map(() => 0);
      const last = reshape(g, slice(g, stacked, zeros.with(0, count - 1), stacked.shape), x.shape);
      if (mode === "set") return [operand(last)];
      const sum = reduceAs(g, "ReduceSum", operand(stacked), [0], summable(stacked.type));
      return [operand(map(g, "Add", [full(g, x), sum]))];
    }
    const base = full(g, x);
    const at = cast(g, full(g, indices), "int64");
    const reduction = mode === "add" ? "add" : "none";
    if (g.parallel) return [operand(scatterElements(g, base, at, values, reduction))];
    return [operand(g.node("ScatterND", [base, at, values], base, { reduction }))];
  },
  sort(g, inputs) {
    const values = inputs.map((x) => full(g, x));
    const positions = ascending(g, values[0]!);
    return values.map((v) => operand(alongLast(g, v, positions)));
  },
};
