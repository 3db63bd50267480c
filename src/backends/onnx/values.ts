/**
 * The vocabulary of lowerings: values reshaped, transposed, cast and combined, with shapes worked
 * out. A view of a view is a view of the first value, so that views which cancel disappear.
 */
import { sameShape, type Shape, sizeOf } from "../../core/aval.ts";
import { type Attributes, type ElementType, type Graph, typeNumbers, type Value } from "./graph.ts";

/** The shape of values combined element by element, aligned at the last axis. */
export function commonShape(...shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((s) => s[s.length - rank + i] ?? 1);
    return sizes.find((n) => n !== 1) ?? 1;
  });
}

/**
 * An operation on elements that keeps their type. Where all operands were reshaped alike (numbers aside), it is done
 * before the reshaping, which then meets the next one.
 */
export function map(
  g: Graph,
  op: string,
  inputs: readonly Value[],
  type: ElementType = inputs[0]!.type,
  attributes: Attributes = {},
): Value {
  const shaped = inputs.filter((x) => x.shape.length > 0);
  const [first] = shaped;
  const source = first?.view?.kind === "reshape" ? first.view.source.shape : undefined;
  const alike = source &&
    shaped.every((x) =>
      x.view?.kind === "reshape" && sameShape(x.view.source.shape, source) &&
      sameShape(x.shape, first!.shape)
    );
  if (alike) {
    // A number stays one, and is not what it was reshaped from.
    const before = inputs.map((x) => shaped.includes(x) ? x.view!.source : x);
    const y = g.node(op, before, { shape: source, type }, attributes);
    return reshape(g, y, first!.shape);
  }
  return g.node(
    op,
    inputs,
    { shape: commonShape(...inputs.map((v) => v.shape)), type },
    attributes,
  );
}

/** Another element type. */
export function cast(g: Graph, x: Value, type: ElementType): Value {
  if (x.type === type) return x;
  const value = x.constant && x.shape.length === 0 ? Number(x.constant[0]) : NaN;
  // Small whole numbers are the same in all types.
  if (type !== "bool" && Number.isInteger(value) && value >= 0 && value < 128) {
    return g.scalar(type, value);
  }
  return g.node("Cast", [x], { shape: x.shape, type }, { to: typeNumbers[type] });
}

const isUnit = (n: number) => n === 1;
const nonUnit = (shape: Shape) => shape.filter((n) => !isUnit(n));

/** The same elements in another shape. */
export function reshape(g: Graph, x: Value, shape: Shape): Value {
  const source = x.view?.kind === "reshape" ? x.view.source : x;
  if (sameShape(source.shape, shape)) return source;
  if (source.constant && sizeOf(shape) === 1) {
    return g.constant(source.type, shape, [Number(source.constant[0])]);
  }
  return g.node("Reshape", [source, g.list(shape)], { shape, type: x.type }, {}, {
    view: { kind: "reshape", source },
  });
}

/** Axis i of the result is axis `permutation[i]`. */
export function transpose(g: Graph, x: Value, permutation: readonly number[]): Value {
  const shape = permutation.map((a) => x.shape[a]!);
  const moved = permutation.filter((a) => !isUnit(x.shape[a]!));
  if (moved.every((a, i) => i === 0 || moved[i - 1]! < a)) return reshape(g, x, shape);
  const { base, axes } = untransposed(x);
  if (base !== x && nonUnit(base.shape).length === moved.length) {
    // Among the axes longer than 1, compose with the permutations seen through.
    const long = x.shape.flatMap((n, a) => isUnit(n) ? [] : [a]);
    const order = moved.map((a) => axes[long.indexOf(a)]!);
    return reshape(g, transposeLong(g, base, order), shape);
  }
  return transposeNode(g, x, permutation);
}

/** Permutes the axes longer than 1; those of size 1 go to the end, where the caller drops them. */
export function transposeLong(g: Graph, base: Value, order: readonly number[]): Value {
  if (order.every((a, i) => i === 0 || order[i - 1]! < a)) return base;
  const units = base.shape.flatMap((n, a) => isUnit(n) ? [a] : []);
  return transposeNode(g, base, [...order, ...units]);
}

function transposeNode(g: Graph, x: Value, permutation: readonly number[]): Value {
  const shape = permutation.map((a) => x.shape[a]!);
  return g.node("Transpose", [x], { shape, type: x.type }, { perm: permutation }, {
    view: { kind: "transpose", source: x, permutation },
  });
}

/**
 * The value that `x` shows in another order, and which of its axes each axis of `x` longer than 1 is.
 */
export function untransposed(x: Value): { base: Value; axes: readonly number[] } {
  const long = (v: Value) => v.shape.flatMap((n, a) => isUnit(n) ? [] : [a]);
  const { view } = x;
  if (view?.kind === "transpose") {
    const inner = untransposed(view.source);
    const sourceLong = long(view.source);
    return {
      base: inner.base,
      axes: long(x).map((a) => inner.axes[sourceLong.indexOf(view.permutation[a]!)]!),
    };
  }
  if (view?.kind === "reshape" && sameShape(nonUnit(view.source.shape), nonUnit(x.shape))) {
    return untransposed(view.source);
  }
  return { base: x, axes: long(x) };
}

/** The order of some axes turned around. */
export function reverse(g: Graph, x: Value, axes: readonly number[]): Value {
  const turned = axes.filter((a) => x.shape[a]! > 1);
  if (turned.length === 0) return x;
  const { view } = x;
  if (view?.kind === "reverse" && sameShape(view.axes, turned)) return view.source;
  return g.node(
    "Slice",
    [
      x,
      g.list(turned.map(() => -1)),
      g.list(turned.map(() => -(2 ** 31))),
      g.list(turned),
      g.list(turned.map(() => -1)),
    ],
    x,
    {},
    { view: { kind: "reverse", source: x, axes: turned } },
  );
}

/** A box of elements, thinned by strides. */
export function slice(
  g: Graph,
  x: Value,
  start: readonly number[],
  limit: readonly number[],
  strides: readonly number[] = start.map(() => 1),
): Value {
  const cut = x.shape.flatMap((n, a) => start[a] || limit[a] !== n || strides[a] !== 1 ? [a] : []);
  if (cut.length === 0) return x;
  const pick = (list: readonly number[]) => g.list(cut.map((a) => list[a]!));
  const shape = x.shape.map((_, a) => Math.ceil((limit[a]! - start[a]!) / strides[a]!));
  return g.node(
    "Slice",
    [x, pick(start), pick(limit), g.list(cut), pick(strides)],
    { shape, type: x.type },
  );
}

/** Elements of one value put around. */
export function pad(
  g: Graph,
  x: Value,
  low: readonly number[],
  high: readonly number[],
  value: Value,
): Value {
  if ([...low, ...high].every((n) => n === 0)) return x;
  const shape = x.shape.map((n, a) => n + low[a]! + high[a]!);
  return g.node("Pad", [x, g.list([...low, ...high]), value], { shape, type: x.type });
}

/** `interior` elements of one value between each two. */
export function spread(g: Graph, x: Value, interior: readonly number[], value: Value): Value {
  if (interior.every((n, a) => n === 0 || x.shape[a]! < 2)) return x;
  // Each element gets its gap behind it, on an axis of its own; the last gap is cut off again.
  const apart = reshape(g, x, x.shape.flatMap((n) => [n, 1]));
  const gaps = interior.flatMap((n) => [0, n]);
  const padded = pad(g, apart, gaps.map(() => 0), gaps, value);
  const long = x.shape.map((n, a) => n * (interior[a]! + 1));
  const limit = x.shape.map((n, a) => (n - 1) * (interior[a]! + 1) + 1);
  return slice(g, reshape(g, padded, long), limit.map(() => 0), limit);
}

/** Values one after the other. */
export function concatenate(g: Graph, xs: readonly Value[], axis: number): Value {
  if (xs.length === 1) return xs[0]!;
  const total = xs.reduce((sum, x) => sum + x.shape[axis]!, 0);
  const shape = xs[0]!.shape.map((n, a) => a === axis ? total : n);
  return g.node("Concat", xs, { shape, type: xs[0]!.type }, { axis });
}

/** The value repeated to fill a shape. */
export function expand(g: Graph, x: Value, shape: Shape): Value {
  if (sizeOf(x.shape) === sizeOf(shape)) return reshape(g, x, shape);
  return g.node("Expand", [x, g.list(shape)], { shape, type: x.type });
}

/**
 * Reduces the axes that have more than one element, and drops the others. The node keeps its axes: what
 * is repeated along them again, as in a softmax, then needs no reshaping.
 */
export function reduceNode(g: Graph, op: string, x: Value, axes: readonly number[]): Value {
  const long = axes.filter((a) => x.shape[a]! > 1);
  const shape = x.shape.filter((_, a) => !axes.includes(a));
  if (long.length === 0) return reshape(g, x, shape);
  const kept = x.shape.map((n, a) => axes.includes(a) ? 1 : n);
  const y = g.node(op, [x, g.list(long)], { shape: kept, type: x.type }, { keepdims: 1 });
  return reshape(g, y, shape);
}
