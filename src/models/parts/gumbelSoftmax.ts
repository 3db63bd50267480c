/** Samples of categories with a derivative. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { boolean, declareOptions, positive, scalarOf } from "../../options/index.ts";
import * as random from "../../random/index.ts";
import { stopGradient } from "../../transforms/index.ts";

/** Options of {@link gumbelSoftmax}. */
export interface GumbelSoftmaxOptions {
  /** The temperature τ: samples are the nearer to a category the lower it is. Default 1. */
  readonly temperature?: number | Tensor;
  /** If true, samples are one-hot vectors, with the derivative of the soft ones. Default false. */
  readonly hard?: boolean;
}

const checkOptions = declareOptions<GumbelSoftmaxOptions>("gumbelSoftmax", ["key", "logits"], {
  temperature: scalarOf(positive),
  hard: boolean,
});

/**
 * A sample of categories on the last axis that has a derivative in the logits (Jang et al., 2017; Maddison et al.,
 * 2017), with Gumbel noise G:
 *
 *     y = softmax((log softmax(logits) + G) / τ)
 *
 * The category of the largest entry has the probabilities softmax(logits) at every τ. With `hard` the sample is
 * onehot(argmax y) − stopGradient(y) + y, the straight-through estimator.
 *
 * ```ts
 * import { gumbelSoftmax } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const logits = np.log(np.array([0.7, 0.2, 0.1]));
 * const y = gumbelSoftmax(random.key(0), logits, { temperature: 0.5 });
 * console.assert(Math.abs(await y.sum().item() - 1) < 1e-6);
 * ```
 *
 * @throws ArgumentError unless the temperature is above 0.
 */
export function gumbelSoftmax(
  key: Tensor,
  logits: Tensor,
  options: GumbelSoftmaxOptions = {},
): Tensor {
  checkOptions(options);
  const { temperature = 1, hard = false } = options;
  const noise = random.gumbel(key, logits.shape, { dtype: logits.dtype });
  const y = np.softmax(np.logSoftmax(logits).add(noise).div(temperature));
  if (!hard) return y;
  const category = np.oneHot(np.argmax(y, { axis: -1 }), logits.shape.at(-1)!, { dtype: y.dtype });
  return category.sub(stopGradient(y)).add(y);
}
