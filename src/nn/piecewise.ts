/** Activations made of pieces: bounded, thresholded, or parabolas between lines. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { finite, positive, requireArgument } from "../options/index.ts";
import { elu, silu } from "./activations.ts";

/**
 * `min(max(x, 0), 6)` (Howard et al., 2017). At both corners its derivative is ½, as in JAX.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(String(await nn.relu6(np.array([-1, 3, 9])).data()) === "0,3,6");
 * ```
 */
export function relu6(x: Tensor): Tensor {
  return np.minimum(np.maximum(x, 0), 6);
}

/**
 * `-1` below -1, `1` above 1, and `x` between (Collobert, 2004).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(String(await nn.hardTanh(np.array([-3, 0.5, 3])).data()) === "-1,0.5,1");
 * ```
 */
export function hardTanh(x: Tensor): Tensor {
  return np.where(np.greater(x, 1), 1, np.where(np.less(x, -1), -1, x));
}

/**
 * `relu6(x + 3) / 6`: a sigmoid made of three lines (Howard et al., 2019).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(String(await nn.hardSigmoid(np.array([-3, 0, 3])).data()) === "0,0.5,1");
 * ```
 */
export function hardSigmoid(x: Tensor): Tensor {
  return relu6(x.add(3)).div(6);
}

/**
 * `x · hardSigmoid(x)`: a {@link silu} made of pieces (Howard et al., 2019), also called hard swish.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(String(await nn.hardSilu(np.array([-4, 0, 4])).data()) === "0,0,4");
 * ```
 */
export function hardSilu(x: Tensor): Tensor {
  return x.mul(hardSigmoid(x));
}

/** Another name of {@link hardSilu}. */
export const hardSwish: typeof hardSilu = hardSilu;

/** Another name of `silu`, with a slope of 1 in the sigmoid (Ramachandran et al., 2017). */
export const swish: typeof silu = silu;

/**
 * `max(x, 0) + α (e^(min(x, 0)/α) - 1)`: an ELU whose derivative is continuous for every α (Barron, 2017).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(Math.abs(await nn.celu(np.array(-2), 2).item() - 2 * Math.expm1(-1)) < 1e-6);
 * ```
 */
export function celu(x: Tensor, alpha = 1): Tensor {
  requireArgument("nn.celu", "alpha", finite, alpha, ["x"]);
  return np.maximum(x, 0).add(np.expm1(np.minimum(x, 0).div(alpha)).mul(alpha));
}

/**
 * `λ elu(x, α)` with the λ and α that keep mean 0 and variance 1 from layer to layer (Klambauer et al., 2017).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(Math.abs(await nn.selu(np.array(1)).item() - 1.0507) < 1e-4);
 * ```
 */
export function selu(x: Tensor): Tensor {
  return elu(x, 1.6732632423543772).mul(1.0507009873554805);
}

/**
 * `x / (1 + |x|)` (Turian et al., 2009).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.softSign(np.array(-3)).item() === -0.75);
 * ```
 */
export function softSign(x: Tensor): Tensor {
  return x.div(np.abs(x).add(1));
}

/**
 * `0` below -1, `x` above 1, and `(x + 1)² / 4` between: a softplus that is 0 where it is small.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(String(await nn.sparsePlus(np.array([-2, 0, 2])).data()) === "0,0.25,2");
 * ```
 */
export function sparsePlus(x: Tensor): Tensor {
  // The square is of numbers within its piece only, so that it never overflows.
  const parabola = np.square(np.clip(x, -1, 1).add(1)).div(4);
  return np.where(np.lessEqual(x, -1), 0, np.where(np.greaterEqual(x, 1), x, parabola));
}

/**
 * `½ clip(x + 1, 0, 2)`: the derivative of {@link sparsePlus}.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(String(await nn.sparseSigmoid(np.array([-2, 0, 2])).data()) === "0,0.5,1");
 * ```
 */
export function sparseSigmoid(x: Tensor): Tensor {
  return np.clip(x.add(1), 0, 2).mul(0.5);
}

/**
 * `(x + √(x² + b)) / 2` (Barron, 2021): a softplus without exponentials. For negative `x` it is taken as
 * `b / (2 (√(x² + b) - x))`, which loses no digits; squares do not overflow.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.squareplus(np.array(0)).item() === 1);
 * ```
 */
export function squareplus(x: Tensor, b = 4): Tensor {
  requireArgument("nn.squareplus", "b", positive, b, ["x"]);
  const root = np.hypot(x, Math.sqrt(b));
  const negative = np.less(x, 0);
  // A denominator of its own sign on either side: the one that is not chosen must not divide by 0.
  const below = np.divide(b, root.sub(np.where(negative, x, 0)));
  return np.where(negative, below, x.add(root)).mul(0.5);
}
