/**
 * Compositions for which ONNX Runtime has one node: softmax and means. Values are noted for what they
 * are as they are made; when the last piece comes, one node takes the place of the pieces, which disappear if nobody
 * else needs them.
 */
import { sameShape, sizeOf } from "../../../core/aval.ts";
import type { Graph, Value } from "../graph.ts";
import { map, reduceNode, reshape } from "../values.ts";
import { isShortSum, sumAlong } from "./sums.ts";

/** A note on how a value was made. `axes` were reduced, and have size 1 in the value noted. */
type Meaning =
  | { readonly kind: "max" | "sum"; readonly of: Value; readonly axes: readonly number[] }
  /** x - max x */
  | { readonly kind: "shifted"; readonly of: Value; readonly axis: number }
  /** e^(x - max x) */
  | { readonly kind: "weights"; readonly of: Value; readonly axis: number }
  /** x ≤ 0 */
  | { readonly kind: "notPositive"; readonly of: Value };

const notes = new WeakMap<Graph, Map<string, Meaning>>();

/** The value that another shows in a different shape. */
const base = (x: Value): Value => x.view?.kind === "reshape" ? x.view.source : x;

function note(g: Graph, x: Value, meaning: Meaning): Value {
  let own = notes.get(g);
  if (!own) notes.set(g, own = new Map());
  own.set(base(x).name, meaning);
  return x;
}

function meaningOf(g: Graph, x: Value): Meaning | undefined {
  return notes.get(g)?.get(base(x).name);
}

/** Notes a maximum; `x` has all its elements in place. */
export function noteMax(g: Graph, y: Value, x: Value, axes: readonly number[]): Value {
  return note(g, y, { kind: "max", of: x, axes });
}

/** Notes a sum; `x` has all its elements in place. */
export function noteSum(g: Graph, y: Value, x: Value, axes: readonly number[]): Value {
  return note(g, y, { kind: "sum", of: x, axes });
}

/** x - y */
export function subtract(g: Graph, x: Value, y: Value): Value {
  const difference = map(g, "Sub", [x, y]);
  const m = meaningOf(g, y);
  const isShift = m?.kind === "max" && m.axes.length === 1 && m.of.name === x.name &&
    keeps(y, x, m.axes);
  return isShift ? note(g, difference, { kind: "shifted", of: x, axis: m.axes[0]! }) : difference;
}

/** eˣ */
export function exponential(g: Graph, x: Value): Value {
  const y = map(g, "Exp", [x]);
  const m = meaningOf(g, x);
  return m?.kind === "shifted" ? note(g, y, { ...m, kind: "weights" }) : y;
}

/** x ≤ y */
export function lessOrEqual(g: Graph, x: Value, y: Value): Value {
  const z = map(g, "LessOrEqual", [x, y], "bool");
  return isZero(y) && x.type === "float32" ? note(g, z, { kind: "notPositive", of: x }) : z;
}

/** True if a choice is a rectifier, `x ≤ 0 ? 0 : x`, of this x. */
export function rectified(g: Graph, condition: Value, a: Value, b: Value): boolean {
  const m = meaningOf(g, condition);
  return m?.kind === "notPositive" && isZero(a) && m.of.name === b.name;
}

const isZero = (x: Value) =>
  x.constant !== undefined && sizeOf(x.shape) === 1 && !Number(x.constant[0]);

/** x / y for floats: weights over their sum are a softmax, a sum over its count is a mean. */
export function quotient(g: Graph, x: Value, y: Value): Value {
  const [a, b] = [meaningOf(g, x), meaningOf(g, y)];
  if (
    a?.kind === "weights" && b?.kind === "sum" && b.of.name === x.name &&
    b.axes.length === 1 && b.axes[0] === a.axis && keeps(y, x, b.axes)
  ) {
    return softmax(g, a.of, a.axis);
  }
  const count = y.constant && y.shape.length === 0 ? Number(y.constant[0]) : undefined;
  if (
    a?.kind === "sum" && count === sizeOf(a.axes.map((i) => a.of.shape[i]!)) &&
    isShortSum(a.of, a.axes)
  ) {
    return reshape(g, reduceNode(g, "ReduceMean", a.of, a.axes), x.shape);
  }
  return map(g, "Div", [x, y]);
}

// A row that ONNX Runtime's node sums well: in vectors, of numbers up to 1.
const longest = 2 ** 16;

/**
 * e^(x - max x) over its sum. ONNX Runtime's own node is made for the last axis, and turns others there and back.
 * The maximum may pass over NaN: what is NaN makes the sum NaN anyway.
 */
function softmax(g: Graph, x: Value, axis: number): Value {
  if (axis === x.shape.length - 1 && x.shape[axis]! <= longest) {
    return g.node("Softmax", [x], x, { axis });
  }
  const kept = x.shape.with(axis, 1);
  const largest = reshape(g, reduceNode(g, "ReduceMax", x, [axis]), kept);
  const weights = map(g, "Exp", [map(g, "Sub", [x, largest])]);
  return map(g, "Div", [weights, reshape(g, sumAlong(g, weights, [axis]), kept)]);
}

/** True if `y` has the shape of `x` with some axes of size 1, first ones left out: so it meets what it was made of. */
function keeps(y: Value, x: Value, axes: readonly number[]): boolean {
  const shape = [
    ...Array<number>(Math.max(0, x.shape.length - y.shape.length)).fill(1),
    ...y.shape,
  ];
  return sameShape(shape, x.shape.map((n, a) => axes.includes(a) ? 1 : n));
}
