/** Gradients with noise, from an explicit key. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  declareOptions,
  finite,
  key as keyKind,
  nonNegative,
  requireArgument,
  required,
  scalarOf,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { chain } from "./chain.ts";
import { requireState } from "./checks.ts";
import { increment, tensors, withLeaves, zeroCount } from "./leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "./scale.ts";
import type { GradientTransformation, Scalar } from "./transformation.ts";

/** The state of {@link addNoise}. */
export interface NoiseState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The key of the next noise. */
  readonly key: Tensor;
}

/**
 * Adds normal noise of variance `eta / tᵞ` at step `t` (Neelakantan et al., 2015).
 *
 * ```ts
 * import { np, optim, random } from "trilevel";
 * const noise = optim.addNoise(1, 0, random.key(0));
 * const [u] = noise.update(np.zeros([4000]), noise.init(np.zeros([4000])));
 * console.assert(Math.abs(await np.var(u).item() - 1) < 0.1);
 * ```
 */
export function addNoise(
  eta: Scalar,
  gamma: Scalar,
  key: Tensor,
): GradientTransformation<NoiseState> {
  requireArgument("optim.addNoise", "eta", scalarOf(nonNegative), eta);
  requireArgument("optim.addNoise", "gamma", scalarOf(finite), gamma, ["0.01"]);
  requireArgument("optim.addNoise", "key", keyKind, key, ["0.01", "0.55"]);
  return {
    init: () => ({ count: zeroCount(), key: np.copy(key) }),
    update(updates, state) {
      requireState("addNoise", state, ["count", "key"]);
      const count = increment(state.count);
      const [next, own] = random.split(state.key);
      const leaves = tensors(updates);
      const keys = random.split(own!, leaves.length);
      const noisy = leaves.map((g, i) => {
        const variance = np.divide(eta, np.power(np.astype(count, g.dtype), gamma));
        const noise = random.normal(keys[i]!, g.shape);
        return g.add(np.astype(noise, g.dtype).mul(np.sqrt(variance)));
      });
      return [withLeaves(updates, noisy), { count, key: next! }];
    },
  };
}

/** Options of {@link noisySgd}. */
export interface NoisySgdOptions {
  /** The variance of the first noise; 0.01. */
  readonly eta?: Scalar;
  /** The power of the step by which the variance falls; 0.55. */
  readonly gamma?: Scalar;
  /** The key from which noise is drawn. */
  readonly key: Tensor;
}

const checkNoisy = declareOptions<NoisySgdOptions>("optim.noisySgd", ["0.1"], {
  eta: scalarOf(nonNegative),
  gamma: scalarOf(finite),
  key: required(keyKind),
});

/**
 * Gradient descent with noise that falls with time: {@link addNoise}, times the learning rate.
 *
 * ```ts
 * import { np, optim, random } from "trilevel";
 * const optimizer = optim.noisySgd(0.1, { eta: 0, key: random.key(0) });
 * const [u] = optimizer.update(np.array([5]), optimizer.init(np.zeros([1])));
 * console.assert(await u.item() === -0.5);
 * ```
 */
export function noisySgd(
  learningRate: LearningRate,
  options: NoisySgdOptions,
): GradientTransformation<[NoiseState, CountState | null]> {
  requireRate("noisySgd", learningRate);
  checkNoisy(options);
  const { eta = 0.01, gamma = 0.55, key } = options;
  return chain(addNoise(eta, gamma, key), scaleByLearningRate(learningRate));
}
