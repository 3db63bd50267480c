/** SLATE (Singh et al., 2022): tokens of an image, slots of the tokens, and the tokens written again from the slots. */
import { Schema } from "effect";
import { nn, np, optim, type Tensor } from "../../index.ts";
import { imageErrors } from "../../metrics/index.ts";
import { slate as slateModel, type SlateParams, slateTemperature } from "../../models/index.ts";
import { makeOptimizer } from "../optimizer.ts";
import {
  Count,
  CountOrZero,
  defaultsTo,
  type ExperimentConfig,
  Fraction,
  NonNegative,
  Positive,
} from "../schema.ts";
import type { Panel } from "../display/panel.ts";
import {
  type Example,
  imagePicture,
  openImages,
  pictureOf,
  previewImages,
} from "./images/examples.ts";
import { describeSource, ImageConfig, imageContradictions, imageSize } from "./images/config.ts";
import { entry, overlay, slotHeads as headsOfSlots, slotsOf } from "./images/panels.ts";
import { probeObjects } from "./images/readout.ts";
import { imageScores, scoreImage } from "./images/scores.ts";
import { adjointOf, inferenceFields, solverOf, unrolledModel } from "./inference.ts";
import { averaged } from "./scores.ts";
import { accumulated, attentionMaps, attentionSpread, slateDynamics } from "./slateLooks.ts";
import {
  type DistanceFeatures,
  distanceFeatures,
  distanceScorer,
  distanceScores,
} from "./slateDistance.ts";
import { slateTaskPresets } from "./slatePresets.ts";
import { residualList, spectralNormCurve } from "./slotAttention.ts";
import { defineTask, type Scorer, type Seen } from "./task.ts";

/** The fields of `model`. */
export const SlateConfig = Schema.Struct({
  task: Schema.Literal("slate"),
  vocabulary: Count,
  /** Width of the discrete VAE. */
  channels: Count.pipe(defaultsTo(64)),
  /** The size of slots and of tokens' vectors. */
  size: Count.pipe(defaultsTo(192)),
  /** Blocks and heads of the transformer. */
  blocks: Count,
  heads: Count,
  slots: Count,
  slotHeads: Count.pipe(defaultsTo(1)),
  dropout: Fraction.pipe(defaultsTo(0.1)),
  ...inferenceFields,
  /** The discrete VAE's learning rate, without warmup; the other one is that of the optimizer. */
  discreteVaeRate: Positive,
  /** The greatest entry of the whole gradient, discrete VAE and rest together; 0: no limit. */
  clipEntries: NonNegative.pipe(defaultsTo(1)),
  /** Each step's gradient is added to the clipped one of the step before, as SLATE's code did until April 2022. */
  accumulate: Schema.Boolean.pipe(defaultsTo(false)),
  /** Safetensors file with the weights of FID's Inception network. Without it the distance is FD-random. */
  inception: Schema.optionalKey(Schema.String),
  /** Steps in which the temperature of relaxed tokens falls from 1 to 0.1. */
  temperatureSteps: Count,
  /** The number of evaluations in a row without a lower validation loss after which both rates are halved; 0: never. */
  patience: CountOrZero.pipe(defaultsTo(4)),
});
type Config = ExperimentConfig<typeof SlateConfig.Type, ImageConfig>;

/** The outputs from which scores and pictures are made. */
type Outputs =
  | "reconstruction"
  | "discreteVae"
  | "attention"
  | "masks"
  | "tokens"
  | "crossEntropy"
  | "wrongCrossEntropy"
  | "validationLoss"
  | "features"
  | "generatedFeatures";

/** Scores of one image: those of its reconstruction from slots, of the discrete VAE's, and of the tokens. */
function scoreOne(seen: Seen<Example, Outputs>) {
  const { sample: { image }, output } = seen;
  const errors = (data: ArrayLike<number>) => imageErrors(image.data, data, { range: [-1, 1] });
  const one = (name: Outputs) => output[name].data[0]!;
  const { mse, ...others } = scoreImage(seen);
  return {
    ...others,
    ...attentionSpread(output.attention),
    mse: mse!,
    mse255: mse! * 255 ** 2,
    constantMseSum: errors(constantImage(image.data)).sumSquaredError,
    discreteVaeMseSum: errors(output.discreteVae.data).sumSquaredError,
    crossEntropy: one("crossEntropy"),
    wrongCrossEntropy: one("wrongCrossEntropy"),
    validationLoss: one("validationLoss"),
  };
}

/** The image of one colour, the median of each channel: the background, where that is most of the image. */
function constantImage(pixels: ArrayLike<number>): Float32Array {
  const medians = [0, 1, 2].map((c) => {
    const channel = Array.from({ length: pixels.length / 3 }, (_, i) => pixels[3 * i + c]!);
    return channel.sort((a, b) => a - b)[channel.length >> 1]!;
  });
  return Float32Array.from(pixels, (_, i) => medians[i % 3]!);
}

/** The mean of the scores of images; and of all images together the number of tokens in use, and their distance. */
function slateScorer(distanceName: DistanceFeatures["name"]): Scorer<Example, Outputs> {
  const means = averaged(scoreOne);
  const distance = distanceScorer(distanceName);
  const uses = new Map<number, number>();
  return {
    add(seen) {
      means.add(seen);
      distance.add(seen.output.features.data, seen.output.generatedFeatures.data);
      for (const token of Array.from(seen.output.tokens.data)) {
        uses.set(token, (uses.get(token) ?? 0) + 1);
      }
    },
    result() {
      const all = [...uses.values()].reduce((sum, n) => sum + n, 0);
      const entropy = [...uses.values()].reduce((sum, n) => sum - n / all * Math.log(n / all), 0);
      return {
        ...means.result(),
        ...distance.result(),
        codes: uses.size,
        perplexity: Math.exp(entropy),
      };
    },
  };
}

/** Image, the discrete VAE's image, the one from slots, and where each slot looks. */
function slatePanel(seen: readonly Seen<Example, Outputs>[]): Panel {
  return {
    heads: ["image", "discrete VAE", "from slots", ...headsOfSlots(seen[0]?.output.attention)],
    rows: seen.map(({ sample, output: { reconstruction, discreteVae, attention } }) => {
      const image = imagePicture(sample);
      const looks = slotsOf(attention).map((k) => overlay(image, entry(attention, k)));
      return [image, pictureOf(discreteVae), pictureOf(reconstruction), ...looks];
    }),
    headColumns: 3,
  };
}

/** Pixels in [-1, 1], as data has them, in the model's [0, 1], and the other way round. */
const toUnit = (image: Tensor) => image.add(1).mul(0.5);
const fromUnit = (image: Tensor) => np.clip(image, 0, 1).mul(2).sub(1);

/** The model of a config. */
function modelOf({ model: config, data }: Config) {
  const { vocabulary, channels, size, blocks, heads, slots, slotHeads, dropout, iterations } =
    config;
  return slateModel({
    vocabulary,
    channels,
    size,
    blocks,
    heads,
    slots,
    slotHeads,
    dropout,
    iterations,
    imageSize: imageSize(data)[0],
    solver: solverOf(config),
    adjoint: adjointOf(config),
  });
}

/** The task. */
export const slate = defineTask({
  name: "slate",
  samples: "images",
  model: SlateConfig,
  data: ImageConfig,
  presets: slateTaskPresets,
  notes: [
    "Images are compared in [0, 1]: mseSum over pixels and channels of an image, mse their mean, mse255 in 0–255.",
  ],
  contradictions(config) {
    const { model: { size, heads, slotHeads }, data } = config;
    const problems = imageContradictions(config);
    const [height, width] = imageSize(data);
    if (height !== width) {
      problems.push(`data.resolution: ${height}×${width}, but SLATE sees squares`);
    }
    if (height % 4 !== 0) {
      problems.push(
        `data.resolution: ${height} is not a multiple of 4, the side of a token's patch`,
      );
    }
    for (const [name, n] of Object.entries({ heads, slotHeads })) {
      if (size % n !== 0) problems.push(`model.${name}: ${n} does not divide model.size, ${size}`);
    }
    return problems;
  },
  describe({ model, data }) {
    const kind = model.adjoint === "unrolled" ? "Vanilla" : `Implicit (${model.adjoint})`;
    return `${kind} SLATE with ${model.slots} slots of ${model.size}, ${model.iterations} iterations of ` +
      `${model.solver}, ${model.vocabulary} tokens, on ${describeSource(data)} at ` +
      `${imageSize(data).join("×")}.`;
  },
  label: ({ model }) => `${model.adjoint}, ${model.iterations} iterations`,
  open: ({ data }, onProgress) => openImages(data, onProgress, {}),
  inputs: ["image"],
  preview: previewImages,
  scores: [
    ...imageScores,
    { key: "mseSum", name: "AR MSE", digits: 1, better: "lower" },
    { key: "constantMseSum", name: "constant MSE", digits: 1, better: "lower" },
    { key: "discreteVaeMseSum", name: "dVAE MSE", digits: 1, better: "lower" },
    { key: "crossEntropy", name: "CE", digits: 1, better: "lower" },
    { key: "wrongCrossEntropy", name: "CE, wrong slots", digits: 1 },
    { key: "perplexity", name: "perplexity", digits: 1 },
    ...distanceScores,
    { key: "spectralNorm", name: "σmax of ∂f/∂z", digits: 2, better: "lower" },
    { key: "spectralRadius", name: "ρ of ∂f/∂z", digits: 2, better: "lower" },
  ],
  main: ["mseSum"],
  pictures: {
    slate: {
      title: "Images from slots",
      caption:
        "Each row is a validation image: the image, the discrete VAE's, the one generated from the slots, and where each slot looks.",
    },
  },
  curves: [
    {
      title: "Validation error by image",
      series: [
        { key: "validation/mseSum", name: "from slots" },
        { key: "validation/discreteVaeMseSum", name: "discrete VAE" },
        { key: "validation/constantMseSum", name: "one colour" },
      ],
      logarithmic: true,
    },
    {
      title: "Validation cross entropy",
      series: [
        { key: "validation/crossEntropy", name: "own slots" },
        { key: "validation/wrongCrossEntropy", name: "another image's slots" },
      ],
      logarithmic: true,
    },
    { title: "Validation FG-ARI", series: [{ key: "validation/fgAri", name: "FG-ARI" }] },
    {
      title: "Largest entry of the gradient",
      series: [
        { key: "gradientMax/discreteVae", name: "discrete VAE" },
        { key: "gradientMax/rest", name: "rest" },
      ],
      logarithmic: true,
    },
    spectralNormCurve,
  ],
  lists: [residualList],
  exports: {
    masks: { description: "Masks of slots, [slots, height, width]", picture: "labels" },
    slots: { description: "Slots, [slots, size]" },
    attention: { description: "Where slots look, [slots, rows, columns]", picture: "maps" },
    reconstruction: { description: "Reconstructions, [height, width, 3]", picture: "image" },
    discreteVae: {
      description: "Images of the discrete VAE, [height, width, 3]",
      picture: "image",
    },
    tokens: { description: "Tokens of images, [tokens]" },
  },
  probe: {
    output: "slots",
    objects: ({ objects }) => Array.isArray(objects) ? objects : null,
    fit: probeObjects,
  },
  unrolled: unrolledModel({ finalStep: true }),
  system(config) {
    const { model: { accumulate, clipEntries, patience, temperatureSteps }, optimizer } = config;
    const { discreteVaeRate } = config.model;
    const model = modelOf(config);
    const clipping = clipEntries > 0 ? optim.clipByInfinityNorm(clipEntries) : optim.identity();
    const distance = distanceFeatures(config.model.inception);
    const temperatureAt = slateTemperature(temperatureSteps);
    const whole = { training: false } as const;
    return {
      model,
      init: (key) => model.init(key),
      loss(params: SlateParams, { image }, key, { step }) {
        const temperature = temperatureAt(step);
        const [loss, output] = model.loss(params, toUnit(image), key, { temperature });
        return [loss, {
          "loss/squaredError": output.squaredError,
          "loss/crossEntropy": output.crossEntropy,
          residual: np.mean(output.stats.residual),
          temperature,
        }];
      },
      groups: {
        discreteVae: {
          paths: ["discreteVae"],
          ...makeOptimizer({ ...optimizer, learningRate: discreteVaeRate, warmup: 0, clip: 0 }),
        },
      },
      joint: accumulate ? accumulated(clipping) : clipping,
      ...(patience > 0 ? { plateau: { score: "validationLoss", patience, factor: 0.5 } } : {}),
      predict(params, { image }, key) {
        const x = toUnit(image);
        const ofImage = (y: Tensor) => np.sum(y, { axis: y.shape.map((_, i) => i).slice(1) });
        const entropies = (logits: Tensor, tokens: Tensor) =>
          ofImage(nn.losses.softmaxCrossEntropyWithIntegerLabels(logits, tokens));
        // SLATE validates with sampled one-hot tokens.
        const sampled = model.apply(params, x, key, { ...whole, hard: true });
        const seen = model.apply(params, x, key, { ...whole, sample: false });
        const { tokens, slots } = seen;
        const others = model.logits(params, tokens, np.roll(slots, 1, { axis: 0 }));
        const maps = attentionMaps(seen.attention);
        const generated = model.render(params, model.generate(params, slots));
        return {
          reconstruction: fromUnit(generated),
          discreteVae: fromUnit(seen.reconstruction),
          attention: maps,
          masks: np.repeat(np.repeat(maps, 4, { axis: 2 }), 4, { axis: 3 }),
          tokens,
          features: distance.of(x),
          generatedFeatures: distance.of(np.clip(generated, 0, 1)),
          crossEntropy: entropies(seen.logits, tokens).reshape([-1, 1]),
          wrongCrossEntropy: entropies(others, tokens).reshape([-1, 1]),
          validationLoss: ofImage(np.square(sampled.reconstruction.sub(x)))
            .add(entropies(sampled.logits, sampled.tokens)).reshape([-1, 1]),
        };
      },
      represent(params, { image }, key) {
        const seen = model.apply(params, toUnit(image), key, { ...whole, sample: false });
        const maps = attentionMaps(seen.attention);
        return {
          slots: seen.slots,
          attention: maps,
          masks: np.repeat(np.repeat(maps, 4, { axis: 2 }), 4, { axis: 3 }),
          tokens: seen.tokens,
          discreteVae: fromUnit(seen.reconstruction),
          reconstruction: fromUnit(model.render(params, model.generate(params, seen.slots))),
        };
      },
      scorer: () => slateScorer(distance.name),
      draw: (seen) => ({ slate: slatePanel(seen) }),
      diagnose: (params, { image }, key) =>
        slateDynamics(model, config.model, params, toUnit(image), key),
    };
  },
});
