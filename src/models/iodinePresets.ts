/** The hyperparameters of IODINE (Greff et al., 2019) as its code has them. */
import {
  adam,
  chain,
  clipByGlobalNorm,
  exponentialDecay,
  type GradientTransformation,
} from "../optim/index.ts";
import { declareOptions, fraction, positive, required, size } from "../options/index.ts";
import type { IodineOptions } from "./iodine.ts";

/** The training of IODINE. */
export interface IodineTraining {
  /** Images in a step. */
  readonly batchSize: number;
  /** The number of steps. */
  readonly steps: number;
  /** The first learning rate, for a batch of this size; that of another size is as the root of the sizes. */
  readonly learningRate: number;
  /** The number of steps over which the rate falls to a tenth. */
  readonly decaySteps: number;
  /** The decay of Adam's mean of gradients. */
  readonly b1: number;
  /** The greatest global norm of a gradient. */
  readonly clip: number;
}

const training = { steps: 1_000_000, decaySteps: 1_000_000, b1: 0.95, clip: 5 } as const;
const small = {
  decoder: { channels: 32, layers: 4, kernel: 5 },
  encoder: { channels: 32, kernel: 5, strides: [2, 2, 2], hidden: [128] },
  coordinates: "cosine",
  iterations: 5,
  scale: 0.03,
} as const;

/** Models and their training, with the sizes of batches of the paper's eight processors together. */
export const iodinePresets = {
  /** CLEVR with at most six objects, 128×128. */
  clevr6: {
    model: {
      resolution: [128, 128],
      slots: 7,
      latentSize: 64,
      iterations: 5,
      scale: 0.03,
      decoder: { channels: 64, layers: 4, kernel: 3 },
      encoder: { channels: 64, kernel: 3, strides: [2, 2, 2, 2], hidden: [256, 256] },
      memorySize: 256,
      coordinates: "linear",
    },
    training: { ...training, batchSize: 32, learningRate: 1e-3 },
  },
  /** Multi-dSprites on gray, 64×64. */
  multiDsprites: {
    model: { ...small, resolution: [64, 64], slots: 6, latentSize: 16, memorySize: 128 },
    training: { ...training, batchSize: 128, learningRate: 3e-4 },
  },
  /** Tetrominoes, 35×35, without a memory. */
  tetrominoes: {
    model: { ...small, resolution: [35, 35], slots: 4, latentSize: 32, memorySize: 0 },
    training: { ...training, batchSize: 256, learningRate: 3e-4 },
  },
} as const satisfies Record<string, { model: IodineOptions; training: IodineTraining }>;

const checkTraining = declareOptions<IodineTraining>("iodineOptimizer", [], {
  batchSize: required(size),
  steps: required(size),
  learningRate: required(positive),
  decaySteps: required(size),
  b1: required(fraction),
  clip: required(positive),
});

/**
 * IODINE's optimizer: the gradient is clipped to a global norm, then Adam with a rate that falls to a tenth in `decaySteps`.
 *
 * ```ts
 * import { iodineOptimizer, iodinePresets } from "trilevel/models";
 * import { np } from "trilevel";
 * const optimizer = iodineOptimizer(iodinePresets.clevr6.training);
 * const [update] = optimizer.update(np.ones([1]), optimizer.init(np.ones([1])));
 * console.assert(Math.abs(await update.item() + 1e-3) < 1e-6); // Adam's first step is the rate
 * ```
 */
export function iodineOptimizer(training: IodineTraining): GradientTransformation {
  checkTraining(training);
  const { learningRate, decaySteps, b1, clip } = training;
  const rate = exponentialDecay({
    initValue: learningRate,
    transitionSteps: decaySteps,
    decayRate: 0.1,
  });
  return chain(clipByGlobalNorm(clip), adam(rate, { b1 }));
}
