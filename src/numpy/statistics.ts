/** Covariances and correlations of variables, of which several observations are given. */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { boolean, declareOptions, finite, tensorLike } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { clip, divide, multiply, subtract } from "./elementwise.ts";
import { concatenate } from "./joining.ts";
import { managed } from "./managed.ts";
import { keep } from "./parts.ts";
import { matmul } from "./products.ts";
import { asTensor, floatTensor, type TensorLike } from "./promote.ts";
import { average, sum } from "./reductions.ts";
import { squeeze } from "./shape.ts";

/** The layout of variables and observations. */
export interface CorrelationOptions {
  /** More variables, with the same observations. */
  readonly y?: TensorLike | undefined;
  /** True if rows are variables and columns are observations, false for the opposite; true unless given. */
  readonly rowvar?: boolean | undefined;
}

/** Options of {@link cov}. */
export interface CovarianceOptions extends CorrelationOptions {
  /** True to divide by the number of observations instead of one less. */
  readonly bias?: boolean | undefined;
  /** Taken off the number of observations before dividing; instead of `bias`. */
  readonly ddof?: number | undefined;
  /** The number of times that each observation was made: a vector of integers. */
  readonly fweights?: TensorLike | undefined;
  /** The importance of each observation: a vector. */
  readonly aweights?: TensorLike | undefined;
}

/** Variables as rows. */
function rowsOf(name: string, x: TensorLike, rowvar: boolean): Tensor {
  const t = floatTensor(name, x);
  if (t.ndim > 2) {
    throw new ShapeError(
      `${name}: expected a vector or a matrix, got ${formatAval(t.aval)}`,
      "give a row for each variable",
    );
  }
  if (t.ndim < 2) return lax.reshape(t, [1, t.size]);
  return rowvar || t.shape[0] === 1 ? t : lax.transpose(t, [1, 0]);
}

/**
 * The covariance of each two variables, `Σ w (x - x̄)(y - ȳ) / (n - ddof)`; a scalar for one variable. Weights
 * are counted as in NumPy.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2, 3], [2, 4, 6]]);
 * console.assert(String(await np.cov(x).data()) === "1,2,2,4");
 * console.assert((await np.corrcoef(x).data()).every((r) => Math.abs(r - 1) < 1e-6));
 * ```
 *
 * @throws ShapeError for more than two axes.
 */
export const cov: (x: TensorLike, options?: CovarianceOptions) => Tensor = managed(
  (x, { y, rowvar = true, bias = false, ddof, fweights, aweights } = {}) => {
    const own = rowsOf("cov", x, rowvar);
    const rows = y === undefined ? own : concatenate([own, rowsOf("cov", y, rowvar)]);
    const take = ddof ?? (bias ? 0 : 1);
    const frequency = fweights === undefined ? undefined : floatTensor("cov", fweights);
    const weight = aweights === undefined ? undefined : floatTensor("cov", aweights);
    const w = frequency && weight ? lax.mul(frequency, weight) : frequency ?? weight;
    const count = w === undefined ? asTensor(rows.shape[1]!) : sum(w);
    const center = average(rows, w === undefined ? { axis: 1 } : { axis: 1, weights: w });
    const centered = subtract(rows, keep(center, rows.shape, [1]));
    const weighted = w === undefined ? centered : multiply(centered, w);
    // The correction is scaled by the mean importance of observations.
    const off = weight === undefined || w === undefined || take === 0
      ? asTensor(take)
      : divide(multiply(take, sum(lax.mul(w, weight))), sum(w));
    const products = matmul(weighted, lax.transpose(centered, [1, 0]));
    return squeeze(divide(products, subtract(count, off)));
  },
  declareOptions("np.cov", ["x"], {
    rowvar: boolean,
    y: tensorLike,
    bias: boolean,
    ddof: finite,
    fweights: tensorLike,
    aweights: tensorLike,
  }),
);

/** Pearson's correlation of each two variables, from -1 to 1; see {@link cov}. */
export const corrcoef: (x: TensorLike, options?: CorrelationOptions) => Tensor = managed(
  (x, options) => {
    const c = cov(x, options);
    if (c.ndim === 0) return lax.div(c, c);
    const n = c.shape[0]!;
    const flat = lax.reshape(c, [n * n]);
    const diagonal = lax.slice(flat, { start: [0], limit: [n * n], strides: [n + 1] });
    const size = lax.sqrt(diagonal);
    const rows = lax.div(c, lax.broadcast(size, c.shape, [0]));
    return clip(lax.div(rows, lax.broadcast(size, c.shape, [1])), -1, 1);
  },
  declareOptions("np.corrcoef", ["x"], { rowvar: boolean, y: tensorLike }),
);
