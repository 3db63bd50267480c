/** The hyperparameters of Locatello et al. (2020), appendix E: what their numbers were made with. */
import {
  adam,
  exponentialDecay,
  type GradientTransformation,
  linearSchedule,
  multiplySchedules,
} from "../optim/index.ts";
import { count, declareOptions, nonNegative, positive, required, size } from "../options/index.ts";
import type { DiscoveryOptions } from "./discovery.ts";
import type { PropertyOptions } from "./setPrediction.ts";

/** The training of a model. */
export interface Training {
  /** Images in a step. */
  readonly batchSize: number;
  /** The number of steps. */
  readonly steps: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** Steps in which the rate rises from 0. */
  readonly warmupSteps: number;
  /** The number of steps over which the rate is multiplied by `decayRate`. */
  readonly decaySteps: number;
  /** See `decaySteps`. */
  readonly decayRate: number;
}

const discoveryTraining: Training = {
  batchSize: 64,
  steps: 500_000,
  learningRate: 4e-4,
  warmupSteps: 10_000,
  decaySteps: 100_000,
  decayRate: 0.5,
};

const small = {
  slotSize: 64,
  mlpHidden: 128,
  iterations: 3,
  encoder: { channels: 32, kernel: 5, strides: [1, 1, 1, 1] },
  decoder: { kind: "broadcast", channels: 32, kernel: 5, strides: [1, 1, 1] },
} as const;

/** Object discovery: images in [-1, 1]. */
export const discoveryPresets = {
  /** CLEVR with at most six objects, cropped to [29:221, 64:256] and resized to 128×128. */
  clevr6: {
    model: {
      resolution: [128, 128],
      slots: 7,
      slotSize: 64,
      mlpHidden: 128,
      iterations: 3,
      encoder: { channels: 64, kernel: 5, strides: [1, 1, 1, 1] },
      decoder: { kind: "broadcast", channels: 64, kernel: 5, strides: [2, 2, 2, 2, 1] },
    },
    training: discoveryTraining,
  },
  /** Tetrominoes, 35×35: the decoder works at full resolution. */
  tetrominoes: {
    model: { ...small, resolution: [35, 35], slots: 4 },
    training: discoveryTraining,
  },
  /** Multi-dSprites on coloured backgrounds, 64×64. */
  multiDsprites: {
    model: { ...small, resolution: [64, 64], slots: 6 },
    training: discoveryTraining,
  },
} as const satisfies Record<string, { model: DiscoveryOptions; training: Training }>;

/** Property prediction. */
export const propertyPresets = {
  /** CLEVR with up to ten objects, resized to 128×128 without a crop. */
  clevr10: {
    model: {
      slots: 10,
      slotSize: 64,
      mlpHidden: 128,
      iterations: 3,
      encoder: { channels: 64, kernel: 5, strides: [1, 2, 2, 1] },
    },
    training: {
      ...discoveryTraining,
      batchSize: 512,
      steps: 150_000,
      warmupSteps: 1000,
      decaySteps: 50_000,
    },
  },
} as const satisfies Record<string, { model: PropertyOptions; training: Training }>;

const checkTraining = declareOptions<Training>("paperOptimizer", [], {
  batchSize: required(size),
  steps: required(count),
  learningRate: required(nonNegative),
  warmupSteps: required(count),
  decaySteps: required(size),
  decayRate: required(positive),
});

/**
 * Adam with the papers' learning rate: `rate · min(1, t / warmup) · decayRate^(t / decaySteps)`.
 *
 * ```ts
 * import { discoveryPresets, paperOptimizer } from "trilevel/models";
 * import { np } from "trilevel";
 * const optimizer = paperOptimizer(discoveryPresets.clevr6.training);
 * const [u] = optimizer.update(np.ones([1]), optimizer.init(np.ones([1])));
 * console.assert(Math.abs(await u.item()) === 0);   // the warm-up begins at 0
 * ```
 */
export function paperOptimizer(training: Training): GradientTransformation {
  checkTraining(training);
  const { learningRate, warmupSteps, decaySteps, decayRate } = training;
  const warmup = linearSchedule({ initValue: 0, endValue: 1, transitionSteps: warmupSteps });
  const decay = exponentialDecay({
    initValue: learningRate,
    transitionSteps: decaySteps,
    decayRate,
  });
  return adam(multiplySchedules(warmup, decay));
}
