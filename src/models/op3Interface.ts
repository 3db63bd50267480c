/** The types of OP3: its options, parameters, states and results; the check of what it is given; its original sizes. */
import { ArgumentError, ShapeError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import type { Level } from "../nested/index.ts";
import type * as nn from "../nn/index.ts";
import type { Decoded } from "./decoder.ts";
import type { SlotDynamicsParams } from "./parts/slotDynamics.ts";

/** A step of a schedule. */
export type Op3Step = "refine" | "dynamics";

/** The refinement network of `op3`: convolutions of stride 1, their mean over places, a layer, a memory. */
export interface Op3EncoderOptions {
  /** Channels of the convolutions; 32, 32, 64. */
  readonly channels?: readonly number[];
  /** The window; 5. */
  readonly kernel?: number;
  /** The size of the layer after them; 128. */
  readonly hidden?: number;
}

/** The decoder of `op3`: convolutions at full resolution, and one that draws. */
export interface Op3DecoderOptions {
  /** Channels of hidden layers; 32. */
  readonly channels?: number;
  /** Hidden layers; 4. */
  readonly layers?: number;
  /** The window; 5. */
  readonly kernel?: number;
}

/** Options of `op3`; the defaults are those of the original for stacked blocks. */
export interface Op3Options {
  /** Height and width of frames. */
  readonly resolution: readonly [height: number, width: number];
  /** The number of slots. */
  readonly slots: number;
  /** Steps in order; each dynamics step goes to the next frame. Four refinements and one dynamics step. */
  readonly schedule?: readonly Op3Step[];
  /** The size of a slot's deterministic state; 64. */
  readonly deterministicSize?: number;
  /** The number of latent variables of a slot; 64. */
  readonly latentSize?: number;
  /** Numbers of an action; 0: there are none. */
  readonly actionSize?: number;
  /** The size of what is known of an action, and of what slots are told by one another; 32. */
  readonly effectSize?: number;
  /** The size of the memory, an LSTM; 128. */
  readonly memorySize?: number;
  /** The weight β of the divergence; 1. */
  readonly divergenceWeight?: number;
  /** The deviation of a pixel; 0.1. */
  readonly sigma?: number;
  /**
   * Latents that are decoded and moved: draws of the posterior (the default), or its mean, with which slots that begin alike
   * stay alike.
   */
  readonly sampling?: "random" | "mean";
  /** The refinement network before its memory. */
  readonly encoder?: Op3EncoderOptions;
  /** The decoder. */
  readonly decoder?: Op3DecoderOptions;
  /** The number of steps after which the derivative is cut, again and again. Default: never. */
  readonly truncate?: number;
  /** Changes the level before it is used, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: Op3Level) => Op3Level;
}

/** Parameters of `op3`. */
export type Op3Params = {
  /** d₀ and λ₀ of every slot. */
  readonly start: { readonly deterministic: Tensor; readonly posterior: Tensor };
  readonly decoder: readonly nn.LinearParams[];
  /** Of the inputs that are normalized: a gain and a bias for each channel, or for each number. */
  readonly norms: {
    readonly mask: nn.NormParams;
    readonly likelihood: nn.NormParams;
    readonly without: nn.NormParams;
    readonly colors: nn.NormParams;
    readonly mean: nn.NormParams;
    readonly scale: nn.NormParams;
  };
  readonly encoder: {
    readonly convs: readonly nn.LinearParams[];
    readonly hidden: nn.LinearParams;
  };
  readonly memory: nn.CellParams;
  readonly mean: nn.LinearParams;
  readonly scale: nn.LinearParams;
  readonly dynamics: SlotDynamicsParams;
};

/** λ: what is known of a video's slots. */
export type Op3State = {
  /** d: [batch, slots, deterministicSize]. */
  readonly deterministic: Tensor;
  /** λ = (μ, s): [batch, slots, 2 latentSize]; the variance is softplus(s) + 10⁻⁵. */
  readonly lambda: Tensor;
  /** λ of the prior, of the same shape: what the dynamics expected. */
  readonly prior: Tensor;
  /** ε of the draw: [batch, slots, latentSize]. */
  readonly noise: Tensor;
  /** [batch, slots, memorySize] each. */
  readonly memory: nn.LstmState;
};

/** The inner optimization of `op3`, within one frame [batch, height, width, 3]. */
export type Op3Level = Level<Op3Params, Tensor, Op3State>;

/** Videos [frames, batch, height, width, 3] in [0, 1], and the actions between frames. */
export type ActedVideos = {
  readonly video: Tensor;
  /** [frames − 1, batch, actionSize]; those of models without actions are left out. */
  readonly actions?: Tensor;
};

/** The results of `op3`, for each step of the schedule. */
export type Op3Output = {
  /** The pictures that slots draw together, [steps, batch, height, width, 3]. */
  readonly reconstruction: Tensor;
  /** The picture that each slot draws, [steps, batch, slots, height, width, 3]. */
  readonly images: Tensor;
  /** [steps, batch, slots, height, width] */
  readonly masks: Tensor;
  /** The loss of each step, [steps, batch]. */
  readonly losses: Tensor;
  /** The state after the last step, with which `imagine` goes on. */
  readonly state: Op3State;
};

/** The model that `op3` makes. */
export interface Op3 {
  /** Parameters from a random key. */
  init(key: Tensor): Op3Params;
  /** The slots of videos with a frame more than the schedule has dynamics steps. */
  apply(params: Op3Params, videos: ActedVideos, key: Tensor): Op3Output;
  /** Σ t L_t / Σ t over the steps t = 1, 2, … of the schedule, as a mean over videos. */
  loss(params: Op3Params, videos: ActedVideos, key: Tensor): [loss: Tensor, output: Op3Output];
  /** The state a frame later. */
  advance(params: Op3Params, state: Op3State, action: Tensor | null, key: Tensor): Op3State;
  /** Pictures and masks of a state. */
  decode(params: Op3Params, state: Op3State): Decoded;
  /** The inner optimization. */
  readonly level: Op3Level;
}

/** Throws unless a model of a schedule can take the videos. */
export function checkVideos(
  { video, actions }: ActedVideos,
  { schedule, resolution, actionSize }: {
    readonly schedule: readonly Op3Step[];
    readonly resolution: readonly [number, number];
    readonly actionSize: number;
  },
): void {
  const moves = schedule.filter((kind) => kind === "dynamics").length;
  requireShape(
    "op3: the video is",
    video,
    ["frames", "batch", ...resolution, 3],
    "frames come first, then the batch: np.swapaxes(video, 0, 1) of one whose batch is first",
  );
  const [frames, batch] = video.shape as [number, number];
  if (frames !== moves + 1) {
    throw new ShapeError(
      `op3: the video has ${frames} frames, but a schedule with ${moves} dynamics steps takes ${
        moves + 1
      }`,
      "cut the video, or give the model a schedule with a dynamics step between any two frames",
    );
  }
  if (actionSize === 0) {
    if (actions === undefined) return;
    throw new ArgumentError(
      "op3: actions were given to a model that takes none",
      "leave the actions out, or make the model with their actionSize",
    );
  }
  if (actions === undefined) {
    throw new ArgumentError(
      `op3: actions are missing, and the model takes ${actionSize} numbers for each`,
      `give actions: [${moves}, batch, ${actionSize}]`,
    );
  }
  requireShape(
    "op3: the actions are",
    actions,
    [moves, batch, actionSize],
    "give one between any two frames",
  );
}

/** The original's sizes. */
export const op3Presets = {
  /** Blocks that fall on a tower, 64×64: the frame before, and the one after. */
  stack: {
    model: {
      resolution: [64, 64],
      slots: 7,
      schedule: ["refine", "refine", "refine", "refine", "dynamics"],
      divergenceWeight: 1,
    },
    training: { batchSize: 80, learningRate: 3e-4, clip: 5, epochs: 300 },
  },
} as const satisfies Record<string, { model: Op3Options; training: object }>;
