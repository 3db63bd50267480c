/** Videos for tasks: generated ones as examples, their scores, and pictures of what slots make of them. */
import { Schema } from "effect";
import {
  flowColors,
  fromArrays,
  type Json,
  map,
  type MovingSprites,
  movingSprites,
  type NdArray,
  ndarray,
  select,
  stack,
} from "../../data/index.ts";
import { argmaxMasks, foregroundAri } from "../../metrics/index.ts";
import { colored, type Picture } from "../display/canvas.ts";
import type { Film, Panel } from "../display/panel.ts";
import { Count, CountOrZero, defaultsTo, Positive } from "../schema.ts";
import { matchedLabels } from "./images/matching.ts";
import { entry } from "./images/panels.ts";
import { probeObjects } from "./images/readout.ts";
import type { Examples, HostArray, OnProgress, ProbeSpec, Scores, Seen } from "./task.ts";

/** The `data` of tasks that learn from videos. */
export const VideoConfig = Schema.Struct({
  /** Videos to train on. */
  videos: Count.pipe(defaultsTo(4096)),
  /** Frames of a video. */
  frames: Count.pipe(defaultsTo(6)),
  /** The side of frames in pixels. */
  resolution: Count.pipe(defaultsTo(24)),
  /** Least and greatest number of sprites. */
  objects: Schema.Tuple([Count, Count]).pipe(defaultsTo([3, 3])),
  /** Least and greatest radius of sprites, as fractions of the resolution. */
  radius: Schema.Tuple([Positive, Positive]).pipe(defaultsTo([0.12, 0.17])),
  /** Least and greatest way of a sprite from frame to frame, as fractions of the resolution. */
  speed: Schema.Tuple([Positive, Positive]).pipe(defaultsTo([0.033, 0.083])),
  seed: CountOrZero.pipe(defaultsTo(0)),
  /** Videos to validate on, and as many to test with at the end. */
  evaluate: Count.pipe(defaultsTo(64)),
});
type VideoConfig = typeof VideoConfig.Type;

/** A video, all that is known of it, and what is to be drawn. */
export type VideoExample = {
  /** `[frames, height, width, 3]`, from 0 to 1. */
  readonly video: NdArray<Float32Array>;
  /** The same, or colours of the backward flow. */
  readonly target: NdArray<Float32Array>;
  /** The boxes of objects in the first frame, `[objects, 4]`; zeros for those that are not there. */
  readonly boxes: NdArray<Float32Array>;
  /** Their centres of mass, `[objects, 2]`. */
  readonly centers: NdArray<Float32Array>;
  /** The object of each pixel, `[frames, height, width]`, 0 for the background. */
  readonly segments: NdArray<Uint8Array>;
  /** For each frame the objects that are seen in it, with their properties: x and y are centres of mass, from 0 to 1. */
  readonly objects: readonly (readonly Json[])[];
};

/** Mistakes that no single field shows. */
export function videoContradictions(
  { data, batchSize }: { readonly data: VideoConfig; readonly batchSize: number },
): string[] {
  const problems: string[] = [];
  for (const field of ["objects", "radius", "speed"] as const) {
    const [least, greatest] = data[field];
    if (least > greatest) {
      problems.push(`data.${field}: the least, ${least}, is above the greatest`);
    }
  }
  if (data.radius[1] > 0.5) {
    problems.push(
      `data.radius: sprites of ${data.radius[1]} of the width do not fit; 0.5 is the most`,
    );
  }
  if (batchSize > data.videos) {
    problems.push(`batchSize: ${batchSize} is more than data.videos, ${data.videos}`);
  }
  return problems;
}

/** Generated videos with a target. */
export function openVideos(
  data: VideoConfig,
  target: "flow" | "image",
  onProgress: OnProgress,
): Examples<VideoExample> & { close(): Promise<void> } {
  const { seed, videos, evaluate, resolution: size, frames, objects: count } = data;
  const { radius, speed } = data;
  const total = videos + 2 * evaluate;
  const all = Array.from({ length: total }, (_, i) => {
    if (i % 256 === 0) onProgress(i, total);
    const made = movingSprites({ size, frames, count, radius, speed }, seed, i);
    const first = (of: NdArray<Float32Array>, numbers: number) => {
      const padded = new Float32Array(count[1] * numbers);
      padded.set(of.data.subarray(0, made.objects.length * numbers));
      return ndarray(padded, [count[1], numbers]);
    };
    return {
      // Bytes until they are used: a tenth of a gigabyte holds five thousand videos of four frames.
      video: made.video,
      target: target === "image" ? made.video : bytes(flowColors(made.backwardFlow)),
      boxes: first(made.boxes, 4),
      centers: first(made.centers, 2),
      segments: made.segments,
      objects: Array.from({ length: frames }, (_, t) => seenObjects(made, t)),
    };
  });
  const field = <K extends Exclude<keyof typeof all[number], "objects">>(name: K) =>
    stack(all.map((one) => one[name])) as typeof all[number][K]; // of the same type, with one axis more
  const shape = [frames, size, size, 3];
  const kept = fromArrays({
    video: field("video"),
    target: field("target"),
    boxes: field("boxes"),
    centers: field("centers"),
    segments: field("segments"),
  });
  const examples = map(kept, ({ video, target, ...rest }, i): VideoExample => ({
    ...rest,
    video: floats(video),
    target: floats(target),
    objects: all[i]!.objects,
  }), {
    video: { shape, dtype: "float32" },
    target: { shape, dtype: "float32" },
    boxes: { shape: [count[1], 4], dtype: "float32" },
    centers: { shape: [count[1], 2], dtype: "float32" },
    segments: { shape: shape.slice(0, 3), dtype: "uint8" },
    objects: { shape: [], dtype: "json" },
  });
  const range = (from: number, to: number) =>
    select(examples, Array.from({ length: to - from }, (_, i) => from + i));
  return {
    test: range(0, evaluate),
    validation: range(evaluate, 2 * evaluate),
    train: range(2 * evaluate, total),
    facts: [["source", `generated videos of moving sprites, seed ${seed}`]],
    close: () => kept.close(),
  };
}

/** The objects that are seen in a frame. */
function seenObjects({ objects, boxes, centers }: MovingSprites, frame: number): Json[] {
  return objects.flatMap(({ shape, color, radius }, k) => {
    const at = frame * objects.length + k;
    const hidden = boxes.data.subarray(4 * at, 4 * at + 4).every((side) => side === 0);
    const [y, x] = centers.data.subarray(2 * at, 2 * at + 2);
    return hidden ? [] : [{ shape, color, radius, x: x!, y: y! }];
  });
}

/** The probe of tasks whose slots of videos are [frames, slots, size]. */
export const videoProbe: ProbeSpec = {
  output: "slots",
  objects: ({ objects }, frame) => (objects as VideoExample["objects"])[frame]!, // as `openVideos` makes them
  fit: probeObjects,
};

/** The outputs of videos that the command `export` writes. */
export const videoExports = {
  slots: { description: "Slots of videos, [frames, slots, size]" },
  masks: { description: "Masks of slots in videos, [frames, slots, height, width]" },
  reconstruction: { description: "What videos are drawn as, [frames, height, width, channels]" },
} as const;

const bytes = ({ data, shape }: NdArray<Float32Array>) =>
  ndarray(Uint8Array.from(data, (x) => Math.round(255 * x)), shape);
const floats = ({ data, shape }: NdArray<Uint8Array>) =>
  ndarray(Float32Array.from(data, (x) => x / 255), shape);

type SeenVideo = Seen<VideoExample, "masks" | "reconstruction">;

/** The slot of each pixel of a video, from masks `[frames, slots, height, width]`. */
function segmentsOf(masks: HostArray): number[] {
  const [frames, slots] = masks.shape as readonly [number, number];
  return Array.from({ length: frames }, (_, t) => [...argmaxMasks(entry(masks, t).data, slots)])
    .flat();
}

/** FG-ARI over all frames together, the first one too: an object has to stay in its slot. */
export const scoreVideo = ({ sample, output: { masks } }: SeenVideo): Scores => ({
  fgAri: foregroundAri(sample.segments.data, segmentsOf(masks)),
});

/** The pictures of a frame: what is seen, the true objects, those that were found, the target, and what slots draw. */
const heads = ["video", "true objects", "found", "target", "drawn"];

function framesOf({ sample, output: { masks, reconstruction } }: SeenVideo): Picture[][] {
  const { video, target, segments } = sample;
  const [frames, height, width] = segments.shape as readonly [number, number, number];
  const found = matchedLabels(segments.data, segmentsOf(masks));
  const pixels = height * width;
  return Array.from({ length: frames }, (_, t) => {
    const rgb = ({ data }: HostArray): Picture => ({
      width,
      height,
      data: Float32Array.from(
        Array.prototype.slice.call(data, 3 * t * pixels, 3 * (t + 1) * pixels) as number[],
      ),
    });
    const labels = (all: ArrayLike<number>) =>
      colored(Array.prototype.slice.call(all, t * pixels, (t + 1) * pixels), width, height, 0);
    return [rgb(video), labels(segments.data), labels(found), rgb(target), rgb(reconstruction)];
  });
}

/** Strips of the first videos, a row for each picture and a column for each frame. */
export function stripPanel(seen: readonly SeenVideo[]): Panel {
  const strips = seen.slice(0, 2).map(framesOf);
  return {
    heads: (strips[0] ?? []).map((_, t) => `frame ${t + 1}`),
    rows: strips.flatMap((frames) =>
      heads.map((_, row) => frames.map((pictures) => pictures[row]!))
    ),
  };
}

/** The first videos as a film, a row each. */
export function videoFilm(seen: readonly SeenVideo[]): Film {
  const videos = seen.map(framesOf);
  return {
    frames: (videos[0] ?? []).map((_, t) => ({ heads, rows: videos.map((frames) => frames[t]!) })),
    framesPerSecond: 3,
  };
}

/** The true videos as strips, a row each, with their objects and targets. */
export function previewVideos(samples: readonly VideoExample[]): Panel {
  const drawn = samples.map((sample) =>
    framesOf({
      sample,
      // Nothing was found yet: one slot has all, and these rows are left out.
      output: { masks: oneSlot(sample.segments), reconstruction: sample.target },
    })
  );
  return {
    heads: (drawn[0] ?? []).map((_, t) => `frame ${t + 1}`),
    rows: drawn.flatMap((frames) => [0, 1, 3].map((row) => frames.map((all) => all[row]!))),
  };
}

const oneSlot = ({ data, shape: [frames, ...rest] }: NdArray<Uint8Array>): HostArray => ({
  data,
  shape: [frames!, 1, ...rest],
});

/** Titles and captions of the pictures above. */
export const videoCaptions = {
  strip: {
    title: "Videos, frame by frame",
    caption:
      "Two validation videos, five rows each: the frames, the true objects, the slot of each pixel in the " +
      "colour of the object that it matches in the whole video, the target, and what the slots draw.",
  },
  film: {
    title: "Videos",
    caption:
      "Each row is a validation video, which plays: the frames, the true objects, the slot of each pixel, the " +
      "target, and what the slots draw.",
  },
} as const;
