/** Zeros of polynomials. */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOperands } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import type { Complex } from "./complex.ts";
import { eigvals } from "./linalg/eig.ts";
import { withDerivative } from "./linalg/matrices.ts";
import { type Pair, quotient, times } from "./linalg/pairs.ts";
import { managed } from "./managed.ts";
import { floatTensor, type TensorLike } from "./promote.ts";
import { stretchOf } from "./parts.ts";

const c = lax.fullLike;

/**
 * The zeros of a polynomial with these coefficients, that of the highest power first: the eigenvalues of its companion
 * matrix, as a pair `{ re, im }` (see `np.linalg.eig` for their order). Zeros at 0 are exact and come last.
 *
 * There are always as many as there are coefficients but one. Leading coefficients that are 0 lower the degree; NaN
 * stands last for each of them, as with JAX's `strip_zeros=False`. Derivatives exist where zeros are distinct:
 * `ẋ = -ṗ(x) / p′(x)`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const { re, im } = np.roots(np.array([1, 0, 4])); // x² + 4
 * console.assert(await np.allclose(im, np.array([2, -2])).item() === 1);
 * console.assert(await np.allclose(re, 0).item() === 1);
 * ```
 *
 * @throws ShapeError unless coefficients are a vector.
 */
export const roots: (p: TensorLike) => Complex = managed((p) => {
  const t = floatTensor("roots", p);
  if (t.ndim !== 1 || t.size === 0) {
    throw new ShapeError(
      `roots: expected a vector of coefficients, got ${formatAval(t.aval)}`,
      "give a vector with at least one coefficient",
    );
  }
  const [re, im] = zerosOf(t);
  return { re, im };
}, declareOperands("np.roots", ["p"]));

function zerosOf(p: Tensor): Pair {
  const results = withDerivative([p], (t) => [...ofCompanion(t!)], (t, dt) => {
    const [re, im] = zerosOf(t!);
    const [n, at] = [t!.size - 1, [re, im] as const];
    const powers = lax.reverse(lax.iota([n + 1], t!.dtype, 0), [0]);
    const slope = stretchOf(lax.mul(t!, powers), 0, 0, n);
    const [x, y] = quotient(valueAt(dt!, at), valueAt(slope, at));
    return [re, im, lax.neg(x), lax.neg(y)];
  });
  return results as [Tensor, Tensor]; // two in `ofCompanion`
}

/** A polynomial at complex places, by Horner's rule. */
function valueAt(p: Tensor, z: Pair): Pair {
  const coefficient = (i: number) =>
    lax.broadcast(lax.reshape(stretchOf(p, 0, i, i + 1), []), z[0].shape, []);
  let sum: Pair = [c(z[0], 0), c(z[0], 0)];
  for (let i = 0; i < p.size; i++) {
    const [re, im] = times(sum, z);
    sum = [lax.add(re, coefficient(i)), im];
  }
  return sum;
}

/** The zeros by the companion matrix. */
function ofCompanion(t: Tensor): Pair {
  const n = t.size - 1;
  if (n === 0) return [lax.full([0], 0, t.dtype), lax.full([0], 0, t.dtype)];
  const index = lax.iota([n + 1], "int32", 0);
  const nonzero = lax.ne(t, c(t, 0));
  const first = lax.reduceMin(lax.select(nonzero, index, c(index, n)), [0]);
  const last = lax.reduceMax(lax.select(nonzero, index, c(index, 0)), [0]);
  const degree = lax.max(lax.sub(last, first), lax.full([], 0, "int32")); // without zeros at 0
  // The first coefficient that is not 0 comes to the front; what is taken from behind the end is 0.
  const twice = lax.pad(t, { low: [0], high: [n], interior: [0] });
  const from = lax.add(index, lax.broadcast(first, [n + 1], []));
  const moved = lax.gather(twice, lax.reshape(from, [n + 1, 1]));
  const leading = stretchOf(moved, 0, 0, 1);
  const divisor = lax.select(lax.eq(leading, c(leading, 0)), c(leading, 1), leading);
  const row = lax.neg(lax.div(stretchOf(moved, 0, 1, n + 1), lax.broadcast(divisor, [n], [0])));
  const [i, j] = [0, 1].map((axis) => lax.iota([n, n], "int32", axis)) as [Tensor, Tensor];
  const links = lax.and(
    lax.eq(i, lax.add(j, c(j, 1))),
    lax.lt(i, lax.broadcast(degree, [n, n], [])),
  );
  const top = lax.eq(i, c(i, 0));
  const companion = lax.select(
    top,
    lax.broadcast(row, [n, n], [1]),
    lax.convert(links, t.dtype),
  );
  const { re, im } = eigvals(companion);
  const number = lax.iota([n], "int32", 0);
  const known = lax.lt(number, lax.broadcast(lax.sub(lax.full([], n, "int32"), first), [n], []));
  return [lax.select(known, re, c(re, NaN)), lax.select(known, im, c(im, NaN))];
}
