/** LU and Cholesky factors by themselves, and the systems that they solve: the names of `jax.scipy.linalg`. */
import { formatAval } from "../../core/aval.ts";
import { ArgumentError, ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import { boolean, declareOperands, declareOptions, oneOf } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { managed } from "../managed.ts";
import { overLeading } from "../overLeading.ts";
import { asTensor, floatTensor, promote, type TensorLike, toFloat } from "../promote.ts";
import { cholesky } from "./cholesky.ts";
import { decompose } from "./lu.ts";
import {
  forRows,
  identityLike,
  matrix,
  product,
  rowAt,
  transposed,
  whereIndices,
  withDerivative,
} from "./matrices.ts";
import { solveColumns, triangleOf, triangular } from "./triangular.ts";

const c = lax.fullLike;

/**
 * `[P, L, U]` with `A = P L U`, of matrices […, m, n]: a permutation, a unit lower triangle […, m, k] and an upper one
 * […, k, n], with k = min(m, n); the largest element of each column becomes the pivot. With `M = L⁻¹ Pᵀ Ȧ U⁻¹`, the
 * derivatives are `L̇ = L M₋` and `U̇ = M₊ U`, of the parts below the diagonal and from it upwards.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[1, 2], [4, 4]]);
 * const [p, l, u] = np.linalg.lu(a);
 * console.assert(String(await l.data()) === "1,0,0.25,1" && String(await u.data()) === "4,4,0,1");
 * console.assert(await np.allclose(np.matmul(p, np.matmul(l, u)), a).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` has fewer than two axes.
 */
export const lu: (a: TensorLike) => [p: Tensor, l: Tensor, u: Tensor] = managed((a) => {
  const given = matrix("lu", a, false);
  const [m, n] = given.shape.slice(-2) as [number, number]; // at least two axes: see `matrix`
  const size = Math.min(m, n);
  const [packed, order] = packedFactors(squared(given), size);
  const rows = corner(packed, m, size);
  const lower = whereIndices(whereIndices(rows, lax.gt), lax.ne, 1);
  const upper = whereIndices(corner(packed, size, n), lax.le);
  const permutation = overLeading(
    "lu",
    (o) => {
      const places = lax.broadcast(vector(o!, m), [m, m], [1]);
      return [lax.convert(lax.eq(lax.iota([m, m], "int32", 0), places), given.dtype)];
    },
    [order],
    [1],
  )[0]!;
  return [permutation, lower, upper];
}, declareOperands("np.linalg.lu", ["a"]));

const vector = (x: Tensor, size: number) =>
  lax.slice(x, { start: [0], limit: [size], strides: [1] });

/** The first rows and columns of matrices. */
function corner(x: Tensor, rows: number, columns: number): Tensor {
  return lax.slice(x, {
    start: x.shape.map(() => 0),
    limit: [...x.shape.slice(0, -2), rows, columns],
    strides: x.shape.map(() => 1),
  });
}

/** Matrices with rows or columns of zeros behind, which take no part in the pivoting, so that they are square. */
function squared(x: Tensor): Tensor {
  const [m, n] = x.shape.slice(-2) as [number, number]; // at least two axes
  const none = x.shape.map(() => 0);
  const high = [...none.slice(0, -2), Math.max(0, n - m), Math.max(0, m - n)];
  return lax.pad(x, { low: none, high, interior: none });
}

/** L and U in one matrix, the order of rows, and the exchanges; of square matrices of which the first `size` rows count. */
function packedFactors(a: Tensor, size: number): [packed: Tensor, order: Tensor, pivots: Tensor] {
  const results = withDerivative([a], (x) => {
    const [packed, order, , pivots] = decompose(x!);
    return [packed, order, pivots];
  }, (x, dx) => {
    const [packed, order, pivots] = packedFactors(x!, size);
    const l = whereIndices(packed, lax.gt);
    // Rows and columns beyond those that count are those of the identity.
    const axis = packed.ndim - 1;
    const number = lax.iota(packed.shape, "int32", axis);
    const beyond = lax.and(lax.ge(number, c(number, size)), onDiagonal(packed));
    const inner = lax.select(beyond, c(packed, 1), packed);
    const permuted = overLeading(
      "lu",
      (rows, o) => [lax.gather(rows!, lax.reshape(o!, [o!.size, 1]))],
      [dx!, order],
      [2, 1],
    )[0]!;
    const left = triangular(inner, permuted, true, true);
    const both = transposed(triangular(transposed(inner), transposed(left), true));
    const unit = lax.add(l, identityLike(l));
    const dl = product(unit, whereIndices(both, lax.gt));
    const du = product(whereIndices(both, lax.le), whereIndices(inner, lax.le));
    return [packed, order, pivots, lax.add(whereIndices(dl, lax.gt), whereIndices(du, lax.le))];
  });
  return results as [Tensor, Tensor, Tensor]; // three in the function above
}

function onDiagonal(x: Tensor): Tensor {
  const [row, column] = [-2, -1].map((axis) => lax.iota(x.shape, "int32", x.ndim + axis));
  return lax.eq(row!, column!);
}

/** LU factors as {@link luFactor} gives them. */
export type LuFactors = readonly [lu: Tensor, pivots: Tensor];

/**
 * LU factors of square matrices […, n, n] for {@link luSolve}: L and U in one matrix, without the ones on L's diagonal,
 * and for each row the one that it was exchanged with (int32 […, n]), as LAPACK counts.
 *
 * ```ts
 * import { np } from "trilevel";
 * const factors = np.linalg.luFactor(np.array([[1, 2], [4, 4]]));
 * console.assert(String(await factors[1].data()) === "1,1");
 * const x = np.linalg.luSolve(factors, np.array([5, 12]));
 * console.assert(String(await x.data()) === "1,2");
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const luFactor: (a: TensorLike) => [lu: Tensor, pivots: Tensor] = managed((a) => {
  const m = matrix("luFactor", a);
  const [packed, , pivots] = packedFactors(m, m.shape.at(-1)!);
  return [packed, pivots];
}, declareOperands("np.linalg.luFactor", ["a"]));

/** The system that {@link luSolve} solves. */
export interface LuSolveOptions {
  /** 1 solves `Aᵀ x = b`; 0 unless given. */
  readonly trans?: 0 | 1 | undefined;
}

/**
 * `x` with `A x = b`, from the factors of {@link luFactor}. `b` is a vector [n] or matrices […, n, k].
 *
 * @throws ShapeError when `b` has other rows.
 */
export const luSolve: (factors: LuFactors, b: TensorLike, options?: LuSolveOptions) => Tensor =
  managed(
    ([lu, pivots], b, { trans = 0 } = {}) => {
      const [packed, y] = promote("luSolve", [lu, b], toFloat) as [Tensor, Tensor]; // two in, two out
      const order = overLeading("luSolve", (p) => [orderOf(p!)], [asTensor(pivots)], [1])[0]!;
      const n = packed.shape.at(-1)!;
      return solveColumns("luSolve", matrix("luSolve", packed), y, (m, rhs) => {
        const lead = m.shape.slice(0, -2);
        const rows = lax.broadcast(
          order,
          [...lead, n],
          [...order.shape.keys()].map((axis) => axis + lead.length + 1 - order.ndim),
        );
        if (trans === 1) {
          const inner = triangular(transposed(m), rhs, true);
          const x = triangular(transposed(triangleOf(m, true, true)), inner, false);
          return overLeading(
            "luSolve",
            (v, o) => [
              lax.scatter(c(v!, 0), lax.reshape(o!, [n, 1]), v!, "set"),
            ],
            [x, rows],
            [2, 1],
          )[0]!;
        }
        const permuted = overLeading(
          "luSolve",
          (v, o) => [
            lax.gather(v!, lax.reshape(o!, [n, 1])),
          ],
          [rhs, rows],
          [2, 1],
        )[0]!;
        return triangular(m, triangular(m, permuted, true, true), false);
      });
    },
    declareOptions("np.linalg.luSolve", ["[lu, pivots]", "b"], { trans: oneOf(0, 1) }),
  );

/** The order of rows that exchanges make. */
function orderOf(pivots: Tensor): Tensor {
  const n = pivots.size;
  const index = lax.iota([n], "int32", 0);
  return forRows(n, [index], (k, order) => {
    const spread = (x: Tensor) => lax.broadcast(x, [n], []);
    const other = rowAt(pivots, k);
    const [mine, theirs] = [rowAt(order!, k), rowAt(order!, other)];
    const first = lax.select(lax.eq(index, spread(k)), spread(theirs), order!);
    return [lax.select(lax.eq(index, spread(other)), spread(mine), first)];
  })[0]!;
}

/** The triangle in which a Cholesky factor stands. */
export interface CholeskyOptions {
  /** True for the lower triangle, `A = L Lᵀ`; false unless given, `A = Uᵀ U`. */
  readonly lower?: boolean | undefined;
}

/** A Cholesky factor as {@link choFactor} gives it. */
export type CholeskyFactor = readonly [factor: Tensor, lower: boolean];

/**
 * The Cholesky factor of positive definite matrices, and the triangle in which it stands, for {@link choSolve}.
 *
 * ```ts
 * import { np } from "trilevel";
 * const factor = np.linalg.choFactor(np.array([[4, 2], [2, 10]]));
 * const x = np.linalg.choSolve(factor, np.array([8, 22]));
 * console.assert(String(await x.data()) === "1,2");
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const choFactor: (
  a: TensorLike,
  options?: CholeskyOptions,
) => [factor: Tensor, lower: boolean] = managed((a, { lower = false } = {}) => {
  const l = cholesky(matrix("choFactor", a));
  return [lower ? l : transposed(l), lower];
}, declareOptions("np.linalg.choFactor", ["a"], { lower: boolean }));

/**
 * `x` with `A x = b`, from the factor of {@link choFactor}. `b` is a vector [n] or matrices […, n, k].
 *
 * @throws ShapeError when `b` has other rows.
 */
export const choSolve: (factor: CholeskyFactor, b: TensorLike) => Tensor = managed(
  ([factor, lower], b) => {
    if (typeof lower !== "boolean") {
      throw new ArgumentError(
        "choSolve: expected a pair of the factor and whether it is the lower triangle",
        "give [factor, lower], as np.linalg.choFactor returns it",
      );
    }
    const t = floatTensor("choSolve", factor);
    if (t.ndim < 2) {
      throw new ShapeError(
        `choSolve: expected matrices, got ${formatAval(t.aval)}`,
        "give a factor of shape […, n, n], as np.linalg.choFactor returns it",
      );
    }
    const [m, y] = promote("choSolve", [lower ? t : transposed(t), b], toFloat) as [Tensor, Tensor];
    return solveColumns(
      "choSolve",
      matrix("choSolve", m),
      y,
      (l, rhs) => triangular(transposed(l), triangular(l, rhs, true), false),
    );
  },
  declareOperands("np.linalg.choSolve", ["[factor, lower]", "b"]),
);
