/** The singular value decomposition, by one-sided Jacobi rotations, and what rests on it. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { overLeading } from "../overLeading.ts";
import { rootOfSquares } from "../magnitude.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import {
  diagonalOf,
  forRows,
  identityLike,
  matrix,
  product,
  transposed,
  whereIndices,
  withDerivative,
} from "./matrices.ts";
import { householder } from "./qr.ts";
import { partners, rotation, sweepsOf } from "./rotations.ts";

/**
 * `[U, s, Vᵀ]` with `A = U diag(s) Vᵀ`, of matrices […, m, n]: the singular values in decreasing order,
 * and min(m, n) orthonormal columns of U and rows of Vᵀ, also where A is singular. (The thin
 * decomposition, JAX's `full_matrices=False`; signs are not determined.) One-sided Jacobi rotations of the
 * rows of `R`, with `A = Q R` (Demmel and Veselić, "Jacobi's method is more accurate than QR", 1992): for
 * matrices of some hundred rows.
 *
 * With `D = Uᵀ Ȧ V`, `Fᵢⱼ = 1 / (sⱼ² - sᵢ²)` and `S = diag s`, the derivatives are `ṡ = diag D`,
 * `U̇ = U (F ∘ (D S + S Dᵀ)) + (I - U Uᵀ) Ȧ V S⁻¹` and `V̇ = V (F ∘ (S D + Dᵀ S)) + (I - V Vᵀ) Ȧᵀ U S⁻¹`
 * (Townsend, "Differentiating the singular value decomposition", 2016). As in JAX, those of U and V exist
 * only where singular values are distinct.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[3, 0], [4, 5], [0, 0]]);
 * const [u, s, vt] = np.linalg.svd(a);
 * console.assert(await np.allclose(np.matmul(u.mul(s), vt), a, { atol: 1e-5 }).item() === 1);
 * console.assert(await np.allclose(s, np.sqrt(np.array([45, 5]))).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` has fewer than two axes.
 */
export const svd: (a: TensorLike) => [u: Tensor, s: Tensor, vt: Tensor] = managed((a) => {
  const [u, s, v] = decompose(matrix("svd", a, false));
  return [u, s, transposed(v)];
}, declareOperands("np.linalg.svd", ["a"]));

/**
 * The singular values of matrices […, m, n], in decreasing order. Their derivatives are `diag Uᵀ Ȧ V`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const s = np.linalg.svdvals(np.array([[0, 2], [3, 0]]));
 * console.assert(await np.allclose(s, np.array([3, 2])).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` has fewer than two axes.
 */
export const svdvals: (a: TensorLike) => Tensor = managed(
  (a) => decompose(matrix("svdvals", a, false))[1],
  declareOperands("np.linalg.svdvals", ["a"]),
);

/** U, s and V of matrices. */
export function decompose(a: Tensor): [u: Tensor, s: Tensor, v: Tensor] {
  if (a.shape.at(-2)! < a.shape.at(-1)!) {
    const [v, s, u] = decompose(transposed(a));
    return [u, s, v];
  }
  const [u, s, v] = withDerivative(
    [a],
    (x) => overLeading("svd", (one) => jacobi(one!), [x!], [2]),
    (x, dx) => {
      const [u, s, v] = decompose(x!);
      const dxv = product(dx!, v);
      const d = product(transposed(u), dxv);
      const kept = s.shape.map((_, i) => i);
      const columns = lax.broadcast(s, d.shape, [...kept.slice(0, -1), d.ndim - 1]);
      const rows = lax.broadcast(s, d.shape, kept);
      const gaps = lax.mul(lax.add(columns, rows), lax.sub(columns, rows));
      const apart = (x: Tensor) => lax.div(whereIndices(x, lax.ne), whereIndices(gaps, lax.ne, 1));
      const symmetric = (x: Tensor) => apart(lax.add(x, transposed(x)));
      const du = product(u, symmetric(lax.mul(d, columns)));
      const dv = product(v, symmetric(lax.mul(rows, d)));
      const ds = diagonalOf(d);
      if (u.shape.at(-2) === u.shape.at(-1)) return [u, s, v, du, ds, dv];
      // The part of the perturbation outside the span of U moves U, too.
      const outside = lax.sub(dxv, product(u, d));
      const sizes = lax.broadcast(s, u.shape, [...kept.slice(0, -1), u.ndim - 1]);
      return [u, s, v, lax.add(du, lax.div(outside, sizes)), ds, dv];
    },
  );
  return [u!, s!, v!];
}

/** Of one matrix with no more columns than rows. */
function jacobi(a: Tensor): Tensor[] {
  const n = a.shape[1]!;
  if (n === 0) return [a, lax.full([0], 0, a.dtype), lax.full([0, 0], 0, a.dtype)];
  // Squares must neither overflow nor vanish: the largest element becomes 1.
  const largest = lax.reduceMax(lax.abs(a), [0, 1]);
  const zero = lax.eq(largest, lax.fullLike(largest, 0));
  const unit = lax.select(zero, lax.fullLike(largest, 1), largest);
  const [q, r] = householder(lax.div(a, lax.broadcast(unit, a.shape, [])));
  const rounds = Math.max(1, n + n % 2 - 1);
  const [rows, turns] = forRows(sweepsOf(n) * rounds, [r!, identityLike(r!)], (k, x, j) => {
    const turn = orthogonalize(x!, partners(n, rounds, lax.rem(k, lax.fullLike(k, rounds))));
    return [turn(x!), turn(j!)];
  });
  // J R = S Vᵀ, in decreasing order.
  const lengths = rootOfSquares(rows!, [1]);
  const order = lax.sort(lax.neg(lengths), lax.iota([n], "int32", 0))[1]!;
  const sorted = (x: Tensor) => lax.gather(x, lax.reshape(order, [n, 1]));
  // Columns of length 0 have no direction: the reflections of a QR decomposition choose one.
  const [v, signed] = householder(transposed(sorted(rows!)));
  const negative = lax.lt(diagonalOf(signed!), lax.fullLike(lengths, 0));
  const sign = lax.select(negative, lax.fullLike(lengths, -1), lax.fullLike(lengths, 1));
  return [
    product(q!, transposed(sorted(turns!))),
    lax.mul(sorted(lengths), lax.broadcast(unit, [n], [])),
    lax.mul(v!, lax.broadcast(sign, [n, n], [1])),
  ];
}

/** The rotation that makes each pair of rows orthogonal, unless they are but for rounding. */
function orthogonalize(x: Tensor, partner: Tensor): (rows: Tensor) => Tensor {
  const n = x.shape[0]!;
  const paired = lax.gather(x, lax.reshape(partner, [n, 1]));
  const own = lax.reduceSum(lax.mul(x, x), [1]);
  const across = lax.gather(own, lax.reshape(partner, [n, 1]));
  const off = lax.reduceSum(lax.mul(x, paired), [1]);
  const epsilon = lax.fullLike(off, x.dtype === "float64" ? 2 ** -53 : 2 ** -24);
  const room = lax.mul(epsilon, lax.mul(lax.sqrt(own), lax.sqrt(across)));
  const alone = lax.eq(partner, lax.iota([n], "int32", 0));
  return rotation(partner, own, across, off, lax.or(lax.le(lax.abs(off), room), alone));
}
