/** Small programs that several files of the array language share; not for users. */
import type { Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { checkCount, stretch } from "./promote.ts";

/** Elements `from` to before `to` of an axis. */
export function stretchOf(x: Tensor, axis: number, from: number, to: number): Tensor {
  return lax.slice(x, {
    start: x.shape.map((_, i) => i === axis ? from : 0),
    limit: x.shape.map((n, i) => i === axis ? to : n),
    strides: x.shape.map(() => 1),
  });
}

/** Zeros behind the elements of an axis, up to a size. */
export function padAfter(x: Tensor, axis: number, size: number): Tensor {
  const none = x.shape.map(() => 0);
  return lax.pad(x, { low: none, high: none.with(axis, size - x.shape[axis]!), interior: none });
}

/**
 * An associative operation run along an axis in log₂ n steps (Hillis and Steele, 1986): after each,
 * an element holds the result of twice as many elements.
 */
export function scanWith(
  combine: (earlier: Tensor, later: Tensor) => Tensor,
): (x: Tensor, axis: number, reverse: boolean) => Tensor {
  return (x, axis, reverse) => {
    if (reverse) return lax.reverse(scanWith(combine)(lax.reverse(x, [axis]), axis, false), [axis]);
    const size = x.shape[axis]!;
    let y = x;
    for (let reach = 1; reach < size; reach *= 2) {
      const joined = combine(stretchOf(y, axis, 0, size - reach), stretchOf(y, axis, reach, size));
      y = lax.concatenate([stretchOf(y, axis, 0, reach), joined], axis);
    }
    return y;
  };
}

/** The reduced axes put back, with size 1. */
export function keep(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return lax.reshape(y, shape.map((n, i) => axes.includes(i) ? 1 : n));
}

/** A reduction's result, repeated along the axes that vanished. */
export function again(y: Tensor, like: Tensor, axes: readonly number[]): Tensor {
  return stretch("reduction", keep(y, like.shape, axes), like.shape);
}

/** Row numbers moved by k, and column numbers: equal on the k-th diagonal. */
export function diagonalIndices(
  name: string,
  rows: number,
  columns: number,
  k: number,
): [Tensor, Tensor] {
  const shape = [checkCount(name, "the rows", rows), checkCount(name, "the columns", columns)];
  const i = lax.iota(shape, "int32", 0);
  return [k === 0 ? i : lax.add(i, lax.fullLike(i, k)), lax.iota(shape, "int32", 1)];
}

/** The k-th diagonal of the last two axes. */
export function diagonalOfLast(x: Tensor, k: number): Tensor {
  const outer = x.shape.slice(0, -2);
  const [rows, columns] = [x.shape.at(-2)!, x.shape.at(-1)!];
  const count = Math.max(0, k >= 0 ? Math.min(rows, columns - k) : Math.min(rows + k, columns));
  const from = count === 0 ? 0 : k >= 0 ? k : -k * columns;
  // In the flattened matrix the diagonal is every (columns + 1)-th element.
  const to = count === 0 ? 0 : from + (count - 1) * (columns + 1) + 1;
  return lax.slice(lax.reshape(x, [...outer, rows * columns]), {
    start: [...outer.map(() => 0), from],
    limit: [...outer, to],
    strides: [...outer.map(() => 1), columns + 1],
  });
}

/** Each element several times in a row along an axis. */
export function repeatEach(x: Tensor, axis: number, count: number): Tensor {
  const twice = [...x.shape.slice(0, axis + 1), count, ...x.shape.slice(axis + 1)];
  const axes = x.shape.map((_, i) => i <= axis ? i : i + 1);
  return lax.reshape(
    lax.broadcast(x, twice, axes),
    x.shape.map((n, i) => i === axis ? n * count : n),
  );
}

/** All index tuples of a shape, the last axis running first. */
export function indexTuples(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (tuples, n) => tuples.flatMap((t) => Array.from({ length: n }, (_, i) => [...t, i])),
    [[]],
  );
}
