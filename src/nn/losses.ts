/** Losses: how far predictions are from targets. */
import { isFloat } from "../core/dtype.ts";
import type { Tensor } from "../core/tensor.ts";
import * as np from "../numpy/index.ts";

/** How elements become one number. */
export interface LossOptions {
  /** `"mean"` (unless given) or `"sum"` of all elements; `"none"` keeps them. */
  readonly reduction?: "mean" | "sum" | "none";
}

function reduced(loss: Tensor, { reduction = "mean" }: LossOptions): Tensor {
  switch (reduction) {
    case "mean":
      return np.mean(loss);
    case "sum":
      return np.sum(loss);
    case "none":
      return loss;
  }
}

/**
 * The squared error.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.mse(np.array([1, 2]), np.array([1, 4])).item() === 2);
 * ```
 */
export function mse(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return reduced(np.square(prediction.sub(target)), options);
}

/**
 * Huber's loss (1964): `½ d²` for errors up to `delta` (1 unless given), `delta (|d| - ½ delta)` above.
 * With `delta` 1 it is PyTorch's `smooth_l1_loss`.
 */
export function huber(
  prediction: Tensor,
  target: Tensor,
  { delta = 1, ...options }: LossOptions & { readonly delta?: number } = {},
): Tensor {
  const error = np.abs(prediction.sub(target));
  // ½ q² + delta (|d| - q) with q the part of |d| up to delta: no branch, and smooth.
  const q = np.minimum(error, delta);
  return reduced(q.mul(q).mul(0.5).add(error.sub(q).mul(delta)), options);
}

/**
 * `-Σ target · log softmax(logits)` over the last axis. Targets are int32 labels, without that axis, or
 * distributions (one-hot vectors, say), with it. Labels that are no class count 0.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const logits = np.zeros([1, 4]);
 * const loss = nn.crossEntropy(logits, np.array([2], { dtype: "int32" }));
 * console.assert(Math.abs(await loss.item() - Math.log(4)) < 1e-6);
 * ```
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const distribution = isFloat(target.dtype)
    ? target
    : oneHot(target, logits.shape.at(-1)!, { dtype: logits.dtype });
  const terms = np.multiply(np.logSoftmax(logits), distribution);
  return reduced(np.negative(np.sum(terms, { axis: -1 })), options);
}

/** Labels as vectors with one 1: int32 […] → […, count]; zeros for labels that are no class. */
export function oneHot(
  labels: Tensor,
  count: number,
  { dtype = "float32" }: np.DTypeOptions = {},
): Tensor {
  return np.astype(np.equal(np.expandDims(labels, -1), np.arange(count)), dtype);
}
