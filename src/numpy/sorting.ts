/** Order: sorting, the indices that sort, the largest few. NaN counts as larger than all numbers. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, boolean, declareOptions, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { forRows } from "./linalg/matrices.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import { asTensor, axisOf, promote, type TensorLike } from "./promote.ts";

/** Options of {@link sort} and {@link argsort}. */
export interface SortOptions {
  /** Along which axis; the last unless given. */
  readonly axis?: number | undefined;
  /** The largest first. */
  readonly descending?: boolean | undefined;
}

/** Elements along the last axis in order, and where each was; equal ones keep their order. */
function ordered(x: Tensor, descending: boolean): [values: Tensor, indices: Tensor] {
  const last = x.ndim - 1;
  const index = lax.iota(x.shape, "int32", last);
  if (!descending) {
    const [values, indices] = lax.sort(x, index);
    return [values!, indices!];
  }
  // Turned around before and after, so that equal elements keep their order.
  const [values, indices] = lax.sort(lax.reverse(x, [last]), lax.reverse(index, [last]));
  return [lax.reverse(values!, [last]), lax.reverse(indices!, [last])];
}

/** All axes in their order, but one exchanged with the last. */
function exchanged(rank: number, axis: number): number[] {
  const last = rank - 1;
  return Array.from({ length: rank }, (_, i) => i === axis ? last : i === last ? axis : i);
}

function alongLast(name: string, x: TensorLike, axis: number, f: (t: Tensor) => Tensor): Tensor {
  const t = asTensor(x);
  const at = axisOf(name, axis, t.ndim);
  const swapped = exchanged(t.ndim, at);
  return lax.transpose(f(lax.transpose(t, swapped)), swapped);
}

/**
 * Elements in ascending order along an axis, NaN last.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([3, 1, 2]);
 * console.assert(String(await np.sort(x).data()) === "1,2,3");
 * console.assert(String(await np.sort(x, { descending: true }).data()) === "3,2,1");
 * console.assert(String(await np.argsort(x).data()) === "1,2,0");
 * ```
 */
export const sort: (x: TensorLike, options?: SortOptions) => Tensor = managed(
  (x, { axis = -1, descending = false } = {}) =>
    alongLast("sort", x, axis, (t) => {
      const sorted = lax.sort(t)[0]!;
      return descending ? lax.reverse(sorted, [t.ndim - 1]) : sorted;
    }),
  declareOptions("np.sort", ["x"], { axis, descending: boolean }),
);

/** The indices that sort elements along an axis, int32; equal elements keep their order. */
export const argsort: (x: TensorLike, options?: SortOptions) => Tensor = managed(
  (x, { axis = -1, descending = false } = {}) =>
    alongLast("argsort", x, axis, (t) => ordered(t, descending)[1]),
  declareOptions("np.argsort", ["x"], { axis, descending: boolean }),
);

/**
 * Keys in ascending order along an axis (NaN last, equal ones as they were), and values of the same shape moved along
 * with them.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [keys, values] = np.sortKeyVal(np.array([3, 1, 2]), np.array([30, 10, 20]));
 * console.assert(String(await keys.data()) === "1,2,3" && String(await values.data()) === "10,20,30");
 * ```
 *
 * @throws ShapeError when keys and values differ in shape.
 */
export const sortKeyVal: (
  keys: TensorLike,
  values: TensorLike,
  options?: { readonly axis?: number | undefined },
) => [keys: Tensor, values: Tensor] = managed(
  (keys, values, { axis = -1 } = {}) => {
    const [k, v] = [asTensor(keys), asTensor(values)];
    if (k.shape.join() !== v.shape.join()) {
      throw new ShapeError(
        `sortKeyVal: shapes differ: keys ${formatAval(k.aval)} and values ${formatAval(v.aval)}`,
        "give values of the keys' shape",
      );
    }
    const at = axisOf("sortKeyVal", axis, k.ndim);
    const swapped = exchanged(k.ndim, at);
    const [sorted, moved] = lax.sort(lax.transpose(k, swapped), lax.transpose(v, swapped));
    return [lax.transpose(sorted!, swapped), lax.transpose(moved!, swapped)];
  },
  declareOptions("np.sortKeyVal", ["keys", "values"], { axis }),
);

/**
 * The `k` largest elements along an axis, the last unless given, the largest first, and their indices (int32); of
 * equal ones the first.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [values, indices] = np.topK(np.array([1, 9, 5]), 2);
 * console.assert(String(await values.data()) === "9,5" && String(await indices.data()) === "1,2");
 * ```
 *
 * @throws ShapeError for a scalar; ArgumentError unless 0 ≤ k ≤ size.
 */
export const topK: (
  x: TensorLike,
  k: number,
  options?: { readonly axis?: number | undefined },
) => [values: Tensor, indices: Tensor] = managed(
  (x, k, { axis = -1 } = {}) => {
    const t = asTensor(x);
    if (t.ndim === 0) {
      throw new ShapeError("topK: expected at least one axis, got a scalar", "give a vector");
    }
    const at = axisOf("topK", axis, t.ndim);
    const size = t.shape[at]!;
    if (!Number.isInteger(k) || k < 0 || k > size) {
      throw new ArgumentError(
        `topK: cannot take ${k} elements of ${formatAval(t.aval)}`,
        `give a whole number from 0 to ${size}`,
      );
    }
    const last = t.ndim - 1;
    const swapped = exchanged(t.ndim, at);
    const [values, indices] = ordered(lax.transpose(t, swapped), true)
      .map((y) => lax.transpose(stretchOf(y, last, 0, k), swapped)) as [Tensor, Tensor]; // of two, two
    return [values, indices];
  },
  declareOptions("np.topK", ["x", "k"], { axis }),
);

/**
 * The indices that sort by several keys, int32: by the last of them, equal elements by the one before, and so on.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [first, second] = [np.array([1, 0, 0]), np.array([5, 7, 3])];
 * console.assert(String(await np.lexsort([second, first]).data()) === "2,1,0");
 * ```
 *
 * @throws ShapeError unless keys have one shape with an axis.
 */
export const lexsort: (
  keys: readonly TensorLike[],
  options?: { readonly axis?: number },
) => Tensor = managed(
  (keys, { axis = -1 } = {}) => {
    const [first, ...others] = keys.map(asTensor);
    if (first === undefined || others.some((x) => x.shape.join() !== first.shape.join())) {
      throw new ShapeError(
        `lexsort: expected keys of one shape, got ${
          keys.map((x) => formatAval(asTensor(x).aval)).join(", ") || "none"
        }`,
        "give one key or more, and broadcast them to one shape",
      );
    }
    const at = axisOf("lexsort", axis, first.ndim);
    const last = first.ndim - 1;
    const swapped = exchanged(first.ndim, at);
    // Sorting keeps the order of equal elements: the least important key goes first.
    let order = lax.iota(swapped.map((i) => first.shape[i]!), "int32", last);
    for (const key of [first, ...others]) {
      const along = lax.transpose(key, swapped);
      order = lax.sort(lax.gather(along, lax.alongLast(order)), order)[1]!;
    }
    return lax.transpose(order, swapped);
  },
  declareOptions("np.lexsort", ["keys"], { axis }),
);

/** Along which axis {@link partition} goes. */
export interface PartitionOptions {
  /** The last unless given. */
  readonly axis?: number | undefined;
}

/**
 * Elements along an axis in such an order that none before the `kth` is larger than it, and none behind it smaller:
 * here, all of them sorted.
 */
export const partition: (x: TensorLike, kth: number, options?: PartitionOptions) => Tensor =
  managed((x, kth, { axis = -1 } = {}) => {
    checkPlace("partition", x, kth, axis);
    return sort(x, { axis });
  }, declareOptions("np.partition", ["x", "kth"], { axis }));

/** The indices that {@link partition} elements, int32. */
export const argpartition: (x: TensorLike, kth: number, options?: PartitionOptions) => Tensor =
  managed((x, kth, { axis = -1 } = {}) => {
    checkPlace("argpartition", x, kth, axis);
    return argsort(x, { axis });
  }, declareOptions("np.argpartition", ["x", "kth"], { axis }));

function checkPlace(name: string, x: TensorLike, kth: number, axis: number): void {
  const t = asTensor(x);
  const size = t.shape[axisOf(name, axis, t.ndim)]!;
  if (Number.isInteger(kth) && kth >= -size && kth < size) return;
  throw new ArgumentError(
    `${name}: element ${kth} is out of range for ${formatAval(t.aval)}`,
    `give a whole number from ${-size} to ${size - 1}`,
  );
}

/**
 * The indices, int32, at which elements would be inserted into a sorted vector to keep it sorted: before equal elements,
 * or (`side: "right"`) behind them. Found by bisection, in log₂ n steps for all elements together.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.searchsorted(np.array([1, 3, 5]), 3).item() === 1);
 * ```
 */
export const searchsorted: (
  sorted: TensorLike,
  x: TensorLike,
  options?: { readonly side?: "left" | "right" },
) => Tensor = managed(
  (sorted, x, { side = "left" } = {}) => {
    const [row, values] = [asTensor(sorted), asTensor(x)];
    if (row.ndim !== 1) {
      throw new ShapeError(
        `searchsorted: expected a sorted vector, got ${formatAval(row.aval)}`,
        "flatten it, or search in many by vmap",
      );
    }
    const [a, b] = promote("searchsorted", [row, values]) as [Tensor, Tensor]; // two in, two out
    return countBefore(a, b, side === "left" ? lax.lt : lax.le);
  },
  declareOptions("np.searchsorted", ["sorted", "x"], { side: oneOf("left", "right") }),
);

/**
 * For each value, how many elements of a sorted vector come before it (`lt`), or before it or beside it
 * (`le`). NaN comes after all numbers, as `sort` puts it.
 */
export function countBefore(
  sorted: Tensor,
  values: Tensor,
  compare: typeof lax.lt | typeof lax.le,
): Tensor {
  [sorted, values] = [lax.stopGradient(sorted), lax.stopGradient(values)];
  const count = sorted.size;
  const c = (n: number) => lax.full(values.shape, n, "int32");
  // The answer is in [low, high], an interval that each step halves.
  const steps = Math.ceil(Math.log2(count + 1));
  const [found] = forRows(steps, [c(0), c(count)], (_, low, high) => {
    const middle = lax.shiftRightLogical(lax.add(low!, high!), c(1));
    // A closed interval may lie at the end, where there is no element to look at.
    const place = lax.min(middle, c(count - 1));
    const element = lax.gather(sorted, lax.reshape(place, [...place.shape, 1]));
    const unknown = lax.ne(values, values);
    const last = compare === lax.lt ? lax.and(unknown, lax.eq(element, element)) : unknown;
    const before = lax.or(compare(element, values), last);
    const open = lax.lt(low!, high!);
    return [
      lax.select(lax.and(open, before), lax.add(middle, c(1)), low!),
      lax.select(lax.and(open, lax.not(before)), middle, high!),
    ];
  });
  return found!;
}
