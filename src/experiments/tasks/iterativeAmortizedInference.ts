/** Iterative amortized inference: on digits, on generated shapes, and on a linear model of which everything is known. */
import { Schema } from "effect";
import {
  encodings,
  iterativeAmortizedInference,
  type IterativeAmortizedInferenceParams,
} from "../../models/index.ts";
import { np, random, truncated } from "../../index.ts";
import { Count, defaultsTo } from "../schema.ts";
import { adjointOf, adjoints, inferenceFields, unrolledModel } from "./inference.ts";
import { dataProblems, type Example, LatentData, openLatent, pixelsOf } from "./latent/data.ts";
import {
  drawnVector,
  knownDecoder,
  latentFields,
  type LatentOutputs,
  latentOutputs,
  latentPanel,
  latentPictures,
  latentScorer,
  latentScores,
  seenAs,
} from "./latent/shared.ts";
import { entry, slotsOf } from "./images/panels.ts";
import { defineTask, type Seen } from "./task.ts";

const { iterations, adjointTerms, linear } = inferenceFields;
const Layers = Schema.Array(Schema.Array(Count));
/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("iterativeAmortizedInference"),
  ...latentFields,
  /** The number of latent variables of each level, bottom first. */
  latent: Schema.Array(Count),
  /** Hidden layers of the decoder below each level, and of each level's inference network. */
  hidden: Layers,
  inference: Layers,
  connection: Schema.Literals(["sequential", "highway"]).pipe(defaultsTo("sequential")),
  inputs: Schema.Array(Schema.Literals(encodings)).pipe(
    defaultsTo(["data", "logGradient", "signGradient", "mean", "logVariance"]),
  ),
  gradientOf: Schema.Literals(["mean", "sum"]).pipe(defaultsTo("mean")),
  iterations,
  /** `truncated`: each iterate trains one application of the network, as in the original. */
  adjoint: Schema.Literals(adjoints).pipe(defaultsTo("truncated")),
  adjointTerms,
  linear,
});

const task = "iterativeAmortizedInference";
const log = { every: 20, evaluateEvery: 200, panelEvery: 400, checkpointEvery: 200 } as const;
const digits = {
  name: "marino-mnist",
  model: {
    task,
    activation: "elu",
    samples: 10,
    latent: [64],
    hidden: [[512, 512]],
    inference: [[512, 512]],
    iterations: 5,
  },
  data: { source: "mnist", evaluate: 1000 },
  // The rate falls by a thousandth in each pass over 60,000 digits.
  optimizer: { learningRate: 2e-4, decayRate: 0.999, decaySteps: 938 },
  log: { ...log, evaluateEvery: 1000, panelEvery: 1000, checkpointEvery: 1000 },
  steps: 1_876_000,
  batchSize: 64,
} as const;

/** The task. */
export const iterativeAmortizedInferenceTask = defineTask({
  name: task,
  samples: "images",
  model: ModelConfig,
  data: LatentData,
  presets: {
    /** The linear model, whose decoder is known: the network learns inference alone, a minute on two cores. */
    "marino-quick": {
      name: "marino-quick",
      model: {
        task,
        activation: "elu",
        likelihood: "gaussian",
        variance: 0.25,
        samples: "exact",
        importance: 100,
        latent: [2],
        hidden: [[]],
        inference: [[64, 64]],
        inputs: ["gradient", "mean", "logVariance"],
        gradientOf: "sum",
        iterations: 5,
      },
      data: { source: "linearGaussian", images: 50_000, evaluate: 1000 },
      optimizer: { learningRate: 1e-3, frozen: ["generative"] },
      log,
      steps: 2000,
      batchSize: 64,
    },
    /** Digits with smaller layers and one draw: minutes on two cores. */
    "marino-mnist-quick": {
      ...digits,
      name: "marino-mnist-quick",
      model: {
        ...digits.model,
        samples: 1,
        importance: 20,
        latent: [32],
        hidden: [[256]],
        inference: [[256]],
        gradientOf: "sum",
      },
      optimizer: { learningRate: 1e-3 },
      log: { ...digits.log, every: 50, evaluateEvery: 500 },
      steps: 1000,
    },
    /** One level with the original's settings, on ten thousand digits. */
    "marino-mnist": digits,
    /** Two levels, whose networks see errors instead of gradients. */
    "marino-mnist-hierarchical": {
      ...digits,
      name: "marino-mnist-hierarchical",
      model: {
        ...digits.model,
        samples: 1,
        latent: [64, 32],
        hidden: [[512, 512], [256, 256]],
        inference: [[512, 512], [256, 256]],
        connection: "highway",
        inputs: ["data", "bottomError", "topError", "mean", "logVariance"],
      },
      batchSize: 256,
    },
  },
  contradictions(config) {
    const { latent, hidden, inference, inputs, likelihood } = config.model;
    const problems = dataProblems(config);
    if (hidden.length !== latent.length || inference.length !== latent.length) {
      problems.push(
        `model: latent has ${latent.length} levels, hidden ${hidden.length} and inference ${inference.length}; ` +
          "each level needs a list of layers in both",
      );
    }
    if (inputs.includes("bottomNormError") && likelihood === "bernoulli") {
      problems.push(
        'model.inputs: "bottomNormError" divides by the variance of a Gaussian likelihood, and this one is Bernoulli; take "bottomError"',
      );
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `Iterative amortized inference with ${model.iterations} steps for ${
      model.latent.join(" and ")
    } latent variables on ${data.source}.`,
  open: ({ data }) => openLatent(data),
  inputs: ["x"],
  scores: latentScores,
  main: ["elbo"],
  pictures: {
    refinement: {
      title: "Refinement",
      caption:
        "Data that was not trained on, as the model saw it, and its mean at the mean of the posterior after each step; 0 is the prior.",
    },
    ...latentPictures,
  },
  curves: [
    { title: "Validation ELBO", series: [{ key: "validation/elbo", name: "ELBO" }] },
    { title: "ln p − ELBO", series: [{ key: "validation/gap", name: "gap" }], logarithmic: true },
  ],
  lists: [{ key: "bounds", title: "ELBO after each step", x: "step" }],
  unrolled: unrolledModel({ finalStep: false }),
  system({ model: config, data }) {
    const { task: _, importance, iterations, adjoint, adjointTerms, linear, ...options } = config;
    const { likelihood } = options;
    const model = iterativeAmortizedInference({
      ...options,
      pixels: pixelsOf(data),
      steps: iterations,
      adjoint: adjoint === "truncated"
        ? truncated({ steps: 1 })
        : adjointOf({ adjoint, adjointTerms, linear }),
    });
    type Params = IterativeAmortizedInferenceParams;
    /** λ₀ … λ_T of data, as the model sees it. */
    const refined = (params: Params, x: Parameters<typeof seenAs>[0], key: typeof x) => {
      const [a, b, c] = random.split(key, 3);
      const seen = seenAs(x, likelihood, a);
      const { value, each } = model.apply(params, seen, b);
      const first = model.level.init(params, seen, b);
      const iterates = each === null ? [value] : Array.from(
        { length: iterations },
        (_, t) =>
          each.map(({ mean, logVariance }) => ({
            mean: np.slice(mean, t),
            logVariance: np.slice(logVariance, t),
          })),
      );
      return { seen, value, iterates: [first, ...iterates], key: c };
    };
    return {
      model,
      init(key) {
        const params = model.init(key);
        if (data.source !== "linearGaussian") return params;
        return { ...params, generative: knownDecoder(params.generative) };
      },
      loss(params: Params, { x }, key) {
        const [a, b] = random.split(key);
        const [loss, { stats }] = model.loss(params, seenAs(x, likelihood, a), b);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict(params: Params, { x }, key) {
        const { seen, value, iterates, key: rest } = refined(params, x, key);
        return {
          ...latentOutputs(model, params, value, seen, rest, importance),
          refinement: np.stack(iterates.map((q) => model.reconstruct(params, q)), { axis: 1 }),
        };
      },
      diagnose(params: Params, { x }, key) {
        const { seen, iterates, key: rest } = refined(params, x, key);
        return {
          bounds: np.stack(iterates.map((q) => np.mean(model.bound(params, q, seen, rest)))),
        };
      },
      scorer: latentScorer(data),
      draw: (seen: readonly Seen<Example, LatentOutputs | "refinement">[]) => ({
        refinement: {
          heads: [
            "seen",
            ...seen[0] === undefined
              ? []
              : slotsOf(seen[0].output.refinement).map((t) => `step ${t}`),
          ],
          rows: seen.map(({ output: { seen, refinement } }) => [
            drawnVector(seen),
            ...slotsOf(refinement).map((t) => drawnVector(entry(refinement, t))),
          ]),
          headColumns: 1,
        },
        reconstructions: latentPanel(seen),
      }),
    };
  },
});
