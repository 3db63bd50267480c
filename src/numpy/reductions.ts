/**
 * Reductions: many elements become one, along an axis, several, or all. Integers and booleans are
 * summed as int32, and averaged as float32.
 */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  axes,
  axis,
  boolean,
  declareOptions,
  finite,
  oneOf,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { subtract } from "./elementwise.ts";
import { isnan, where } from "./logic.ts";
import { managed } from "./managed.ts";
import { again, keep, stretchOf } from "./parts.ts";
import {
  asTensor,
  type Axes,
  axesOf,
  axisOf,
  broadcastShapes,
  floatTensor,
  numberTensor,
  stretch,
  type TensorLike,
  truth,
} from "./promote.ts";

/** What a reduction reduces. */
export interface ReduceOptions {
  /** An axis, or several; all unless given. Negative ones count from the end. */
  readonly axis?: Axes;
  /** Whether reduced axes stay, with size 1. */
  readonly keepdims?: boolean | undefined;
}

/** A function that reduces a tensor along axes. */
export type Reduction = (x: TensorLike, options?: ReduceOptions) => Tensor;

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

const number = (name: string) => (x: TensorLike) => numberTensor(name, x);
const float = (name: string) => (x: TensorLike) => floatTensor(name, x);

const countOf = (x: Tensor, axes: readonly number[]) => sizeOf(axes.map((a) => x.shape[a]!));
const c = lax.fullLike;

/**
 * The sum. In float32 a sum of n numbers is off by at most 4 log₂(n) 2⁻²⁴ Σ|x|, on every backend and along any axis: long ones are
 * made in stages, of a hundred or so numbers each. So is whatever sums: means, norms, running sums, and products
 * and convolutions along many elements. All reductions take the same options:
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2, 3], [4, 5, 6]]);
 * console.assert(await np.sum(x).item() === 21);
 * console.assert(String(await np.sum(x, { axis: 0 }).data()) === "5,7,9");
 * console.assert(np.sum(x, { axis: -1, keepdims: true }).shape.join() === "2,1");
 * ```
 *
 * @throws ShapeError for an axis that is not there.
 */
export const sum: Reduction = reduction("sum", number("sum"), lax.reduceSum);

/** The mean; NaN of nothing. */
export const mean: Reduction = reduction("mean", float("mean"), meanOf);

function meanOf(x: Tensor, axes: readonly number[]): Tensor {
  const total = lax.reduceSum(x, axes);
  return lax.div(total, c(total, countOf(x, axes)));
}

/** The product; its derivative is right where elements are 0, too. */
export const prod: Reduction = reduction("prod", number("prod"), (x, axes) => {
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
});

/** The largest element; NaN if there is one. Equal ones share the derivative. */
export const max: Reduction = reduction(
  "max",
  asTensor,
  (x, axes) => (x.dtype === "bool" ? lax.reduceOr : lax.reduceMax)(x, axes),
);
/** The smallest element; NaN if there is one. Equal ones share the derivative. */
export const min: Reduction = reduction(
  "min",
  asTensor,
  (x, axes) => (x.dtype === "bool" ? lax.reduceAnd : lax.reduceMin)(x, axes),
);
/** The largest element minus the smallest. */
export const ptp: Reduction = managed(
  (x, options) => subtract(max(x, options), min(x, options)),
  declareOptions("np.ptp", ["x"], { axis: axes, keepdims: boolean }),
);
/** Whether all elements are true (not 0); true of nothing. */
export const all: Reduction = reduction("all", truth, lax.reduceAnd);
/** Whether some element is true (not 0); false of nothing. */
export const any: Reduction = reduction("any", truth, lax.reduceOr);
/** How many elements are not 0, as int32. */
export const countNonzero: Reduction = reduction(
  "countNonzero",
  truth,
  (x, axes) => lax.reduceSum(lax.convert(x, "int32"), axes),
);

/** How {@link variance} and {@link std} count. */
export interface VarianceOptions extends ReduceOptions {
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
  (x, { ddof = 0, ...options } = {}) => {
    const of = reduction("var", float("var"), (t, axes) => {
      const centered = lax.sub(t, again(meanOf(t, axes), t, axes));
      const total = lax.reduceSum(lax.mul(centered, centered), axes);
      const degrees = countOf(t, axes) - ddof;
      return lax.div(total, c(total, degrees > 0 ? degrees : NaN));
    });
    return of(x, options);
  },
  declareOptions("np.var", ["x"], { axis: axes, keepdims: boolean, ddof: finite }),
);

/** The standard deviation, the square root of {@link variance}. */
export const std: (x: TensorLike, options?: VarianceOptions) => Tensor = managed(
  (x, options) => lax.sqrt(variance(x, options)),
  declareOptions("np.std", ["x"], { axis: axes, keepdims: boolean, ddof: finite }),
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

/** The sum of what is not NaN. */
export const nansum: Reduction = managed(
  (x, options) => sum(where(isnan(x), 0, x), options),
  declareOptions("np.nansum", ["x"], { axis: axes, keepdims: boolean }),
);
/** The mean of what is not NaN; NaN where nothing is left. */
export const nanmean: Reduction = managed(
  (x, options) => {
    const total = nansum(floatTensor("nanmean", x), options);
    const count = sum(lax.not(isnan(asTensor(x))), options);
    return lax.div(total, lax.convert(count, total.dtype));
  },
  declareOptions("np.nanmean", ["x"], { axis: axes, keepdims: boolean }),
);

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

/** What `argmax` and `argmin` look along. */
export interface ArgOptions {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
  /** Whether the axis stays, with size 1. */
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

/** What a quantile interpolates. */
export interface QuantileOptions extends ReduceOptions {
  /** Between two elements: a weighted mean of both (the default), or one of them. */
  readonly method?: "linear" | "lower" | "higher" | "nearest" | "midpoint" | undefined;
}

/**
 * The element below which the fraction `q` of all lies; NaN if there is one. Fractions are numbers.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.quantile(np.array([4, 1, 3, 2]), 0.5).item() === 2.5);
 * ```
 *
 * @throws ArgumentError unless 0 ≤ q ≤ 1; ShapeError of nothing.
 */
export const quantile: (x: TensorLike, q: number, options?: QuantileOptions) => Tensor = managed(
  (x, q, { method = "linear", ...options } = {}) => {
    if (!(q >= 0 && q <= 1)) {
      throw new ArgumentError(`quantile: the fraction is ${q}`, "give a number from 0 to 1");
    }
    const of = reduction("quantile", float("quantile"), (t, axes) => {
      const count = countOf(t, axes);
      if (count === 0) {
        throw new ShapeError(`quantile of no elements: ${formatAval(t.aval)}`, "check the size");
      }
      const kept = t.shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const outer = kept.map((i) => t.shape[i]!);
      const last = lax.reshape(lax.transpose(t, [...kept, ...axes]), [...outer, count]);
      const sorted = lax.sort(last)[0]!;
      const at = (i: number) => {
        const start = sorted.shape.map((_, a) => a === kept.length ? i : 0);
        const limit = sorted.shape.map((n, a) => a === kept.length ? i + 1 : n);
        return lax.reshape(lax.slice(sorted, { start, limit, strides: start.map(() => 1) }), outer);
      };
      const value = between(at, q * (count - 1), method);
      const unknown = lax.reduceOr(lax.ne(last, last), [kept.length]);
      return lax.select(unknown, c(value, NaN), value);
    });
    return of(x, options);
  },
  declareOptions("np.quantile", ["x", "q"], {
    axis: axes,
    keepdims: boolean,
    method: oneOf("linear", "lower", "higher", "nearest", "midpoint"),
  }),
);

function between(
  at: (i: number) => Tensor,
  position: number,
  method: NonNullable<QuantileOptions["method"]>,
): Tensor {
  const [low, high] = [Math.floor(position), Math.ceil(position)];
  if (low === high || method === "lower") return at(low);
  if (method === "higher") return at(high);
  // Of two equally near ones the lower, as in JAX; NumPy takes the one with an even index.
  if (method === "nearest") return at(position - low <= 0.5 ? low : high);
  const t = method === "midpoint" ? 0.5 : position - low;
  const [a, b] = [at(low), at(high)];
  return lax.add(lax.mul(a, c(a, 1 - t)), lax.mul(b, c(b, t)));
}

/** The middle element, or the mean of the two; NaN if there is one. */
export const median: Reduction = managed(
  (x, options) => quantile(x, 0.5, options),
  declareOptions("np.median", ["x"], { axis: axes, keepdims: boolean }),
);
