/** Triangular systems, solved by substitution. */
import { traceClosed } from "../../core/trace.ts";
import type { Tensor } from "../../core/tensor.ts";
import { boolean, declareOptions } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { overLeading } from "../overLeading.ts";
import { managed } from "../managed.ts";
import { broadcastShapes, stretch, type TensorLike } from "../promote.ts";
import {
  checkRows,
  forRows,
  matrixPair,
  product,
  rowAt,
  transposed,
  whereIndices,
  withRow,
} from "./matrices.ts";

/** The kind of a triangular system. */
export interface TriangularOptions {
  /** The elements below the diagonal count, those above are not looked at; false unless given. */
  readonly lower?: boolean | undefined;
  /** Solves `Aᵀ x = b`; false unless given. */
  readonly transpose?: boolean | undefined;
  /** The diagonal counts as ones; false unless given. */
  readonly unitDiagonal?: boolean | undefined;
}

/**
 * `x` with `A x = b`, `A` triangular, by substitution. `b` is a vector [n] or matrices […, n, k]; leading
 * axes are broadcast. Derivatives are those of the solution: `ẋ = A⁻¹ (ḃ - Ȧ x)`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[2, 0], [1, 4]]);
 * const x = np.linalg.triangularSolve(a, np.array([2, 9]), { lower: true });
 * console.assert(String(await x.data()) === "1,2");
 * ```
 *
 * @throws ShapeError when `a` is not square, or `b` has other rows.
 */
export const triangularSolve: (
  a: TensorLike,
  b: TensorLike,
  options?: TriangularOptions,
) => Tensor = managed(
  (a, b, { lower = false, transpose = false, unitDiagonal = false } = {}) => {
    const [m, y] = matrixPair("triangularSolve", a, b);
    const left = transpose ? transposed(m) : m;
    return solveColumns(
      "triangularSolve",
      left,
      y,
      (l, rhs) => triangular(l, rhs, lower !== transpose, unitDiagonal),
    );
  },
  declareOptions("np.linalg.triangularSolve", ["a", "b"], {
    lower: boolean,
    transpose: boolean,
    unitDiagonal: boolean,
  }),
);

/** Calls `solve` on matrices of one lead each; a vector becomes a column, and back. */
export function solveColumns(
  name: string,
  a: Tensor,
  b: Tensor,
  solve: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  if (b.ndim === 1) {
    const column = solveColumns(name, a, lax.reshape(b, [...b.shape, 1]), solve);
    return lax.reshape(column, column.shape.slice(0, -1));
  }
  checkRows(name, a, b);
  const lead = broadcastShapes(name, [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  return solve(
    stretch(name, a, [...lead, ...a.shape.slice(-2)]),
    stretch(name, b, [...lead, ...b.shape.slice(-2)]),
  );
}

/** As {@link triangularSolve}, of matrices with equal leading axes. */
export function triangular(a: Tensor, b: Tensor, lower: boolean, unit = false): Tensor {
  const part = triangleOf(a, lower, unit);
  const avals = [part, b].map((x) => ({ ...x.aval, weak: false }));
  return lax.linearSolveCall([part, b], {
    multiply: traceClosed((l, x) => [product(l!, x!)], avals),
    solve: traceClosed((l, y) => [substitute(l!, y!, lower)], avals),
    solveTransposed: traceClosed((l, y) => [substitute(transposed(l!), y!, !lower)], avals),
    consts: 1,
  })[0]!;
}

/** The triangle that counts, zeros elsewhere. */
export function triangleOf(a: Tensor, lower: boolean, unit: boolean): Tensor {
  const part = whereIndices(a, lower ? lax.ge : lax.le);
  return unit ? whereIndices(part, lax.ne, 1) : part;
}

/** Row by row: x_k = (b_k - Σ a_kj x_j) / a_kk, over rows that are there already. */
export function substitute(a: Tensor, b: Tensor, lower: boolean): Tensor {
  const one = (left: Tensor, right: Tensor): Tensor =>
    forRows(left.shape[0]!, [lax.fullLike(right, 0)], (k, x) => {
      const row = rowAt(left, k);
      const pivot = rowAt(row, k);
      const known = lax.dot(row, x!, {
        lhsContract: [0],
        rhsContract: [0],
        lhsBatch: [],
        rhsBatch: [],
      });
      const rest = lax.sub(rowAt(right, k), known);
      return [withRow(x!, k, lax.div(rest, lax.broadcast(pivot, rest.shape, [])))];
    }, !lower)[0]!;
  return overLeading("triangularSolve", (l, r) => [one(l!, r!)], [a, b], [2, 2])[0]!;
}
