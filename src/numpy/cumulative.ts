/** Running results along an axis, and differences, their opposite. */
import { ArgumentError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, boolean, count, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { scanWith, stretchOf } from "./parts.ts";
import { asTensor, axisOf, checkCount, numberTensor, type TensorLike } from "./promote.ts";

/** The axis of a cumulative function. */
export interface CumulativeOptions {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
  /** From the last element to the first. */
  readonly reverse?: boolean | undefined;
}

/** A function whose every element depends on those before it. */
export type Cumulative = (x: TensorLike, options?: CumulativeOptions) => Tensor;

function cumulative(
  name: string,
  run: (x: Tensor, axis: number, reverse: boolean) => Tensor,
): Cumulative {
  return managed(
    (x, { axis, reverse = false } = {}) => {
      const t = numberTensor(name, x);
      if (axis === undefined) return run(lax.reshape(t, [t.size]), 0, reverse);
      return run(t, axisOf(name, axis, t.ndim), reverse);
    },
    declareOptions(`np.${name}`, ["x"], { axis, reverse: boolean }),
  );
}

/**
 * Running sums. Integers and booleans are summed as int32.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.cumsum(np.array([1, 2, 3])).data()) === "1,3,6");
 * console.assert(String(await np.cumsum(np.array([1, 2, 3]), { reverse: true }).data()) === "6,5,3");
 * ```
 */
export const cumsum: Cumulative = cumulative("cumsum", lax.cumsum);
/** Running products; the derivative is right where elements are 0, too. */
export const cumprod: Cumulative = cumulative("cumprod", scanWith(lax.mul));
/** Running maxima. */
export const cummax: Cumulative = cumulative("cummax", scanWith(lax.max));
/** Running minima. */
export const cummin: Cumulative = cumulative("cummin", scanWith(lax.min));

/** Options of {@link cumulativeSum} and {@link cumulativeProd}. */
export interface InclusiveOptions {
  /** An axis; needed unless the tensor is a vector. */
  readonly axis?: number | undefined;
  /** True to begin with the result for no elements, so that the results are one more than the elements. */
  readonly includeInitial?: boolean | undefined;
}

function inclusive(name: string, run: Cumulative, first: number) {
  return managed(
    (x: TensorLike, { axis, includeInitial = false }: InclusiveOptions = {}): Tensor => {
      const t = numberTensor(name, x);
      if (t.ndim === 0 || axis === undefined && t.ndim > 1) {
        throw new ArgumentError(
          `${name}: \`axis\` is missing, and the tensor has ${t.ndim} axes`,
          t.ndim === 0 ? "give a vector" : `say along which: np.${name}(x, { axis: 0 })`,
        );
      }
      const along = axisOf(name, axis ?? 0, t.ndim);
      const y = run(t, { axis: along });
      if (!includeInitial) return y;
      const start = lax.full(t.shape.map((n, i) => i === along ? 1 : n), first, t.dtype);
      return lax.concatenate([start, y], along);
    },
    declareOptions<InclusiveOptions>(`np.${name}`, ["x"], { axis, includeInitial: boolean }),
  );
}

/**
 * Running sums along an axis, which a vector alone may leave out.
 *
 * ```ts
 * import { np } from "trilevel";
 * const sums = np.cumulativeSum(np.array([1, 2]), { includeInitial: true });
 * console.assert(String(await sums.data()) === "0,1,3");
 * ```
 *
 * @throws ArgumentError for several axes and none named.
 */
export const cumulativeSum: (x: TensorLike, options?: InclusiveOptions) => Tensor = inclusive(
  "cumulativeSum",
  cumsum,
  0,
);
/** Running products along an axis, which a vector alone may leave out. */
export const cumulativeProd: (x: TensorLike, options?: InclusiveOptions) => Tensor = inclusive(
  "cumulativeProd",
  cumprod,
  1,
);

/** Options of {@link diff}. */
export interface DiffOptions {
  /** The number of times; default 1. */
  readonly n?: number | undefined;
  /** Along which axis; the last unless given. */
  readonly axis?: number | undefined;
}

/**
 * Differences of neighbours along an axis; of booleans, whether they differ.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.diff(np.array([1, 4, 9])).data()) === "3,5");
 * ```
 */
export const diff: (x: TensorLike, options?: DiffOptions) => Tensor = managed(
  (x, { n = 1, axis = -1 } = {}) => {
    let y = asTensor(x);
    if (y.ndim === 0) {
      throw new ArgumentError("diff: expected at least one axis, got a scalar", "give a vector");
    }
    const along = axisOf("diff", axis, y.ndim);
    const minus = y.dtype === "bool" ? lax.ne : lax.sub;
    for (let i = 0; i < checkCount("diff", "n", n); i++) {
      const size = y.shape[along]!;
      if (size === 0) break;
      y = minus(stretchOf(y, along, 1, size), stretchOf(y, along, 0, size - 1));
    }
    return y;
  },
  declareOptions("np.diff", ["x"], { n: count, axis }),
);
