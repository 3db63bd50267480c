/** Variational autoencoders on binary images: generated shapes, or digits. */
import { Schema } from "effect";
import { vae, type VaeParams } from "../../models/index.ts";
import { Count, defaultsTo } from "../schema.ts";
import { dataProblems, LatentData, openLatent, pixelsOf } from "./latent/data.ts";
import {
  knownDecoder,
  latentFields,
  latentOutputs,
  latentPanel,
  latentPictures,
  latentScorer,
  latentScores,
  seenAs,
} from "./latent/shared.ts";
import { random } from "../../index.ts";
import { defineTask } from "./task.ts";

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("vae"),
  /** The number of latent variables. */
  latent: Count,
  /** Hidden layers of the decoder, and of the encoder. */
  hidden: Schema.Array(Count).pipe(defaultsTo([500])),
  encoder: Schema.Array(Count).pipe(defaultsTo([500])),
  divergence: Schema.Literals(["closed", "sampled"]).pipe(defaultsTo("closed")),
  ...latentFields,
});

const quick = {
  name: "vae-quick",
  model: { task: "vae", latent: 6, hidden: [128], encoder: [128] },
  data: { source: "shapes" },
  optimizer: { learningRate: 2e-3 },
  log: { every: 20, evaluateEvery: 200, panelEvery: 400, checkpointEvery: 200 },
  steps: 2000,
  batchSize: 64,
} as const;

/** The task. */
export const vaeTask = defineTask({
  name: "vae",
  samples: "images",
  model: ModelConfig,
  data: LatentData,
  presets: {
    /** Generated shapes: a minute on two cores, without files. */
    "vae-quick": quick,
    /** The decoder, data and training of `marino-mnist-quick`, with an encoder in place of its iteration. */
    "vae-mnist-quick": {
      ...quick,
      name: "vae-mnist-quick",
      model: {
        task: "vae",
        activation: "elu",
        importance: 20,
        latent: 32,
        hidden: [256],
        encoder: [256],
      },
      data: { source: "mnist", evaluate: 1000 },
      optimizer: { learningRate: 1e-3 },
      log: { every: 50, evaluateEvery: 500, panelEvery: 1000, checkpointEvery: 500 },
      steps: 1000,
    },
    /** Ten thousand digits with the paper's layers, optimizer and batches. */
    "vae-mnist": {
      ...quick,
      name: "vae-mnist",
      model: { task: "vae", latent: 20 },
      data: { source: "mnist", evaluate: 1000 },
      optimizer: { learningRate: 0.01, chain: [{ adagrad: ["learningRate"] }] },
      log: { ...quick.log, evaluateEvery: 800, panelEvery: 800, checkpointEvery: 800 },
      steps: 40_000,
      batchSize: 100,
    },
  },
  contradictions: (config) => dataProblems(config),
  describe: ({ model, data }) =>
    `A variational autoencoder with ${model.latent} latent variables on ${data.source}.`,
  open: ({ data }) => openLatent(data),
  inputs: ["x"],
  scores: latentScores,
  main: ["elbo"],
  pictures: latentPictures,
  curves: [{ title: "Validation ELBO", series: [{ key: "validation/elbo", name: "ELBO" }] }],
  system({ model: config, data }) {
    const { task: _, importance, likelihood, ...options } = config;
    const model = vae({ ...options, likelihood, pixels: pixelsOf(data) });
    return {
      model,
      init(key) {
        const params = model.init(key);
        if (data.source !== "linearGaussian") return params;
        return { ...params, generative: knownDecoder(params.generative) };
      },
      loss(params: VaeParams, { x }, key) {
        const [a, b] = random.split(key);
        return [model.loss(params, seenAs(x, likelihood, a), b)[0], {}];
      },
      predict(params: VaeParams, { x }, key) {
        const [a, b, c] = random.split(key, 3);
        const seen = seenAs(x, likelihood, a);
        const { value } = model.apply(params, seen, b);
        return latentOutputs(model, params, value, seen, c, importance);
      },
      scorer: latentScorer(data),
      draw: (seen) => ({ reconstructions: latentPanel(seen) }),
    };
  },
});
