/** EfficientMORL (Emami et al., 2021): posteriors of slots from slot attention, refined a few times, under a constraint on the error. */
import { Schema } from "effect";
import { np, type Tensor, truncated } from "../../index.ts";
import {
  efficientMorl,
  type EfficientMorlParams,
  type GecoState,
  type MorlPosteriors,
  refinementsAt,
} from "../../models/index.ts";
import { Count, CountOrZero, defaultsTo, Positive } from "../schema.ts";
import { describeSource, ImageConfig, imageContradictions, imageSize } from "./images/config.ts";
import { type Example, openImages, previewImages } from "./images/examples.ts";
import { inspectImages } from "./images/inspect.ts";
import { maskPanel, overviewPanel, panelCaptions, reconstructionPanel } from "./images/panels.ts";
import { probeObjects } from "./images/readout.ts";
import {
  fromUnit,
  refinementCaptions,
  refinementPanel,
  toUnit,
  traversalPanel,
  traversalsOf,
} from "./images/refinement.ts";
import { imageScores, scoreImage } from "./images/scores.ts";
import { adjointOf, adjoints, inferenceFields } from "./inference.ts";
import { averaged } from "./scores.ts";
import { EncoderConfig } from "./slotAttention.ts";
import { defineTask, type LossAt, type Seen } from "./task.ts";

const { iterations, adjointTerms, linear } = inferenceFields;

/** The fields of `model`; the defaults are those of the original for CLEVR6. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("efficientMorl"),
  slots: Count,
  latentSize: Count.pipe(defaultsTo(64)),
  /** Posteriors of the hierarchy. */
  levels: Count.pipe(defaultsTo(3)),
  /** Refinements, the greatest number that the curriculum names. */
  iterations,
  /** Pairs of a step and the number of refinements from it on; all refinements unless given. */
  curriculum: Schema.Array(Schema.Tuple([CountOrZero, CountOrZero])).pipe(defaultsTo([])),
  adjoint: Schema.Literals(["truncated", ...adjoints]).pipe(defaultsTo("unrolled")),
  adjointTerms,
  linear,
  likelihood: Schema.Literals(["mixture", "gaussian"]).pipe(defaultsTo("mixture")),
  deviation: Positive.pipe(defaultsTo(0.1)),
  prior: Schema.Literals(["hierarchy", "standard"]).pipe(defaultsTo("hierarchy")),
  start: Schema.Literals(["original", "standard"]).pipe(defaultsTo("original")),
  /** The error to reach for each number of an image, with the constraint's other settings; without it there is none. */
  geco: Schema.optionalKey(Schema.Struct({
    target: Schema.Finite,
    warmup: CountOrZero.pipe(defaultsTo(1000)),
    rate: Positive.pipe(defaultsTo(1e-6)),
    below: Positive.pipe(defaultsTo(1)),
  })),
  encoder: EncoderConfig,
  decoder: Schema.Struct({
    channels: Count,
    kernels: Schema.Array(Count),
    padding: CountOrZero.pipe(defaultsTo(0)),
    activation: Schema.Literals(["elu", "relu"]).pipe(defaultsTo("elu")),
    /** The side of the squares of pixels that are drawn together. */
    patch: Count.pipe(defaultsTo(1)),
  }),
});

const paper = {
  optimizer: { learningRate: 4e-4, warmup: 10_000, decayRate: 0.5, decaySteps: 100_000, clip: 5 },
  log: { every: 100, evaluateEvery: 5000, panelEvery: 5000, checkpointEvery: 1000, keep: 3 },
  batchSize: 32,
} as const;

/** The outputs from which scores and pictures are made. */
type Outputs =
  | "reconstruction"
  | "components"
  | "masks"
  | "error"
  | "firstError"
  | "divergence"
  | "iterates"
  | "iterateMasks"
  | "traversals";

/** The task. */
export const efficientMorlTask = defineTask({
  name: "efficientMorl",
  samples: "images",
  model: ModelConfig,
  data: ImageConfig,
  presets: {
    /** Tetrominoes at 16×16 pixels with a small model. */
    "morl-quick": {
      name: "morl-quick",
      model: {
        task: "efficientMorl",
        slots: 4,
        latentSize: 16,
        iterations: 1,
        start: "standard",
        geco: { target: -2.1, rate: 1e-5 },
        encoder: { channels: 32, kernel: 3, strides: [2, 1] },
        decoder: { channels: 48, kernels: [1, 1, 1], activation: "relu", patch: 2 },
      },
      data: {
        source: "tetrominoes",
        scenes: 4096 + 320 + 320,
        resolution: 16,
        evaluate: 320,
        test: 320,
      },
      optimizer: { learningRate: 2e-3, warmup: 200, decayRate: 0.5, decaySteps: 2000, clip: 5 },
      log: { every: 50, evaluateEvery: 500, panelEvery: 1000, checkpointEvery: 500, keep: 2 },
      steps: 6000,
      batchSize: 16,
    },
    /** Tetrominoes, 35×35. */
    "morl-tetrominoes": {
      ...paper,
      name: "morl-tetrominoes",
      model: {
        task: "efficientMorl",
        slots: 4,
        latentSize: 32,
        iterations: 3,
        likelihood: "gaussian",
        deviation: 0.3,
        geco: { target: -1.224 },
        encoder: { channels: 64, kernel: 5, strides: [1, 1, 1, 1] },
        decoder: { channels: 32, kernels: [5, 5, 5, 3], padding: 1, activation: "relu" },
      },
      data: { source: "tetrominoes", scenes: 60_000, resolution: 35, evaluate: 320 },
      steps: 200_000,
    },
    /** CLEVR with at most six objects, 96×96. Files are read with data.source=clevr-with-masks. */
    "morl-clevr6": {
      ...paper,
      name: "morl-clevr6",
      model: {
        task: "efficientMorl",
        slots: 7,
        iterations: 3,
        curriculum: [[0, 3], [100_000, 1]],
        geco: { target: -2.206 },
        encoder: { channels: 64, kernel: 5, strides: [1, 1, 1, 1] },
        decoder: { channels: 64, kernels: [3, 3, 3, 3, 3] },
      },
      data: {
        source: "clevr",
        scenes: 70_000,
        resolution: 96,
        crop: "clevr",
        objects: [3, 6],
        maxObjects: 6,
        evaluate: 320,
      },
      steps: 300_000,
    },
  },
  contradictions(config) {
    const { model: { curriculum, iterations, decoder: { patch } }, data } = config;
    const problems = imageContradictions(config);
    const most = Math.max(0, ...curriculum.map(([, refinements]) => refinements));
    if (most > iterations) {
      problems.push(
        `model.curriculum: ${most} refinements are more than model.iterations, ${iterations}`,
      );
    }
    const [height, width] = imageSize(data);
    if (height % patch !== 0 || width % patch !== 0) {
      problems.push(`model.decoder.patch: ${patch} does not divide the images, ${height}×${width}`);
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `EfficientMORL with ${model.slots} slots of ${model.latentSize} latent variables, ${model.levels} levels and ` +
    `${model.iterations} refinements, on ${describeSource(data)} at ${imageSize(data).join("×")}.`,
  open: ({ data }, onProgress) => openImages(data, onProgress, {}),
  inputs: ["image"],
  preview: previewImages,
  inspect: inspectImages,
  scores: [
    ...imageScores,
    { key: "error", name: "−ln p", digits: 1, better: "lower" },
    { key: "firstError", name: "−ln p, unrefined", digits: 1, better: "lower" },
    { key: "divergence", name: "KL", digits: 1, better: "lower" },
  ],
  main: ["fgAri", "psnr"],
  pictures: {
    overview: panelCaptions.overview,
    refinement: refinementCaptions.refinement,
    reconstruction: panelCaptions.reconstruction,
    masks: panelCaptions.masks,
    traversal: refinementCaptions.traversal,
  },
  curves: [
    { title: "Validation FG-ARI", series: [{ key: "validation/fgAri", name: "FG-ARI" }] },
    {
      title: "Validation error",
      series: [
        { key: "validation/firstError", name: "of the first stage" },
        { key: "validation/error", name: "refined" },
      ],
    },
    { title: "β of GECO", series: [{ key: "beta", name: "β" }] },
  ],
  exports: {
    masks: { description: "Masks of slots, [slots, height, width]", picture: "labels" },
    slots: { description: "Means of slots' posteriors, [slots, size]" },
    reconstruction: { description: "Reconstructions, [height, width, 3]", picture: "image" },
  },
  probe: {
    output: "slots",
    objects: ({ objects }) => Array.isArray(objects) ? objects : null,
    fit: probeObjects,
  },
  system({ model: config, data }) {
    const { slots, latentSize, adjoint, curriculum, geco } = config;
    const resolution = imageSize(data);
    const { channels, kernel, strides } = config.encoder;
    const model = efficientMorl({
      resolution,
      slots,
      latentSize,
      levels: config.levels,
      iterations: config.iterations,
      likelihood: config.likelihood,
      deviation: config.deviation,
      prior: config.prior,
      start: config.start,
      encoder: { channels, kernel, strides },
      decoder: config.decoder,
      adjoint: adjoint === "truncated"
        ? truncated({ steps: 1 })
        : adjointOf({ ...config, adjoint }),
      ...geco && { geco: { ...geco, target: geco.target * 3 * resolution[0] * resolution[1] } },
    });
    const meansOf = ({ lambda }: MorlPosteriors) => np.slice(lambda, "...", [0, latentSize]);
    const drawsOf = ({ lambda, noise }: MorlPosteriors) => {
      const [mean, s] = np.split(lambda, 2, { axis: -1 }) as [Tensor, Tensor]; // two halves
      return mean.add(np.sqrt(np.softplus(s)).mul(noise));
    };
    return {
      model,
      init: (key) => model.init(key),
      initState: () => model.initGeco(),
      loss(params: EfficientMorlParams, { image }, key, { step, state }: LossAt<GecoState | null>) {
        const refinements = curriculum.length > 0 ? refinementsAt(curriculum, step) : undefined;
        const [loss, { terms, geco }] = model.loss(params, toUnit(image), key, {
          ...state && { geco: state },
          ...refinements && { refinements },
        });
        const last = (x: Tensor) => np.mean(np.slice(x, -1));
        return [loss, {
          "loss/error": last(terms.error),
          "loss/divergence": last(terms.divergence),
          ...geco && { beta: geco.beta },
        }, geco];
      },
      predict(params, { image }, key) {
        const found = model.apply(params, toUnit(image), key);
        const { reconstruction, images, masks, terms, first, value, each } = found;
        const onTop = (leaf: Tensor) => np.expandDims(leaf, 0);
        const draws = np.concatenate([
          onTop(drawsOf(first)),
          each === null ? onTop(drawsOf(value)) : drawsOf(each),
        ]);
        const count = draws.shape[0]!;
        const drawn = model.decode(params, draws.reshape([-1, slots, latentSize]));
        const perImage = (x: Tensor) =>
          np.swapaxes(x.reshape([count, -1, ...x.shape.slice(1)]), 0, 1);
        const one = (x: Tensor, i: number) => np.slice(x, i).reshape([-1, 1]);
        return {
          reconstruction: fromUnit(reconstruction),
          components: fromUnit(images),
          masks,
          error: one(terms.error, -1),
          firstError: one(terms.error, 0),
          divergence: one(terms.divergence, -1),
          iterates: fromUnit(perImage(drawn.reconstruction)),
          iterateMasks: perImage(drawn.masks),
          traversals: fromUnit(
            traversalsOf((z) => model.decode(params, z), { latents: meansOf(value), masks }),
          ),
        };
      },
      represent(params, { image }, key) {
        const { reconstruction, masks, value } = model.apply(params, toUnit(image), key);
        return { slots: meansOf(value), masks, reconstruction: fromUnit(reconstruction) };
      },
      scorer: () =>
        averaged((seen: Seen<Example, Outputs>) => ({
          ...scoreImage(seen),
          error: seen.output.error.data[0]!,
          firstError: seen.output.firstError.data[0]!,
          divergence: seen.output.divergence.data[0]!,
        })),
      draw: (seen) => ({
        overview: overviewPanel(seen),
        refinement: refinementPanel(seen),
        reconstruction: reconstructionPanel(seen),
        masks: maskPanel(seen),
        traversal: traversalPanel(seen),
      }),
    };
  },
});
