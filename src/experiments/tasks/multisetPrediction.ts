/** iDSPN (Zhang et al., 2022): the objects of CLEVR as the set whose encoding is that of the image, under supervision. */
import { Schema } from "effect";
import { np, type Tensor } from "../../index.ts";
import { type MultisetParams, multisetPrediction } from "../../models/index.ts";
import { blank, type Picture, scatter } from "../display/canvas.ts";
import { Count, defaultsTo, Fraction, Positive } from "../schema.ts";
import {
  precisionCurve,
  precisionScorer,
  precisionScores,
  setContradictions,
  type Targets,
  targets,
} from "./clevrSets.ts";
import { ImageConfig, imageSize } from "./images/config.ts";
import { type Example, imagePicture, openImages, previewImages } from "./images/examples.ts";
import { adjointOf, inferenceFields } from "./inference.ts";
import { smallClevr } from "./presets.ts";
import { EncoderConfig } from "./slotAttention.ts";
import { defineTask, type HostArray, type Seen } from "./task.ts";

const { iterations, adjoint, adjointTerms, linear } = inferenceFields;

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("multisetPrediction"),
  /** The number of objects of a set. */
  objects: Count,
  /** The size of encodings of images and sets. */
  latent: Count.pipe(defaultsTo(512)),
  /** The hidden width of the set encoder. */
  hidden: Count.pipe(defaultsTo(512)),
  iterations,
  adjoint,
  adjointTerms,
  linear,
  /** The step, the momentum and the clip of the descent. */
  rate: Positive.pipe(defaultsTo(1)),
  momentum: Fraction.pipe(defaultsTo(0.9)),
  clip: Positive.pipe(defaultsTo(10)),
  encoder: EncoderConfig,
});

/** The task. */
export const multisetPredictionTask = defineTask({
  name: "multisetPrediction",
  samples: "images",
  model: ModelConfig,
  data: ImageConfig,
  presets: {
    /** One to three CLEVR-like objects in 32×32 pixels: minutes on two cores. */
    "idspn-quick": {
      name: "idspn-quick",
      model: {
        task: "multisetPrediction",
        objects: 3,
        latent: 256,
        hidden: 256,
        iterations: 20,
        encoder: { channels: 32, kernel: 5, strides: [2, 2, 2] },
      },
      data: smallClevr,
      optimizer: { learningRate: 1e-3 },
      log: { every: 20, evaluateEvery: 500, panelEvery: 500, checkpointEvery: 500, keep: 2 },
      steps: 3000,
      batchSize: 32,
    },
    /** The paper's sizes, but for its ResNet18. Its rate is a tenth in the last ten of 100 epochs. */
    "idspn-clevr10": {
      name: "idspn-clevr10",
      model: {
        task: "multisetPrediction",
        objects: 10,
        iterations: 40,
        encoder: { channels: 64, kernel: 3, strides: [2, 2, 2, 2, 2, 2] },
      },
      data: { source: "clevr", scenes: 70_000, resolution: 128, objects: [3, 10], evaluate: 320 },
      optimizer: {
        learningRate: {
          piecewiseConstantSchedule: [1e-3, { 49_218: 0.1 }],
        },
      },
      log: { every: 100, evaluateEvery: 5000, panelEvery: 5000, checkpointEvery: 1000, keep: 3 },
      steps: 54_600,
      batchSize: 128,
    },
  },
  contradictions: (config) => setContradictions(config, ["objects", config.model.objects]),
  describe: ({ model, data }) =>
    `iDSPN: a set of ${model.objects} objects by ${model.iterations} steps of descent (${model.adjoint}), ` +
    `on ${data.source} at ${imageSize(data).join("×")}.`,
  label: ({ model }) => `${model.adjoint}, ${model.iterations} iterations`,
  open: ({ data, model: { objects } }, onProgress) =>
    openImages<Targets>(data, onProgress, { targets: targets(objects) }),
  inputs: ["image", "targets"],
  preview: previewImages,
  scores: precisionScores,
  main: ["ap0.5"],
  pictures: {
    sets: {
      title: "Sets",
      caption:
        "Each row is a validation image: the image, its objects seen from above in colours that stand for theirs, and the " +
        "objects that the model says are there.",
    },
  },
  curves: [precisionCurve],
  exports: { predictions: { description: "Predicted properties, [objects, 19]" } },
  system({ model: config, data }) {
    const model = multisetPrediction({
      resolution: imageSize(data),
      objects: config.objects,
      latent: config.latent,
      hidden: config.hidden,
      steps: config.iterations,
      rate: config.rate,
      momentum: config.momentum,
      clip: config.clip,
      adjoint: adjointOf(config),
      encoder: config.encoder,
    });
    const predict = (
      params: MultisetParams,
      { image }: { readonly image: Tensor },
      key: Tensor,
    ) => ({
      predictions: fromModel(model.apply(params, image, key).predictions),
    });
    return {
      model,
      init: (key) => model.init(key),
      loss(params: MultisetParams, { image, targets }, key) {
        const [loss, { stats }] = model.loss(params, image, toModel(targets), key);
        return [loss, { residual: np.mean(stats.residual) }];
      },
      predict,
      represent: predict,
      scorer: () => precisionScorer(config.objects),
      draw: (seen: readonly Seen<Example & Targets, "predictions">[]) => ({
        sets: {
          heads: ["image", "true objects", "predicted"],
          rows: seen.map(({ sample, output }) => [
            imagePicture(sample),
            fromAbove(sample.targets),
            fromAbove(output.predictions),
          ]),
          headColumns: 1,
        },
      }),
    };
  },
});

/** Positions from −1 to 1, as the original has them, of positions from 0 to 1. */
const toModel = (sets: Tensor) => scaled(sets, (x) => x.mul(2).sub(1));
const fromModel = (sets: Tensor) => scaled(sets, (x) => x.add(1).mul(0.5));
const scaled = (sets: Tensor, f: (position: Tensor) => Tensor) =>
  np.concatenate([f(sets.slice("...", [0, 3])), sets.slice("...", [3, null])], { axis: -1 });

/** The objects that are there, as dots on the ground; their colours tell the eight of CLEVR apart. */
function fromAbove({ data, shape }: HostArray): Picture {
  const [size, width] = shape as readonly [number, number];
  const numbers = Array.from(
    { length: size },
    (_, k) => Array.from({ length: width }, (_, i) => data[k * width + i]!),
  );
  const there = numbers.filter((object) => object.at(-1)! > 0.5);
  const points = there.flatMap(([x, y]) => [x!, y!]);
  const color = (n: number) => {
    const codes = there[n]!.slice(10, 18);
    return codes.indexOf(Math.max(...codes)) + 1;
  };
  return scatter(blank(64, 64), points, { domain: [0, 1], label: color, size: 3 });
}
