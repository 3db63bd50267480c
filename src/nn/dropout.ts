/** Dropout. */
import { ArgumentError } from "../core/errors.ts";
import { treeKind } from "../core/fields.ts";
import type { Tensor } from "../core/tensor.ts";
import * as np from "../numpy/index.ts";
import * as random from "../random/index.ts";

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
  if (!(typeof rate === "number" && rate >= 0 && rate < 1)) {
    throw new ArgumentError(
      `nn.dropout: the rate is ${treeKind(rate)}`,
      "give a number from 0 to below 1 last: nn.dropout(key, x, 0.1)",
    );
  }
  if (key === null || rate === 0) return x;
  return np.where(random.bernoulli(key, 1 - rate, x.shape), x.div(1 - rate), 0);
}
