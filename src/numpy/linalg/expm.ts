/** The exponential of matrices. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { frexp, ldexp } from "../floatParts.ts";
import { managed } from "../managed.ts";
import type { TensorLike } from "../promote.ts";
import { solveMatrices } from "./lu.ts";
import { forRows, identityLike, matrix, product } from "./matrices.ts";

const c = lax.fullLike;

/** Coefficients of the Padé approximant of order [13/13], and the norm up to which it is exact to rounding. */
const coefficients = [
  64764752532480000,
  32382376266240000,
  7771770303897600,
  1187353796428800,
  129060195264000,
  10559470521600,
  670442572800,
  33522128640,
  1323241920,
  40840800,
  960960,
  16380,
  182,
  1,
];
const largestNorm = 4; // a power of two below 5.4
const mostSquarings = 16;

/**
 * The exponential `Σ Aᵏ / k!` of square matrices […, n, n], by a Padé approximant of order 13 with scaling and squaring
 * (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005). As in JAX, it is NaN where more
 * than 16 squarings would be needed, beyond a 1-norm of 2¹⁸. Derivatives are those of the operations, to all orders.
 *
 * ```ts
 * import { np } from "trilevel";
 * const turn = np.linalg.expm(np.array([[0, -Math.PI / 2], [Math.PI / 2, 0]])); // a quarter of a turn
 * console.assert(await np.allclose(turn, np.array([[0, -1], [1, 0]]), { atol: 1e-6 }).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const expm: (a: TensorLike) => Tensor = managed((a) => {
  const m = matrix("expm", a);
  if (m.size === 0) return m;
  const lead = m.shape.slice(0, -2);
  const axes = lead.map((_, axis) => axis);
  const norm = lax.reduceMax(
    lax.reduceSum(lax.abs(lax.stopGradient(m)), [m.ndim - 2]),
    [m.ndim - 2],
  );
  const [fraction, exponent] = frexp(lax.mul(norm, c(norm, 1 / largestNorm)));
  const exact = lax.eq(fraction, c(fraction, 0.5));
  const needed = lax.max(lax.sub(exponent, lax.convert(exact, "int32")), c(exponent, 0));
  const squarings = lax.min(needed, c(needed, mostSquarings));
  const spread = (x: Tensor) => lax.broadcast(x, m.shape, axes);
  const scaled = ldexp(m, lax.neg(spread(squarings)));
  const [result] = forRows(mostSquarings, [pade(scaled)], (k, x) => {
    const goes = lax.lt(lax.broadcast(k, lead, []), squarings);
    return [lax.select(spread(goes), product(x!, x!), x!)];
  });
  const lost = lax.or(lax.gt(needed, squarings), lax.not(lax.finite(norm)));
  return lax.select(spread(lost), c(m, NaN), result!);
}, declareOperands("np.linalg.expm", ["a"]));

/** `q(-A)⁻¹ q(A)` with q's even and odd powers apart. */
function pade(a: Tensor): Tensor {
  const one = identityLike(a);
  const a2 = product(a, a);
  const a4 = product(a2, a2);
  const a6 = product(a4, a2);
  // Divided by the largest: in single precision their products would lose nothing, but might overflow.
  const by = (x: Tensor, k: number) => lax.mul(x, c(x, coefficients[k]! / coefficients[0]!));
  const sum = (...terms: readonly Tensor[]) => terms.reduce((x, y) => lax.add(x, y));
  const odd = product(
    a,
    sum(
      product(a6, sum(by(a6, 13), by(a4, 11), by(a2, 9))),
      by(a6, 7),
      by(a4, 5),
      by(a2, 3),
      by(one, 1),
    ),
  );
  const even = sum(
    product(a6, sum(by(a6, 12), by(a4, 10), by(a2, 8))),
    by(a6, 6),
    by(a4, 4),
    by(a2, 2),
    by(one, 0),
  );
  return solveMatrices(lax.sub(even, odd), lax.add(even, odd));
}
