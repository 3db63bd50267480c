/** Norms that are safe to divide by and to differentiate, and gradients that are scaled. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { finite, nonNegative, requireArgument, scalarOf } from "../options/index.ts";
import { customVjp } from "../transforms/customVjp.ts";
import { mapLeaves } from "./leaves.ts";
import type { Scalar } from "./transformation.ts";

/**
 * The Euclidean norm of a whole tensor, or `minNorm` if that is larger; there its derivative is 0.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * console.assert(await optim.safeNorm(np.array([3, 4]), 1).item() === 5);
 * console.assert(await optim.safeNorm(np.zeros([2]), 1).item() === 1);
 * ```
 */
export function safeNorm(x: Tensor, minNorm: Scalar): Tensor {
  requireArgument("optim.safeNorm", "minNorm", scalarOf(nonNegative), minNorm, ["x"]);
  return atLeast(np.linalg.norm(np.ravel(x)), minNorm);
}

/**
 * The root mean square `√(Σ x² / n)`, or `minRms` if that is larger; there its derivative is 0.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * console.assert(await optim.safeRootMeanSquares(np.array([1, -1]), 0.5).item() === 1);
 * ```
 */
export function safeRootMeanSquares(x: Tensor, minRms: Scalar): Tensor {
  requireArgument("optim.safeRootMeanSquares", "minRms", scalarOf(nonNegative), minRms, ["x"]);
  return atLeast(rootMeanSquare(x), minRms);
}

/** `√(Σ x² / n)`, by the norm, whose squares neither overflow nor vanish. */
export function rootMeanSquare(x: Tensor): Tensor {
  return np.linalg.norm(np.ravel(x)).div(Math.sqrt(x.size));
}

/**
 * √x of an average of squares, or NaN where it is infinite. The squares of finite gradients overflow from 1.8e19 on in
 * float32; divided by an infinite root, a parameter would not move any more, without any message.
 */
export function rootOfSquares(x: Tensor): Tensor {
  return np.sqrt(x).add(x.mul(0)); // ∞ · 0 is NaN
}

/** A norm, or the least that it may be; NaN stays NaN. */
function atLeast(norm: Tensor, least: Scalar): Tensor {
  return np.astype(np.where(np.lessEqual(norm, least), least, norm), norm.dtype);
}

/**
 * The inputs, a tree, as they are; their gradient is multiplied by `scale`. Encoders that should learn more slowly
 * than what follows, and gradient reversal (`scale` -1), are made of it.
 *
 * ```ts
 * import { grad, np, optim, type Tensor } from "trilevel";
 * const f = (x: Tensor) => np.square(optim.scaleGradient(x, 0.5));
 * console.assert(await grad(f)(np.array(3)).item() === 3);
 * ```
 */
export function scaleGradient<T>(inputs: T, scale: number): T {
  requireArgument("optim.scaleGradient", "scale", finite, scale, ["inputs"]);
  const scaled = customVjp(
    (x: T) => x,
    (x: T) => [x, null],
    (_: null, cotangent: T) => [mapLeaves((c) => c.mul(scale), cotangent)],
  );
  return scaled(inputs);
}
