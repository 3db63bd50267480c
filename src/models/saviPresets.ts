/** The hyperparameters of SAVi (Kipf et al., 2022) as its code has them for MOVi. */
import {
  adam,
  chain,
  clipByGlobalNorm,
  type GradientTransformation,
  warmupCosineDecaySchedule,
} from "../optim/index.ts";
import { count, declareOptions, positive, required, size } from "../options/index.ts";
import type { SaviOptions } from "./savi.ts";

/** The training of SAVi. */
export interface SaviTraining {
  /** Videos in a step. */
  readonly batchSize: number;
  /** Frames of a video that are seen in a step. */
  readonly frames: number;
  /** The number of steps. */
  readonly steps: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** Steps in which the rate rises from 0; it then falls to 0 as a cosine does. */
  readonly warmupSteps: number;
  /** The greatest global norm of a gradient. */
  readonly clip: number;
}

const training: SaviTraining = {
  batchSize: 64,
  frames: 6,
  steps: 100_000,
  learningRate: 2e-4,
  warmupSteps: 2500,
  clip: 0.05,
};

const places = { coordinates: [-1, 1], sides: 2 } as const;
const small = {
  resolution: [64, 64],
  slots: 11,
  slotSize: 128,
  startHidden: 256,
  iterations: 1,
  mlpHidden: 0,
  predictor: { heads: 4, hidden: 256 },
  encoder: { channels: 32, kernel: 5, strides: [1, 1, 1, 1], mlpHidden: 64, ...places },
  decoder: {
    ...{ kind: "broadcast", channels: 64, kernel: 5, strides: [2, 2, 2, 1], lastKernel: 1 },
    ...places,
  },
} as const satisfies SaviOptions;

/** Models with boxes as they are published for MOVi-A and its ten objects, and one without. SAVi-L's ResNet is not here. */
export const saviPresets = {
  /** SAVi-S, 64×64. */
  small: { model: small, training },
  /** SAVi-M, 128×128. */
  medium: {
    model: {
      ...small,
      resolution: [128, 128],
      encoder: { ...small.encoder, channels: 64, strides: [2, 1, 1, 1] },
      decoder: { ...small.decoder, strides: [2, 2, 2, 2] },
    },
    training,
  },
  /** Without boxes: learned slots, two iterations and an MLP. The code has no such config; the sizes are those of SAVi-S. */
  unconditional: {
    model: { ...small, start: "learned", iterations: 2, mlpHidden: 256 },
    training,
  },
} as const satisfies Record<string, { model: SaviOptions; training: SaviTraining }>;

const checkTraining = declareOptions<SaviTraining>("saviOptimizer", [], {
  batchSize: required(size),
  frames: required(size),
  steps: required(size),
  learningRate: required(positive),
  warmupSteps: required(count),
  clip: required(positive),
});

/**
 * SAVi's optimizer: the gradient is clipped to a small norm, which with a loss that is a sum over pixels is nearly always
 * reached, then Adam with a rate that warms up and falls as a cosine.
 *
 * ```ts
 * import { saviOptimizer, saviPresets } from "trilevel/models";
 * import { np } from "trilevel";
 * const optimizer = saviOptimizer(saviPresets.small.training);
 * const [update] = optimizer.update(np.ones([1]), optimizer.init(np.ones([1])));
 * console.assert(Math.abs(await update.item()) === 0); // the warm-up begins at 0
 * ```
 */
export function saviOptimizer(training: SaviTraining): GradientTransformation {
  checkTraining(training);
  const { learningRate, warmupSteps, steps, clip } = training;
  const rate = warmupCosineDecaySchedule({
    initValue: 0,
    peakValue: learningRate,
    warmupSteps,
    decaySteps: steps,
  });
  return chain(clipByGlobalNorm(clip), adam(rate));
}
