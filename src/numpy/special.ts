/** Functions of probability and statistics, written so that they neither overflow nor lose digits. */
import { axes, declareOperands, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Binary, Unary } from "./elementwise.ts";
import { managed } from "./managed.ts";
import { again } from "./parts.ts";
import { alignPair, type Axes, axesOf, floatTensor, type TensorLike, toFloat } from "./promote.ts";

const c = lax.fullLike;
const onFloats = (name: string, f: (x: Tensor) => Tensor): Unary =>
  managed((x) => f(floatTensor(name, x)), declareOperands(`np.${name}`, ["x"]));

/**
 * The logistic function `1 / (1 + e⁻ˣ)`, without overflow.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.sigmoid(0).item() === 0.5);
 * ```
 */
export const sigmoid: Unary = onFloats("sigmoid", lax.logistic);
/** Same as {@link sigmoid}. */
export const logistic: Unary = sigmoid;

/**
 * `log(eˣ + eʸ)`, without overflow. Its derivatives are `e^(x - out)` and `e^(y - out)`; where both operands
 * are ∞ both are 1, as in JAX, and where both are -∞ (JAX: NaN) they are ½, the limit.
 */
export const logaddexp: Binary = managed((x, y) => {
  const [a, b] = alignPair("logaddexp", x, y, toFloat);
  // Each order of the operands is the same smooth function: no kink of max or abs gets in.
  const first = lax.ge(a, b);
  const [high, low] = [lax.select(first, a, b), lax.select(first, b, a)];
  const endless = lax.and(lax.eq(a, b), lax.not(lax.finite(a))); // ∞ - ∞ is NaN
  const difference = lax.select(endless, c(a, 0), lax.sub(low, high));
  const sum = lax.add(high, lax.log1p(lax.exp(difference)));
  const share = lax.select(lax.gt(a, c(a, 0)), c(a, 1), c(a, 0.5));
  return lax.select(endless, lax.mul(share, lax.add(a, b)), sum);
}, declareOperands("np.logaddexp", ["x", "y"]));

/**
 * `log(1 + eˣ)`, without overflow; its derivative is the sigmoid.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * console.assert(await np.softplus(100).item() === 100);
 * console.assert(await grad((x: Tensor) => np.softplus(x))(np.array(100)).item() === 1);
 * ```
 */
export const softplus: Unary = managed(
  (x) => logaddexp(x, 0),
  declareOperands("np.softplus", ["x"]),
);

/** The error function `2/√π ∫₀ˣ e^(-t²) dt`. */
export const erf: Unary = onFloats("erf", lax.erf);
/** The inverse error function: ±Infinity at ±1, NaN beyond. Its derivative is `√π/2 e^(y²)`. */
export const erfInv: Unary = onFloats("erfInv", lax.erfInv);

/**
 * `x · log(y)`, and 0 where `x` is 0 and `y` is any number; derivatives are 0 there, if `log(y)` is not finite.
 */
export const xlogy: Binary = managed((x, y) => {
  const [a, b] = alignPair("xlogy", x, y, toFloat);
  const unusable = lax.or(lax.le(b, c(b, 0)), lax.eq(b, c(b, Infinity)));
  const none = lax.and(lax.eq(a, c(a, 0)), unusable);
  const product = lax.mul(a, lax.log(lax.select(none, c(b, 1), b)));
  return lax.select(none, c(a, 0), product);
}, declareOperands("np.xlogy", ["x", "y"]));

/** `sin(πx) / (πx)`, and 1 at 0. */
export const sinc: Unary = onFloats("sinc", (x) => {
  const t = lax.mul(x, c(x, Math.PI));
  // Near 0 the series, whose derivatives exist there; its error is below 1e-15 for |t| < 0.1.
  const near = lax.lt(lax.abs(t), c(t, 0.1));
  const t2 = lax.select(near, lax.mul(t, t), c(t, 0));
  const series = [1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1]
    .map((coefficient) => c(t, coefficient))
    .reduce((sum, coefficient) => lax.add(coefficient, lax.mul(sum, t2)));
  const far = lax.select(near, c(t, 1), t);
  return lax.select(near, series, lax.div(lax.sin(far), far));
});

/** Along which axes a function normalizes or reduces. */
export interface AxisOptions {
  /** An axis, or several; the last one unless given. */
  readonly axis?: Axes;
}

/**
 * `eˣ / Σ eˣ` along an axis (the last unless given), without overflow.
 *
 * ```ts
 * import { np } from "trilevel";
 * const p = np.softmax(np.array([[1000, 1000], [0, -Infinity]]));
 * console.assert(String(await p.data()) === "0.5,0.5,1,0");
 * ```
 */
export const softmax: (x: TensorLike, options?: AxisOptions) => Tensor = managed(
  (x, { axis = -1 } = {}) => {
    const t = floatTensor("softmax", x);
    return lax.softmax(t, axesOf("softmax", axis, t.ndim));
  },
  declareOptions("np.softmax", ["x"], { axis: axes }),
);

/** The logarithm of {@link softmax}, without overflow or underflow. */
export const logSoftmax: (x: TensorLike, options?: AxisOptions) => Tensor = managed(
  (x, { axis = -1 } = {}) => {
    const t = floatTensor("logSoftmax", x);
    const axes = axesOf("logSoftmax", axis, t.ndim);
    const below = shifted(t, axes);
    return lax.sub(below, again(lax.log(lax.reduceSum(lax.exp(below), axes)), t, axes));
  },
  declareOptions("np.logSoftmax", ["x"], { axis: axes }),
);

/** `x` minus its maximum, which changes neither result nor derivative. */
function shifted(x: Tensor, axes: readonly number[]): Tensor {
  if (x.size === 0) return x;
  return lax.sub(x, again(lax.stopGradient(lax.reduceMax(x, axes)), x, axes));
}
