/** IODINE (Greff et al., 2019): posteriors of slots are refined by what the model says of the image with them. */
import { Schema } from "effect";
import { np, type Tensor, tree, truncated } from "../../index.ts";
import { iodine, type IodineParams, type Refined } from "../../models/index.ts";
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
import { iodineTaskPresets } from "./iodinePresets.ts";
import { averaged } from "./scores.ts";
import { defineTask, type Seen } from "./task.ts";

const { iterations, adjointTerms, linear } = inferenceFields;

/** The fields of `model`; the defaults are those of the original for CLEVR6. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("iodine"),
  slots: Count,
  latentSize: Count.pipe(defaultsTo(64)),
  iterations,
  /** `truncated` to one refinement; the others as elsewhere. */
  adjoint: Schema.Literals(["truncated", ...adjoints]).pipe(defaultsTo("unrolled")),
  adjointTerms,
  linear,
  /** The scale of a pixel's logistic distribution. */
  scale: Positive.pipe(defaultsTo(0.03)),
  /** The size of the LSTM; 0: none. */
  memorySize: CountOrZero.pipe(defaultsTo(256)),
  coordinates: Schema.Literals(["linear", "cosine"]).pipe(defaultsTo("linear")),
  gradientOf: Schema.Literals(["mean", "sum"]).pipe(defaultsTo("mean")),
  decoder: Schema.Struct({
    channels: Count,
    layers: CountOrZero,
    kernel: Count,
    /** The side of the squares of pixels that are drawn together. */
    patch: Count.pipe(defaultsTo(1)),
  }),
  encoder: Schema.Struct({
    channels: Count,
    kernel: Count,
    strides: Schema.Array(Count),
    hidden: Schema.Array(Count),
    pool: Schema.Literals(["mean", "all"]).pipe(defaultsTo("mean")),
  }),
});

/** The outputs from which scores and pictures are made. */
type Outputs =
  | "reconstruction"
  | "components"
  | "masks"
  | "bound"
  | "firstBound"
  | "iterates"
  | "iterateMasks"
  | "traversals";

/** The task. */
export const iodineTask = defineTask({
  name: "iodine",
  samples: "images",
  model: ModelConfig,
  data: ImageConfig,
  presets: iodineTaskPresets,
  contradictions(config) {
    const { model: { slots, decoder: { patch } }, data } = config;
    const problems = imageContradictions(config);
    if (slots < 2) problems.push(`model.slots: ${slots}, but IODINE has two or more`);
    const [height, width] = imageSize(data);
    if (height % patch !== 0 || width % patch !== 0) {
      problems.push(`model.decoder.patch: ${patch} does not divide the images, ${height}×${width}`);
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `IODINE with ${model.slots} slots of ${model.latentSize} latent variables and ${model.iterations} refinements, on ` +
    `${describeSource(data)} at ${imageSize(data).join("×")}.`,
  open: ({ data }, onProgress) => openImages(data, onProgress, {}),
  inputs: ["image"],
  preview: previewImages,
  inspect: inspectImages,
  scores: [
    ...imageScores,
    { key: "bound", name: "ELBO", digits: 1 },
    { key: "firstBound", name: "ELBO, first", digits: 1 },
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
      title: "Validation ELBO",
      series: [
        { key: "validation/firstBound", name: "first iterate of the loss" },
        { key: "validation/bound", name: "last iterate" },
      ],
    },
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
    const { slots, latentSize, decoder, encoder, scale, memorySize } = config;
    const { adjoint } = config;
    const model = iodine({
      resolution: imageSize(data),
      slots,
      latentSize,
      decoder,
      encoder,
      scale,
      memorySize,
      iterations: config.iterations,
      coordinates: config.coordinates,
      gradientOf: config.gradientOf,
      adjoint: adjoint === "truncated"
        ? truncated({ steps: 1 })
        : adjointOf({ ...config, adjoint }),
    });
    const meansOf = ({ lambda }: Refined) => np.slice(lambda, "...", [0, latentSize]);
    /** The draws of iterates whose first axis counts them, along the batch. */
    const drawsOf = ({ lambda, noise }: Refined) => {
      const s = np.slice(lambda, "...", [latentSize, null]);
      const [mean] = np.split(lambda, 2, { axis: -1 }) as [Tensor, Tensor]; // two halves
      const z = mean.add(np.sqrt(np.softplus(s)).mul(noise));
      return z.reshape([-1, slots, latentSize]);
    };
    return {
      model,
      init: (key) => model.init(key),
      loss(params: IodineParams, { image }, key) {
        const [loss, { bounds }] = model.loss(params, toUnit(image), key);
        const means = np.mean(bounds, { axis: 1 });
        return [loss, { bound: np.slice(means, -1), firstBound: np.slice(means, 0) }];
      },
      predict(params, { image }, key) {
        const { reconstruction, images, masks, bounds, value, each } = model.apply(
          params,
          toUnit(image),
          key,
        );
        const one = (bound: Tensor) => bound.reshape([-1, 1]);
        const iterates = each ?? tree.map((leaf: Tensor) => np.expandDims(leaf, 0), value);
        const drawn = model.decode(params, drawsOf(iterates));
        const count = iterates.lambda.shape[0]!;
        const perImage = (x: Tensor) =>
          np.swapaxes(x.reshape([count, -1, ...x.shape.slice(1)]), 0, 1);
        const latents = meansOf(value);
        return {
          reconstruction: fromUnit(reconstruction),
          components: fromUnit(images),
          masks,
          bound: one(np.slice(bounds, -1)),
          firstBound: one(np.slice(bounds, 0)),
          iterates: fromUnit(perImage(drawn.reconstruction)),
          iterateMasks: perImage(drawn.masks),
          traversals: fromUnit(
            traversalsOf((z) => model.decode(params, z), { latents, masks }),
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
          bound: seen.output.bound.data[0]!,
          firstBound: seen.output.firstBound.data[0]!,
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
