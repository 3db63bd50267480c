/**
 * Relational neural expectation maximization (van Steenkiste et al., 2018): N-EM that predicts videos. Components carry a state
 * from frame to frame, send messages to one another, and draw the next frame; without messages it is RNN-EM for videos
 * (Greff et al., 2017).
 *
 * Three levels: weights across videos, states of components for each video, assignments for each pixel of a frame.
 */
import { ArgumentError, ShapeError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams } from "../nn/checks.ts";
import { type Level, sequence } from "../nested/index.ts";
import type * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  fraction,
  listOf,
  nonNegative,
  oneOf,
  pairOf,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { stopGradient } from "../transforms/index.ts";
import {
  assignmentOf,
  energyOf,
  flipped,
  mixtureLikelihood,
  randomAssignment,
} from "./parts/bernoulliPixels.ts";
import { frameDecoder, frameEncoder, type FrameParams } from "./parts/frameNetworks.ts";
import { type MessageParams, messages } from "./parts/messages.ts";
import { lastNorm, plainLinear } from "./parts/normalized.ts";

/** Options of {@link relationalNeuralEm}; the defaults are those of the paper's bouncing balls. */
export interface RelationalNeuralEmOptions {
  /** Height and width of frames; each convolution halves them. */
  readonly resolution: readonly [height: number, width: number];
  /** The number K of components. */
  readonly slots: number;
  /** The numbers that a component has as its state; 250. */
  readonly hidden?: number;
  /** Channels of the encoder's convolutions, which the decoder has in reverse; 16, 32, 64. */
  readonly channels?: readonly number[];
  /** The size of the linear layer after the encoder's convolutions and of the first one of the decoder; 512. */
  readonly features?: number;
  /**
   * Messages between components: weighted by `"attention"` (the default), `"plain"` sums, or `"none"`, which is RNN-EM.
   */
  readonly messages?: "attention" | "plain" | "none";
  /** The hidden size of the attention; 100. */
  readonly attentionHidden?: number;
  /** The weight of the prior, which keeps components black where they explain nothing; 1. */
  readonly priorWeight?: number;
  /** The probability that noise flips a pixel of the input while the weights are trained; 0.2. */
  readonly noise?: number;
  /** The number of frames after which the derivative through time is cut, again and again. Default: never. */
  readonly truncate?: number;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: RelationalNeuralEmLevel) => RelationalNeuralEmLevel;
}

const checkOptions = declareOptions<RelationalNeuralEmOptions>("relationalNeuralEm", [], {
  resolution: required(pairOf(size)),
  slots: required(size),
  hidden: size,
  channels: listOf(size),
  features: size,
  messages: oneOf("attention", "plain", "none"),
  attentionHidden: size,
  priorWeight: nonNegative,
  noise: fraction,
  truncate: size,
  level: callable<NonNullable<RelationalNeuralEmOptions["level"]>>(
    "(level) => ({ ...level, init })",
  ),
});

/** Parameters of {@link relationalNeuralEm}. */
export type RelationalNeuralEmParams = {
  readonly encoder: FrameParams;
  /** The networks of messages; null without them. */
  readonly messages: MessageParams | null;
  readonly recurrent: nn.LinearParams;
  readonly norm: nn.NormParams;
  readonly decoder: FrameParams;
};

/** λ: what is known of a video's components. */
export type MovingComponents = {
  /** The state of each, [batch, slots, hidden]. */
  readonly theta: Tensor;
  /** ψ, the probability that a pixel of the next frame is on: [batch, slots, pixels]. */
  readonly picture: Tensor;
  /** γ, to which component each pixel of the next frame belongs: [batch, slots, pixels]. */
  readonly assignment: Tensor;
};

/** A frame, the one after it, and which of the two is known; all have time as their first axis in a sequence. */
export type FramePair = {
  /** [batch, pixels], of zeros and ones. */
  readonly image: Tensor;
  /** [batch, pixels]. */
  readonly next: Tensor;
  /** 1 if `image` is seen; 0: what the components drew is taken for it. */
  readonly seen: Tensor;
  /** 1 if `next` is known; 0: where the components drew anything is taken for it. */
  readonly known: Tensor;
  /** The probability that a pixel of `image` is flipped. */
  readonly noise: Tensor;
};

/** The inner optimization of {@link relationalNeuralEm}. */
export type RelationalNeuralEmLevel = Level<
  RelationalNeuralEmParams,
  FramePair,
  MovingComponents
>;

/** The components of a video, for each frame but the first. */
export type PredictedFrames = {
  /** States, [frames − 1, batch, slots, hidden]. */
  readonly theta: Tensor;
  /** Pictures of the frames to come, [frames − 1, batch, slots, height, width]. */
  readonly pictures: Tensor;
  /** The share of each component in their pixels, of the same shape. */
  readonly assignment: Tensor;
};

/** The model that {@link relationalNeuralEm} makes. */
export interface RelationalNeuralEm {
  /** Parameters from a random key. */
  init(key: Tensor): RelationalNeuralEmParams;
  /** The components of videos [frames, batch, height, width], seen without noise. The key draws the first assignments. */
  apply(params: RelationalNeuralEmParams, video: Tensor, key: Tensor): PredictedFrames;
  /** The loss of videos, as a mean over steps and videos, and the components. */
  loss(
    params: RelationalNeuralEmParams,
    video: Tensor,
    key: Tensor,
  ): [loss: Tensor, output: PredictedFrames];
  /** The loss of each frame but the first, [frames − 1, batch]. */
  energy(found: PredictedFrames, video: Tensor): Tensor;
  /**
   * The components of videos and of so many frames after their last, each of which is what was drawn for it:
   * [frames − 1 + further, …].
   */
  rollout(
    params: RelationalNeuralEmParams,
    video: Tensor,
    key: Tensor,
    options: { readonly further: number },
  ): PredictedFrames;
  /** The inner optimization. */
  readonly level: RelationalNeuralEmLevel;
}

const checkRollout = declareOptions<{ readonly further: number }>(
  "relationalNeuralEm.rollout",
  ["params", "video", "key"],
  { further: required(count) },
);

/** A pixel above this brightness is on, where a prediction is taken for a frame. */
const threshold = 0.1;

/**
 * R-NEM, and RNN-EM of videos. One step a frame, with frames x_t and x̃_t without and with noise:
 *
 *     δ_k = γ_k (x̃_t − ψ_k),  u_k = encoder(δ_k)
 *     e_k = f(θ_k),  c_kj = g([e_k, e_j]),  E_k = Σ_{j≠k} a(c_kj) m(c_kj)
 *     h_k = W [e_k, E_k, u_k] + b  with messages,  W [u_k, θ_k] + b  without
 *     θ_k ← σ(h_k),  ψ_k = decoder(σ(LN(h_k))),  γ_k = p(x_{t+1}; ψ_k) / Σ_j p(x_{t+1}; ψ_j)
 *
 * Assignments are constant to the weights. The loss of a step is Σ γ BCE(ψ, x_{t+1}) + w Σ (1 − γ)(−log(1 − ψ)). A frame has
 * one step, so that `truncate` is all there is to choose about the derivative: `truncate: 1` leaves the step itself.
 *
 * ```ts
 * import { relationalNeuralEm } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = relationalNeuralEm({
 *   resolution: [8, 8],
 *   slots: 3,
 *   hidden: 6,
 *   channels: [2, 4],
 *   features: 8,
 *   attentionHidden: 4,
 * });
 * const params = model.init(random.key(0));
 * const video = np.ones([5, 2, 8, 8]); // frames first
 * const { pictures } = model.apply(params, video, random.key(1));
 * console.assert(pictures.shape.join() === "4,2,3,8,8");
 * const further = model.rollout(params, video, random.key(1), { further: 6 });
 * console.assert(further.pictures.shape[0] === 10);
 * ```
 *
 * @throws ShapeError for videos of another size, or of a single frame; ArgumentError for a resolution that the convolutions
 * cannot halve; TreeError for parameters that `init` did not make.
 */
export function relationalNeuralEm(options: RelationalNeuralEmOptions): RelationalNeuralEm {
  checkOptions(options);
  const {
    resolution: [height, width],
    slots,
    hidden = 250,
    channels = [16, 32, 64],
    features = 512,
    messages: kind = "attention",
    attentionHidden = 100,
    priorWeight = 1,
    noise = 0.2,
    truncate,
  } = options;
  const factor = 2 ** channels.length;
  if (height % factor !== 0 || width % factor !== 0) {
    throw new ArgumentError(
      `relationalNeuralEm: frames of ${height}×${width} cannot be halved by each of ${channels.length} convolutions`,
      `give a resolution whose sides are multiples of ${factor}, or fewer channels`,
    );
  }
  const pixels = height * width;
  const sizes = { height, width, channels, features };
  const encoder = frameEncoder(sizes);
  const decoder = frameDecoder({ ...sizes, hidden });
  const talk = kind === "none"
    ? undefined
    : messages({ hidden, attention: kind === "attention" ? attentionHidden : undefined });
  const recurrent = plainLinear({
    in: features + (talk === undefined ? hidden : 2 * hidden),
    out: hidden,
  });
  const norm = lastNorm(hidden);

  /** h of each component, before its activation. */
  const nextState = (p: RelationalNeuralEmParams, theta: Tensor, error: Tensor): Tensor => {
    const batch = theta.shape[0]!;
    const frames = error.reshape([batch * slots, height, width, 1]);
    const seen = encoder.apply(p.encoder, frames).reshape([batch, slots, features]);
    const told = talk === undefined ? [seen, theta] : [...talk.apply(p.messages!, theta), seen]; // as init made them
    return recurrent.apply(p.recurrent, np.concatenate(told, { axis: -1 }));
  };

  const own: RelationalNeuralEmLevel = {
    init(_, { image }, key) {
      const batch = image.shape[0]!;
      const { dtype } = image;
      return {
        theta: np.zeros([batch, slots, hidden], { dtype }),
        picture: np.zeros([batch, slots, pixels], { dtype }),
        assignment: randomAssignment(key, [batch, slots, pixels]),
      };
    },
    step(p, { theta, picture, assignment }, { image, next, seen, known, noise }, { key }) {
      const imagined = np.sum(assignment.mul(picture), { axis: 1 });
      const input = np.where(np.greater(seen, 0), flipped(key, image, noise), imagined);
      const error = stopGradient(assignment).mul(np.expandDims(input, 1).sub(picture));
      const state = nextState(p, theta, error);
      const output = np.sigmoid(norm.apply(p.norm, state));
      const drawn = decoder.apply(p.decoder, output.reshape([-1, hidden]))
        .reshape(picture.shape);
      const expected = np.greater(np.max(drawn, { axis: 1 }), threshold).astype(drawn.dtype);
      const target = np.where(np.greater(known, 0), next, expected);
      return {
        theta: np.sigmoid(state),
        picture: drawn,
        assignment: stopGradient(assignmentOf(drawn, target)),
      };
    },
    objective: (_, { picture }, { next }) => mixtureLikelihood(picture, next),
  };
  const level = options.level?.(own) ?? own;
  // Components say themselves what comes next: a frame's λ is the prediction for the frame after it.
  const track = sequence(level, (_, z) => z, {
    steps: 1,
    batchAxis: 0,
    ...truncate === undefined ? {} : { truncate },
  });
  const watch = (p: RelationalNeuralEmParams, frames: FramePair, key: Tensor): PredictedFrames => {
    const { theta, picture, assignment } = track(p, frames, key).corrected;
    const images = [...picture.shape.slice(0, 3), height, width];
    return { theta, pictures: picture.reshape(images), assignment: assignment.reshape(images) };
  };
  const check = (p: RelationalNeuralEmParams, video: Tensor): void => {
    requireParams("relationalNeuralEm", p, fields);
    requireVideo(video, height, width);
  };

  const model: RelationalNeuralEm = {
    level,
    init(key) {
      const [a, b, c, d] = random.split(key, 4);
      return {
        encoder: encoder.init(a),
        messages: talk?.init(b) ?? null,
        recurrent: recurrent.init(c),
        norm: norm.init(c),
        decoder: decoder.init(d),
      };
    },
    apply(p, video, key) {
      check(p, video);
      return watch(p, pairsOf(video, 0, 0), key);
    },
    energy({ pictures, assignment }, video) {
      const next = np.expandDims(video.slice([1, null]), 2);
      return np.sum(energyOf(pictures, assignment, next, priorWeight), { axis: [2, 3, 4] });
    },
    loss(p, video, key) {
      check(p, video);
      const found = watch(p, pairsOf(video, noise, 0), key);
      return [np.mean(model.energy(found, video)), found];
    },
    rollout(p, video, key, options) {
      checkRollout(options);
      check(p, video);
      return watch(p, pairsOf(video, 0, options.further), key);
    },
  };
  return model;
}

const fields = ["encoder", "messages", "recurrent", "norm", "decoder"];

function requireVideo(video: Tensor, height: number, width: number): void {
  requireShape(
    "relationalNeuralEm: the video is",
    video,
    ["frames", "batch", height, width],
    "frames come first, then the batch: np.swapaxes(video, 0, 1) of one whose batch is first",
  );
  if (video.shape[0]! >= 2) return;
  throw new ShapeError(
    `relationalNeuralEm: a video of ${video.shape[0]} frame, of which none follows another`,
    "give at least two frames; neuralEm is for single images",
  );
}

/** Frames of a video with those after them; `further` ones are neither seen nor known. */
function pairsOf(video: Tensor, noise: number, further: number): FramePair {
  const [frames, batch] = video.shape as [number, number];
  const flat = video.reshape([frames, batch, -1]);
  const steps = frames - 1 + further;
  const padded = np.pad(flat, [[0, further], [0, 0], [0, 0]]);
  const before = (last: number) =>
    np.array(Float32Array.from({ length: steps }, (_, t) => t < last ? 1 : 0));
  return {
    image: padded.slice([0, steps]),
    next: padded.slice([1, steps + 1]),
    seen: before(frames),
    known: before(frames - 1),
    noise: np.full([steps], noise),
  };
}

/** The sizes of N-EM and R-NEM for videos, as published. */
export const relationalNeuralEmPresets = {
  /** Balls with masses, 64×64, 30 steps. */
  balls: {
    model: {
      resolution: [64, 64],
      slots: 5,
      hidden: 250,
      channels: [16, 32, 64],
      features: 512,
      messages: "attention",
      attentionHidden: 100,
      noise: 0.2,
    },
    /** Adam; training stops after ten epochs without a better validation loss. */
    training: { batchSize: 64, learningRate: 1e-3, epochs: 500, patience: 10, steps: 30 },
  },
  /** Flying shapes, 28×28, 20 steps: RNN-EM. */
  flyingShapes: {
    model: {
      resolution: [28, 28],
      slots: 3,
      hidden: 100,
      channels: [32, 64],
      features: 512,
      messages: "none",
      noise: 0.2,
    },
    training: { batchSize: 64, learningRate: 1e-3, epochs: 500, patience: 10, steps: 20 },
  },
} as const satisfies Record<string, { model: RelationalNeuralEmOptions; training: object }>;
