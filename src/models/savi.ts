/**
 * SAVi (Kipf et al., 2022): slot attention for video. In every frame the slots of the frame before, moved on by a
 * transformer, are corrected by what is seen; each slot then draws its part of the frame, or of its optical flow. Slots
 * begin at boxes or centres that are given for the first frame, or at places of their own.
 *
 * Three levels: weights across videos, slots for each video, assignments for each pixel. The level is that of slot
 * attention, and `sequence` carries it through time.
 */
import { ArgumentError, ShapeError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams } from "../nn/checks.ts";
import { type Level, sequence, type SequenceOptions } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  nested,
  oneOf,
  pairOf,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import { unrolled } from "../implicit/index.ts";
import { type Conventions, conventionsKind, flax } from "./conventions.ts";
import type { Decoded, DecoderOptions } from "./decoder.ts";
import { cnnEncoder, encoderKinds, type EncoderOptions, type EncoderParams } from "./encoder.ts";
import {
  slotDecoder,
  type SlotDecoderOptions,
  type SlotDecoderParams,
} from "./parts/slotDecoder.ts";
import { slotCure, whole } from "./parts/whole.ts";
import { type Keys, slotAttention, type SlotAttentionParams } from "./slotAttention.ts";

/** Options of {@link savi}; the defaults are those of SAVi-S with boxes, for videos of 64×64 pixels. */
export interface SaviOptions
  extends
    Pick<DecoderOptions, "resolution">,
    Pick<SequenceOptions, "adjoint" | "initGrad" | "truncate"> {
  /** The number of slots; with boxes or centres, one more than there are objects at most. */
  readonly slots: number;
  /**
   * The first slots: an MLP of the `"boxes"` (the default) or `"centers"` of the first frame; `"learned"`, the slots are
   * parameters; or `"random"`, standard normal, without parameters.
   */
  readonly start?: "boxes" | "centers" | "learned" | "random";
  /** The hidden size of the MLP that makes slots of boxes or centres; 256. */
  readonly startHidden?: number;
  /** The size of a slot; 128. */
  readonly slotSize?: number;
  /** Steps of slot attention in each frame; 1. An adjoint at the solution takes one more, as in `slotAttention`. */
  readonly iterations?: number;
  /** The hidden size of the MLP after each step; 0, none, with one iteration, and 256 with more. */
  readonly mlpHidden?: number;
  /** Heads of the predictor's attention, 4; and the hidden size of its MLP, 256. */
  readonly predictor?: { readonly heads?: number; readonly hidden?: number };
  /** Channels of a frame; 3. */
  readonly imageChannels?: number;
  /** Channels of the target: 3, as frames and colours of optical flow have. */
  readonly targetChannels?: number;
  /** The convolutions that look at a frame: four of 32 channels, and an MLP with 64. */
  readonly encoder?: Omit<EncoderOptions, "imageChannels" | "conventions">;
  /** The decoder of slots: a broadcast to 8×8, transposed convolutions of 64 channels, unless given. */
  readonly decoder?: SlotDecoderOptions;
  /** Changes the level before it is solved, as `(level) => ({ ...level, step })` does. */
  readonly level?: (own: SaviLevel) => SaviLevel;
  /** The library whose initializers and epsilons are used; `flax`, as in the official code. */
  readonly conventions?: Conventions;
}

const checkOptions = declareOptions<SaviOptions>("savi", [], {
  resolution: required(pairOf(size)),
  slots: required(size),
  start: oneOf("boxes", "centers", "learned", "random"),
  startHidden: size,
  slotSize: size,
  iterations: count,
  mlpHidden: count,
  predictor: nested("{ heads: 4, hidden: 256 }"),
  imageChannels: size,
  targetChannels: size,
  encoder: nested("{ channels: 32 }"),
  decoder: nested('{ kind: "broadcast" }'),
  adjoint: sharedOptions.adjoint,
  initGrad: sharedOptions.initGrad,
  truncate: size,
  level: callable<NonNullable<SaviOptions["level"]>>("(level) => ({ ...level, step })"),
  conventions: conventionsKind,
});
const checkEncoder = declareOptions<NonNullable<SaviOptions["encoder"]>>(
  "savi's encoder",
  [],
  encoderKinds,
);
const checkPredictor = declareOptions<NonNullable<SaviOptions["predictor"]>>(
  "savi's predictor",
  [],
  { heads: size, hidden: size },
);
const decoderOf = slotDecoder("savi's decoder");

/** Parameters of {@link savi}. */
export type SaviParams = {
  readonly encoder: EncoderParams;
  /** The parameters of slot attention without the first slots. */
  readonly corrector: Omit<SlotAttentionParams, "start">;
  readonly predictor: nn.TransformerBlockParams;
  /** The layers that make slots of boxes or centres; the slots themselves, [slots, slotSize]; null for random ones. */
  readonly start: readonly nn.LinearParams[] | { readonly slots: Tensor } | null;
  readonly decoder: SlotDecoderParams;
};

/** The inner optimization of a frame, whose datum are the keys and values of its pixels. */
export type SaviLevel = Level<SaviParams, Keys, Tensor>;

/** A batch of videos. */
export type Videos = {
  /** [frames, batch, height, width, imageChannels]; from 0 to 1 in the paper. */
  readonly video: Tensor;
  /**
   * Boxes [batch, objects, 4] (ymin, xmin, ymax, xmax from 0 to 1) or centres [batch, objects, 2] (y, x) in the first
   * frame, for models that start from them. Zeros stand for objects that are not there.
   */
  readonly objects?: Tensor;
  /** Slots to go on with, [batch, slots, slotSize]: the last `predicted` of the part of the video before. */
  readonly slots?: Tensor;
};

/** Results of {@link savi}; frames are the first axis of all. */
export type SaviOutput = Decoded & {
  /** Slots after each frame was seen, [frames, batch, slots, slotSize]. */
  readonly corrected: Tensor;
  /** Slots as they are expected in the frame after each. */
  readonly predicted: Tensor;
};

/** The model that {@link savi} makes. */
export interface Savi {
  /** Parameters from a random key. */
  init(key: Tensor): SaviParams;
  /** The slots of videos, and all that they draw. The key draws first slots that are random. */
  apply(params: SaviParams, videos: Videos, key: Tensor): SaviOutput;
  /** The squared error of a target [frames, batch, height, width, channels], summed over a video, as a mean over videos. */
  loss(
    params: SaviParams,
    videos: Videos & { readonly target: Tensor },
    key: Tensor,
  ): [loss: Tensor, output: SaviOutput];
  /** The inner optimization of a frame. */
  readonly level: SaviLevel;
}

const fields: readonly (keyof SaviParams)[] = [
  "encoder",
  "corrector",
  "predictor",
  "start",
  "decoder",
];

/**
 * SAVi. With the slots s of a video, its frames x_t and a target y_t (a frame, or its optical flow as colours):
 *
 *     s_0 = MLP(objects of the first frame), learned, or random
 *     ŝ_t = slot attention from s_t on encoder(x_t),   s_{t+1} = transformer(ŝ_t)
 *     loss = Σ_t ‖decoder(ŝ_t) − y_t‖², over all numbers of a video
 *
 * The first slot belongs to the background where objects are given. Derivatives pass through time, in parts of `truncate`
 * frames where that is given. With an adjoint at the solution (`oneStep()`, …) they reach the slots before a frame through
 * its last step (`initGrad: "throughLastStep"`, unless another is given). Where none reaches them, as with `"zero"` or
 * `truncated` to fewer steps than a frame has, the predictor is not trained.
 *
 * The grid of the official code's decoder is that of `sides: 2` and `coordinates: [-1, 1]`. Its last convolution with a
 * window is not transposed, which is the same with a turned kernel.
 *
 * ```ts
 * import { savi } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = savi({
 *   resolution: [8, 8],
 *   slots: 3,
 *   slotSize: 8,
 *   encoder: { channels: 8, strides: [2] },
 *   decoder: { kind: "pixel", channels: 8, patch: 2 },
 * });
 * const params = model.init(random.key(0));
 * const video = np.zeros([4, 2, 8, 8, 3]); // four frames of two videos
 * const objects = np.array([[[0, 0, 0.5, 0.5]], [[0.5, 0.5, 1, 1]]]); // one box in each
 * const [loss, { masks }] = model.loss(params, { video, objects, target: video }, random.key(1));
 * console.assert(masks.shape.join() === "4,2,3,8,8" && loss.shape.length === 0);
 * ```
 *
 * @throws ShapeError for videos or targets of other sizes, and for more objects than slots; ArgumentError when objects are
 * missing, or are given to a model that does not start from them; TreeError for parameters that `init` did not make.
 */
export function savi(options: SaviOptions): Savi {
  checkOptions(options);
  checkEncoder(options.encoder);
  checkPredictor(options.predictor);
  const {
    resolution,
    slots,
    slotSize = 128,
    start = "boxes",
    iterations = 1,
    mlpHidden = iterations > 1 ? 256 : 0,
    imageChannels = 3,
    targetChannels = 3,
    adjoint = unrolled(),
    truncate,
    conventions = flax,
  } = options;
  const { heads = 4, hidden = 256 } = options.predictor ?? {};
  const places = { coordinates: [-1, 1], sides: 2 } as const;
  const encoder = cnnEncoder({
    ...{ channels: 32, mlpHidden: 64, ...places },
    ...options.encoder,
    imageChannels,
    conventions,
  });
  const attention = slotAttention({
    slots,
    inputSize: options.encoder?.channels ?? 32,
    slotSize,
    mlpHidden,
    floor: "sum",
    conventions,
  });
  const predictor = nn.transformerBlock({
    size: slotSize,
    heads,
    hidden,
    norm: "post",
    eps: conventions.eps,
    ...conventions.init,
  });
  const decoder = decoderOf(
    options.decoder ??
      { kind: "broadcast", channels: 64, strides: [2, 2, 2, 1], lastKernel: 1, ...places },
    { resolution, slotSize, imageChannels: targetChannels, conventions },
  );
  const numbers = start === "boxes" ? 4 : 2;
  const embedding = nn.mlp({
    ...conventions.init,
    sizes: [numbers, options.startHidden ?? 256, slotSize],
  });
  // A step does not look at the first slots.
  const entire = (p: SaviParams): SlotAttentionParams => ({
    ...p.corrector,
    start: { slots: np.zeros([slots, slotSize]) },
  });

  /** Slots that begin elsewhere than the level's do: those that are given, or made of objects. */
  const given = (p: SaviParams, { video, objects, slots: last }: Videos): Tensor | undefined => {
    const batch = video.shape[1]!;
    if (last !== undefined) {
      const hint = "give the last predicted slots of the part before";
      requireShape("savi: the slots are", last, [batch, slots, slotSize], hint);
      return last;
    }
    if (start === "boxes" || start === "centers") {
      const all = withBackground(start, objects, [batch, slots, numbers]);
      return embedding.apply(p.start as readonly nn.LinearParams[], all); // as init made them
    }
    if (objects === undefined) return undefined;
    throw new ArgumentError(
      `savi: objects to start from were given, but slots begin as ${start}`,
      'leave the objects out, or make the model with start: "boxes" or "centers"',
    );
  };

  const own: SaviLevel = {
    init(p, { k }, key) {
      const shape = [k.shape[0]!, slots, slotSize];
      if (start !== "learned") return random.normal(key, shape);
      return np.broadcastTo((p.start as { readonly slots: Tensor }).slots, shape); // as init made them
    },
    step: (p, z, keys) => attention.step(entire(p), z, keys),
  };
  const level = options.level?.(own) ?? own;
  const atSolution = adjoint.kind === "atSolution";
  const initGrad = options.initGrad ?? (atSolution ? "throughLastStep" : undefined);
  const solving: SequenceOptions = {
    steps: iterations,
    adjoint,
    noise: "fixed",
    batchAxis: 0,
    finalStep: atSolution,
    ...initGrad === undefined ? {} : { initGrad },
    ...truncate === undefined ? {} : { truncate },
  };

  const model: Savi = {
    level,
    init(key) {
      const [a, b, c, d, e] = random.split(key, 5);
      const { start: _, ...corrector } = attention.init(b);
      return {
        encoder: encoder.init(a),
        corrector,
        predictor: predictor.init(c),
        start: start === "random"
          ? null
          : start === "learned"
          ? { slots: random.normal(d, [slots, slotSize]) }
          : embedding.init(d),
        decoder: decoder.init(e),
      };
    },
    apply(p, videos, key) {
      requireParams("savi", p, fields);
      const { video } = videos;
      requireShape(
        "savi: the video is",
        video,
        ["frames", "batch", ...resolution, imageChannels],
        "frames come first, then the batch: np.swapaxes(video, 0, 1) of one whose batch is first",
      );
      const [frames, batch] = video.shape as [number, number];
      const together = (x: Tensor) => x.reshape([frames * batch, ...x.shape.slice(2)]);
      const apart = (x: Tensor) => x.reshape([frames, batch, ...x.shape.slice(1)]);
      const first = given(p, videos);
      const { k, v } = attention.project(entire(p), encoder.apply(p.encoder, together(video)));
      const track = sequence(
        first === undefined ? level : { ...level, init: () => first },
        (p, z) => predictor.apply(p.predictor, z),
        solving,
      );
      const { corrected, predicted } = track(p, { k: apart(k), v: apart(v) }, key);
      const { reconstruction, images, masks } = decoder.apply(p.decoder, together(corrected));
      return {
        corrected,
        predicted,
        reconstruction: apart(reconstruction),
        images: apart(images),
        masks: apart(masks),
      };
    },
    loss(p, { target, ...videos }, key) {
      const output = model.apply(p, videos, key);
      const [frames, batch] = videos.video.shape as [number, number];
      requireShape(
        "savi: the target is",
        target,
        [frames, batch, ...resolution, targetChannels],
        "give one for each frame of the video, frames first, of the model's resolution and targetChannels",
      );
      const error = np.sum(np.square(output.reconstruction.sub(target)), { axis: [0, 2, 3, 4] });
      return [np.mean(error), output];
    },
  };
  return whole("savi", slotCure, model);
}

/** The background, zeros, then the objects, then zeros for slots that have none: [batch, slots, numbers]. */
function withBackground(
  start: "boxes" | "centers",
  objects: Tensor | undefined,
  [batch, slots, numbers]: readonly [number, number, number],
): Tensor {
  if (objects === undefined) {
    throw new ArgumentError(
      `savi: slots start from ${start} of the first frame, but none were given`,
      `give objects: ${start} [batch, objects, ${numbers}]; or make the model with start: "learned" or "random"`,
    );
  }
  requireShape(
    `savi: the ${start} are`,
    objects,
    [batch, "objects", numbers],
    start === "boxes"
      ? "give ymin, xmin, ymax, xmax of each object in the first frame"
      : "give y and x of each object in the first frame",
  );
  const given = objects.shape[1]!;
  if (given >= slots) {
    throw new ShapeError(
      `savi: ${given} objects and the background do not fit into ${slots} slots`,
      `make the model with slots: ${given + 1} or more, or leave objects out`,
    );
  }
  return np.pad(objects, [[0, 0], [1, slots - 1 - given], [0, 0]]);
}
