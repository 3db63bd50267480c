/** What models say to options that are none. */
import { describe, expect } from "vitest";
import { anderson, np, random, setBackend, unrolled } from "trilevel";
import * as models from "trilevel/models";
import { declarationBehind } from "../../src/options/index.ts";
import { answered, loose } from "../support/mistakes.ts";
import { type Call, type Calls, lookAtOptions } from "../support/options.ts";

await setBackend("reference"); // before the operands below are made

const training = {
  batchSize: 8,
  steps: 10,
  learningRate: 1e-3,
  warmupSteps: 2,
  decaySteps: 5,
  decayRate: 0.5,
};

const slateTraining = {
  batchSize: 8,
  steps: 10,
  learningRate: 1e-4,
  warmupSteps: 2,
  discreteVaeRate: 3e-4,
  clip: 1,
  temperatureSteps: 5,
};

/** Calls of models that need arguments. */
const needing: { readonly [name: string]: Call } = {
  bernoulliMixture: { operands: [], options: { size: 2, clusters: 3 } },
  broadcastDecoder: { operands: [], options: { resolution: [16, 16] } },
  conceptLibrary: {
    operands: [np.zeros([4, 2]), random.key(0)],
    options: { concepts: 2 },
  },
  discreteVae: { operands: [], options: { vocabulary: 16 } },
  efficientMorl: { operands: [], options: { resolution: [16, 16], slots: 3 } },
  efficientMorlOptimizer: {
    operands: [],
    options: { ...models.efficientMorlPresets.tetrominoes.training },
  },
  gaussianMixture: { operands: [], options: { size: 2, clusters: 3 } },
  geco: { operands: [], options: { target: -100 } },
  gumbelSoftmax: [random.key(0), np.zeros([3])],
  iodine: { operands: [], options: { resolution: [16, 16], slots: 3 } },
  iodineOptimizer: { operands: [], options: { ...models.iodinePresets.clevr6.training } },
  iterativeAmortizedInference: { operands: [], options: { pixels: 4, latent: 2 } },
  objectDiscovery: { operands: [], options: { resolution: [16, 16], slots: 3 } },
  paperOptimizer: { operands: [], options: training },
  parts: { operands: [], options: { resolution: [16, 16], slots: 3 } },
  pixelDecoder: { operands: [], options: { resolution: [16, 16] } },
  propertyPrediction: { operands: [], options: { slots: 3 } },
  savi: { operands: [], options: { resolution: [64, 64], slots: 3 } },
  saviOptimizer: { operands: [], options: { ...models.saviPresets.small.training } },
  slate: { operands: [], options: { vocabulary: 16, imageSize: 8, slots: 3 } },
  slateOptimizer: { operands: [], options: slateTraining },
  slotAttention: { operands: [], options: { slots: 3, inputSize: 8 } },
  softKMeans: { operands: [], options: { size: 2, clusters: 3 } },
  stochasticVariationalInference: { operands: [], options: { pixels: 4, latent: 2 } },
  vae: { operands: [], options: { pixels: 4, latent: 2 } },
};

/** Models that need none, by their declarations: a new one has no entry here. */
const freely = Object.entries(models).filter(([name, f]) => {
  if (typeof f !== "function" || name in needing) return false;
  try {
    loose(f)({ nobodyKnowsThis: 1 });
  } catch (error) {
    const declaration = declarationBehind(error as Error); // as all that is thrown here
    return declaration?.operands.length === 0 &&
      !Object.values(declaration.spec).some((kind) => kind.required);
  }
  return false;
}).map(([name]): [string, Call] => [name, []]);
expect(freely.map(([name]) => name)).toEqual(
  expect.arrayContaining(["cnnEncoder", "randomFeatures"]),
);
// The types of all others say what they need.
const functions = { ...needing, ...Object.fromEntries(freely) } as Calls<typeof models>;
lookAtOptions("models", models, functions);

const { objectDiscovery, propertyPrediction, savi } = models;
const base = { resolution: [16, 16], slots: 3 } as const;
const wide = { resolution: [64, 64], slots: 3, slotSize: 64 } as const;
// A part's options are an option of the whole.
lookAtOptions("parts", {
  encoderOfObjects: (encoder: object) => objectDiscovery({ ...base, encoder }),
  broadcastDecoder: (decoder: object) => objectDiscovery({ ...base, decoder: loose(decoder) }),
  pixelDecoder: (decoder: object) => objectDiscovery({ ...base, decoder: loose(decoder) }),
  encoderOfProperties: (encoder: object) => propertyPrediction({ slots: 3, encoder }),
  encoderOfVideos: (encoder: object) => savi({ ...wide, encoder }),
  predictorOfVideos: (predictor: object) => savi({ ...wide, predictor }),
  encoderOfParts: (encoder: object) => models.parts({ ...base, encoder }),
  predictorOfParts: (predictor: object) => models.parts({ ...base, latentSize: 48, predictor }),
  decoderOfPosteriors: (decoder: object) => models.iodine({ ...base, decoder }),
  encoderOfPosteriors: (encoder: object) => models.iodine({ ...base, encoder }),
  decoderOfHierarchies: (decoder: object) => models.efficientMorl({ ...base, decoder }),
  encoderOfHierarchies: (encoder: object) => models.efficientMorl({ ...base, encoder }),
}, {
  encoderOfObjects: [],
  broadcastDecoder: { operands: [], options: { kind: "broadcast" } },
  pixelDecoder: { operands: [], options: { kind: "pixel" } },
  encoderOfProperties: [],
  encoderOfVideos: [],
  predictorOfVideos: [],
  encoderOfParts: [],
  predictorOfParts: [],
  decoderOfPosteriors: [],
  encoderOfPosteriors: [],
  decoderOfHierarchies: [],
  encoderOfHierarchies: [],
});

describe("options", () => {
  const { slotAttention } = models;
  const small = { slots: 3, inputSize: 8 };
  answered([
    [
      "one iteration too few letters",
      () => slotAttention(loose({ ...small, iteration: 5 })),
      /^slotAttention: no option is named `iteration`$/,
      /did you mean `iterations`\?/,
    ],
    [
      "a mask",
      () => slotAttention(loose({ ...small, mask: 1 })),
      /`mask`$/,
      /it takes \{ inputSize/,
    ],
    [
      "a temperature",
      () => objectDiscovery(loose({ ...base, temperature: 2 })),
      /`temperature`$/,
      /takes/,
    ],
    [
      "a kernel with an a",
      () => objectDiscovery({ ...base, encoder: loose({ kernal: 3 }) }),
      /^objectDiscovery's encoder: no option is named `kernal`$/,
      /did you mean `kernel`\?/,
    ],
    [
      "a kernel of another decoder",
      () => objectDiscovery({ ...base, decoder: loose({ kind: "pixel", kernel: 3 }) }),
      /^objectDiscovery's decoder: no option is named `kernel`$/,
      /it takes \{ kind, layers, channels, coordinates, frame, patch \}/,
    ],
    [
      "a word for the first slots' gradient",
      () => slotAttention({ ...small, initGrad: loose("straight-through") }),
      /`initGrad` must be one of "zero", "straightThrough", .*, got "straight-through"$/,
      /initGrad: "straightThrough"/,
    ],
    [
      "an adjoint that is not called",
      () => slotAttention({ ...small, adjoint: loose(unrolled) }),
      /`adjoint` must be an adjoint, got the function unrolled$/,
      /adjoint: unrolled\(\)/,
    ],
    [
      "a solver by name",
      () => slotAttention({ ...small, solver: loose("Anderson") }),
      /`solver` must be a fixed-point solver, got "Anderson"$/,
      /solver: anderson\(\)/,
    ],
    [
      "a solver for an adjoint",
      () => slotAttention({ ...small, adjoint: loose(anderson()) }),
      /`adjoint` must be an adjoint, got \{/,
      /adjoint: implicit\(\)/,
    ],
  ], /options\.test\.ts:\d+:\d+/);
});
