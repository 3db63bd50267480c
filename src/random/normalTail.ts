/** The normal distribution far from 0, where the error function has no digits left. */
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";

/** From here on the tail is computed as such. */
export const tail = 2.5;

const c = lax.fullLike;

/**
 * Standard normal numbers in (from, to), from ≥ `tail`, by the inverse of the distribution function at uniform
 * numbers: with `Q` the probability of a larger number and `Q = φ R` (`R` is Mills' ratio), the
 * distance `d = x - from` solves
 *
 *     d (from + d/2) - log(R(from + d) / R(from)) = -log(1 - u (1 - Q(to)/Q(from)))
 *
 * in which nothing is a difference of nearly equal numbers. Newton's method starts from the solution
 * without the ratio; the left-hand side has the derivative `1 / R(from + d)`.
 */
export function normalTail(unit: Tensor, from: Tensor, to: Tensor): Tensor {
  const steps = from.dtype === "float64" ? 5 : 4;
  const base = mills(from);
  const exponent = (d: Tensor) =>
    lax.sub(
      lax.mul(d, lax.add(from, lax.mul(c(d, 0.5), d))),
      lax.log(lax.div(mills(lax.add(from, d)), base)),
    );
  const within = lax.neg(lax.expm1(lax.neg(exponent(lax.sub(to, from)))));
  const right = lax.neg(lax.log1p(lax.neg(lax.mul(unit, within))));
  const twice = lax.mul(c(right, 2), right);
  const root = lax.sqrt(lax.add(lax.mul(from, from), twice));
  let d = lax.div(twice, lax.add(root, from));
  for (let step = 0; step < steps; step++) {
    const ratio = mills(lax.add(from, d));
    d = lax.sub(d, lax.mul(lax.sub(exponent(d), right), ratio));
  }
  return lax.add(from, d);
}

/** Mills' ratio Q/φ from 2.5 on: `1 / (x + 1 / (x + 2 / (x + 3 / …)))` (Laplace), from the inside out. */
function mills(x: Tensor): Tensor {
  const terms = x.dtype === "float64" ? 60 : 20;
  let rest = x;
  for (let k = terms; k > 0; k--) rest = lax.add(x, lax.div(c(x, k), rest));
  return lax.div(c(x, 1), rest);
}
