/**
 * Arithmetic on rows: tensors of shape [batch, n], one unknown vector per sample. All solvers are written
 * in it, so that samples never mix: sums run along a row, and decisions are one boolean per row.
 */
import type { Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";

/** Repeats a value per row along further axes. */
export function perRow(c: Tensor, shape: Shape): Tensor {
  return lax.broadcast(c, shape, c.shape.map((_, i) => i));
}

/** The inner product of corresponding rows. */
export function inner(x: Tensor, y: Tensor): Tensor {
  return lax.reduceSum(lax.mul(x, y), [1]);
}

/** Rows times a number each. */
export function scaleRows(c: Tensor, x: Tensor): Tensor {
  return lax.mul(perRow(c, x.shape), x);
}

/** For each row, `a` where the condition holds, else `b`. */
export function chooseRows(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return lax.select(perRow(condition, a.shape), a, b);
}

/** A number as a tensor of the same shape and type. */
export function like(x: Tensor, value: number): Tensor {
  return lax.fullLike(x, value);
}

/** x / y, and 0 where y is 0: also the derivative is 0 there. */
export function safeDivide(x: Tensor, y: Tensor): Tensor {
  const zero = lax.eq(y, like(y, 0));
  return lax.select(zero, like(x, 0), lax.div(x, lax.select(zero, like(y, 1), y)));
}

/** Ways to measure a row. */
export type Norm = "l2" | "rms" | "max";

/** The length of each row. */
export function rowNorm(x: Tensor, norm: Norm = "l2"): Tensor {
  const n = x.shape[1]!;
  if (n === 0) return lax.full([x.shape[0]!], 0, x.dtype);
  if (norm === "max") return lax.reduceMax(lax.abs(x), [1]);
  // Scaled by the largest entry: squares of tiny or huge entries neither vanish nor overflow.
  const largest = lax.reduceMax(lax.abs(x), [1]);
  const usable = lax.and(lax.gt(largest, like(largest, 0)), lax.finite(largest));
  const scale = lax.select(usable, largest, like(largest, 1));
  const scaled = lax.div(x, perRow(scale, x.shape));
  const length = lax.mul(scale, lax.sqrt(inner(scaled, scaled)));
  return norm === "l2" ? length : lax.mul(length, like(length, 1 / Math.sqrt(n)));
}

/** Σₖ c[b,k] V[b,k,:]: a combination of stored rows for each sample. */
export function combine(c: Tensor, stored: Tensor): Tensor {
  return lax.dot(c, stored, { lhsBatch: [0], rhsBatch: [0], lhsContract: [1], rhsContract: [1] });
}

/** V[b,k,:] · x[b,:] for every stored row k. */
export function products(stored: Tensor, x: Tensor): Tensor {
  return lax.dot(stored, x, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] });
}

/** Puts a row for each sample into place `k` (an int32 scalar) of those stored, [batch, places, n]. */
export function store(stored: Tensor, k: Tensor, x: Tensor): Tensor {
  const place = lax.iota(stored.shape, "int32", 1);
  const here = lax.eq(place, lax.broadcast(k, stored.shape, []));
  return lax.select(here, lax.broadcast(x, stored.shape, [0, 2]), stored);
}

/** An int32 scalar modulo a constant. */
export function modulo(k: Tensor, n: number): Tensor {
  return lax.rem(k, like(k, n));
}
