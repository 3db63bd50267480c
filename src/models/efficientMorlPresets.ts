/** The hyperparameters of EfficientMORL (Emami et al., 2021) as its code has them. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { chain, clipByGlobalNorm, type GradientTransformation } from "../optim/index.ts";
import {
  count,
  declareOptions,
  listOf,
  pairOf,
  positive,
  requireArgument,
  required,
  size,
} from "../options/index.ts";
import type { EfficientMorlOptions } from "./efficientMorlInterface.ts";
import { paperOptimizer, type Training } from "./presets.ts";

/** The number of refinements from a step on; the first entry begins at step 0. */
export type Curriculum = readonly (readonly [step: number, refinements: number])[];

/** The training of EfficientMORL. */
export interface EfficientMorlTraining extends Training {
  /** The greatest global norm of a gradient. */
  readonly clip: number;
  /** The number of refinements by steps. */
  readonly curriculum: Curriculum;
}

const training: Training & { readonly clip: number } = {
  batchSize: 32,
  steps: 300_000,
  learningRate: 4e-4,
  warmupSteps: 10_000,
  decaySteps: 100_000,
  decayRate: 0.5,
  clip: 5,
};
const shared = { levels: 3, iterations: 3, start: "original", prior: "hierarchy" } as const;
const encoder = { channels: 64, kernel: 5, strides: [1, 1, 1, 1] } as const;
const wide = { channels: 64, kernels: [3, 3, 3, 3, 3], padding: 0, activation: "elu" } as const;

/** Models and their training; targets of GECO are those of the code, for each number of an image. */
export const efficientMorlPresets = {
  /** CLEVR with at most six objects, 96×96. */
  clevr6: {
    model: {
      ...shared,
      resolution: [96, 96],
      slots: 7,
      latentSize: 64,
      likelihood: "mixture",
      deviation: 0.1,
      encoder,
      decoder: wide,
      geco: { target: -2.206 * 3 * 96 ** 2 },
    },
    training: { ...training, curriculum: [[0, 3], [100_000, 1]] },
  },
  /** The same at 128×128, whose constraint moves faster once it is met. */
  clevr6Large: {
    model: {
      ...shared,
      resolution: [128, 128],
      slots: 7,
      latentSize: 64,
      likelihood: "mixture",
      deviation: 0.1,
      encoder,
      decoder: wide,
      geco: { target: -2.1 * 3 * 128 ** 2, below: 5 },
    },
    training: { ...training, curriculum: [[0, 3], [100_000, 2]] },
  },
  /** Multi-dSprites on gray, 64×64, without a constraint. */
  multiDsprites: {
    model: {
      ...shared,
      resolution: [64, 64],
      slots: 6,
      latentSize: 64,
      likelihood: "gaussian",
      deviation: 0.1,
      encoder,
      decoder: wide,
    },
    training: { ...training, curriculum: [[0, 3], [100_000, 1]] },
  },
  /** Tetrominoes, 35×35. The target lies below the least error that a deviation of 0.3 allows, −1.204: the weight always rises. */
  tetrominoes: {
    model: {
      ...shared,
      resolution: [35, 35],
      slots: 4,
      latentSize: 32,
      likelihood: "gaussian",
      deviation: 0.3,
      encoder,
      decoder: { channels: 32, kernels: [5, 5, 5, 3], padding: 1, activation: "relu" },
      geco: { target: -1.224 * 3 * 35 ** 2 },
    },
    training: { ...training, steps: 200_000, curriculum: [[0, 3]] },
  },
} as const satisfies Record<
  string,
  { model: EfficientMorlOptions; training: EfficientMorlTraining }
>;

const curriculumKind = listOf(pairOf(count));
/**
 * The number of refinements at a step of a curriculum, int32: the entry with the last step that is not later.
 *
 * ```ts
 * import { refinementsAt } from "trilevel/models";
 * import { np } from "trilevel";
 * const curriculum = [[0, 3], [100, 1]] as const;
 * console.assert(await refinementsAt(curriculum, np.array(99)).item() === 3);
 * console.assert(await refinementsAt(curriculum, np.array(100)).item() === 1);
 * ```
 */
export function refinementsAt(curriculum: Curriculum, step: Tensor | number): Tensor {
  requireArgument("refinementsAt", "curriculum", curriculumKind, curriculum, ["step"]);
  return curriculum.reduce(
    (found, [from, refinements]) => np.where(np.greaterEqual(step, from), refinements, found),
    np.array(curriculum[0]?.[1] ?? 0, { dtype: "int32" }),
  ).astype("int32");
}

const checkTraining = declareOptions<EfficientMorlTraining>("efficientMorlOptimizer", [], {
  batchSize: required(size),
  steps: required(count),
  learningRate: required(positive),
  warmupSteps: required(count),
  decaySteps: required(size),
  decayRate: required(positive),
  clip: required(positive),
  curriculum: required(curriculumKind),
});

/**
 * EfficientMORL's optimizer: a clip of the global norm, then Adam with a rate that warms up and is halved.
 *
 * ```ts
 * import { efficientMorlOptimizer, efficientMorlPresets } from "trilevel/models";
 * import { np } from "trilevel";
 * const optimizer = efficientMorlOptimizer(efficientMorlPresets.tetrominoes.training);
 * const [update] = optimizer.update(np.ones([1]), optimizer.init(np.ones([1])));
 * console.assert(Math.abs(await update.item()) === 0); // the warm-up begins at 0
 * ```
 */
export function efficientMorlOptimizer(training: EfficientMorlTraining): GradientTransformation {
  checkTraining(training);
  const { clip, curriculum: _, ...rest } = training;
  return chain(clipByGlobalNorm(clip), paperOptimizer(rest));
}
