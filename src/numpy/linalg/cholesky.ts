/** The Cholesky decomposition of positive definite matrices. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { overLeading } from "../overLeading.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import {
  forRows,
  matrix,
  product,
  rowAt,
  transposed,
  whereIndices,
  withDerivative,
  withRow,
} from "./matrices.ts";
import { triangular } from "./triangular.ts";

/**
 * The lower triangular `L` with `A = L Lᵀ`, of symmetric positive definite matrices […, n, n]; all of it is NaN
 * (zeros above the diagonal) if they are not positive definite. What is taken is `(A + Aᵀ) / 2`. The derivative is `L Φ(L⁻¹ Ȧ L⁻ᵀ)`,
 * where Φ takes the lower triangle with half the diagonal (Murray, "Differentiation of the Cholesky
 * decomposition", 2016).
 *
 * ```ts
 * import { np } from "trilevel";
 * const l = np.linalg.cholesky(np.array([[4, 2], [2, 10]]));
 * console.assert(String(await l.data()) === "2,0,1,3");
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const cholesky: (a: TensorLike) => Tensor = managed((a) => {
  const m = matrix("cholesky", a);
  return factor(lax.mul(lax.add(m, transposed(m)), lax.fullLike(m, 0.5)));
}, declareOperands("np.linalg.cholesky", ["a"]));

function factor(a: Tensor): Tensor {
  return withDerivative(
    [a],
    (m) => overLeading("cholesky", (one) => [columns(one!)], [m!], [2]),
    (m, dm) => {
      const l = factor(m!);
      const left = triangular(l, dm!, true);
      const both = transposed(triangular(l, transposed(left), true));
      const half = whereIndices(lax.fullLike(both, 1), lax.ne, 0.5);
      return [l, product(l, lax.mul(whereIndices(both, lax.ge), half))];
    },
  )[0]!;
}

/** Lᵀ row by row, which are L's columns: what is left of A's, divided by the root of its pivot. */
function columns(a: Tensor): Tensor {
  const n = a.shape[0]!;
  const index = lax.iota([n], "int32", 0);
  const [rows] = forRows(n, [lax.fullLike(a, 0)], (k, done) => {
    const earlier = rowAt(transposed(done!), k);
    const known = lax.dot(earlier, done!, {
      lhsContract: [0],
      rhsContract: [0],
      lhsBatch: [],
      rhsBatch: [],
    });
    const rest = lax.sub(rowAt(a, k), known);
    const root = lax.sqrt(rowAt(rest, k));
    const row = lax.div(rest, lax.broadcast(root, [n], []));
    const from = lax.ge(index, lax.broadcast(k, [n], []));
    return [withRow(done!, k, lax.select(from, row, lax.fullLike(row, 0)))];
  });
  // A pivot below 0 makes what follows NaN; what precedes it is no part of a factor either.
  const l = transposed(rows!);
  const failed = lax.reduceOr(lax.ne(l, l), [0, 1]);
  const lost = whereIndices(lax.fullLike(l, NaN), lax.ge);
  return lax.select(lax.broadcast(failed, l.shape, []), lost, l);
}
