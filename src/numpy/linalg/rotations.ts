/**
 * Jacobi rotations, n/2 of them at once (Brent and Luk, "The solution of singular-value and symmetric
 * eigenvalue problems on multiprocessor arrays", 1985): which rows are paired, and how they turn.
 */
import type { Tensor } from "../../core/tensor.ts";
import * as lax from "../../primitives/index.ts";

/** The number of sweeps. Convergence is quadratic, so several are needed to come near and few to finish. */
export function sweepsOf(n: number): number {
  return n < 2 ? 0 : 6 + Math.ceil(1.5 * Math.log2(n));
}

/**
 * For each row, the row that it is rotated with in this round of a tournament in which every two rows meet
 * once: i and j with `i + j = round` modulo the number of rounds. The row that would meet itself meets the
 * last one, which takes no part in the sums; if n is odd, there is none, and it is its own partner.
 */
export function partners(n: number, rounds: number, round: Tensor): Tensor {
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

/**
 * The rotation of the rows of a matrix for which the two by two matrices `[[own, off], [off, across]]` of the pairs
 * become diagonal: rows p < q become `c p - s q` and `s p + c q`, with `t = s/c` the smaller root of
 * `t² + 2θt = 1`, `θ = (across - own) / 2 off` (Golub and Van Loan, "Matrix computations", 8.5.2). Where
 * `none` holds, rows stay as they are.
 */
export function rotation(
  partner: Tensor,
  own: Tensor,
  across: Tensor,
  off: Tensor,
  none: Tensor,
): (rows: Tensor) => Tensor {
  const n = partner.size;
  const first = lax.lt(lax.iota([n], "int32", 0), partner);
  const zero = lax.fullLike(off, 0);
  const one = lax.fullLike(off, 1);
  const difference = lax.select(first, lax.sub(across, own), lax.sub(own, across));
  const theta = lax.div(difference, lax.mul(lax.fullLike(off, 2), lax.select(none, one, off)));
  const side = lax.select(lax.ge(theta, zero), one, lax.neg(one));
  const size = lax.abs(theta);
  const large = lax.gt(size, lax.fullLike(size, 2 ** 30)); // the square may overflow, and 1 is lost
  const bounded = lax.select(large, one, size);
  const root = lax.sqrt(lax.add(lax.mul(bounded, bounded), one));
  const t = lax.div(side, lax.add(size, lax.select(large, size, root)));
  const tangent = lax.select(none, zero, t);
  const c = lax.rsqrt(lax.add(lax.mul(tangent, tangent), one));
  const s = lax.mul(tangent, c);
  const mixed = lax.select(first, lax.neg(s), s);
  return (rows) => {
    const paired = lax.gather(rows, lax.reshape(partner, [n, 1]));
    const by = (f: Tensor) => lax.broadcast(f, rows.shape, [0]);
    return lax.add(lax.mul(by(c), rows), lax.mul(by(mixed), paired));
  };
}
