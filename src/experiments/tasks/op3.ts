/** OP3 (Veerapaneni et al., 2020): slots are refined by the frames of videos, and imagine the frames after them. */
import { Effect, Schema } from "effect";
import { np, random, type Tensor } from "../../index.ts";
import { op3, type Op3Params, type Op3Step } from "../../models/index.ts";
import { Count, CountOrZero, defaultsTo, NonNegative, Positive } from "../schema.ts";
import { entry } from "./images/panels.ts";
import { averaged } from "./scores.ts";
import { defineTask, type Scores, type Seen } from "./task.ts";
import {
  openVideos,
  previewVideos,
  scoreVideo,
  stripPanel,
  videoCaptions,
  VideoConfig,
  videoContradictions,
  type VideoExample,
  videoExports,
  videoFilm,
} from "./videos.ts";

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("op3"),
  slots: Count,
  deterministicSize: Count.pipe(defaultsTo(64)),
  latentSize: Count.pipe(defaultsTo(64)),
  effectSize: Count.pipe(defaultsTo(32)),
  memorySize: Count.pipe(defaultsTo(128)),
  /** Refinements by the first frame, and by each frame after it. */
  refinements: Count.pipe(defaultsTo(4)),
  refinementsAfter: CountOrZero.pipe(defaultsTo(1)),
  /** The weight of the divergence, and the deviation of a pixel. */
  divergenceWeight: NonNegative.pipe(defaultsTo(1)),
  sigma: Positive.pipe(defaultsTo(0.1)),
  /** The number of steps after which the derivative is cut, again and again; 0: never. */
  truncate: CountOrZero.pipe(defaultsTo(0)),
  encoder: Schema.Struct({ channels: Schema.Array(Count), kernel: Count, hidden: Count }).pipe(
    defaultsTo({ channels: [32, 32, 64], kernel: 5, hidden: 128 }),
  ),
  decoder: Schema.Struct({ channels: Count, layers: CountOrZero, kernel: Count }).pipe(
    defaultsTo({ channels: 32, layers: 4, kernel: 5 }),
  ),
});

/** The fields of `data`: videos, of whose frames the last ones are to be imagined. */
const DataConfig = Schema.Struct({
  ...VideoConfig.fields,
  /** Frames after `frames`. */
  further: Count.pipe(defaultsTo(3)),
});

/** The task. */
export const op3Task = defineTask({
  name: "op3",
  samples: "videos",
  model: ModelConfig,
  data: DataConfig,
  presets: {
    /** Two sprites in 16×16 videos of three frames, and three more to imagine. */
    "op3-quick": {
      name: "op3-quick",
      model: {
        task: "op3",
        slots: 3,
        deterministicSize: 16,
        latentSize: 16,
        effectSize: 16,
        memorySize: 32,
        refinements: 3,
        encoder: { channels: [16, 16], kernel: 3, hidden: 32 },
        decoder: { channels: 24, layers: 2, kernel: 3 },
      },
      data: { frames: 3, resolution: 16, objects: [2, 2], radius: [0.14, 0.2] },
      optimizer: { learningRate: 1e-3, clip: 5 },
      log: { every: 20, evaluateEvery: 200, panelEvery: 400, checkpointEvery: 200, keep: 3 },
      steps: 4000,
      batchSize: 16,
    },
  },
  contradictions(config) {
    const problems = videoContradictions(config);
    if (config.model.latentSize < 2) {
      problems.push("model.latentSize: 1, but gradients are normalized over the numbers of a slot");
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `OP3 with ${model.slots} slots, ${data.frames} frames to see and ${data.further} to imagine.`,
  open: ({ data }, onProgress) =>
    Effect.acquireRelease(
      Effect.sync(() =>
        openVideos({ ...data, frames: data.frames + data.further }, "image", onProgress)
      ),
      ({ close }) => Effect.promise(close),
    ),
  inputs: ["video"],
  preview: previewVideos,
  scores: [
    { key: "gain", name: "least gain on copying", digits: 3 },
    { key: "mse", name: "MSE of imagined frames", digits: 4, better: "lower" },
    { key: "copyMse", name: "MSE of the last frame copied", digits: 4, better: "lower" },
    { key: "fgAri", name: "FG-ARI of videos", digits: 3 },
  ],
  main: ["gain"],
  notes: [
    "The gain at a horizon is 1 − MSE / MSE of the last frame that is seen, copied; the least of all horizons is what counts. " +
    "Above 0 the model is better than copying at each.",
  ],
  pictures: videoCaptions,
  curves: [
    {
      title: "Validation MSE of imagined frames",
      series: [
        { key: "validation/mse", name: "imagined" },
        { key: "validation/copyMse", name: "copied" },
      ],
    },
    { title: "Validation FG-ARI", series: [{ key: "validation/fgAri", name: "FG-ARI" }] },
  ],
  exports: videoExports,
  system({ model: config, data }) {
    const repeated = (n: number): Op3Step[] => Array<Op3Step>(n).fill("refine");
    const after: readonly Op3Step[] = ["dynamics", ...repeated(config.refinementsAfter)];
    const schedule = [
      ...repeated(config.refinements),
      ...Array.from({ length: data.frames - 1 }, () => after).flat(),
    ];
    // The last step that looks at each frame.
    const last = Array.from(
      { length: data.frames },
      (_, t) => config.refinements - 1 + t * after.length,
    );
    const { truncate, encoder, decoder } = config;
    const model = op3({
      resolution: [data.resolution, data.resolution],
      slots: config.slots,
      schedule,
      deterministicSize: config.deterministicSize,
      latentSize: config.latentSize,
      effectSize: config.effectSize,
      memorySize: config.memorySize,
      divergenceWeight: config.divergenceWeight,
      sigma: config.sigma,
      encoder,
      decoder,
      ...truncate === 0 ? {} : { truncate },
    });
    const shown = (video: Tensor) => np.swapaxes(video, 0, 1).slice([0, data.frames]);
    const watch = (params: Op3Params, { video }: { readonly video: Tensor }, key: Tensor) => {
      const [a, b] = random.split(key);
      const seen = model.apply(params, { video: shown(video) }, a);
      const index = np.array(Int32Array.from(last));
      let { state } = seen;
      const imagined = Array.from({ length: data.further }, (_, t) => {
        state = model.advance(params, state, null, random.foldIn(b, t));
        return { state, ...model.decode(params, state) };
      });
      const all = (name: "reconstruction" | "masks") =>
        np.swapaxes(
          np.concatenate([
            np.take(seen[name], index, { axis: 0 }),
            np.stack(imagined.map((one) => one[name])),
          ]),
          0,
          1,
        );
      const slots = imagined.map(({ state: { deterministic, lambda } }) =>
        np.concatenate([deterministic, lambda], { axis: -1 })
      );
      return {
        slots: np.swapaxes(np.stack(slots), 0, 1),
        masks: all("masks"),
        reconstruction: all("reconstruction"),
      };
    };
    return {
      model,
      init: (key) => model.init(key),
      loss(params: Op3Params, { video }, key) {
        const [loss, { losses }] = model.loss(params, { video: shown(video) }, key);
        return [loss, { "loss/last": np.mean(np.slice(losses, -1)) }];
      },
      predict(params, batch, key) {
        const { masks, reconstruction } = watch(params, batch, key);
        return { masks, reconstruction };
      },
      represent: watch,
      scorer: () => {
        const errors: Errors[] = [];
        const rest = averaged(scoreVideo);
        return {
          add(seen: Seen<VideoExample, "masks" | "reconstruction">) {
            errors.push(errorsOf(seen, data.frames));
            rest.add(seen);
          },
          result: () => ({ ...horizons(errors), ...rest.result() }),
        };
      },
      draw: (seen) => ({ strip: stripPanel(seen), film: videoFilm(seen) }),
    };
  },
});

/** The mean squared errors of a video at each horizon: of what was imagined, and of the last frame that was seen. */
type Errors = { readonly imagined: readonly number[]; readonly copied: readonly number[] };

function errorsOf(
  { sample: { video }, output: { reconstruction } }: Seen<VideoExample, "reconstruction" | "masks">,
  shown: number,
): Errors {
  const frames = video.shape[0]!;
  const error = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / a.length;
  const truth = (t: number) => entry(video, t).data;
  const later = Array.from({ length: frames - shown }, (_, h) => shown + h);
  return {
    imagined: later.map((t) => error(entry(reconstruction, t).data, truth(t))),
    copied: later.map((t) => error(truth(shown - 1), truth(t))),
  };
}

/** The errors of a set of videos, and the least gain on copying at any horizon. */
function horizons(errors: readonly Errors[]): Scores {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const at = (kind: keyof Errors) =>
    (errors[0]?.[kind] ?? []).map((_, h) => mean(errors.map((one) => one[kind][h]!)));
  const [imagined, copied] = [at("imagined"), at("copied")];
  return {
    gain: Math.min(...imagined.map((error, h) => 1 - error / copied[h]!)),
    mse: mean(imagined),
    copyMse: mean(copied),
  };
}
