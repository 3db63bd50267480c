/** Reductions and running results of what is not NaN. */
import type { Tensor } from "../core/tensor.ts";
import { axes, axis, boolean, declareOptions, finite } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { cumprod, cumsum, type Cumulative } from "./cumulative.ts";
import { isnan, where } from "./logic.ts";
import { managed } from "./managed.ts";
import { asTensor, axesOf, floatTensor, numberTensor, type TensorLike } from "./promote.ts";
import {
  argmax,
  argmin,
  type ArgOptions,
  max,
  min,
  prod,
  type Reduction,
  sum,
  variance,
  type VarianceOptions,
} from "./reductions.ts";

const reduceKinds = { axis: axes, keepdims: boolean } as const;
const known = (x: TensorLike) => lax.not(isnan(x));

/** The sum of what is not NaN. */
export const nansum: Reduction = managed(
  (x, options) => sum(where(isnan(x), 0, x), options),
  declareOptions("np.nansum", ["x"], reduceKinds),
);
/** The product of what is not NaN. */
export const nanprod: Reduction = managed(
  (x, options) => prod(where(isnan(x), 1, x), options),
  declareOptions("np.nanprod", ["x"], reduceKinds),
);
/** The mean of what is not NaN; NaN where nothing is left. */
export const nanmean: Reduction = managed(
  (x, options) => {
    const total = nansum(floatTensor("nanmean", x), options);
    const count = sum(lax.not(isnan(asTensor(x))), options);
    return lax.div(total, lax.convert(count, total.dtype));
  },
  declareOptions("np.nanmean", ["x"], reduceKinds),
);

/** NaN becomes what never wins; where nothing is left, NaN. */
const extreme = (name: string, reduce: Reduction, loser: number): Reduction =>
  managed((x, options) => {
    const t = numberTensor(name, x);
    if (t.dtype !== "float32" && t.dtype !== "float64") return reduce(t, options);
    const found = reduce(where(isnan(t), loser, t), options);
    const count = sum(known(t), options);
    return lax.select(lax.eq(count, lax.fullLike(count, 0)), lax.fullLike(found, NaN), found);
  }, declareOptions(`np.${name}`, ["x"], reduceKinds));

/**
 * The largest of what is not NaN; NaN where nothing is left.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([1, NaN, 3]);
 * console.assert(await np.nanmax(x).item() === 3 && await np.nanvar(x).item() === 1);
 * console.assert(String(await np.nancumsum(x).data()) === "1,1,4");
 * ```
 */
export const nanmax: Reduction = extreme("nanmax", max, -Infinity);
/** The smallest of what is not NaN; NaN where nothing is left. */
export const nanmin: Reduction = extreme("nanmin", min, Infinity);

type Variance = (x: TensorLike, options?: Omit<VarianceOptions, "where">) => Tensor;
const varianceKinds = { ...reduceKinds, ddof: finite } as const;

/** The variance of what is not NaN; NaN where `n - ddof` is not positive. */
export const nanvar: Variance = managed((x, options) => {
  const t = floatTensor("nanvar", x);
  return variance(where(isnan(t), 0, t), { ...options, where: known(t) });
}, declareOptions("np.nanvar", ["x"], varianceKinds));
/** The standard deviation of what is not NaN, the square root of {@link nanvar}. */
export const nanstd: Variance = managed(
  (x, options) => lax.sqrt(nanvar(x, options)),
  declareOptions("np.nanstd", ["x"], varianceKinds),
);

/** As without NaN; -1 where nothing is left. */
const place = (
  name: string,
  find: (x: TensorLike, options?: ArgOptions) => Tensor,
  loser: number,
): typeof find =>
  managed((x, options = {}) => {
    const t = numberTensor(name, x);
    if (t.dtype !== "float32" && t.dtype !== "float64") return find(t, options);
    const found = find(where(isnan(t), loser, t), options);
    const all = axesOf(name, options.axis, t.ndim);
    const count = sum(known(t), { axis: all, keepdims: options.keepdims ?? false });
    const none = lax.eq(count, lax.fullLike(count, 0));
    return lax.select(none, lax.fullLike(found, -1), found);
  }, declareOptions(`np.${name}`, ["x"], { axis, keepdims: boolean }));

/** The index of the largest element that is not NaN, int32; -1 where nothing is left, as in JAX. */
export const nanargmax: (x: TensorLike, options?: ArgOptions) => Tensor = place(
  "nanargmax",
  argmax,
  -Infinity,
);
/** The index of the smallest element that is not NaN, int32; -1 where nothing is left, as in JAX. */
export const nanargmin: (x: TensorLike, options?: ArgOptions) => Tensor = place(
  "nanargmin",
  argmin,
  Infinity,
);

/** Running sums, to which NaN adds nothing. */
export const nancumsum: Cumulative = managed(
  (x, options) => cumsum(where(isnan(x), 0, x), options),
  declareOptions("np.nancumsum", ["x"], { axis, reverse: boolean }),
);
/** Running products, which NaN does not change. */
export const nancumprod: Cumulative = managed(
  (x, options) => cumprod(where(isnan(x), 1, x), options),
  declareOptions("np.nancumprod", ["x"], { axis, reverse: boolean }),
);
