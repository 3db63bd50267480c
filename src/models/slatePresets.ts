/**
 * The hyperparameters of SLATE (Singh et al., 2022) and of "Object Representations as Fixed Points" (Chang et al., 2022),
 * which trains it on 96×96 images with those of ShapeStacks.
 */
import {
  adam,
  chain,
  clipByInfinityNorm,
  constantSchedule,
  cosineDecaySchedule,
  type GradientTransformation,
  linearSchedule,
  multiplySchedules,
  multiTransform,
  type Schedule,
} from "../optim/index.ts";
import {
  count,
  declareOptions,
  positive,
  requireArgument,
  required,
  size,
} from "../options/index.ts";
import type { SlateOptions } from "./slateInterface.ts";

/** The training of SLATE. */
export interface SlateTraining {
  /** Images in a step. */
  readonly batchSize: number;
  /** The number of steps. */
  readonly steps: number;
  /** The learning rate of all but the discrete VAE, after its warm-up. */
  readonly learningRate: number;
  /** Steps in which that rate rises; the first step has 1 / warmupSteps of it. */
  readonly warmupSteps: number;
  /** The learning rate of the discrete VAE, from the first step on. */
  readonly discreteVaeRate: number;
  /** The bound on the largest entry of the whole gradient. */
  readonly clip: number;
  /** Steps in which the temperature falls from 1 to 0.1. */
  readonly temperatureSteps: number;
}

const training: SlateTraining = {
  batchSize: 50,
  steps: 250_000,
  learningRate: 1e-4,
  warmupSteps: 30_000,
  discreteVaeRate: 3e-4,
  clip: 1,
  temperatureSteps: 30_000,
};

const deep = {
  vocabulary: 4096,
  imageSize: 96,
  slots: 12,
  iterations: 7,
  size: 192,
  blocks: 8,
  heads: 8,
} as const;

/**
 * Models and their training. 3D Shapes is that of SLATE's code, 64×64, 8,000 steps an epoch and 20 epochs; the others
 * are those of Chang et al.
 */
export const slatePresets = {
  /** 3D Shapes, 64×64, 3 slots. */
  shapes3d: {
    model: {
      vocabulary: 1024,
      imageSize: 64,
      slots: 3,
      iterations: 3,
      size: 192,
      blocks: 4,
      heads: 4,
    },
    training: { ...training, steps: 160_000 },
  },
  /** CLEVR, 96×96, 12 slots. */
  clevr: { model: deep, training: { ...training, learningRate: 3e-4 } },
  /** CLEVR-Mirror, 96×96, 12 slots. */
  clevrMirror: { model: deep, training: { ...training, learningRate: 3e-4 } },
  /** ShapeStacks, 96×96, 12 slots. */
  shapeStacks: { model: deep, training: { ...training, learningRate: 3e-4 } },
  /** COCO, 96×96, 12 slots. */
  coco: { model: deep, training: { ...training, learningRate: 3e-4 } },
} as const satisfies Record<string, { model: SlateOptions; training: SlateTraining }>;

const checkTraining = declareOptions<SlateTraining>("slateOptimizer", [], {
  batchSize: required(size),
  steps: required(count),
  learningRate: required(positive),
  warmupSteps: required(size),
  discreteVaeRate: required(positive),
  clip: required(positive),
  temperatureSteps: required(size),
});

/**
 * SLATE's optimizer: one clip of the whole gradient by its largest entry, then Adam with one rate for the discrete VAE and
 * another, which warms up, for the rest. (Both are halved where the validation loss does not fall for four epochs: see
 * `optim.reduceOnPlateau`.)
 *
 * ```ts
 * import { slate, slateOptimizer, slatePresets } from "trilevel/models";
 * import { np, random, tree, type Tensor } from "trilevel";
 * const params = slate({ vocabulary: 4, imageSize: 4, slots: 2, size: 4, blocks: 1 }).init(random.key(0));
 * const optimizer = slateOptimizer(slatePresets.shapes3d.training);
 * const gradient = tree.map((x: Tensor) => np.ones(x.shape), params) as typeof params;
 * const [updates] = optimizer.update(gradient, optimizer.init(params), params);
 * const rate = -(await np.max(updates.discreteVae.encoder.out.weight).item());
 * console.assert(Math.abs(rate - 3e-4) < 1e-8);
 * ```
 */
export function slateOptimizer(training: SlateTraining): GradientTransformation {
  checkTraining(training);
  const { learningRate, warmupSteps, discreteVaeRate, clip } = training;
  const warmup = linearSchedule({
    initValue: 1 / warmupSteps,
    endValue: 1,
    transitionSteps: Math.max(1, warmupSteps - 1),
  });
  const rest = adam(multiplySchedules(constantSchedule(learningRate), warmup));
  return chain(
    clipByInfinityNorm(clip),
    multiTransform({ discreteVae: adam(discreteVaeRate), rest }, {
      discreteVae: "discreteVae",
      embedding: "rest",
      slotAttention: "rest",
      decoder: "rest",
    }),
  );
}

/**
 * The temperature of the relaxed tokens by step: τ(t) = 0.45 cos(πt / T) + 0.55 for t < T, then 0.1, for T
 * steps.
 *
 * ```ts
 * import { slateTemperature } from "trilevel/models";
 * import { np } from "trilevel";
 * const temperature = slateTemperature(30_000);
 * console.assert(Math.abs(await np.asarray(temperature(np.array(15_000))).item() - 0.55) < 1e-6);
 * ```
 */
export function slateTemperature(steps: number): Schedule {
  requireArgument("slateTemperature", "steps", size, steps);
  return cosineDecaySchedule({ initValue: 1, decaySteps: steps, alpha: 0.1 });
}
