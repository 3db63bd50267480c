/** Dropout, of elements, of channels, and of whole samples. */
import { ArgumentError, type Tensor } from "../public.ts";
import { describeTree } from "../options/index.ts";
import * as np from "../numpy/index.ts";
import * as random from "../random/index.ts";

/** Throws unless a rate is a number from 0 to below 1. */
function requireRate(name: string, rate: unknown): void {
  if (typeof rate === "number" && rate >= 0 && rate < 1) return;
  throw new ArgumentError(
    `nn.${name}: the rate is ${describeTree(rate)}`,
    `give a number that is at least 0 and below 1 as the last argument: nn.${name}(key, x, 0.1)`,
  );
}

/** Drops with one choice for all elements along some axes. */
function dropped(key: Tensor | null, x: Tensor, rate: number, shared: readonly number[]): Tensor {
  if (key === null || rate === 0) return x;
  const shape = x.shape.map((n, i) => shared.includes(i) ? 1 : n);
  return np.where(random.bernoulli(key, 1 - rate, shape), x.div(1 - rate), 0);
}

/**
 * Each element becomes 0 with probability `rate`, the others are divided by `1 - rate` (Srivastava et
 * al., 2014). Without a key nothing is dropped: that is how a model is evaluated.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const x = np.ones([1000]);
 * const y = nn.dropout(random.key(0), x, 0.25);
 * console.assert(Math.abs(await np.mean(y).item() - 1) < 0.1);
 * console.assert(nn.dropout(null, x, 0.25) === x);
 * ```
 *
 * @throws ArgumentError unless 0 ≤ rate < 1.
 */
export function dropout(key: Tensor | null, x: Tensor, rate: number): Tensor {
  requireRate("dropout", rate);
  return dropped(key, x, rate, []);
}

/**
 * {@link dropout} of whole channels of [batch, …space, channels] (Tompson et al., 2015): neighbours in space,
 * which say nearly the same, are dropped together. PyTorch's `dropout2d`.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const y = nn.channelDropout(random.key(0), np.ones([2, 3, 3, 8]), 0.5);
 * console.assert(await np.all(np.equal(y, y.slice([0, 2], [0, 1], [0, 1]))).item() === 1);
 * ```
 *
 * @throws ArgumentError unless 0 ≤ rate < 1.
 */
export function channelDropout(key: Tensor | null, x: Tensor, rate: number): Tensor {
  requireRate("channelDropout", rate);
  return dropped(key, x, rate, x.shape.map((_, i) => i).slice(1, -1));
}

/**
 * {@link dropout} of whole samples, the first axis: before it is added to its shortcut, a branch of a residual
 * network is left out (Huang et al., 2016).
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const y = nn.pathDropout(random.key(0), np.ones([4, 3]), 0.5);
 * console.assert(await np.all(np.equal(y, y.slice([0, 4], [0, 1]))).item() === 1);
 * ```
 *
 * @throws ArgumentError unless 0 ≤ rate < 1.
 */
export function pathDropout(key: Tensor | null, x: Tensor, rate: number): Tensor {
  requireRate("pathDropout", rate);
  return dropped(key, x, rate, x.shape.map((_, i) => i).slice(1));
}

/**
 * Dropout that keeps mean 0 and variance 1 (Klambauer et al., 2017), for networks of `selu`: elements become
 * SELU's limit `-λ α` instead of 0, and `a x + b` restores both moments, with `a = 1/√((1-r)(1 + r λ²α²))`
 * and `b = a r λ α` for the rate `r`.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const x = random.normal(random.key(1), [4000]);
 * const y = nn.alphaDropout(random.key(0), x, 0.2);
 * console.assert(Math.abs(await np.var(y).item() - 1) < 0.1);
 * ```
 *
 * @throws ArgumentError unless 0 ≤ rate < 1.
 */
export function alphaDropout(key: Tensor | null, x: Tensor, rate: number): Tensor {
  requireRate("alphaDropout", rate);
  if (key === null || rate === 0) return x;
  const limit = 1.7580993408473766; // λ α
  const a = 1 / Math.sqrt((1 - rate) * (1 + rate * limit ** 2));
  const kept = np.where(random.bernoulli(key, 1 - rate, x.shape), x, -limit);
  return kept.mul(a).add(a * rate * limit);
}
