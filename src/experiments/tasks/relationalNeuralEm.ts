/**
 * R-NEM (van Steenkiste et al., 2018) and RNN-EM for videos (Greff et al., 2017): components follow the things of binary videos,
 * and predict what comes next.
 */
import { Effect, Schema } from "effect";
import {
  bouncingBalls,
  flyingShapes,
  fromArrays,
  map,
  type NdArray,
  select,
  stack,
} from "../../data/index.ts";
import { np, type Tensor } from "../../index.ts";
import { argmaxMasks, foregroundAmi } from "../../metrics/index.ts";
import { relationalNeuralEm, type RelationalNeuralEmParams } from "../../models/index.ts";
import { blank, colored, type Picture } from "../display/canvas.ts";
import type { Film, Panel } from "../display/panel.ts";
import { Count, CountOrZero, defaultsTo, Fraction, NonNegative } from "../schema.ts";
import { matchedLabels } from "./images/matching.ts";
import { entry } from "./images/panels.ts";
import { relationalNeuralEmTaskPresets } from "./relationalNeuralEmPresets.ts";
import { averaged } from "./scores.ts";
import {
  defineTask,
  type Examples,
  type HostArray,
  type OnProgress,
  type Scores,
  type Seen,
} from "./task.ts";

/** The fields of `model`. */
const ModelConfig = Schema.Struct({
  task: Schema.Literal("relationalNeuralEm"),
  /** The number of components. */
  slots: Count,
  /** Numbers that a component has as its state. */
  hidden: Count.pipe(defaultsTo(250)),
  /** Channels of the encoder's convolutions, each of which halves a frame. */
  channels: Schema.Array(Count).pipe(defaultsTo([16, 32, 64])),
  features: Count.pipe(defaultsTo(512)),
  /** Messages between components: weighted by attention, plain sums, or none, which is RNN-EM. */
  messages: Schema.Literals(["attention", "plain", "none"]).pipe(defaultsTo("attention")),
  attentionHidden: Count.pipe(defaultsTo(100)),
  priorWeight: NonNegative.pipe(defaultsTo(1)),
  /** The probability that noise flips a pixel of the input in training. */
  noise: Fraction.pipe(defaultsTo(0.2)),
  /** The number of frames after which the derivative through time is cut, again and again; 0: never. */
  truncate: CountOrZero.pipe(defaultsTo(0)),
});

/** The fields of `data`. */
const DataConfig = Schema.Struct({
  /** Bouncing balls, or flying shapes. */
  source: Schema.Literals(["balls", "shapes"]),
  /** Generated videos to train on. */
  videos: Count.pipe(defaultsTo(4096)),
  /** The frames that the model is shown. */
  frames: Count.pipe(defaultsTo(11)),
  /** Frames after those, which it has to imagine. */
  further: CountOrZero.pipe(defaultsTo(10)),
  /** The side of frames in pixels. */
  resolution: Count.pipe(defaultsTo(24)),
  /** Least and greatest number of balls or shapes. */
  objects: Schema.Tuple([Count, Count]).pipe(defaultsTo([3, 3])),
  /** The width of a curtain in the middle, behind which balls are not seen, as a fraction of the side. */
  curtain: Fraction.pipe(defaultsTo(0)),
  seed: CountOrZero.pipe(defaultsTo(0)),
  /** Videos to validate on, and as many to test with at the end. */
  evaluate: Count.pipe(defaultsTo(64)),
});
type DataConfig = typeof DataConfig.Type;

/** A video with the frames to be imagined. */
type Example = {
  /** `[frames, height, width]`, of zeros and ones. */
  readonly video: NdArray<Float32Array>;
  /** The thing that each pixel belongs to, `[frames, height, width]`. */
  readonly groups: NdArray<Uint8Array>;
  /** 1 for a frame if balls have collided since the frame before it, `[frames]`. */
  readonly events: NdArray<Uint8Array>;
};

/** The task. */
export const relationalNeuralEmTask = defineTask({
  name: "relationalNeuralEm",
  samples: "videos",
  model: ModelConfig,
  data: DataConfig,
  presets: relationalNeuralEmTaskPresets,
  contradictions({ model, data, batchSize }) {
    const problems: string[] = [];
    const [least, greatest] = data.objects;
    const factor = 2 ** model.channels.length;
    if (data.resolution % factor !== 0) {
      problems.push(
        `data.resolution: ${data.resolution} cannot be halved by the ${model.channels.length} convolutions of ` +
          `model.channels; ${factor} has to divide it`,
      );
    }
    if (data.frames < 2) {
      problems.push(`data.frames: ${data.frames}, but a frame is predicted from the one before it`);
    }
    if (least > greatest) {
      problems.push(`data.objects: the least, ${least}, is above the greatest`);
    }
    if (data.source === "shapes" && data.resolution < 13) {
      problems.push(`data.resolution: ${data.resolution}, but shapes are 13 pixels wide`);
    }
    if (data.source === "shapes" && data.curtain > 0) {
      problems.push("data.curtain: flying shapes have none; take data.source=balls");
    }
    if (batchSize > data.videos) {
      problems.push(`batchSize: ${batchSize} is more than data.videos, ${data.videos}`);
    }
    return problems;
  },
  describe: ({ model, data }) =>
    `${
      model.messages === "none" ? "RNN-EM" : "R-NEM"
    } with ${model.slots} components on videos of ` +
    `${data.frames} frames with ${data.source === "balls" ? "bouncing balls" : "flying shapes"}.`,
  label: ({ model }) => model.messages === "none" ? "no messages" : `${model.messages} messages`,
  open: ({ data }, onProgress) =>
    Effect.acquireRelease(
      Effect.sync(() => open(data, onProgress)),
      ({ close }) => Effect.promise(close),
    ),
  inputs: ["video"],
  preview: (samples) => strip(samples.map(({ video, groups }) => [grey(video), labelled(groups)])),
  scores: [
    { key: "ami", name: "AMI", digits: 3 },
    { key: "bce", name: "BCE", digits: 1, better: "lower" },
    { key: "eventBce", name: "BCE after collisions", digits: 1, better: "lower" },
    { key: "rolloutBce", name: "BCE of rollouts", digits: 1, better: "lower" },
  ],
  main: ["eventBce", "ami"],
  notes: [
    "AMI is of the last frame that is shown. BCE is that of the brightest component in each pixel, summed over a frame: the " +
    "mean over frames that are shown, over those in which balls have just collided, and over those that are imagined.",
  ],
  pictures: {
    strip: {
      title: "Videos, frame by frame",
      caption:
        "Two validation videos, four rows each: the frames, the true groups (overlaps are black), the component of each pixel in " +
        "the colour of the group that it matches, and what was predicted for the frame. Frames after the last that is shown " +
        "are imagined.",
    },
    film: {
      title: "Videos",
      caption: "Each row is a validation video, which plays: the same four pictures.",
    },
  },
  curves: [
    { title: "Validation AMI", series: [{ key: "validation/ami", name: "AMI" }] },
    {
      title: "Validation BCE of a frame",
      series: [
        { key: "validation/bce", name: "all frames" },
        { key: "validation/eventBce", name: "after collisions" },
        { key: "validation/rolloutBce", name: "imagined" },
      ],
    },
  ],
  exports: {
    slots: { description: "States of components, [frames, slots, size]" },
    masks: { description: "The share of components in pixels, [frames, slots, height, width]" },
    components: { description: "Predicted pictures, [frames, slots, height, width]" },
  },
  system({ model: config, data }) {
    const model = relationalNeuralEm({
      resolution: [data.resolution, data.resolution],
      slots: config.slots,
      hidden: config.hidden,
      channels: config.channels,
      features: config.features,
      messages: config.messages,
      attentionHidden: config.attentionHidden,
      priorWeight: config.priorWeight,
      noise: config.noise,
      ...config.truncate === 0 ? {} : { truncate: config.truncate },
    });
    const framesFirst = (video: Tensor) => np.swapaxes(video, 0, 1).slice([0, data.frames]);
    const found = (
      params: RelationalNeuralEmParams,
      { video }: { readonly video: Tensor },
      key: Tensor,
    ) => {
      const options = { further: data.further };
      const { theta, pictures, assignment } = model
        .rollout(params, framesFirst(video), key, options);
      const [slots, components, masks] = [theta, pictures, assignment].map((x) =>
        np.swapaxes(x, 0, 1)
      );
      return { slots: slots!, components: components!, masks: masks! };
    };
    return {
      model,
      init: (key) => model.init(key),
      loss: (params: RelationalNeuralEmParams, { video }, key) => [
        model.loss(params, framesFirst(video), key)[0],
        {},
      ],
      predict(params, batch, key) {
        const { components, masks } = found(params, batch, key);
        return { components, masks };
      },
      represent: found,
      scorer: () => averaged((seen: SeenVideo) => score(seen, data.frames - 1)),
      draw: (seen) => {
        const videos = seen.map(rowsOf);
        return { strip: strip(videos.slice(0, 2)), film: film(videos) };
      },
    };
  },
});

type SeenVideo = Seen<Example, "components" | "masks">;

/** Scores of a video of whose frames after the first so many are shown. */
function score({ sample, output: { components, masks } }: SeenVideo, shown: number): Scores {
  const [, height, width] = sample.video.shape as readonly [number, number, number];
  const pixels = height * width;
  const frame = (data: Uint8Array, t: number) => data.subarray(t * pixels, (t + 1) * pixels);
  const bces = Array.from({ length: components.shape[0]! }, (_, t) => {
    const drawn = brightest(entry(components, t)).data;
    return Array.from(entry(sample.video, t + 1).data).reduce((sum, x, p) => {
      const on = Math.min(1 - 1e-6, Math.max(1e-6, drawn[p]!));
      return sum - Math.log(x > 0 ? on : 1 - on);
    }, 0);
  });
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const parts = {
    bce: bces.slice(0, shown),
    eventBce: bces.slice(0, shown).filter((_, t) => sample.events.data[t + 1] === 1),
    rolloutBce: bces.slice(shown),
  };
  const groups = argmaxMasks(entry(masks, shown - 1).data, masks.shape[1]!);
  return {
    ami: foregroundAmi(frame(sample.groups.data, shown), groups),
    // Without a collision in a video, it does not count for their score.
    ...Object.fromEntries(
      Object.entries(parts).flatMap(([name, of]) => of.length === 0 ? [] : [[name, mean(of)]]),
    ),
  };
}

/** The brightest of the pictures of components `[slots, height, width]`. */
function brightest({ data, shape: [slots, height, width] }: HostArray): HostArray {
  const pixels = height! * width!;
  const most = Float32Array.from(
    { length: pixels },
    (_, p) => Math.max(...Array.from({ length: slots! }, (_, k) => data[k * pixels + p]!)),
  );
  return { data: most, shape: [1, height!, width!] };
}

const framesOf = (of: HostArray) => Array.from({ length: of.shape[0]! }, (_, t) => entry(of, t));

/** Frames `[frames, height, width]` in grey. */
const grey = (video: HostArray): Picture[] =>
  framesOf(video).map(({ data, shape: [height, width] }) => {
    const picture = blank(width!, height!);
    for (let p = 0; p < data.length; p++) picture.data.fill(data[p]!, 3 * p, 3 * p + 3);
    return picture;
  });

const labelled = (groups: HostArray): Picture[] =>
  framesOf(groups).map(({ data, shape: [height, width] }) => colored(data, width!, height!, 0));

/** The frames, true groups, found groups and predictions of a video, from its second frame on. */
function rowsOf({ sample, output: { components, masks } }: SeenVideo): Picture[][] {
  const [steps, slots, height, width] = masks.shape as readonly [number, number, number, number];
  const found = framesOf(masks).flatMap(({ data }) => [...argmaxMasks(data, slots)]);
  const truth = sample.groups.data.subarray(height * width);
  const matched = { data: matchedLabels(truth, found), shape: [steps, height, width] };
  const drawn = framesOf(components).map(brightest);
  return [
    grey(sample.video).slice(1),
    labelled(sample.groups).slice(1),
    labelled(matched),
    drawn.map((picture) => grey(picture)[0]!),
  ];
}

/** A row for each list of pictures, a column for each frame. */
const strip = (videos: readonly (readonly Picture[][])[]): Panel => ({
  heads: (videos[0]?.[0] ?? []).map((_, t) => `${t + 1}`),
  rows: videos.flat().map((row) => [...row]),
});

const film = (videos: readonly (readonly Picture[][])[]): Film => ({
  frames: (videos[0]?.[0] ?? []).map((_, t) => ({
    heads: ["video", "true groups", "found", "predicted"],
    rows: videos.map((rows) => rows.map((pictures) => pictures[t]!)),
  })),
  framesPerSecond: 4,
});

/** Generated videos. */
function open(
  data: DataConfig,
  onProgress: OnProgress,
): Examples<Example> & { close(): Promise<void> } {
  const { source, seed, videos, evaluate, resolution: size, objects: count, curtain } = data;
  const frames = data.frames + data.further;
  const total = videos + 2 * evaluate;
  const all = Array.from({ length: total }, (_, i) => {
    if (i % 256 === 0) onProgress(i, total);
    if (source === "balls") return bouncingBalls({ frames, size, count, curtain }, seed, i);
    const { video, groups } = flyingShapes({ frames, size, count }, seed, i);
    return { video, groups, events: { data: new Uint8Array(frames), shape: [frames] } };
  });
  const field = (name: "video" | "groups" | "events") =>
    stack(all.map((one) => one[name])) as NdArray<Uint8Array>; // of the same type, with one axis more
  // Bytes until they are used.
  const kept = fromArrays({
    video: field("video"),
    groups: field("groups"),
    events: field("events"),
  });
  const shape = [frames, size, size];
  const examples = map(kept, ({ video, ...rest }): Example => ({
    ...rest,
    video: { data: Float32Array.from(video.data), shape },
  }), {
    video: { shape, dtype: "float32" },
    groups: { shape, dtype: "uint8" },
    events: { shape: [frames], dtype: "uint8" },
  });
  const range = (from: number, to: number) =>
    select(examples, Array.from({ length: to - from }, (_, i) => from + i));
  return {
    test: range(0, evaluate),
    validation: range(evaluate, 2 * evaluate),
    train: range(2 * evaluate, total),
    facts: [["source", `generated videos of ${source}, seed ${seed}`]],
    close: () => kept.close(),
  };
}
