/** Square systems, inverses and logarithms of determinants, by LU decomposition with partial pivoting. */
import { literal, type Tensor } from "../../core/tensor.ts";
import { traceClosed } from "../../core/trace.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { overLeading } from "../overLeading.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import {
  checkWhole,
  diagonalOf,
  forRows,
  identityLike,
  matrix,
  matrixPair,
  outer,
  product,
  rowAt,
  traceOf,
  transposed,
  withDerivative,
} from "./matrices.ts";
import { solveColumns, substitute, triangleOf } from "./triangular.ts";

/**
 * `x` with `A x = b`. `b` is a vector [n] or matrices […, n, k]; leading axes are broadcast. A singular
 * `A` gives infinities or NaN. Derivatives are those of the solution, to all orders:
 * `ẋ = A⁻¹ (ḃ - Ȧ x)`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.linalg.solve(np.array([[2, 1], [1, 3]]), np.array([3, 4]));
 * console.assert((await x.data()).every((v) => Math.abs(v - 1) < 1e-6));
 * ```
 *
 * @throws ShapeError when `a` is not square, or `b` has other rows.
 */
export const solve: (a: TensorLike, b: TensorLike) => Tensor = managed((a, b) => {
  const [m, y] = matrixPair("solve", a, b);
  return solveColumns("solve", m, y, solveMatrices);
}, declareOperands("np.linalg.solve", ["a", "b"]));

/** As {@link solve}, of matrices with equal leading axes. */
export function solveMatrices(a: Tensor, b: Tensor): Tensor {
  // The decomposition only serves to solve: all that depends on `a` is in `multiply`.
  const [factors, order] = decompose(lax.stopGradient(a));
  const operands = [a, factors, order, b];
  const avals = operands.map((x) => ({ ...x.aval, weak: false }));
  const over = (f: (lu: Tensor, p: Tensor, y: Tensor) => Tensor) =>
    traceClosed(
      (_, lu, p, y) =>
        overLeading("solve", (lu, p, y) => [f(lu!, p!, y!)], [lu!, p!, y!], [2, 1, 2]),
      avals,
    );
  return lax.linearSolveCall(operands, {
    multiply: traceClosed((m, _lu, _p, x) => [product(m!, x!)], avals),
    // P A = L U, so x = U⁻¹ L⁻¹ P b.
    solve: over((lu, p, y) => {
      const permuted = lax.gather(y, lax.reshape(p, [...p.shape, 1]));
      return substitute(lu, substitute(triangleOf(lu, true, true), permuted, true), false);
    }),
    // Aᵀ = Uᵀ Lᵀ P, so x = Pᵀ L⁻ᵀ U⁻ᵀ b.
    solveTransposed: over((lu, p, y) => {
      const inner = substitute(transposed(lu), y, true);
      const x = substitute(transposed(triangleOf(lu, true, true)), inner, false);
      return lax.scatter(lax.fullLike(x, 0), lax.reshape(p, [...p.shape, 1]), x, "set");
    }),
    consts: 3,
  })[0]!;
}

/**
 * L and U in one matrix (the ones on L's diagonal left out), the order of rows, the sign of that permutation, and the row
 * with which each was exchanged: `A[order] = L U`. Column by column, the largest element below becomes the pivot.
 */
export function decompose(
  a: Tensor,
): [factors: Tensor, order: Tensor, sign: Tensor, pivots: Tensor] {
  const one = (m: Tensor): Tensor[] => {
    const n = m.shape[0]!;
    const index = lax.iota([n], "int32", 0);
    const spread = (x: Tensor) => lax.broadcast(x, [n], []);
    if (n === 0) return [m, index, literal(1, m.dtype), index];
    return forRows(n, [m, index, literal(1, m.dtype)], (k, before, order, sign) => {
      const open = lax.ge(index, spread(k));
      const candidates = lax.abs(rowAt(transposed(before!), k));
      const best = lax.argMax(lax.select(open, candidates, lax.fullLike(candidates, -1)), 0);
      const isPivot = lax.eq(index, spread(k));
      const isBest = lax.eq(index, spread(best));
      const swap = lax.select(isPivot, spread(best), lax.select(isBest, spread(k), index));
      const rows = lax.reshape(swap, [n, 1]);
      const swapped = lax.gather(before!, rows);

      const pivots = rowAt(swapped, k);
      const column = rowAt(transposed(swapped), k);
      const below = lax.gt(index, spread(k));
      const zero = lax.fullLike(column, 0);
      // A column of zeros needs no elimination: the matrix is singular, its determinant 0.
      const pivot = spread(rowAt(column, k));
      const divides = lax.and(below, lax.ne(pivot, zero));
      const factors = lax.select(divides, lax.div(column, pivot), zero);
      const reduced = lax.sub(swapped, outer(factors, lax.select(below, pivots, zero)));
      const inColumn = lax.broadcast(isPivot, [n, n], [1]);
      const stored = lax.broadcast(lax.select(below, factors, column), [n, n], [0]);
      const moved = lax.ne(best, k);
      return [
        lax.select(inColumn, stored, reduced),
        lax.gather(order!, rows),
        lax.select(moved, lax.neg(sign!), sign!),
        best,
      ];
    });
  };
  const [factors, order, sign, pivots] = overLeading("lu", (m) => one(m!), [a], [2]);
  return [factors!, order!, sign!, pivots!];
}

/**
 * The inverse of square matrices […, n, n]. To solve a system, {@link solve} is more exact.
 *
 * ```ts
 * import { np } from "trilevel";
 * const inverse = np.linalg.inv(np.array([[2, 0], [0, 4]]));
 * console.assert(String(await inverse.data()) === "0.5,0,0,0.25");
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const inv: (a: TensorLike) => Tensor = managed((a) => {
  const m = matrix("inv", a);
  return solveMatrices(m, identityLike(m));
}, declareOperands("np.linalg.inv", ["a"]));

/** The product along the last axis. */
export function productOf(x: Tensor): Tensor {
  const size = x.shape.at(-1)!;
  const at = (i: number) => {
    const start = x.shape.map((_, axis) => axis === x.ndim - 1 ? i : 0);
    const limit = x.shape.map((n, axis) => axis === x.ndim - 1 ? i + 1 : n);
    const part = lax.slice(x, { start, limit, strides: start.map(() => 1) });
    return lax.reshape(part, x.shape.slice(0, -1));
  };
  const one = lax.full(x.shape.slice(0, -1), 1, x.dtype);
  return Array.from({ length: size }, (_, i) => at(i)).reduce((a, b) => lax.mul(a, b), one);
}

/**
 * The sign of determinants and the logarithm of their size, which neither overflow nor underflow:
 * `[sign, logdet]`; `[0, -Infinity]` where singular. The derivative of the logarithm is `tr(A⁻¹ Ȧ)`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [sign, logdet] = np.linalg.slogdet(np.array([[0, 2], [3, 0]]));
 * console.assert(await sign.item() === -1);
 * console.assert(Math.abs(await logdet.item() - Math.log(6)) < 1e-6);
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const slogdet: (a: TensorLike) => [sign: Tensor, logdet: Tensor] = managed((a) => {
  const [sign, logdet] = signedLogarithm(matrix("slogdet", a));
  return [sign!, logdet!];
}, declareOperands("np.linalg.slogdet", ["a"]));

function signedLogarithm(a: Tensor): Tensor[] {
  return withDerivative([a], (m) => {
    const [factors, , sign] = decompose(m!);
    const pivots = diagonalOf(factors);
    return [
      lax.mul(sign, productOf(lax.sign(pivots))),
      lax.reduceSum(lax.log(lax.abs(pivots)), [pivots.ndim - 1]),
    ];
  }, (m, dm) => {
    const [sign, logarithm] = signedLogarithm(m!);
    return [sign!, logarithm!, lax.fullLike(sign!, 0), traceOf(solveMatrices(m!, dm!))];
  });
}

/**
 * Square matrices to a whole power, by repeated squaring; negative powers are those of the inverse.
 *
 * ```ts
 * import { np } from "trilevel";
 * const fibonacci = np.linalg.matrixPower(np.array([[1, 1], [1, 0]]), 10);
 * console.assert((await fibonacci.data())[1] === 55);
 * ```
 *
 * @throws ShapeError when `a` is not square; DTypeError when the power is not whole.
 */
export const matrixPower: (a: TensorLike, power: number) => Tensor = managed((a, power) => {
  checkWhole("matrixPower", "the power", power);
  const m = matrix("matrixPower", a);
  let result: Tensor | undefined;
  let square = power < 0 ? inv(m) : m;
  for (let n = Math.abs(power); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = result ? product(result, square) : square;
    if (n > 1) square = product(square, square);
  }
  return result ?? identityLike(m);
}, declareOperands("np.linalg.matrixPower", ["a", "power"]));

/**
 * The sum of the diagonal of matrices […, m, n].
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.linalg.trace(np.array([[1, 2], [3, 4]])).item() === 5);
 * ```
 *
 * @throws ShapeError when `a` has fewer than two axes.
 */
export const trace: (a: TensorLike) => Tensor = managed(
  (a) => traceOf(matrix("trace", a, false)),
  declareOperands("np.linalg.trace", ["a"]),
);
