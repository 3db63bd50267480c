/**
 * Reductions: many elements become one, along an axis, several, or all. Integers and booleans are
 * summed as int32, and averaged as float32.
 */
import { ArgumentError } from "../core/errors.ts";
import { sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  axes,
  axis,
  boolean,
  declareOptions,
  finite,
  number,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { subtract } from "./elementwise.ts";
import { managed } from "./managed.ts";
import { again, keep, stretchOf } from "./parts.ts";
import {
  asTensor,
  type Axes,
  axesOf,
  axisOf,
  broadcastShapes,
  cast,
  floatTensor,
  numberTensor,
  stretch,
  type TensorLike,
  truth,
} from "./promote.ts";

/** The axes of a reduction. */
export interface ReduceOptions {
  /** An axis, or several; all unless given. Negative ones count from the end. */
  readonly axis?: Axes;
  /** True to keep reduced axes, with size 1. */
  readonly keepdims?: boolean | undefined;
}

/** The axes of a reduction, and the elements that it counts. */
export interface WhereOptions extends ReduceOptions {
  /** Only elements where this is true are counted; it is broadcast to the tensor. All unless given. */
  readonly where?: TensorLike | undefined;
}

/** The axes, elements and first value of a reduction. */
export interface InitialOptions extends WhereOptions {
  /** A number that is reduced along with the elements. */
  readonly initial?: number | undefined;
}

/** A function that reduces a tensor along axes. */
export type Reduction = (x: TensorLike, options?: ReduceOptions) => Tensor;
/** A function that reduces some elements of a tensor along axes. */
export type SelectiveReduction = (x: TensorLike, options?: WhereOptions) => Tensor;
/** A function that reduces some elements of a tensor, and a number, along axes. */
export type InitialReduction = (x: TensorLike, options?: InitialOptions) => Tensor;

/** A reduction of prepared operands along axes counted from 0. */
function reduction(
  name: string,
  prepare: (x: TensorLike) => Tensor,
  reduce: (x: Tensor, axes: readonly number[]) => Tensor,
): Reduction {
  return managed(
    (x, { axis, keepdims = false } = {}) => {
      const t = prepare(x);
      const axes = axesOf(name, axis, t.ndim);
      const y = reduce(t, axes);
      return keepdims ? keep(y, t.shape, axes) : y;
    },
    declareOptions(`np.${name}`, ["x"], { axis: axes, keepdims: boolean }),
  );
}

/** The tensor with another value where elements are not counted. */
function counted(
  name: string,
  x: Tensor,
  where: TensorLike | undefined,
  otherwise: number,
): Tensor {
  if (where === undefined) return x;
  return lax.select(stretch(name, truth(where), x.shape), x, c(x, otherwise));
}

/** A reduction that counts some elements: the others are replaced by one that changes nothing. */
function selective(
  name: string,
  prepare: (x: TensorLike) => Tensor,
  reduce: (x: Tensor, axes: readonly number[]) => Tensor,
  neutral: number,
): SelectiveReduction {
  const all = reduction(name, prepare, reduce);
  return managed(
    (x, { where, ...options } = {}) => all(counted(name, prepare(x), where, neutral), options),
    declareOptions(`np.${name}`, ["x"], { axis: axes, keepdims: boolean, where: tensorLike }),
  );
}

/** As {@link selective}, with a number to start from; `neutral` says what starts nothing in a type. */
function starting(
  name: string,
  prepare: (x: TensorLike) => Tensor,
  reduce: (x: Tensor, axes: readonly number[]) => Tensor,
  combine: (x: Tensor, y: Tensor) => Tensor,
  neutral: number | undefined,
): InitialReduction {
  const all = reduction(name, prepare, reduce);
  return managed(
    (x, { where, initial, ...options } = {}) => {
      const t = prepare(x);
      const otherwise = neutral ?? initial;
      if (where !== undefined && otherwise === undefined) {
        throw new ArgumentError(
          `${name}: \`where\` without \`initial\`, which is the result where nothing is counted`,
          `give a number: np.${name}(x, { where, initial: 0 })`,
        );
      }
      if (initial === undefined) return all(counted(name, t, where, otherwise ?? 0), options);
      const first = cast(name, initial, { dtype: t.dtype, weak: false });
      // Of no elements there is the first number only.
      const axes = axesOf(name, options.axis, t.ndim);
      if (countOf(t, axes) === 0) {
        const shape = t.shape.flatMap((n, i) =>
          !axes.includes(i) ? [n] : options.keepdims ? [1] : []
        );
        return stretch(name, first, shape);
      }
      const y = all(counted(name, t, where, otherwise ?? 0), options);
      return combine(y, stretch(name, first, y.shape));
    },
    declareOptions(`np.${name}`, ["x"], {
      axis: axes,
      keepdims: boolean,
      initial: number,
      where: tensorLike,
    }),
  );
}

const counting = (name: string) => (x: TensorLike) => numberTensor(name, x);
const float = (name: string) => (x: TensorLike) => floatTensor(name, x);

const countOf = (x: Tensor, axes: readonly number[]) => sizeOf(axes.map((a) => x.shape[a]!));
const c = lax.fullLike;

/**
 * The sum. In float32 a sum of n numbers is off by at most 4 log₂(n) 2⁻²⁴ Σ|x|, on every backend and along any axis: long ones are
 * made in stages, of a hundred or so numbers each. So are all functions that sum: means, norms, running sums, and products
 * and convolutions along many elements; products of up to 512 terms on `onnx` may be off by twice that. All reductions take the same options:
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2, 3], [4, 5, 6]]);
 * console.assert(await np.sum(x).item() === 21);
 * console.assert(String(await np.sum(x, { axis: 0 }).data()) === "5,7,9");
 * console.assert(np.sum(x, { axis: -1, keepdims: true }).shape.join() === "2,1");
 * console.assert(await np.sum(x, { where: np.greater(x, 2), initial: 100 }).item() === 118);
 * ```
 *
 * @throws ShapeError for an axis that is not there.
 */
export const sum: InitialReduction = starting(
  "sum",
  counting("sum"),
  lax.reduceSum,
  lax.add,
  0,
);

/** The number of elements that are counted along axes, as floats of the tensor's type. */
function countWhere(name: string, x: Tensor, where: TensorLike, axes: readonly number[]): Tensor {
  const counts = lax.convert(stretch(name, truth(where), x.shape), x.dtype);
  return lax.reduceSum(counts, axes);
}

/** The mean; NaN of nothing. */
export const mean: SelectiveReduction = managed(
  (x, { where, ...options } = {}) => {
    const t = floatTensor("mean", x);
    if (where === undefined) return reduction("mean", float("mean"), meanOf)(t, options);
    return reduction("mean", float("mean"), (t, axes) => {
      const total = lax.reduceSum(counted("mean", t, where, 0), axes);
      return lax.div(total, countWhere("mean", t, where, axes));
    })(t, options);
  },
  declareOptions("np.mean", ["x"], { axis: axes, keepdims: boolean, where: tensorLike }),
);

function meanOf(x: Tensor, axes: readonly number[]): Tensor {
  const total = lax.reduceSum(x, axes);
  return lax.div(total, c(total, countOf(x, axes)));
}

/** The product; its derivative is right where elements are 0, too. */
export const prod: InitialReduction = starting("prod", counting("prod"), productOf, lax.mul, 1);

function productOf(x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const front = lax.transpose(x, [...axes, ...kept]);
  let rows = lax.reshape(front, [countOf(x, axes), ...kept.map((i) => x.shape[i]!)]);
  if (rows.shape[0] === 0) return lax.full(rows.shape.slice(1), 1, x.dtype);
  // A tree of products: nothing is divided, so that zeros do no harm to derivatives.
  while (rows.shape[0]! > 1) {
    const half = Math.floor(rows.shape[0]! / 2);
    const pairs = lax.mul(stretchOf(rows, 0, 0, half), stretchOf(rows, 0, half, 2 * half));
    const odd = stretchOf(rows, 0, 2 * half, rows.shape[0]!);
    rows = odd.shape[0] === 0 ? pairs : lax.concatenate([pairs, odd], 0);
  }
  return lax.reshape(rows, rows.shape.slice(1));
}

/** The largest element; NaN if there is one. Equal ones share the derivative. */
export const max: InitialReduction = starting(
  "max",
  asTensor,
  (x, axes) => (x.dtype === "bool" ? lax.reduceOr : lax.reduceMax)(x, axes),
  (x, y) => (x.dtype === "bool" ? lax.or : lax.max)(x, y),
  undefined,
);
/** The smallest element; NaN if there is one. Equal ones share the derivative. */
export const min: InitialReduction = starting(
  "min",
  asTensor,
  (x, axes) => (x.dtype === "bool" ? lax.reduceAnd : lax.reduceMin)(x, axes),
  (x, y) => (x.dtype === "bool" ? lax.and : lax.min)(x, y),
  undefined,
);
/** Same as {@link max}. */
export const amax: InitialReduction = max;
/** Same as {@link min}. */
export const amin: InitialReduction = min;
/** The largest element minus the smallest. */
export const ptp: Reduction = managed(
  (x, options) => subtract(max(x, options), min(x, options)),
  declareOptions("np.ptp", ["x"], { axis: axes, keepdims: boolean }),
);
/** True if all elements are true (not 0), and if there are none. */
export const all: SelectiveReduction = selective("all", truth, lax.reduceAnd, 1);
/** True if some element is true (not 0); false if there are none. */
export const any: SelectiveReduction = selective("any", truth, lax.reduceOr, 0);
/** The number of elements that are not 0, as int32. */
export const countNonzero: Reduction = reduction(
  "countNonzero",
  truth,
  (x, axes) => lax.reduceSum(lax.convert(x, "int32"), axes),
);

/** Options of {@link variance} and {@link std}. */
export interface VarianceOptions extends WhereOptions {
  /** Taken off the number of elements before dividing; 0 unless given. */
  readonly ddof?: number | undefined;
}

/**
 * The variance `Σ (x - mean)² / (n - ddof)`; exported as `np.var`. NaN where `n - ddof` is not positive.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([1, 2, 3, 4]);
 * console.assert(await np.var(x).item() === 1.25);
 * console.assert(Math.abs(await np.var(x, { ddof: 1 }).item() - 5 / 3) < 1e-6);
 * ```
 */
export const variance: (x: TensorLike, options?: VarianceOptions) => Tensor = managed(
  (x, { ddof = 0, where, ...options } = {}) => {
    const of = reduction("var", float("var"), (t, axes) => {
      const center = where === undefined ? meanOf(t, axes) : mean(t, { axis: axes, where });
      const centered = counted("var", lax.sub(t, again(center, t, axes)), where, 0);
      const total = lax.reduceSum(lax.mul(centered, centered), axes);
      if (where !== undefined) {
        const count = countWhere("var", t, where, axes);
        const degrees = lax.sub(count, c(count, ddof));
        const some = lax.gt(degrees, c(degrees, 0));
        return lax.div(total, lax.select(some, degrees, c(degrees, NaN)));
      }
      const degrees = countOf(t, axes) - ddof;
      return lax.div(total, c(total, degrees > 0 ? degrees : NaN));
    });
    return of(x, options);
  },
  declareOptions("np.var", ["x"], {
    axis: axes,
    keepdims: boolean,
    ddof: finite,
    where: tensorLike,
  }),
);

/** The standard deviation, the square root of {@link variance}. */
export const std: (x: TensorLike, options?: VarianceOptions) => Tensor = managed(
  (x, options) => lax.sqrt(variance(x, options)),
  declareOptions("np.std", ["x"], {
    axis: axes,
    keepdims: boolean,
    ddof: finite,
    where: tensorLike,
  }),
);

/** The mean with weights `Σ w x / Σ w`; weights of one axis go along `axis`. */
export const average: (
  x: TensorLike,
  options?: ReduceOptions & { readonly weights?: TensorLike },
) => Tensor = managed(
  (x, { weights, ...options } = {}) => {
    if (weights === undefined) return mean(x, options);
    const t = floatTensor("average", x);
    const w = floatTensor("average", weights);
    const along = w.ndim === 1 && typeof options.axis === "number" && t.ndim > 1;
    const axis = along ? axisOf("average", options.axis as number, t.ndim) : 0;
    const placed = along ? lax.reshape(w, t.shape.map((_, i) => i === axis ? w.size : 1)) : w;
    const full = stretch("average", placed, broadcastShapes("average", [t.shape, placed.shape]));
    return lax.div(sum(lax.mul(...pair(t, full)), options), sum(pair(t, full)[1], options));
  },
  declareOptions("np.average", ["x"], { axis: axes, keepdims: boolean, weights: tensorLike }),
);

function pair(x: Tensor, w: Tensor): [Tensor, Tensor] {
  const dtype = x.dtype === "float64" || w.dtype === "float64" ? "float64" : "float32";
  return [lax.convert(x, dtype), lax.convert(w, dtype)];
}

/**
 * `log Σ eˣ`, without overflow; -Infinity of nothing, or where all elements are.
 *
 * ```ts
 * import { np } from "trilevel";
 * const y = np.logsumexp(np.array([1000, 1000]));
 * console.assert(Math.abs(await y.item() - (1000 + Math.LN2)) < 1e-3);
 * ```
 */
export const logsumexp: Reduction = reduction("logsumexp", float("logsumexp"), (x, axes) => {
  if (x.size === 0) return lax.log(lax.reduceSum(x, axes));
  const largest = lax.stopGradient(lax.reduceMax(x, axes));
  const offset = lax.select(lax.finite(largest), largest, c(largest, 0));
  const total = lax.reduceSum(lax.exp(lax.sub(x, again(offset, x, axes))), axes);
  // Of -Infinity alone nothing is left to take a logarithm of: its derivative is 0, not NaN.
  const none = lax.eq(total, c(total, 0));
  const logarithm = lax.log(lax.select(none, c(total, 1), total));
  return lax.add(lax.select(none, c(total, -Infinity), logarithm), offset);
});

/** Options of `argmax` and `argmin`. */
export interface ArgOptions {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
  /** True to keep the axis, with size 1. */
  readonly keepdims?: boolean | undefined;
}

const argReduction = (
  name: string,
  find: (x: Tensor, axis: number) => Tensor,
): (x: TensorLike, options?: ArgOptions) => Tensor =>
  managed(
    (x, { axis, keepdims = false } = {}) => {
      const t = numberTensor(name, x);
      if (axis === undefined) {
        const flat = find(lax.reshape(t, [t.size]), 0);
        return keepdims ? lax.reshape(flat, t.shape.map(() => 1)) : flat;
      }
      const along = axisOf(name, axis, t.ndim);
      const found = find(t, along);
      return keepdims ? keep(found, t.shape, [along]) : found;
    },
    declareOptions(`np.${name}`, ["x"], { axis, keepdims: boolean }),
  );

/**
 * The index of the largest element, int32: the first of equal ones, and of NaNs.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 9, 2], [7, 7, 3]]);
 * console.assert(String(await np.argmax(x, { axis: 1 }).data()) === "1,0");
 * ```
 */
export const argmax: (x: TensorLike, options?: ArgOptions) => Tensor = argReduction(
  "argmax",
  lax.argMax,
);
/** The index of the smallest element, int32: the first of equal ones, and of NaNs. */
export const argmin: (x: TensorLike, options?: ArgOptions) => Tensor = argReduction(
  "argmin",
  lax.argMin,
);
