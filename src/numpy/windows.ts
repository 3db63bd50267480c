/** Windows: weights that fall off towards both ends of a stretch of a signal. */
import type { Tensor } from "../core/tensor.ts";
import { declareOperands, finite, requireArgument } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { i0 } from "./arithmetic.ts";
import { managed } from "./managed.ts";
import { checkCount } from "./promote.ts";

/** A window of a number of points, float32. */
export type Window = (count: number) => Tensor;

/** Weights of positions from -1 to 1; one point alone has weight 1. */
function window(name: string, count: number, weights: (position: Tensor) => Tensor): Tensor {
  const n = checkCount(name, "the count", count);
  if (n <= 1) return lax.full([n], 1, "float32");
  const i = lax.iota([n], "float32", 0);
  const twice = lax.mul(i, lax.fullLike(i, 2));
  const step = lax.fullLike(i, n - 1);
  return weights(lax.div(lax.sub(twice, step), step));
}

/** `a₀ + a₁ cos(πx) + a₂ cos(2πx)` at positions from -1 to 1. */
const cosines = (name: string, ...a: readonly number[]): Window =>
  managed(
    (count) =>
      window(name, count, (x) =>
        a.slice(1).reduce(
          (sum, weight, k) =>
            lax.add(
              sum,
              lax.mul(
                lax.cos(lax.mul(x, lax.fullLike(x, (k + 1) * Math.PI))),
                lax.fullLike(x, weight),
              ),
            ),
          lax.fullLike(x, a[0]!),
        )),
    declareOperands(`np.${name}`, ["count"]),
  );

/**
 * Hann's window: half a cosine's wave, 0 at both ends.
 *
 * ```ts
 * import { np } from "trilevel";
 * const w = await np.hanning(5).data();
 * console.assert(w[2] === 1 && Math.abs(w[1]! - 0.5) < 1e-6);
 * ```
 */
export const hanning: Window = cosines("hanning", 0.5, 0.5);
/** Hamming's window: a cosine's wave on a pedestal, 0.08 at both ends. */
export const hamming: Window = cosines("hamming", 0.54, 0.46);
/** Blackman's window: two cosines, 0 at both ends. */
export const blackman: Window = cosines("blackman", 0.42, 0.5, 0.08);
/** Bartlett's window: a triangle, 0 at both ends. */
export const bartlett: Window = managed(
  (count) => window("bartlett", count, (x) => lax.sub(lax.fullLike(x, 1), lax.abs(x))),
  declareOperands("np.bartlett", ["count"]),
);

/** Kaiser's window: `I₀(β √(1 - x²)) / I₀(β)`; the larger `beta`, the narrower. */
export const kaiser: (count: number, beta: number) => Tensor = managed((count, beta) => {
  requireArgument("np.kaiser", "beta", finite, beta, ["count"]);
  return window("kaiser", count, (x) => {
    const inside = lax.max(lax.sub(lax.fullLike(x, 1), lax.mul(x, x)), lax.fullLike(x, 0));
    const size = i0(lax.mul(lax.sqrt(inside), lax.fullLike(x, beta)));
    return lax.div(size, i0(lax.fullLike(x, beta)));
  });
}, declareOperands("np.kaiser", ["count", "beta"]));
