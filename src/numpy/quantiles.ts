/** Quantiles: elements, or means of two, below which a fraction of all lies. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axes, boolean, declareOptions, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { axesOf, cast, floatTensor, type TensorLike } from "./promote.ts";
import type { ReduceOptions, Reduction } from "./reductions.ts";

/** Options of {@link quantile} and its relatives. */
export interface QuantileOptions extends ReduceOptions {
  /** Between two elements: a weighted mean of both (the default), or one of them. */
  readonly method?: "linear" | "lower" | "higher" | "nearest" | "midpoint" | undefined;
}

/** A function that finds one quantile, or several along a new first axis. */
export type Quantile = (x: TensorLike, q: TensorLike, options?: QuantileOptions) => Tensor;

function quantiles(name: string, scale: number, overNaN: boolean): Quantile {
  return managed(
    (x, q, { method = "linear", axis, keepdims = false } = {}) => {
      if (typeof q === "number" && !(q >= 0 && q <= scale)) {
        throw new ArgumentError(
          `${name}: the fraction is ${q}`,
          `give a number from 0 to ${scale}`,
        );
      }
      const t = floatTensor(name, x);
      const axes = axesOf(name, axis, t.ndim);
      const kept = t.shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const outer = kept.map((i) => t.shape[i]!);
      const count = axes.reduce((n, i) => n * t.shape[i]!, 1);
      if (count === 0) {
        throw new ShapeError(
          `${name}: expected one element or more, got ${formatAval(t.aval)}`,
          "check the size first",
        );
      }
      const fractions = cast(name, q, { dtype: t.dtype, weak: false });
      if (fractions.ndim > 1) {
        throw new ShapeError(
          `${name}: expected the fractions as a number or a vector, got ${
            formatAval(fractions.aval)
          }`,
          "flatten them: np.ravel(q)",
        );
      }
      const rows = lax.reshape(lax.transpose(t, [...kept, ...axes]), [...outer, count]);
      const shape = [...fractions.shape, ...outer];
      const part = lax.div(fractions, lax.fullLike(fractions, scale));
      const at = lax.broadcast(part, shape, fractions.ndim === 1 ? [0] : []);
      // Of a number the place is exact: its digits say which of two elements is nearer.
      const place = typeof q === "number" && !overNaN ? q / scale * (count - 1) : undefined;
      const y = interpolated(lax.sort(rows)[0]!, at, place, fractions.ndim, method, overNaN);
      return keepdims
        ? lax.reshape(y, [...fractions.shape, ...t.shape.map((n, i) => axes.includes(i) ? 1 : n)])
        : y;
    },
    declareOptions(`np.${name}`, ["x", "q"], {
      axis: axes,
      keepdims: boolean,
      method: oneOf("linear", "lower", "higher", "nearest", "midpoint"),
    }),
  );
}

/** Quantiles of sorted rows, at fractions in the shape of the result. */
function interpolated(
  sorted: Tensor,
  fraction: Tensor,
  place: number | undefined,
  lead: number,
  method: NonNullable<QuantileOptions["method"]>,
  overNaN: boolean,
): Tensor {
  const c = lax.fullLike;
  const last = sorted.ndim - 1;
  const size = sorted.shape[last]!;
  const outer = sorted.shape.slice(0, -1);
  const known = lax.reduceSum(lax.convert(lax.eq(sorted, sorted), fraction.dtype), [last]);
  const spread = (x: Tensor) => lax.broadcast(x, fraction.shape, outer.map((_, i) => i + lead));
  const count = spread(overNaN ? known : c(known, size));
  const end = lax.sub(count, c(count, 1));
  const position = place === undefined ? lax.mul(fraction, end) : c(fraction, place);
  const clamp = (x: Tensor) => lax.max(lax.min(x, end), c(x, 0));
  const low = clamp(lax.floor(position));
  const high = clamp(lax.ceil(position));
  const pick = (index: Tensor) => {
    const places = lax.convert(lax.stopGradient(index), "int32");
    const columns = outer.map((_, i) => lax.iota(fraction.shape, "int32", i + lead));
    return lax.gather(
      sorted,
      lax.concatenate(
        [...columns, places].map((x) => lax.reshape(x, [...fraction.shape, 1])),
        fraction.ndim,
      ),
    );
  };
  const between = () => {
    const [a, b] = [pick(low), pick(high)];
    const t = method === "midpoint" ? c(position, 0.5) : lax.sub(position, low);
    const mean = lax.add(lax.mul(a, lax.sub(c(t, 1), t)), lax.mul(b, t));
    // An element alone is no mean: 0 · ∞ would be NaN.
    return lax.select(lax.eq(low, high), a, mean);
  };
  const value = (() => {
    switch (method) {
      case "lower":
        return pick(low);
      case "higher":
        return pick(high);
      case "nearest": {
        // Of two equally near ones the lower, as in JAX; NumPy takes the one with an even index.
        const near = lax.le(lax.sub(position, low), c(position, 0.5));
        return pick(lax.select(near, low, high));
      }
      default:
        return between();
    }
  })();
  const unknown = overNaN ? lax.eq(count, c(count, 0)) : lax.lt(spread(known), c(count, size));
  return lax.select(unknown, c(value, NaN), value);
}

/**
 * The element below which the fraction `q` of all lies; NaN if there is one. For a vector of fractions, one
 * after the other along a new first axis. By sorting.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([4, 1, 3, 2]);
 * console.assert(await np.quantile(x, 0.5).item() === 2.5);
 * console.assert(String(await np.percentile(x, np.array([0, 50, 100])).data()) === "1,2.5,4");
 * ```
 *
 * @throws ArgumentError unless 0 ≤ q ≤ 1; ShapeError of nothing.
 */
export const quantile: Quantile = quantiles("quantile", 1, false);
/** As {@link quantile}, of parts in a hundred: 0 ≤ q ≤ 100. */
export const percentile: Quantile = quantiles("percentile", 100, false);
/** As {@link quantile}, of what is not NaN; NaN where nothing is left. */
export const nanquantile: Quantile = quantiles("nanquantile", 1, true);
/** As {@link percentile}, of what is not NaN; NaN where nothing is left. */
export const nanpercentile: Quantile = quantiles("nanpercentile", 100, true);

/** The middle element, or the mean of the two; NaN if there is one. */
export const median: Reduction = managed(
  (x, options) => quantile(x, 0.5, options),
  declareOptions("np.median", ["x"], { axis: axes, keepdims: boolean }),
);
/** The middle of what is not NaN; NaN where nothing is left. */
export const nanmedian: Reduction = managed(
  (x, options) => nanquantile(x, 0.5, options),
  declareOptions("np.nanmedian", ["x"], { axis: axes, keepdims: boolean }),
);
