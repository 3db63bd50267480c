/** The face of SLATE: its options and their checks, its parameters, what it gives, and what it can do. */
import type { Tensor } from "../public.ts";
import type { Level } from "../nested/index.ts";
import type * as nn from "../nn/index.ts";
import {
  boolean,
  callable,
  declareOptions,
  fraction,
  kind,
  positive,
  required,
  scalarOf,
  size as sizeKind,
  tensor,
} from "../options/index.ts";
import type { DictionaryParams } from "./parts/dictionary.ts";
import {
  type DiscreteVae,
  discreteVaeKinds,
  type DiscreteVaeOptions,
  type DiscreteVaeParams,
} from "./parts/discreteVae.ts";
import type { TransformerDecoderParams } from "./parts/transformerDecoder.ts";
import {
  type Keys,
  type SlotAttention,
  type SlotAttentionOptions,
  type SlotAttentionOutput,
  type SlotAttentionParams,
  slotKinds,
} from "./slotAttention.ts";

/** The inner optimization of SLATE; a step also gives the attention of the slots that it began with. */
export type SlateLevel = Level<SlotAttentionParams, Keys, Tensor, Tensor>;

/** Options of {@link slate}. */
export interface SlateOptions extends
  DiscreteVaeOptions,
  Pick<
    SlotAttentionOptions,
    "slots" | "iterations" | "solver" | "adjoint" | "atol" | "rtol" | "initGrad"
  > {
  /** Height and width of images, a multiple of 4. */
  readonly imageSize: number;
  /** The size d of tokens' vectors, of slots, and of the slots' hidden layer; 192. */
  readonly size?: number;
  /** Blocks of the transformer; 4. */
  readonly blocks?: number;
  /** Heads of the transformer; 4. */
  readonly heads?: number;
  /** Heads of slot attention, whose softmax spans slots and heads; 1. */
  readonly slotHeads?: number;
  /** The rate of dropout in training; 0.1. */
  readonly dropout?: number;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. Unchanged unless given. */
  readonly level?: (own: SlateLevel) => SlateLevel;
}

const imageSizeKind = kind<number>(
  "a multiple of 4, since tokens are patches of 4×4 pixels",
  "64",
  (x) => typeof x === "number" && Number.isInteger(x) && x > 0 && x % 4 === 0,
);

/** Checks options of `slate`. */
export const checkOptions = declareOptions<SlateOptions>("slate", [], {
  imageSize: required(imageSizeKind),
  ...discreteVaeKinds,
  slots: required(sizeKind),
  size: sizeKind,
  blocks: sizeKind,
  heads: sizeKind,
  slotHeads: sizeKind,
  dropout: fraction,
  iterations: sizeKind,
  solver: slotKinds.solver,
  adjoint: slotKinds.adjoint,
  atol: slotKinds.atol,
  rtol: slotKinds.rtol,
  initGrad: slotKinds.initGrad,
  level: callable<NonNullable<SlateOptions["level"]>>("(level) => ({ ...level, init })"),
});

/** Options of a call for an image: see {@link Slate.loss}. */
export interface SlateCall {
  /** The temperature of the discrete VAE's relaxed tokens. Default 1. */
  readonly temperature?: number | Tensor;
  /** If true, the reconstruction is that of one-hot tokens, with the derivative of relaxed ones. Default false. */
  readonly hard?: boolean;
  /** If true, there is dropout. Default true. */
  readonly training?: boolean;
  /** If false, all tokens are the likeliest ones instead of samples. Default true. */
  readonly sample?: boolean;
}

/** Checks options of its `apply`. */
export const checkCall = declareOptions<SlateCall>("slate.apply", ["params", "image", "key"], {
  temperature: scalarOf(positive),
  hard: boolean,
  training: boolean,
  sample: boolean,
});

/** The slots that the decoder attends to. */
export interface SlateMemory {
  /** Booleans [batch, slots]; all true unless given. Slots that are not present are removed, not set to 0. */
  readonly present?: Tensor;
}

/** Checks options of its `logits`. */
export const checkLogits = declareOptions<SlateMemory>("slate.logits", [
  "params",
  "tokens",
  "slots",
], {
  present: tensor,
});
/** Checks options of its `generate`. */
export const checkGenerate = declareOptions<SlateMemory>("slate.generate", ["params", "slots"], {
  present: tensor,
});

/** Parameters of {@link slate}. */
export type SlateParams = {
  readonly discreteVae: DiscreteVaeParams;
  readonly embedding: DictionaryParams;
  readonly slotAttention: {
    /** Of what slots look at. */
    readonly norm: nn.NormParams;
    readonly mlp: readonly nn.LinearParams[];
    readonly slots: SlotAttentionParams;
  };
  readonly decoder: {
    /** From a slot to an entry of the decoder's memory. */
    readonly memory: nn.LinearParams;
    readonly transformer: TransformerDecoderParams;
    readonly head: nn.LinearParams;
  };
};

/** The outputs of {@link slate} for an image of N = (imageSize / 4)² tokens, row by row. */
export type SlateOutput = SlotAttentionOutput & {
  /** The discrete VAE's image, [batch, imageSize, imageSize, channels]; not clamped. */
  readonly reconstruction: Tensor;
  /** The tokens that slots and decoder read, int32 [batch, N]. */
  readonly tokens: Tensor;
  /** The decoder's logits of each token, given those before it: [batch, N, V]. */
  readonly logits: Tensor;
  /** Σ (x − x̂)² over pixels and channels, its mean over images. */
  readonly squaredError: Tensor;
  /** −Σ log p(token | those before, slots) over an image's tokens, its mean over images. */
  readonly crossEntropy: Tensor;
};

/** SLATE: a layer, its loss, and the ways between images, tokens and slots. */
export interface Slate
  extends nn.Layer<SlateParams, [image: Tensor, key: Tensor, options?: SlateCall], SlateOutput> {
  /**
   * The loss, and all that was computed: for `hasAux`. It is the discrete VAE's squared error plus the decoder's cross
   * entropy, of two independent samples of the tokens: a relaxed one for the image, and a hard one, without a
   * derivative, that slots and decoder read. So neither half trains the other.
   */
  loss(
    params: SlateParams,
    image: Tensor,
    key: Tensor,
    options?: SlateCall,
  ): [loss: Tensor, output: SlateOutput];
  /** The likeliest tokens of images, int32 [batch, N]. */
  tokenize(params: SlateParams, image: Tensor): Tensor;
  /** The image that tokens [batch, N] stand for, clamped to [0, 1]. */
  render(params: SlateParams, tokens: Tensor): Tensor;
  /** Keys and values that slots look at, of tokens [batch, N]. */
  project(params: SlateParams, tokens: Tensor): Keys;
  /** Slots of tokens [batch, N], from a random start. */
  infer(params: SlateParams, tokens: Tensor, key: Tensor): SlotAttentionOutput;
  /** Teacher forcing: logits of each token given those before it and slots, [batch, N, V]. */
  logits(params: SlateParams, tokens: Tensor, slots: Tensor, options?: SlateMemory): Tensor;
  /**
   * The tokens that slots [batch, any number, size] stand for, int32 [batch, N]: the likeliest token after those before
   * it, of equal ones the first. Keys and values of earlier tokens are kept, so that each is computed once.
   */
  generate(params: SlateParams, slots: Tensor, options?: SlateMemory): Tensor;
  /** An image through its slots: tokens, slots, tokens generated of them, and their image in [0, 1]. */
  reconstruct(params: SlateParams, image: Tensor, key: Tensor): SlateReconstruction;
  /** The discrete VAE. */
  readonly discreteVae: DiscreteVae;
  /** Slot attention over tokens, without the way it is solved here. */
  readonly slotAttention: SlotAttention;
  /** The inner optimization, for `infer`. */
  readonly level: SlateLevel;
}

/** An image that was written again from its slots. */
export type SlateReconstruction = SlotAttentionOutput & {
  /** [batch, imageSize, imageSize, channels] in [0, 1]. */
  readonly image: Tensor;
  /** The generated tokens, int32 [batch, N]. */
  readonly tokens: Tensor;
};
