/** Eigenvalues of symmetric matrices, by Jacobi's method. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import {
  diagonalOf,
  forRows,
  identityLike,
  matrix,
  overLeading,
  product,
  transposed,
  whereIndices,
  withDerivative,
} from "./matrices.ts";

/**
 * `[w, V]` with `A V = V diag(w)`, of symmetric matrices […, n, n]: eigenvalues in increasing order, and
 * orthonormal eigenvectors as columns (their signs are not determined). What is taken is `(A + Aᵀ) / 2`.
 * With `B = Vᵀ Ȧ V`, the derivatives are `ẇ = diag B` and `V̇ = V (B ∘ F)`, `Fᵢⱼ = 1 / (wⱼ - wᵢ)`;
 * those of V exist only where eigenvalues are distinct. Meant for small matrices: n³ per sweep, and about
 * ten sweeps of Jacobi rotations, n/2 of them at once (Brent and Luk, 1985).
 *
 * ```ts
 * import { np } from "trilevel";
 * const [w] = np.linalg.eigh(np.array([[2, 1], [1, 2]]));
 * console.assert(await np.allclose(w, np.array([1, 3]), { atol: 1e-5 }).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const eigh: (a: TensorLike) => [values: Tensor, vectors: Tensor] = managed((a) => {
  const m = matrix("eigh", a);
  return decompose(lax.mul(lax.add(m, transposed(m)), lax.fullLike(m, 0.5)));
}, declareOperands("np.linalg.eigh", ["a"]));

function decompose(a: Tensor): [values: Tensor, vectors: Tensor] {
  const [values, vectors] = withDerivative(
    [a],
    (m) => overLeading("eigh", (one) => jacobi(one!), [m!], [2]),
    (m, dm) => {
      const [w, v] = decompose(m!);
      const b = product(transposed(v), product(dm!, v));
      const kept = w.shape.map((_, i) => i);
      const columns = lax.broadcast(w, b.shape, [...kept.slice(0, -1), b.ndim - 1]);
      const gaps = lax.sub(columns, lax.broadcast(w, b.shape, kept));
      const f = lax.div(whereIndices(b, lax.ne), whereIndices(gaps, lax.ne, 1));
      return [w, v, diagonalOf(b), product(v, f)];
    },
  );
  return [values!, vectors!];
}

function jacobi(a: Tensor): Tensor[] {
  const n = a.shape[0]!;
  const rounds = Math.max(1, n + n % 2 - 1);
  // Quadratic convergence: some sweeps to come near, few to finish.
  const sweeps = n < 2 ? 0 : 6 + Math.ceil(1.5 * Math.log2(n));
  const [d, v] = forRows(sweeps * rounds, [a, identityLike(a)], (k, x, q) => {
    const round = lax.rem(k, lax.fullLike(k, rounds));
    return rotate(x!, q!, partners(n, rounds, round));
  });
  const [values, order] = lax.sort(diagonalOf(d!), lax.iota([n], "int32", 0));
  const vectors = lax.gather(transposed(v!), lax.reshape(order!, [n, 1]));
  return [values!, transposed(vectors)];
}

/**
 * Whom everyone meets in a round of a tournament, in which all meet all: i and j with `i + j = round` modulo
 * the number of rounds. Who would meet himself meets the last one, who takes no part in the sums; if
 * there is none (n is odd), he pauses: his own partner.
 */
function partners(n: number, rounds: number, round: Tensor): Tensor {
  const index = lax.iota([n], "int32", 0);
  const c = (value: number) => lax.fullLike(index, value);
  const now = lax.broadcast(round, [n], []);
  const other = lax.rem(lax.add(lax.sub(now, index), c(2 * rounds)), c(rounds));
  const even = n % 2 === 0;
  const met = lax.select(lax.eq(other, index), even ? c(rounds) : index, other);
  if (!even) return met;
  // The last one meets the i with 2 i = round: half of (rounds + 1) inverts 2.
  const guest = lax.rem(lax.mul(now, c((rounds + 1) / 2)), c(rounds));
  return lax.select(lax.eq(index, c(rounds)), guest, met);
}

/** Rotates disjoint pairs of rows and columns so that their off-diagonal elements vanish. */
function rotate(a: Tensor, v: Tensor, partner: Tensor): Tensor[] {
  const n = a.shape[0]!;
  const index = lax.iota([n], "int32", 0);
  const first = lax.lt(index, partner);
  const pairs = selector(partner, a);
  const diagonal = diagonalOf(a);
  const across = lax.gather(diagonal, lax.reshape(partner, [n, 1]));
  const off = lax.reduceSum(lax.mul(a, pairs), [1]);
  const zero = lax.fullLike(off, 0);
  const one = lax.fullLike(off, 1);
  // θ = (a_qq - a_pp) / 2 a_pq, t = sign θ / (|θ| + √(θ² + 1)): Golub and Van Loan, 8.5.2.
  const none = lax.or(lax.eq(off, zero), lax.eq(index, partner));
  const difference = lax.select(first, lax.sub(across, diagonal), lax.sub(diagonal, across));
  const theta = lax.div(difference, lax.mul(lax.fullLike(off, 2), lax.select(none, one, off)));
  const side = lax.select(lax.ge(theta, zero), one, lax.neg(one));
  const root = lax.sqrt(lax.add(lax.mul(theta, theta), one));
  const t = lax.select(none, zero, lax.div(side, lax.add(lax.abs(theta), root)));
  const c = lax.rsqrt(lax.add(lax.mul(t, t), one));
  const s = lax.mul(t, c);
  // Rows p and q become c·p - s·q and s·p + c·q.
  const mixed = lax.select(first, lax.neg(s), s);
  const turn = (x: Tensor) => {
    const paired = lax.gather(x, lax.reshape(partner, [n, 1]));
    const by = (f: Tensor) => lax.broadcast(f, [n, n], [0]);
    return lax.add(lax.mul(by(c), x), lax.mul(by(mixed), paired));
  };
  const both = transposed(turn(transposed(turn(a))));
  // Rounding leaves a little where the rotation makes a zero.
  const clean = lax.select(
    lax.and(lax.ne(pairs, lax.fullLike(pairs, 0)), offDiagonal(n)),
    lax.fullLike(both, 0),
    both,
  );
  return [clean, transposed(turn(transposed(v)))];
}

function offDiagonal(n: number): Tensor {
  return lax.ne(lax.iota([n, n], "int32", 0), lax.iota([n, n], "int32", 1));
}

/** 1 in each row at its partner's column. */
function selector(partner: Tensor, like: Tensor): Tensor {
  const n = partner.size;
  const at = lax.eq(lax.broadcast(partner, [n, n], [0]), lax.iota([n, n], "int32", 1));
  return lax.convert(at, like.dtype);
}
