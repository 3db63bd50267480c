/** Norms of vectors and matrices. */
import { ArgumentError, ShapeError } from "../../core/errors.ts";
import { formatAval } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { axes, boolean, declareOptions, either, number, oneOf } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { rootOfSquares } from "../magnitude.ts";
import { managed } from "../managed.ts";
import { axesOf, axisOf, floatTensor, type TensorLike } from "../promote.ts";
import { inv } from "./lu.ts";
import { matrix } from "./matrices.ts";
import { svdvals } from "./svd.ts";

/** The order and the axes of a norm. */
export interface NormOptions {
  /**
   * Of vectors: a number p for `(Σ |x|ᵖ)^(1/p)`, ±Infinity for the largest or smallest size, 0 for how
   * many are not 0; 2 unless given. Of matrices: `"fro"` (unless given), `"nuc"` for the sum of singular
   * values, ±2 for the largest or smallest of them, ±1 for column sums of sizes, ±Infinity for row sums.
   */
  readonly ord?: number | "fro" | "nuc" | undefined;
  /** An axis that holds vectors, or two that hold matrices; unless given, all of the tensor. */
  readonly axis?: number | readonly number[] | undefined;
  /** Keeps the axes, with size 1. */
  readonly keepdims?: boolean | undefined;
}

/**
 * The norm of vectors or matrices; of all elements as one vector, unless an `ord` or axes are given. Where
 * a norm has no derivative at 0 (`ord` 2, p or `"fro"`), it is 0 there: the smallest subgradient, and
 * never NaN, other than JAX's.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * console.assert(await np.linalg.norm(np.array([3, 4])).item() === 5);
 * const slope = grad((x: Tensor) => np.linalg.norm(x))(np.zeros([2]));
 * console.assert(String(await slope.data()) === "0,0");
 * ```
 *
 * @throws ShapeError when there are neither one nor two axes for an `ord`; ArgumentError for an `ord` that
 * does not exist.
 */
export const norm: (x: TensorLike, options?: NormOptions) => Tensor = managed(
  (x, { ord, axis, keepdims = false } = {}) => {
    const t = floatTensor("norm", x);
    const all = axis === undefined;
    const axes = typeof axis === "object"
      ? axis.map((a) => axisOf("norm", a, t.ndim))
      : axesOf("norm", axis, t.ndim);
    if (!(all && ord === undefined) && (axes.length < 1 || axes.length > 2)) {
      throw new ShapeError(
        `norm: expected one or two axes of ${formatAval(t.aval)}, got ${axes.length}`,
        "give axis: one axis that holds vectors, or two that hold matrices",
      );
    }
    const matrices = axes.length === 2 && !(all && ord === undefined);
    const y = matrices && ord !== undefined && ord !== "fro"
      ? ofMatrices(t, axes[0]!, axes[1]!, ord)
      : ofVectors(t, axes, ord === "fro" && matrices ? 2 : ord ?? 2);
    return keepdims ? lax.reshape(y, t.shape.map((n, i) => axes.includes(i) ? 1 : n)) : y;
  },
  declareOptions("np.linalg.norm", ["x"], {
    ord: either(number, oneOf("fro", "nuc")),
    axis: axes,
    keepdims: boolean,
  }),
);

/** The norm of vectors along axes, which count as one; see {@link norm}. */
export interface VectorNormOptions extends Omit<NormOptions, "ord"> {
  /** A number p for `(Σ |x|ᵖ)^(1/p)`; 2 unless given. */
  readonly ord?: number | undefined;
}

/** The norm of vectors; of all elements as one, unless axes are given. See {@link norm}. */
export const vectorNorm: (x: TensorLike, options?: VectorNormOptions) => Tensor = managed(
  (x, { ord = 2, axis, keepdims = false } = {}) => {
    const t = floatTensor("vectorNorm", x);
    const axes = axesOf("vectorNorm", axis, t.ndim);
    const y = ofVectors(t, axes, ord);
    return keepdims ? lax.reshape(y, t.shape.map((n, i) => axes.includes(i) ? 1 : n)) : y;
  },
  declareOptions("np.linalg.vectorNorm", ["x"], { ord: number, axis: axes, keepdims: boolean }),
);

/** The norm of matrices, the last two axes: `"fro"` unless `ord` is given. See {@link norm}. */
export const matrixNorm: (x: TensorLike, options?: Omit<NormOptions, "axis">) => Tensor = managed(
  (x, { ord = "fro", keepdims = false } = {}) => norm(x, { ord, keepdims, axis: [-2, -1] }),
  declareOptions("np.linalg.matrixNorm", ["x"], {
    ord: either(number, oneOf("fro", "nuc")),
    keepdims: boolean,
  }),
);

function ofVectors(x: Tensor, axes: readonly number[], ord: number | "fro" | "nuc"): Tensor {
  const size = lax.abs(x);
  switch (ord) {
    case "fro":
    case "nuc":
      throw unknown(ord, "vectors");
    case 0:
      return lax.reduceSum(lax.convert(lax.ne(x, lax.fullLike(x, 0)), x.dtype), axes);
    case 1:
      return lax.reduceSum(size, axes);
    case Infinity:
      return lax.reduceMax(size, axes);
    case -Infinity:
      return lax.reduceMin(size, axes);
    case 2:
      return rootOfSquares(x, axes);
    default: {
      const powers = lax.pow(size, lax.fullLike(size, ord));
      return safely(lax.reduceSum(powers, axes), (s) => lax.pow(s, lax.fullLike(s, 1 / ord)));
    }
  }
}

/** A root whose derivative at 0 is 0. */
function safely(sum: Tensor, root: (sum: Tensor) => Tensor): Tensor {
  const zero = lax.eq(sum, lax.fullLike(sum, 0));
  return lax.select(
    zero,
    lax.fullLike(sum, 0),
    root(lax.select(zero, lax.fullLike(sum, 1), sum)),
  );
}

function ofMatrices(x: Tensor, row: number, column: number, ord: number | "fro" | "nuc"): Tensor {
  if (row === column) {
    throw new ShapeError(
      `norm: expected two different axes, got axis ${row} twice`,
      "name the axis of the rows and that of the columns",
    );
  }
  const rest = x.shape.map((_, i) => i).filter((i) => i !== row && i !== column);
  const m = lax.transpose(x, [...rest, row, column]);
  const sums = (axis: number) => lax.reduceSum(lax.abs(m), [m.ndim + axis]);
  const last = [m.ndim - 2];
  switch (ord) {
    case 1:
      return lax.reduceMax(sums(-2), last);
    case -1:
      return lax.reduceMin(sums(-2), last);
    case Infinity:
      return lax.reduceMax(sums(-1), last);
    case -Infinity:
      return lax.reduceMin(sums(-1), last);
    case 2:
      return lax.reduceMax(svdvals(m), last);
    case -2:
      return lax.reduceMin(svdvals(m), last);
    case "nuc":
      return lax.reduceSum(svdvals(m), last);
    default:
      throw unknown(ord, "matrices");
  }
}

function unknown(ord: number | string, what: string): ArgumentError {
  return new ArgumentError(
    `norm: the ord ${ord} is not defined for ${what}`,
    "see NormOptions for those there are",
  );
}

/**
 * The condition number of matrices […, m, n]: the largest singular value over the smallest, infinite where
 * that is 0 (NaN where all are). With another `ord` (see {@link norm}), the norms of the square matrix and of
 * its inverse, multiplied; with -2 the smallest singular value over the largest.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(Math.abs(await np.linalg.cond(np.array([[1, 0], [0, 4]])).item() - 4) < 1e-5);
 * ```
 *
 * @throws ShapeError when `a` is not square, for an `ord` other than ±2; ArgumentError for an `ord` that does
 * not exist.
 */
export const cond: (a: TensorLike, options?: Pick<NormOptions, "ord">) => Tensor = managed(
  (a, { ord = 2 } = {}) => {
    const singular = ord === 2 || ord === -2;
    const m = matrix("cond", a, !singular);
    if (!singular) {
      const size = (x: Tensor) => norm(x, { ord, axis: [-2, -1] });
      return numberOrInfinite(lax.mul(size(m), size(inv(m))), m);
    }
    const s = svdvals(m);
    const [largest, smallest] = [lax.reduceMax(s, [s.ndim - 1]), lax.reduceMin(s, [s.ndim - 1])];
    if (ord === 2) return lax.div(largest, smallest);
    return numberOrInfinite(lax.div(smallest, largest), m);
  },
  declareOptions("np.linalg.cond", ["a"], { ord: either(number, oneOf("fro", "nuc")) }),
);

/** NaN becomes infinity, unless the matrix holds NaN itself. */
function numberOrInfinite(x: Tensor, of: Tensor): Tensor {
  const unknown = lax.reduceOr(lax.ne(of, of), [of.ndim - 2, of.ndim - 1]);
  return lax.select(lax.and(lax.ne(x, x), lax.not(unknown)), lax.fullLike(x, Infinity), x);
}
