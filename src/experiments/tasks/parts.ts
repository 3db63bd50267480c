/** PARTS (Zoran et al., 2021): posteriors of slots are predicted for each frame of a video, and corrected by it. */
import { Effect, Schema } from "effect";
import { np, type Tensor } from "../../index.ts";
import { parts, type PartsParams } from "../../models/index.ts";
import { Count, defaultsTo, NonNegative, Positive } from "../schema.ts";
import { averaged } from "./scores.ts";
import {
  DecoderConfig,
  decoderContradictions,
  decoderOptions,
  EncoderConfig,
} from "./slotAttention.ts";
import { defineTask } from "./task.ts";
import {
  openVideos,
  previewVideos,
  scoreVideo,
  stripPanel,
  videoCaptions,
  VideoConfig,
  videoContradictions,
  videoExports,
  videoFilm,
  videoProbe,
} from "./videos.ts";

/** The fields of `model`; the defaults are those of the public re-implementation. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("parts"),
  slots: Count,
  latentSize: Count.pipe(defaultsTo(64)),
  memorySize: Count.pipe(defaultsTo(256)),
  /** The hidden size of the MLP that corrects. */
  hidden: Count.pipe(defaultsTo(256)),
  /** Blocks, heads and hidden size of the transformer that predicts. */
  predictorBlocks: Count.pipe(defaultsTo(2)),
  predictorHeads: Count.pipe(defaultsTo(8)),
  predictorHidden: Count.pipe(defaultsTo(1024)),
  variance: Positive.pipe(defaultsTo(0.09)),
  beta: NonNegative.pipe(defaultsTo(0.5)),
  /** The derivative through time is cut every so many frames. */
  truncate: Count.pipe(defaultsTo(25)),
  encoder: EncoderConfig,
  decoder: DecoderConfig,
});

const places = [-1, 1] as const;

/** The task. */
export const partsTask = defineTask({
  name: "parts",
  samples: "videos",
  model: ModelConfig,
  data: VideoConfig,
  presets: {
    /** Small videos and a small model: ours, since the original's are not known. */
    "parts-quick": {
      name: "parts-quick",
      model: {
        task: "parts",
        slots: 4,
        latentSize: 16,
        memorySize: 64,
        hidden: 64,
        predictorBlocks: 1,
        predictorHeads: 4,
        predictorHidden: 64,
        encoder: { channels: 32, kernel: 5, strides: [2, 1] },
        decoder: { kind: "mlp", channels: 64, layers: 2, patch: 2 },
      },
      data: { frames: 4 },
      optimizer: { learningRate: 1e-3, warmup: 50, clip: 5 },
      log: { every: 20, evaluateEvery: 100, panelEvery: 250, checkpointEvery: 100, keep: 3 },
      steps: 1500,
      batchSize: 16,
    },
    /** The sizes of the public re-implementation, on generated 64×64 videos. */
    "parts-sprites": {
      name: "parts-sprites",
      model: {
        task: "parts",
        slots: 7,
        encoder: { channels: 128, strides: [1, 1, 1, 1, 1] },
        decoder: { kind: "mlp", channels: 512, layers: 5 },
      },
      data: { frames: 25, resolution: 64, objects: [3, 6], radius: [0.06, 0.12] },
      optimizer: { learningRate: 1e-4, clip: 5, chain: [{ rmsprop: ["learningRate"] }] },
      log: { every: 100, evaluateEvery: 2500, panelEvery: 2500, checkpointEvery: 1000, keep: 3 },
      steps: 500_000,
      batchSize: 16,
    },
  },
  notes: [
    "The original PARTS has no published code; sizes that are not known are those of a re-implementation, or ours.",
  ],
  contradictions(config) {
    const { model, data } = config;
    const problems = [
      ...videoContradictions(config),
      ...decoderContradictions(model.decoder, {
        size: [data.resolution],
        resolution: data.resolution,
      }),
    ];
    if (2 * model.latentSize % model.predictorHeads !== 0) {
      problems.push(
        `model.predictorHeads: ${model.predictorHeads} do not divide a posterior, twice model.latentSize ${model.latentSize}`,
      );
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `PARTS with ${model.slots} slots of ${model.latentSize} latent numbers, on videos of ${data.frames} frames.`,
  open: ({ data }, onProgress) =>
    Effect.acquireRelease(
      Effect.sync(() => openVideos(data, "image", onProgress)),
      ({ close }) => Effect.promise(close),
    ),
  inputs: ["video"],
  preview: previewVideos,
  scores: [{ key: "fgAri", name: "FG-ARI of videos", digits: 3 }],
  main: ["fgAri"],
  pictures: videoCaptions,
  curves: [{ title: "Validation FG-ARI", series: [{ key: "validation/fgAri", name: "FG-ARI" }] }],
  exports: videoExports,
  probe: videoProbe,
  system({ model: config, data }) {
    const { predictorBlocks: blocks, predictorHeads: heads, predictorHidden: hidden } = config;
    const { channels, kernel, strides } = config.encoder;
    const model = parts({
      resolution: [data.resolution, data.resolution],
      slots: config.slots,
      latentSize: config.latentSize,
      memorySize: config.memorySize,
      hidden: config.hidden,
      predictor: { blocks, heads, hidden },
      variance: config.variance,
      beta: config.beta,
      truncate: config.truncate,
      encoder: { channels, kernel, strides, coordinates: places },
      decoder: decoderOptions(config.decoder, places),
    });
    const framesFirst = (video: Tensor) => ({ video: np.swapaxes(video, 0, 1) });
    return {
      model,
      init: (key) => model.init(key),
      loss: (params: PartsParams, { video }, key) => [
        model.loss(params, framesFirst(video), key)[0],
        {},
      ],
      predict(params, { video }, key) {
        const { masks, reconstruction } = model.apply(params, framesFirst(video), key);
        return {
          masks: np.swapaxes(masks, 0, 1),
          reconstruction: np.swapaxes(reconstruction, 0, 1),
        };
      },
      represent(params, { video }, key) {
        const found = model.apply(params, framesFirst(video), key);
        // The means of posteriors: what is drawn.
        const slots = np.slice(found.corrected.lambda, "...", [0, config.latentSize]);
        return {
          slots: np.swapaxes(slots, 0, 1),
          masks: np.swapaxes(found.masks, 0, 1),
          reconstruction: np.swapaxes(found.reconstruction, 0, 1),
        };
      },
      scorer: () => averaged(scoreVideo),
      draw: (seen) => ({ strip: stripPanel(seen), film: videoFilm(seen) }),
    };
  },
});
