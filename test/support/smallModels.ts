/** Every model that has a loss, small, with some data: what an exporter or a compiler is tried on. */
import { type Adjoint, implicit, np, oneStep, random, type Tensor, unrolled } from "trilevel";
import * as models from "trilevel/models";

/** The loss of a model on some data, and parameters. */
export interface SmallModel<P = unknown> {
  loss(params: P, key: Tensor): Tensor;
  readonly params: P;
}

const model = <P>(params: P, loss: SmallModel<P>["loss"]) => ({ params, loss }) as SmallModel;
const uniform = (...shape: number[]) => random.uniform(random.key(5), shape);
const bits = (...shape: number[]) => random.bernoulli(random.key(6), 0.5, shape).astype("float32");
const start = () => random.key(0);

const slots = { slots: 3, slotSize: 4, mlpHidden: 4 };
const encoder = { channels: 4, kernel: 3, strides: [2] };
const decoder = { kind: "pixel", channels: 4, layers: 1 } as const;
const resolution: [number, number] = [8, 8];
const patches = { vocabulary: 4, channels: 2 };
const latent = { pixels: 4, latent: 2, samples: 2 };
const clusters = { size: 2, clusters: 2, steps: 3, strength: 1 };

function discovery(adjoint: Adjoint): SmallModel {
  const own = models.objectDiscovery({ resolution, ...slots, encoder, decoder, adjoint });
  return model(own.init(start()), (p, key) => own.loss(p, uniform(2, 8, 8, 3), key)[0]);
}

function mixture<W, Z>(own: models.Mixture<W, Z>, draw: typeof uniform): SmallModel {
  const [seen, others] = [draw(2, 6, 2), draw(2, 3, 2)];
  return model(own.init(start()), (p, key) => own.loss(p, seen, others, key)[0]);
}

function latentModel<P, Q, R>(own: models.LatentModel<P, Q, R>): SmallModel {
  return model(own.init(start()), (p, key) => own.loss(p, bits(3, 4), key)[0]);
}

/** By the name of the function that makes the model; after a comma a variant. */
export const smallModels: { readonly [name: string]: () => SmallModel } = {
  objectDiscovery: () => discovery(unrolled()),
  "objectDiscovery, implicit": () => discovery(implicit()),
  propertyPrediction() {
    const own = models.propertyPrediction({ ...slots, size: 5, hidden: 4, encoder });
    const [x, targets] = [uniform(2, 8, 8, 3), uniform(2, 3, 5)];
    return model(own.init(start()), (p, key) => own.loss(p, x, targets, key)[0]);
  },
  neuralEm() {
    const own = models.neuralEm({ pixels: 8, slots: 3, hidden: 4, steps: 3, noise: 0.2 });
    return model(own.init(start()), (p, key) => own.loss(p, uniform(2, 8), key)[0]);
  },
  gaussianMixture: () => mixture(models.gaussianMixture(clusters), uniform),
  bernoulliMixture: () => mixture(models.bernoulliMixture(clusters), bits),
  softKMeans: () => mixture(models.softKMeans(clusters), uniform),
  parts() {
    const own = models.parts({
      ...{ resolution, slots: 2, latentSize: 2, memorySize: 3, hidden: 4, encoder, decoder },
      predictor: { blocks: 1, heads: 2, hidden: 4 },
    });
    return model(
      own.init(start()),
      (p, key) => own.loss(p, { video: uniform(2, 1, 8, 8, 3) }, key)[0],
    );
  },
  savi() {
    const own = models.savi({
      ...{ resolution, slots: 2, slotSize: 4, startHidden: 4, encoder, decoder },
      predictor: { heads: 2, hidden: 4 },
    });
    const video = uniform(2, 1, 8, 8, 3);
    const given = { video, target: video, objects: uniform(1, 1, 4) };
    return model(own.init(start()), (p, key) => own.loss(p, given, key)[0]);
  },
  vae: () => latentModel(models.vae({ ...latent, encoder: [3], hidden: [3] })),
  stochasticVariationalInference: () =>
    latentModel(models.stochasticVariationalInference({ ...latent, hidden: [3], steps: 3 })),
  iterativeAmortizedInference: () =>
    latentModel(
      models.iterativeAmortizedInference({ ...latent, hidden: [[3]], inference: [[3]], steps: 2 }),
    ),
  relationalNeuralEm() {
    const own = models.relationalNeuralEm({
      ...{ resolution, slots: 2, hidden: 5, channels: [2, 3], features: 6, attentionHidden: 4 },
    });
    return model(own.init(start()), (p, key) => own.loss(p, bits(3, 2, 8, 8), key)[0]);
  },
  multisetPrediction() {
    const own = models.multisetPrediction({
      ...{ resolution, objects: 3, size: 4, latent: 5, hidden: 6, steps: 3, encoder },
    });
    const targets = uniform(2, 3, 4);
    return model(own.init(start()), (p, key) => own.loss(p, uniform(2, 8, 8, 3), targets, key)[0]);
  },
  efficientMorl() {
    const own = models.efficientMorl({
      ...{ resolution: [4, 4], slots: 2, latentSize: 2, iterations: 2, start: "standard" },
      encoder: { channels: 3, kernel: 3, strides: [2] },
      decoder: { channels: 3, kernels: [3, 3] },
    });
    return model(own.init(start()), (p, key) => own.loss(p, uniform(2, 4, 4, 3), key)[0]);
  },
  op3() {
    const own = models.op3({
      ...{ resolution: [4, 4], slots: 2, deterministicSize: 2, latentSize: 3, effectSize: 2 },
      memorySize: 4,
      encoder: { channels: [3], kernel: 3, hidden: 5 },
      decoder: { channels: 3, layers: 1, kernel: 3 },
    });
    const video = uniform(2, 1, 4, 4, 3);
    return model(own.init(start()), (p, key) => own.loss(p, { video }, key)[0]);
  },
  discreteVae() {
    const own = models.discreteVae(patches);
    return model(own.init(start()), (p, key) => own.loss(p, uniform(2, 8, 8, 3), key)[0]);
  },
  slate() {
    const own = models.slate({
      ...{ ...patches, size: 4, blocks: 1, heads: 2, slots: 2, slotHeads: 1, iterations: 2 },
      ...{ imageSize: 8, adjoint: oneStep() },
    });
    return model(own.init(start()), (p, key) => own.loss(p, uniform(2, 8, 8, 3), key)[0]);
  },
  slotAttention() {
    const own = models.slotAttention({ slots: 2, inputSize: 3, slotSize: 4, mlpHidden: 4 });
    return model(
      own.init(start()),
      (p, key) => np.mean(np.square(own.apply(p, uniform(2, 5, 3), key).slots)),
    );
  },
};

/**
 * Functions of `trilevel/models` that make no model with a loss: parts, features, and tools. IODINE is left out, too: with noise
 * in its operations the reference gives NaN, so that nothing is known of its rounding.
 */
const others = new Set([
  ..."efficientMorlOptimizer geco iodine refinementsAt".split(" "),
  ..."assignment broadcastDecoder cnnEncoder combineSlots composite conceptLibrary".split(" "),
  ..."gumbelSoftmax inceptionFeatures iodineOptimizer paperOptimizer pixelDecoder promptSlots"
    .split(" "),
  ..."randomFeatures removeSlots saviOptimizer setLoss slateOptimizer".split(" "),
  ..."slateTemperature slotOrder softAssignment weightedMean".split(" "),
]);

/** Functions of `trilevel/models` of which nothing is known here. */
export const unknownModels: readonly string[] = Object.entries(models)
  .filter(([name, value]) => typeof value === "function" && !others.has(name))
  .map(([name]) => name)
  .filter((name) => !(name in smallModels));
