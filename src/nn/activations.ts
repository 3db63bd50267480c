/** Activations: functions of one tensor, element by element, with the derivatives of JAX and PyTorch. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { axes, boolean, declareOptions, finite, requireArgument } from "../options/index.ts";

/**
 * `max(x, 0)`, with the derivative 0 at 0, as in JAX and PyTorch; NaN stays NaN.
 *
 * ```ts
 * import { grad, nn, np } from "trilevel";
 * console.assert(await grad(nn.relu)(np.array(0)).item() === 0);
 * ```
 */
export function relu(x: Tensor): Tensor {
  return np.where(np.lessEqual(x, 0), 0, x);
}

/** `x` where it is positive, `slope · x` elsewhere. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  requireArgument("nn.leakyRelu", "slope", finite, slope, ["x"]);
  return np.where(np.greater(x, 0), x, x.mul(slope));
}

/** `x` where it is positive, `α (eˣ - 1)` elsewhere (Clevert et al., 2016). */
export function elu(x: Tensor, alpha = 1): Tensor {
  requireArgument("nn.elu", "alpha", finite, alpha, ["x"]);
  const positive = np.greater(x, 0);
  // Large numbers must not overflow on the side that is not chosen: ∞ · 0 is NaN in the derivative.
  return np.where(positive, x, np.expm1(np.where(positive, 0, x)).mul(alpha));
}

const checkGelu = declareOptions<{ approximate?: boolean }>("nn.gelu", ["x"], {
  approximate: boolean,
});

/**
 * `x Φ(x)`, with Φ the normal distribution function (Hendrycks & Gimpel, 2016). Exact unless
 * `approximate`, by tanh: PyTorch's default is exact, JAX's and GPT-2's approximate.
 */
export function gelu(x: Tensor, options: { approximate?: boolean } = {}): Tensor {
  checkGelu(options);
  const { approximate = false } = options;
  if (!approximate) return x.mul(0.5).mul(np.erf(x.mul(Math.SQRT1_2)).add(1));
  const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
  // ½ (1 + tanh u) = σ(2u), which keeps its digits on the left.
  return x.mul(np.sigmoid(inner.mul(2)));
}

/** `x σ(x)`, also called swish. */
export function silu(x: Tensor): Tensor {
  return x.mul(np.sigmoid(x));
}

/** `log(1 + eˣ)`, without overflow. */
export function softplus(x: Tensor): Tensor {
  return np.softplus(x);
}

/** `1 / (1 + e⁻ˣ)`. */
export function sigmoid(x: Tensor): Tensor {
  return np.sigmoid(x);
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return np.tanh(x);
}

/** The axis, or axes, that a softmax sums over; the last by default. */
export interface SoftmaxOptions {
  /** An axis, or several; the last unless given. */
  readonly axis?: number | readonly number[];
}

const checkSoftmax = declareOptions<SoftmaxOptions>("nn.softmax", ["x"], { axis: axes });
const checkLogSoftmax = declareOptions<SoftmaxOptions>("nn.logSoftmax", ["x"], { axis: axes });

/** `eˣ / Σ eˣ` along an axis, without overflow. */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  checkSoftmax(options);
  return np.softmax(x, options);
}

/** The logarithm of {@link softmax}. */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  checkLogSoftmax(options);
  return np.logSoftmax(x, options);
}
