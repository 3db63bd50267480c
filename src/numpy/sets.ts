/**
 * Sets: distinct elements, membership, unions. Everything is found by sorting and bisection. How many elements
 * there are depends on values: the caller says the `size` of the result.
 */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, boolean, count, declareOptions, required, tensorLike } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed, managedWithOptions } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import { asTensor, axisOf, cast, promote, stretch, type TensorLike } from "./promote.ts";
import { filled, type FillOptions, firstTrue } from "./sized.ts";
import { countBefore, lexsort } from "./sorting.ts";

const c = lax.fullLike;
const flat = (x: TensorLike) => {
  const t = asTensor(x);
  return lax.reshape(t, [t.size]);
};
const fillKinds = { size: required(count), fillValue: tensorLike } as const;

/** True for rows of a sorted matrix that differ from the row before, and for the first. */
function firsts(rows: Tensor, nanIsOne: boolean): Tensor {
  const n = rows.shape[0]!;
  const [later, earlier] = [stretchOf(rows, 0, 1, n), stretchOf(rows, 0, 0, n - 1)];
  const differ = lax.ne(later, earlier);
  const known = lax.or(lax.eq(later, later), lax.eq(earlier, earlier));
  const counts = nanIsOne ? lax.and(differ, known) : differ;
  return lax.concatenate([lax.full([1], 1, "bool"), lax.reduceOr(counts, [1])], 0);
}

/** Rows in order, where each was, and the first of equal ones. */
function inOrder(rows: Tensor, nanIsOne: boolean): [sorted: Tensor, order: Tensor, first: Tensor] {
  const keys = Array.from(
    { length: rows.shape[1]! },
    (_, j) => lax.reshape(stretchOf(rows, 1, j, j + 1), [rows.shape[0]!]),
  );
  const order = lexsort(keys.reverse());
  const sorted = lax.gather(rows, lax.reshape(order, [order.size, 1]));
  return [sorted, order, firsts(sorted, nanIsOne)];
}

/** The rows that a mask chooses, then a value: the first of them unless given, 0 if there is none. */
function chosen(
  name: string,
  rows: Tensor,
  mask: Tensor,
  { size, fillValue }: FillOptions,
): Tensor {
  const [places, total] = firstTrue(mask, size);
  const found = lax.gather(rows, lax.reshape(places, [size, 1]));
  const shape = found.shape;
  const spread = (x: Tensor) => lax.broadcast(x, shape, x.ndim === 0 ? [] : [0]);
  if (fillValue === undefined) {
    // Places behind the last are 0: of a set that is not empty, the smallest element is wanted.
    const first = lax.broadcast(
      stretchOf(found, 0, 0, Math.min(1, size)),
      shape,
      shape.map((_, i) => i),
    );
    const some = spread(lax.gt(total, c(total, 0)));
    return lax.select(spread(filled(size, total)), found, lax.select(some, first, c(first, 0)));
  }
  const fill = cast(name, fillValue, { dtype: rows.dtype, weak: false });
  return lax.select(spread(filled(size, total)), found, stretch(name, fill, shape));
}

function requireSome(name: string, x: Tensor): void {
  if (x.size > 0) return;
  throw new ShapeError(
    `${name}: expected one element or more, got ${formatAval(x.aval)}`,
    "check the size first",
  );
}

/** Options of {@link unique}. */
export interface UniqueOptions extends FillOptions {
  /** An axis, along which whole sub-tensors are compared; elements of the flattened tensor unless given. */
  readonly axis?: number | undefined;
  /** True if all NaN count as one value; true unless given. */
  readonly equalNan?: boolean | undefined;
}

/**
 * The distinct elements in increasing order, the given `size` of them; behind the last `fillValue`, the smallest
 * unless given. In JAX the size may be left out where values are known; here it may not. Indices, inverse and
 * counts are given by {@link uniqueAll}.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([3, 1, 3, 2]);
 * console.assert(String(await np.unique(x, { size: 3 }).data()) === "1,2,3");
 * console.assert(String(await np.unique(x, { size: 4, fillValue: -1 }).data()) === "1,2,3,-1");
 * ```
 *
 * @throws ShapeError of no elements.
 */
export const unique: (x: TensorLike, options: UniqueOptions) => Tensor = managedWithOptions(
  (x: TensorLike, { axis, equalNan = true, ...options }: UniqueOptions) => {
    const t = asTensor(x);
    requireSome("unique", t);
    const along = axis === undefined ? 0 : axisOf("unique", axis, t.ndim);
    const rest = t.shape.map((_, i) => i).filter((i) => i !== along);
    const first = axis === undefined ? flat(t) : lax.transpose(t, [along, ...rest]);
    const n = first.shape[0]!;
    const [sorted, , mask] = inOrder(lax.reshape(first, [n, first.size / n]), equalNan);
    const rows = chosen("unique", sorted, mask, options);
    const y = lax.reshape(rows, [options.size, ...first.shape.slice(1)]);
    const back = rest.map((_, i) => i + 1);
    return axis === undefined
      ? y
      : lax.transpose(y, [...back.slice(0, along), 0, ...back.slice(along)]);
  },
  declareOptions<UniqueOptions>("np.unique", ["x"], { ...fillKinds, axis, equalNan: boolean }),
);

/** Values, the indices of their first occurrence, the number of each element's value, and counts. */
export type UniqueAll = [values: Tensor, indices: Tensor, inverseIndices: Tensor, counts: Tensor];

/**
 * The distinct elements as {@link unique} gives them, where each is found first in the flattened tensor, for each
 * element the number of its value (in the shape of the tensor), and how often each occurs: int32, 0 behind the
 * last. As in JAX and the array API, no two NaN are equal.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [values, first, inverse, counts] = np.uniqueAll(np.array([3, 1, 3]), { size: 2 });
 * console.assert(String(await values.data()) === "1,3");
 * console.assert(String(await first.data()) === "1,0");
 * console.assert(String(await inverse.data()) === "1,0,1");
 * console.assert(String(await counts.data()) === "1,2");
 * ```
 */
export const uniqueAll: (x: TensorLike, options: FillOptions) => UniqueAll = managedWithOptions(
  (x: TensorLike, options: FillOptions): UniqueAll => {
    const t = asTensor(x);
    requireSome("uniqueAll", t);
    const n = t.size;
    const [sorted, order, mask] = inOrder(lax.reshape(t, [n, 1]), false);
    const { size } = options;
    const values = lax.reshape(chosen("uniqueAll", sorted, mask, options), [size]);
    const [starts, total] = firstTrue(mask, size + 1);
    const ends = lax.select(filled(size + 1, total), starts, lax.full([size + 1], n, "int32"));
    const number = lax.sub(lax.cumsum(lax.convert(mask, "int32"), 0), lax.full([n], 1, "int32"));
    const inverse = lax.scatter(
      lax.full([n], 0, "int32"),
      lax.reshape(order, [n, 1]),
      number,
      "set",
    );
    return [
      values,
      lax.gather(order, lax.reshape(stretchOf(starts, 0, 0, size), [size, 1])),
      lax.reshape(inverse, t.shape),
      lax.sub(stretchOf(ends, 0, 1, size + 1), stretchOf(ends, 0, 0, size)),
    ];
  },
  declareOptions<FillOptions>("np.uniqueAll", ["x"], fillKinds),
);

/** The values and counts of {@link uniqueAll}. */
export const uniqueCounts: (
  x: TensorLike,
  options: FillOptions,
) => [values: Tensor, counts: Tensor] = managedWithOptions(
  (x: TensorLike, options: FillOptions): [Tensor, Tensor] => {
    const [values, , , counts] = uniqueAll(x, options);
    return [values, counts];
  },
  declareOptions<FillOptions>("np.uniqueCounts", ["x"], fillKinds),
);

/** The values of {@link uniqueAll}, and the number of each element's value. */
export const uniqueInverse: (
  x: TensorLike,
  options: FillOptions,
) => [values: Tensor, inverseIndices: Tensor] = managedWithOptions(
  (x: TensorLike, options: FillOptions): [Tensor, Tensor] => {
    const [values, , inverse] = uniqueAll(x, options);
    return [values, inverse];
  },
  declareOptions<FillOptions>("np.uniqueInverse", ["x"], fillKinds),
);

/** The distinct elements; as {@link unique}, but no two NaN are equal. */
export const uniqueValues: (x: TensorLike, options: FillOptions) => Tensor = managedWithOptions(
  (x: TensorLike, options: FillOptions) => unique(x, { ...options, equalNan: false }),
  declareOptions<FillOptions>("np.uniqueValues", ["x"], fillKinds),
);

/** For each element of one vector whether it is in another. */
function within(x: Tensor, others: Tensor): Tensor {
  if (others.size === 0) return lax.full(x.shape, 0, "bool");
  const sorted = lax.sort(others)[0]!;
  const place = countBefore(sorted, x, lax.lt);
  const last = c(place, others.size - 1);
  const nearest = lax.gather(sorted, lax.reshape(lax.min(place, last), [...x.shape, 1]));
  return lax.eq(nearest, x);
}

/** Two operands in one type, flattened; booleans as integers, which can be sorted. */
function pairOf(name: string, x: TensorLike, y: TensorLike): [Tensor, Tensor] {
  const [a, b] = promote(name, [x, y]).map(flat) as [Tensor, Tensor]; // two in, two out
  return [a, b];
}

/**
 * True for elements that occur in another tensor, in the shape of the first; NaN occurs in none. Found by bisection.
 *
 * ```ts
 * import { np } from "trilevel";
 * const found = np.isin(np.array([[1, 2], [3, 4]]), np.array([4, 1]));
 * console.assert(String(await found.data()) === "1,0,0,1");
 * ```
 */
export const isin: (
  x: TensorLike,
  others: TensorLike,
  options?: { readonly invert?: boolean },
) => Tensor = managed(
  (x, others, { invert = false } = {}) => {
    const [a, b] = pairOf("isin", x, others);
    const found = lax.reshape(within(a, b), asTensor(x).shape);
    return invert ? lax.not(found) : found;
  },
  declareOptions("np.isin", ["x", "others"], { invert: boolean }),
);

type SetOperation = (x: TensorLike, y: TensorLike, options: FillOptions) => Tensor;

/** The distinct elements of one vector or two for which a test holds. */
const setOperation = (
  name: string,
  elements: (x: Tensor, y: Tensor) => Tensor,
  holds: (v: Tensor, x: Tensor, y: Tensor) => Tensor,
  fill?: number,
): SetOperation =>
  managedWithOptions((x: TensorLike, y: TensorLike, options: FillOptions) => {
    const [a, b] = pairOf(name, x, y);
    const all = elements(a, b);
    if (all.size === 0) return lax.full([options.size], 0, all.dtype);
    const [sorted, , first] = inOrder(lax.reshape(all, [all.size, 1]), true);
    const mask = lax.and(first, holds(lax.reshape(sorted, [all.size]), a, b));
    const { size, fillValue = fill } = options;
    return lax.reshape(chosen(name, sorted, mask, { size, fillValue }), [size]);
  }, declareOptions<FillOptions>(`np.${name}`, ["x", "y"], fillKinds));

const both = (x: Tensor, y: Tensor) => lax.concatenate([x, y], 0);

/**
 * The distinct elements of two tensors together; see {@link unique} for sizes.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [x, y] = [np.array([1, 2, 2]), np.array([2, 3])];
 * console.assert(String(await np.union1d(x, y, { size: 3 }).data()) === "1,2,3");
 * console.assert(String(await np.intersect1d(x, y, { size: 1 }).data()) === "2");
 * console.assert(String(await np.setdiff1d(x, y, { size: 1 }).data()) === "1");
 * console.assert(String(await np.setxor1d(x, y, { size: 2 }).data()) === "1,3");
 * ```
 */
export const union1d: SetOperation = setOperation(
  "union1d",
  both,
  (v) => lax.full(v.shape, 1, "bool"),
);
/** The distinct elements that two tensors have in common. */
export const intersect1d: SetOperation = setOperation(
  "intersect1d",
  (x) => x,
  (v, _, y) => within(v, y),
);
/** The distinct elements of the first tensor that are not in the second; 0 behind the last unless given. */
export const setdiff1d: SetOperation = setOperation(
  "setdiff1d",
  (x) => x,
  (v, _, y) => lax.not(within(v, y)),
  0,
);
/** The distinct elements that are in one of two tensors, but not in both. */
export const setxor1d: SetOperation = setOperation(
  "setxor1d",
  both,
  (v, x, y) => lax.xor(within(v, x), within(v, y)),
);
