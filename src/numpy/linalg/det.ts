/** Determinants, whose derivatives are those of polynomials also where a matrix is singular. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import { decompose as luOf, productOf, solveMatrices } from "./lu.ts";
import {
  diagonalOf,
  identityLike,
  matrix,
  product,
  traceOf,
  transposed,
  whereIndices,
  withDerivative,
} from "./matrices.ts";
import { decompose as svdOf } from "./svd.ts";

/**
 * Determinants of square matrices […, n, n]. The derivative is `tr(adj A Ȧ)`, which for regular matrices is
 * `det A · tr(A⁻¹ Ȧ)`. Of a singular matrix it is that of its cofactors (0 from rank n - 2 down), and so is the
 * second derivative; further ones exist there if singular values are distinct.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * const det = (x: Tensor) => np.linalg.det(x);
 * console.assert(Math.abs(await det(np.array([[1, 2], [3, 4]])).item() + 2) < 1e-6);
 * const cofactors = grad(det)(np.array([[1, 2], [2, 4]]));
 * console.assert(await np.allclose(cofactors, np.array([[4, -2], [-2, 1]]), { atol: 1e-5 }).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const det: (a: TensorLike) => Tensor = managed(
  (a) => determinant(matrix("det", a)),
  declareOperands("np.linalg.det", ["a"]),
);

function determinant(a: Tensor): Tensor {
  return withDerivative([a], (m) => {
    const [factors, , sign] = luOf(m!);
    return [lax.mul(sign, productOf(diagonalOf(factors)))];
  }, (m, dm) => [determinant(m!), traceOf(product(adjugate(m!), dm!))])[0]!;
}

/**
 * The adjugate: with `A = U S Vᵀ` it is `det U · det V · V adj(S) Uᵀ`, and adj(S) is diagonal, with the
 * products of all other singular values. Its derivative is `tr(A⁻¹ Ȧ) adj A - adj A Ȧ A⁻¹` where A is
 * regular, and {@link singularTangent} elsewhere; each is given harmless matrices where the other holds.
 */
function adjugate(a: Tensor): Tensor {
  if (a.size === 0) return a;
  return withDerivative([a], (m) => {
    const [u, s, v] = orientedSvd(m!);
    return [product(v, lax.mul(productsWithout(s), transposed(u)))];
  }, (m, dm) => {
    const regular = isRegular(lax.stopGradient(m!));
    const y = adjugate(m!);
    const some = lax.select(regular, m!, identityLike(m!));
    const moved = solveMatrices(some, dm!);
    const inverse = solveMatrices(some, identityLike(m!));
    const scale = lax.broadcast(traceOf(moved), y.shape, y.shape.slice(0, -2).map((_, i) => i));
    const tangent = lax.sub(lax.mul(scale, y), product(y, product(dm!, inverse)));
    // Distinct singular values, which have derivatives of every order.
    const distinct = lax.convert(
      lax.add(lax.iota(y.shape, "int32", y.ndim - 1), lax.full(y.shape, 1, "int32")),
      y.dtype,
    );
    const other = lax.select(regular, whereIndices(distinct, lax.eq), m!);
    return [y, lax.select(regular, tangent, singularTangent(other, dm!))];
  })[0]!;
}

/** For each element of a matrix whether the smallest singular value is above half the digits of the largest. */
function isRegular(a: Tensor): Tensor {
  const [, s] = svdOf(a);
  const last = [s.ndim - 1];
  const [largest, smallest] = [lax.reduceMax(s, last), lax.reduceMin(s, last)];
  const half = lax.fullLike(largest, a.dtype === "float64" ? 2 ** -26 : 2 ** -12);
  const lead = largest.shape.map((_, i) => i);
  return lax.broadcast(lax.gt(smallest, lax.mul(half, largest)), a.shape, lead);
}

/**
 * The derivative of the adjugate of a matrix in the direction `E`. With `D = Uᵀ E V` it is
 * `det U · det V · V W Uᵀ`, where `Wᵢᵢ = Σₖ≠ᵢ Dₖₖ Πⱼ≠ᵢ,ₖ sⱼ` and `Wᵢⱼ = -Dᵢⱼ Πₖ≠ᵢ,ⱼ sₖ`: nothing is divided.
 */
function singularTangent(a: Tensor, e: Tensor): Tensor {
  const [u, s, v] = orientedSvd(a);
  const inner = product(transposed(u), product(e, v)); // D, times the sign that U holds
  const others = productsWithoutTwo(s);
  const kept = s.shape.map((_, i) => i);
  const inColumns = [...kept.slice(0, -1), inner.ndim - 1];
  const traces = lax.mul(lax.broadcast(diagonalOf(inner), inner.shape, inColumns), others);
  const sums = lax.reduceSum(whereIndices(traces, lax.ne), [inner.ndim - 1]);
  const w = lax.sub(
    whereIndices(lax.broadcast(sums, inner.shape, kept), lax.eq),
    whereIndices(lax.mul(inner, others), lax.ne),
  );
  const [plain] = svdOf(a);
  return product(v, product(w, transposed(plain)));
}

/** U with the sign of `det U · det V` in its columns, the singular values, and V. */
function orientedSvd(a: Tensor): [u: Tensor, s: Tensor, v: Tensor] {
  const [u, s, v] = svdOf(a);
  const sign = lax.mul(orientation(u), orientation(v));
  const spread = lax.broadcast(sign, u.shape, sign.shape.map((_, i) => i));
  return [lax.mul(u, spread), s, v];
}

/** The determinant of an orthogonal matrix, 1 or -1. */
function orientation(q: Tensor): Tensor {
  const [factors, , sign] = luOf(q);
  return lax.stopGradient(lax.mul(sign, productOf(lax.sign(diagonalOf(factors)))));
}

/** For each number of the last axis the product of all others, along rows of a matrix: […, n] → […, n, n]. */
function productsWithout(s: Tensor): Tensor {
  const n = s.shape.at(-1)!;
  const shape = [...s.shape, n];
  const last = s.ndim;
  const columns = lax.broadcast(s, shape, [...s.shape.map((_, i) => i).slice(0, -1), last]);
  const products = productOf(whereIndices(columns, lax.ne, 1));
  return lax.broadcast(products, shape, s.shape.map((_, i) => i));
}

/** For each two numbers of the last axis the product of all others: […, n] → […, n, n]. */
function productsWithoutTwo(s: Tensor): Tensor {
  const n = s.shape.at(-1)!;
  const shape = [...s.shape, n, n];
  const last = shape.length - 1;
  const along = (axis: number) => lax.iota(shape, "int32", axis);
  const values = lax.broadcast(s, shape, [...s.shape.map((_, i) => i).slice(0, -1), last]);
  const out = lax.or(lax.eq(along(last), along(last - 1)), lax.eq(along(last), along(last - 2)));
  return productOf(lax.select(out, lax.fullLike(values, 1), values));
}
