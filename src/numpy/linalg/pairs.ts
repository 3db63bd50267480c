/** Arithmetic of complex numbers as pairs of real tensors. */
import type { Tensor } from "../../core/tensor.ts";
import * as lax from "../../primitives/index.ts";
import { product } from "./matrices.ts";

/** Real and imaginary parts, in one shape. */
export type Pair = readonly [re: Tensor, im: Tensor];

/** Products of elements. */
export const times = ([a, b]: Pair, [p, q]: Pair): [Tensor, Tensor] => [
  lax.sub(lax.mul(a, p), lax.mul(b, q)),
  lax.add(lax.mul(a, q), lax.mul(b, p)),
];

/** Products of matrices. */
export const complexProduct = ([a, b]: Pair, [p, q]: Pair): [Tensor, Tensor] => [
  lax.sub(product(a, p), product(b, q)),
  lax.add(product(a, q), product(b, p)),
];

/** The quotient, with the divisor scaled so that its square neither overflows nor vanishes. */
export function quotient([a, b]: Pair, [p, q]: Pair): [Tensor, Tensor] {
  const size = lax.max(lax.abs(p), lax.abs(q));
  const unit = lax.select(lax.eq(size, lax.fullLike(size, 0)), lax.fullLike(size, 1), size);
  const [x, y] = [lax.div(p, unit), lax.div(q, unit)];
  const square = lax.add(lax.mul(x, x), lax.mul(y, y));
  const [re, im] = times([lax.div(a, unit), lax.div(b, unit)], [x, lax.neg(y)]);
  return [lax.div(re, square), lax.div(im, square)];
}
