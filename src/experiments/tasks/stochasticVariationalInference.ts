/** Stochastic variational inference on binary images: no encoder, gradient steps for each image. */
import { Schema } from "effect";
import { type GenerativeParams, stochasticVariationalInference } from "../../models/index.ts";
import { Count, defaultsTo, Positive } from "../schema.ts";
import { adjointOf, adjoints, inferenceFields, unrolledModel } from "./inference.ts";
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
import { np, random } from "../../index.ts";
import { defineTask } from "./task.ts";

const { iterations, adjointTerms, linear } = inferenceFields;

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("stochasticVariationalInference"),
  /** The number of latent variables. */
  latent: Count,
  /** Hidden layers of the decoder. */
  hidden: Schema.Array(Count).pipe(defaultsTo([500])),
  iterations,
  /** The size of a step. */
  rate: Positive.pipe(defaultsTo(0.05)),
  /** The adjoint of the steps; `constant`: they are not differentiated, as in the original. */
  adjoint: Schema.Literals(["constant", ...adjoints]).pipe(defaultsTo("constant")),
  adjointTerms,
  linear,
  /** Draws new latents in every step, or the same ones in all; new ones unless the adjoint is that of a fixed point. */
  redraw: Schema.optionalKey(Schema.Boolean),
  ...latentFields,
});

/** The task. */
export const stochasticVariationalInferenceTask = defineTask({
  name: "stochasticVariationalInference",
  samples: "images",
  model: ModelConfig,
  data: LatentData,
  presets: {
    /** Generated shapes: minutes on two cores, without files. */
    "svi-quick": {
      name: "svi-quick",
      model: {
        task: "stochasticVariationalInference",
        latent: 6,
        hidden: [128],
        iterations: 20,
        rate: 0.1,
      },
      data: { source: "shapes" },
      optimizer: { learningRate: 2e-3 },
      log: { every: 20, evaluateEvery: 200, panelEvery: 400, checkpointEvery: 200 },
      steps: 1000,
      batchSize: 64,
    },
  },
  contradictions: (config) => dataProblems(config),
  describe: ({ model, data }) =>
    `Stochastic variational inference with ${model.iterations} steps for ${model.latent} latent variables on ${data.source}.`,
  open: ({ data }) => openLatent(data),
  inputs: ["x"],
  scores: latentScores,
  main: ["elbo"],
  pictures: latentPictures,
  curves: [{ title: "Validation ELBO", series: [{ key: "validation/elbo", name: "ELBO" }] }],
  unrolled: ({ redraw, ...model }) => ({
    ...unrolledModel({ finalStep: false })(model),
    // An adjoint at the solution draws latents once.
    redraw: redraw ?? ["constant", "unrolled", "truncated"].includes(model.adjoint),
  }),
  system({ model: config, data }) {
    const { latent, hidden, activation, likelihood, variance, samples, rate } = config;
    const { adjoint, redraw } = config;
    const model = stochasticVariationalInference({
      pixels: pixelsOf(data),
      latent,
      hidden,
      activation,
      likelihood,
      variance,
      samples,
      rate,
      steps: config.iterations,
      ...redraw !== undefined && { redraw },
      ...adjoint === "constant" ? {} : { adjoint: adjointOf({ ...config, adjoint }) },
    });
    return {
      model,
      init(key) {
        const params = model.init(key);
        return data.source === "linearGaussian" ? knownDecoder(params) : params;
      },
      loss(params: GenerativeParams, { x }, key) {
        const [a, b] = random.split(key);
        const [loss, { stats }] = model.loss(params, seenAs(x, likelihood, a), b);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params: GenerativeParams, { x }, key) {
        const [a, b, c] = random.split(key, 3);
        const seen = seenAs(x, likelihood, a);
        const { value } = model.apply(params, seen, b);
        return latentOutputs(model, params, value, seen, c, config.importance);
      },
      scorer: latentScorer(data),
      draw: (seen) => ({ reconstructions: latentPanel(seen) }),
    };
  },
});
