/** SAVi (Kipf et al., 2022): slots follow the objects of videos, and draw their optical flow or the frames themselves. */
import { Effect, Schema } from "effect";
import { np, type Tensor } from "../../index.ts";
import { savi, type SaviParams } from "../../models/index.ts";
import { Count, CountOrZero, defaultsTo } from "../schema.ts";
import { adjointOf, inferenceFields, unrolledModel } from "./inference.ts";
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

const { iterations, adjointTerms, linear } = inferenceFields;

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("savi"),
  slots: Count,
  slotSize: Count.pipe(defaultsTo(128)),
  /** The first slots: made of boxes or centres of the objects in the first frame, learned, or random. */
  start: Schema.Literals(["boxes", "centers", "learned", "random"]).pipe(defaultsTo("boxes")),
  /** The hidden size of the MLP that makes slots of boxes or centres. */
  startHidden: Count.pipe(defaultsTo(256)),
  /** The target: colours of the optical flow back to the frame before, or the frame. */
  target: Schema.Literals(["flow", "image"]).pipe(defaultsTo("flow")),
  iterations,
  /** The hidden size of the MLP after an iteration; 0: none. */
  mlpHidden: CountOrZero.pipe(defaultsTo(0)),
  /** The hidden size of the predictor's MLP, and its heads. */
  predictorHidden: Count.pipe(defaultsTo(256)),
  predictorHeads: Count.pipe(defaultsTo(4)),
  adjoint: Schema.Literals(["unrolled", "oneStep", "neumann", "phantom", "implicit"]).pipe(
    defaultsTo("unrolled"),
  ),
  adjointTerms,
  linear,
  /** The number of frames after which the derivative through time is cut, again and again; 0: never. */
  truncate: CountOrZero.pipe(defaultsTo(0)),
  encoder: EncoderConfig,
  /** The hidden size of the encoder's MLP. */
  encoderHidden: Count.pipe(defaultsTo(64)),
  decoder: DecoderConfig,
});

/** Small videos for minutes on two cores. */
const quick = {
  name: "savi-quick",
  model: {
    task: "savi",
    slots: 4,
    slotSize: 32,
    startHidden: 64,
    iterations: 1,
    predictorHidden: 64,
    encoder: { channels: 32, kernel: 5, strides: [2, 1] },
    decoder: { kind: "mlp", channels: 64, layers: 2, patch: 2 },
  },
  data: { frames: 4 },
  optimizer: { learningRate: 2e-3, warmup: 50, clip: 0.05 },
  log: { every: 20, evaluateEvery: 100, panelEvery: 250, checkpointEvery: 100, keep: 3 },
  steps: 1000,
  batchSize: 16,
} as const;

/** The sizes of SAVi-S. */
const small = {
  name: "savi-sprites",
  model: {
    task: "savi",
    slots: 11,
    iterations: 1,
    encoder: { channels: 32, strides: [1, 1, 1, 1] },
    decoder: { kind: "broadcast", channels: 64, strides: [2, 2, 2, 1] },
  },
  data: { frames: 6, resolution: 64, objects: [3, 10], radius: [0.06, 0.12] },
  optimizer: {
    learningRate: {
      warmupCosineDecaySchedule: {
        initValue: 0,
        peakValue: 2e-4,
        warmupSteps: 2500,
        decaySteps: 100_000,
      },
    },
    clip: 0.05,
  },
  log: { every: 100, evaluateEvery: 2500, panelEvery: 2500, checkpointEvery: 1000, keep: 3 },
  steps: 100_000,
  batchSize: 64,
} as const;

/** The task. */
export const saviTask = defineTask({
  name: "savi",
  samples: "videos",
  model: ModelConfig,
  data: VideoConfig,
  presets: {
    /** From boxes, on generated 24×24 videos. */
    "savi-quick": quick,
    /** Without boxes: learned slots, two iterations and an MLP in each frame. */
    "savi-unconditional-quick": {
      ...quick,
      name: "savi-unconditional-quick",
      model: { ...quick.model, start: "learned", iterations: 2, mlpHidden: 64 },
      steps: 1600,
    },
    /** SAVi-S in its original sizes, on generated 64×64 videos. */
    "savi-sprites": small,
  },
  contradictions(config) {
    const { model, data } = config;
    const problems = [
      ...videoContradictions(config),
      ...decoderContradictions(model.decoder, {
        size: [data.resolution],
        resolution: data.resolution,
      }),
    ];
    const given = model.start === "boxes" || model.start === "centers";
    if (given && data.objects[1] >= model.slots) {
      problems.push(
        `model.slots: ${model.slots} for the background and up to ${
          data.objects[1]
        } objects of data.objects; ` +
          `take ${data.objects[1] + 1}`,
      );
    }
    if (model.slotSize % model.predictorHeads !== 0) {
      problems.push(
        `model.predictorHeads: ${model.predictorHeads} do not divide model.slotSize, ${model.slotSize}`,
      );
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `SAVi with ${model.slots} slots (${model.start}) that draw ` +
    `${model.target === "flow" ? "optical flow" : "frames"}, on videos of ${data.frames} frames.`,
  label: ({ model }) => `${model.start}, ${model.target}, ${model.adjoint}`,
  open: ({ model, data }, onProgress) =>
    Effect.acquireRelease(
      Effect.sync(() => openVideos(data, model.target, onProgress)),
      ({ close }) => Effect.promise(close),
    ),
  inputs: ["video", "target", "boxes", "centers"],
  preview: previewVideos,
  scores: [{ key: "fgAri", name: "FG-ARI of videos", digits: 3 }],
  main: ["fgAri"],
  pictures: videoCaptions,
  curves: [{ title: "Validation FG-ARI", series: [{ key: "validation/fgAri", name: "FG-ARI" }] }],
  exports: videoExports,
  probe: videoProbe,
  unrolled: unrolledModel({ finalStep: true }),
  system({ model: config, data }) {
    const places = [-1, 1] as const;
    const model = savi({
      resolution: [data.resolution, data.resolution],
      slots: config.slots,
      slotSize: config.slotSize,
      start: config.start,
      startHidden: config.startHidden,
      iterations: config.iterations,
      mlpHidden: config.mlpHidden,
      predictor: { hidden: config.predictorHidden, heads: config.predictorHeads },
      adjoint: adjointOf(config),
      ...config.truncate === 0 ? {} : { truncate: config.truncate },
      encoder: {
        channels: config.encoder.channels,
        kernel: config.encoder.kernel,
        strides: config.encoder.strides,
        mlpHidden: config.encoderHidden,
        coordinates: places,
        sides: 2,
      },
      decoder: decoderOptions(config.decoder, places),
    });
    type Fields = { readonly [name in "video" | "target" | "boxes" | "centers"]: Tensor };
    const framesFirst = ({ video, target, boxes, centers }: Fields) => ({
      video: np.swapaxes(video, 0, 1),
      target: np.swapaxes(target, 0, 1),
      ...config.start === "boxes" ? { objects: boxes } : {},
      ...config.start === "centers" ? { objects: centers } : {},
    });
    return {
      model,
      init: (key) => model.init(key),
      loss: (params: SaviParams, batch, key) => [
        model.loss(params, framesFirst(batch), key)[0],
        {},
      ],
      predict(params, batch, key) {
        const { target: _, ...videos } = framesFirst(batch);
        const { masks, reconstruction } = model.apply(params, videos, key);
        return {
          masks: np.swapaxes(masks, 0, 1),
          reconstruction: np.swapaxes(reconstruction, 0, 1),
        };
      },
      represent(params, batch, key) {
        const { target: _, ...videos } = framesFirst(batch);
        const { corrected, masks, reconstruction } = model.apply(params, videos, key);
        const [slots, parts, drawn] = [corrected, masks, reconstruction].map((x) =>
          np.swapaxes(x, 0, 1)
        );
        return { slots: slots!, masks: parts!, reconstruction: drawn! };
      },
      scorer: () => averaged(scoreVideo),
      draw: (seen) => ({ strip: stripPanel(seen), film: videoFilm(seen) }),
    };
  },
});
