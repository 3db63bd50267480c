/** Square roots of sums of squares that neither overflow nor underflow; not for users. */
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { again } from "./parts.ts";

const c = lax.fullLike;

/**
 * Powers of two by which squares are kept in range, and between which sizes none is needed: below the
 * smaller, squares lose digits; above the larger, a sum of 2²⁰ of them may overflow.
 */
const ranges = {
  float32: { small: 2 ** -50, large: 2 ** 50, factor: 2 ** 70 },
  float64: { small: 2 ** -450, large: 2 ** 450, factor: 2 ** 550 },
};

/**
 * `√Σ x²` over axes, scaled by a power of two where squares would leave the range of floats (Blue, "A
 * portable Fortran program to find the Euclidean norm of a vector", 1978). Scaling by powers of two rounds
 * nothing, so ordinary numbers give the bits of the plain formula. The derivative is `x / norm`, and 0
 * where all elements are.
 */
export function rootOfSquares(x: Tensor, axes: readonly number[]): Tensor {
  if (x.size === 0) return lax.reduceSum(x, axes);
  const scale = scaleOf(lax.reduceMax(lax.abs(lax.stopGradient(x)), axes));
  const scaled = lax.mul(x, again(scale, x, axes));
  const sum = lax.reduceSum(lax.mul(scaled, scaled), axes);
  const zero = lax.eq(sum, c(sum, 0));
  const root = lax.sqrt(lax.select(zero, c(sum, 1), sum));
  return lax.select(zero, c(sum, 0), lax.div(root, scale));
}

/**
 * 1 for ordinary sizes and for 0; the power of two that brings the others nearer to 1. NaN stays what it is. A compiler that
 * knows that all is 0 and multiplies the scales first (XLA) would find 0 · ∞ with another scale than 1.
 */
export function scaleOf(largest: Tensor): Tensor {
  const { small, large, factor } = ranges[largest.dtype === "float64" ? "float64" : "float32"];
  const shrunk = lax.select(
    lax.gt(largest, c(largest, large)),
    c(largest, 1 / factor),
    c(largest, 1),
  );
  const tiny = lax.and(lax.lt(largest, c(largest, small)), lax.gt(largest, c(largest, 0)));
  return lax.select(tiny, c(largest, factor), shrunk);
}
