/** The QR decomposition. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { overLeading } from "../overLeading.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import {
  forRows,
  identityLike,
  matrix,
  outer,
  product,
  rowAt,
  transposed,
  whereIndices,
  withDerivative,
} from "./matrices.ts";
import { triangular } from "./triangular.ts";

/**
 * `[Q, R]` with `A = Q R`, of matrices […, m, n]: Q has min(m, n) orthonormal columns, R is upper
 * triangular. By Householder reflections with LAPACK's signs, so R's diagonal may be negative. With
 * `S = Qᵀ Ȧ R⁻¹` and Ω the antisymmetric matrix of S's lower triangle (`Ω = S₋ - S₋ᵀ`), the derivatives
 * are `Q̇ = Q (Ω - S) + Ȧ R⁻¹` and `Ṙ = (S - Ω) R`; NaN where R is singular.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[3, 1], [4, 2]]);
 * const [q, r] = np.linalg.qr(a);
 * console.assert(await np.allclose(np.matmul(q, r), a).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` has fewer than two axes.
 */
export const qr: (a: TensorLike) => [q: Tensor, r: Tensor] = managed(
  (a) => decompose(matrix("qr", a, false)),
  declareOperands("np.linalg.qr", ["a"]),
);

function decompose(a: Tensor): [q: Tensor, r: Tensor] {
  const [m, n] = a.shape.slice(-2) as [number, number]; // at least two axes: see `matrix`
  if (m >= n) return tall(a);
  // The first columns decide; the others follow.
  const [q, r] = tall(columns(a, 0, m));
  const rest = product(transposed(q), columns(a, m, n));
  return [q, lax.concatenate([r, rest], a.ndim - 1)];
}

function columns(a: Tensor, from: number, to: number): Tensor {
  const last = a.ndim - 1;
  return lax.slice(a, {
    start: a.shape.map((_, i) => i === last ? from : 0),
    limit: a.shape.map((size, i) => i === last ? to : size),
    strides: a.shape.map(() => 1),
  });
}

/** Of matrices with no more columns than rows. */
function tall(a: Tensor): [q: Tensor, r: Tensor] {
  const [q, r] = withDerivative(
    [a],
    (x) => overLeading("qr", (one) => householder(one!), [x!], [2]),
    (x, dx) => {
      const [q, r] = tall(x!);
      const scaled = transposed(triangular(transposed(r), transposed(dx!), true));
      const s = product(transposed(q), scaled);
      const lower = whereIndices(s, lax.gt);
      const omega = lax.sub(lower, transposed(lower));
      const dq = lax.add(product(q, lax.sub(omega, s)), scaled);
      return [q, r, dq, product(lax.sub(s, omega), r)];
    },
  );
  return [q!, r!];
}

/**
 * Reflections `H = I - τ v vᵀ` that zero one column after the other below its diagonal (LAPACK's
 * `larfg`: v_k = 1, τ = 0 where there is nothing to do).
 */
export function householder(a: Tensor): Tensor[] {
  const [m, n] = a.shape as [number, number]; // one matrix
  const index = lax.iota([m], "int32", 0);
  const spread = (x: Tensor) => lax.broadcast(x, [m], []);
  const reflect = (x: Tensor, v: Tensor, tau: Tensor) => {
    const along = lax.dot(v, x, { lhsContract: [0], rhsContract: [0], lhsBatch: [], rhsBatch: [] });
    return lax.sub(x, outer(lax.mul(v, spread(tau)), along));
  };
  const [reduced, vs, taus] = forRows(n, [a], (k, x) => {
    const column = rowAt(transposed(x!), k);
    const pivot = rowAt(column, k);
    const zero = lax.fullLike(column, 0);
    const below = lax.select(lax.gt(index, spread(k)), column, zero);
    const rest = lax.reduceSum(lax.mul(below, below), [0]);
    const nothing = lax.eq(rest, lax.fullLike(rest, 0));
    const length = lax.sqrt(lax.add(lax.mul(pivot, pivot), rest));
    const positive = lax.ge(pivot, lax.fullLike(pivot, 0));
    const beta = lax.select(positive, lax.neg(length), length);
    const one = lax.fullLike(beta, 1);
    const tau = lax.select(
      nothing,
      lax.fullLike(beta, 0),
      lax.div(lax.sub(beta, pivot), lax.select(nothing, one, beta)),
    );
    const scale = lax.select(nothing, one, lax.sub(pivot, beta));
    const v = lax.select(
      lax.eq(index, spread(k)),
      lax.fullLike(column, 1),
      lax.div(below, spread(scale)),
    );
    return [reflect(x!, v, tau), v, tau];
  });
  const [q] = forRows(
    n,
    [identityLike(a, m, n)],
    (k, x) => [reflect(x!, rowAt(vs!, k), rowAt(taus!, k))],
    true,
  );
  const top = lax.slice(reduced!, { start: [0, 0], limit: [n, n], strides: [1, 1] });
  return [q!, whereIndices(top, lax.le)];
}
