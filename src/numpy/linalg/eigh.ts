/** Eigenvalues of symmetric matrices, by Jacobi's method. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { overLeading } from "../overLeading.ts";
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
import { partners, rotation, sweepsOf } from "./rotations.ts";

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

/** The eigenvalues of {@link eigh}, in increasing order. */
export const eigvalsh: (a: TensorLike) => Tensor = managed(
  (a) => eigh(a)[0],
  declareOperands("np.linalg.eigvalsh", ["a"]),
);

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
  const [d, v] = forRows(sweepsOf(n) * rounds, [a, identityLike(a)], (k, x, q) => {
    const round = lax.rem(k, lax.fullLike(k, rounds));
    return rotate(x!, q!, partners(n, rounds, round));
  });
  const [values, order] = lax.sort(diagonalOf(d!), lax.iota([n], "int32", 0));
  const vectors = lax.gather(transposed(v!), lax.reshape(order!, [n, 1]));
  return [values!, transposed(vectors)];
}

/** Rotates disjoint pairs of rows and columns so that their off-diagonal elements vanish. */
function rotate(a: Tensor, v: Tensor, partner: Tensor): Tensor[] {
  const n = a.shape[0]!;
  const index = lax.iota([n], "int32", 0);
  const pairs = selector(partner, a);
  const diagonal = diagonalOf(a);
  const across = lax.gather(diagonal, lax.reshape(partner, [n, 1]));
  const off = lax.reduceSum(lax.mul(a, pairs), [1]);
  const none = lax.or(lax.eq(off, lax.fullLike(off, 0)), lax.eq(index, partner));
  const turn = rotation(partner, diagonal, across, off, none);
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
