/** Least squares, the pseudo-inverse, rank and condition, by the singular value decomposition. */
import { ShapeError } from "../../core/errors.ts";
import { formatAval } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { declareOptions, nonNegative } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { managed } from "../managed.ts";
import { promote, type TensorLike, toFloat } from "../promote.ts";
import { matrix, product, transposed, withDerivative } from "./matrices.ts";
import { decompose, svdvals } from "./svd.ts";
import { solveColumns } from "./triangular.ts";

/** The bound below which singular values count as 0. */
export interface RankOptions {
  /**
   * Singular values up to this multiple of the largest count as 0. The default is the larger number of rows and columns
   * times the spacing of floats at 1, and ten times that for `pinv`, as in JAX.
   */
  readonly rtol?: number | undefined;
}

/** 1/s where a singular value counts, 0 elsewhere; NaN stays visible. */
function inverses(s: Tensor, rtol: number): Tensor {
  const counts = lax.or(counting(s, rtol), lax.ne(s, s));
  const one = lax.fullLike(s, 1);
  return lax.select(counts, lax.div(one, lax.select(counts, s, one)), lax.fullLike(s, 0));
}

/** True for singular values above the bound. */
function counting(s: Tensor, rtol: number): Tensor {
  const last = s.ndim - 1;
  const largest = lax.broadcast(
    lax.reduceMax(s, [last]),
    s.shape,
    s.shape.slice(0, -1).map((_, i) => i),
  );
  return lax.gt(s, lax.mul(largest, lax.fullLike(s, rtol)));
}

function tolerance(a: Tensor, rtol: number | undefined, factor = 1): number {
  const epsilon = a.dtype === "float64" ? 2 ** -52 : 2 ** -23;
  return rtol ?? factor * Math.max(a.shape.at(-2)!, a.shape.at(-1)!) * epsilon;
}

/**
 * The Moore-Penrose inverse `P` of matrices […, m, n], of any rank. Where the rank is constant the derivative
 * is `-P Ȧ P + P Pᵀ Ȧᵀ (I - A P) + (I - P A) Ȧᵀ Pᵀ P` (Golub and Pereyra, 1973).
 *
 * ```ts
 * import { np } from "trilevel";
 * const p = np.linalg.pinv(np.array([[1, 1], [1, 1]])); // of rank 1
 * console.assert(await np.allclose(p, np.full([2, 2], 0.25)).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` has fewer than two axes.
 */
export const pinv: (a: TensorLike, options?: RankOptions) => Tensor = managed(
  (a, { rtol } = {}) => {
    const m = matrix("pinv", a, false);
    return inverse(m, tolerance(m, rtol, 10));
  },
  declareOptions("np.linalg.pinv", ["a"], { rtol: nonNegative }),
);

function inverse(a: Tensor, rtol: number): Tensor {
  if (a.size === 0) return transposed(a);
  return withDerivative([a], (x) => {
    const [u, s, v] = decompose(x!);
    return [product(scaledColumns(v, inverses(s, rtol)), transposed(u))];
  }, (x, dx) => {
    const p = inverse(x!, rtol);
    const [pt, dxt] = [transposed(p), transposed(dx!)];
    const left = product(product(p, pt), dxt);
    const right = product(dxt, product(pt, p));
    const moved = [
      lax.neg(product(p, product(dx!, p))),
      lax.sub(left, product(product(left, x!), p)),
      lax.sub(right, product(p, product(x!, right))),
    ];
    return [p, moved.reduce((sum, term) => lax.add(sum, term))];
  })[0]!;
}

function scaledColumns(v: Tensor, by: Tensor): Tensor {
  const axes = by.shape.map((_, i) => i);
  return lax.mul(v, lax.broadcast(by, v.shape, [...axes.slice(0, -1), v.ndim - 1]));
}

/**
 * The `x` of least squares: `|A x - b|` is smallest, and, where several are (more unknowns than equations, or
 * a lower rank), `|x|` too. `A` has shape […, m, n]; `b` is a vector [m] or matrices […, m, k]. (JAX and NumPy
 * return residuals, rank and singular values as well.) Where the rank is constant the derivative is
 * `P (ḃ - Ȧ x) + P Pᵀ Ȧᵀ (b - A x) + (I - P A) Ȧᵀ Pᵀ x`, with `P` the pseudo-inverse.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[1, 0], [1, 1], [1, 2]]);
 * const line = np.linalg.lstsq(a, np.array([1, 3, 5]));
 * console.assert(await np.allclose(line, np.array([1, 2]), { rtol: 1e-4 }).item() === 1);
 * ```
 *
 * @throws ShapeError when `b` has other rows than `a`.
 */
export const lstsq: (a: TensorLike, b: TensorLike, options?: RankOptions) => Tensor = managed(
  (a, b, { rtol } = {}) => {
    const [x, y] = promote("lstsq", [a, b], toFloat) as [Tensor, Tensor]; // two in, two out
    const m = matrix("lstsq", x, false);
    if (y.ndim === 0) {
      throw new ShapeError(`lstsq: b is ${formatAval(y.aval)}`, "give a vector, or matrices");
    }
    const bound = tolerance(m, rtol);
    return solveColumns("lstsq", m, y, (left, right) => leastSquares(left, right, bound));
  },
  declareOptions("np.linalg.lstsq", ["a", "b"], { rtol: nonNegative }),
);

function leastSquares(a: Tensor, b: Tensor, rtol: number): Tensor {
  if (a.size === 0) return product(transposed(a), b);
  return withDerivative([a, b], (m, y) => {
    const [u, s, v] = decompose(m!);
    return [product(scaledColumns(v, inverses(s, rtol)), product(transposed(u), y!))];
  }, (m, y, dm, dy) => {
    const x = leastSquares(m!, y!, rtol);
    const p = inverse(m!, rtol);
    const [pt, dmt] = [transposed(p), transposed(dm!)];
    const residual = lax.sub(y!, product(m!, x));
    const outside = product(dmt, product(pt, x));
    const moved = lax.sub(dy!, product(dm!, x));
    return [
      x,
      lax.add(
        product(p, lax.add(moved, product(pt, product(dmt, residual)))),
        lax.sub(outside, product(p, product(m!, outside))),
      ),
    ];
  })[0]!;
}

/**
 * The rank of matrices […, m, n], int32: how many singular values do not count as 0. A vector or scalar has
 * rank 1, unless all of it is 0. A matrix that holds NaN or infinity has rank 0, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.linalg.matrixRank(np.array([[1, 2], [2, 4]])).item() === 1);
 * ```
 */
export const matrixRank: (a: TensorLike, options?: RankOptions) => Tensor = managed(
  (a, { rtol } = {}) => {
    const [x] = promote("matrixRank", [a], toFloat) as [Tensor]; // one in, one out
    if (x.ndim < 2) {
      const some = lax.reduceOr(lax.ne(x, lax.fullLike(x, 0)), x.shape.map((_, i) => i));
      return lax.convert(some, "int32");
    }
    if (x.size === 0) return lax.full(x.shape.slice(0, -2), 0, "int32");
    const s = svdvals(lax.stopGradient(x));
    const counts = lax.convert(counting(s, tolerance(x, rtol)), "int32");
    return lax.reduceSum(counts, [s.ndim - 1]);
  },
  declareOptions("np.linalg.matrixRank", ["a"], { rtol: nonNegative }),
);
