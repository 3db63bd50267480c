/** The types of EfficientMORL: its options, parameters, iterates and results. */
import type { Tensor } from "../public.ts";
import type { Inferred, Level } from "../nested/index.ts";
import type * as nn from "../nn/index.ts";
import type { Adjoint } from "../implicit/index.ts";
import type { Decoded } from "./decoder.ts";
import type { EncoderOptions, EncoderParams } from "./encoder.ts";
import type { GecoOptions, GecoState } from "./parts/geco.ts";
import type { GridDrawingOptions, GridDrawingParams } from "./parts/gridDrawing.ts";
import type { SlotHierarchyParams } from "./parts/slotHierarchy.ts";

/** Options of `efficientMorl`; the defaults are those of the original for CLEVR6. */
export interface EfficientMorlOptions {
  /** Height and width of the image. */
  readonly resolution: readonly [height: number, width: number];
  /** The number of slots. */
  readonly slots: number;
  /** The number of latent variables of a slot; 64. */
  readonly latentSize?: number;
  /** The number L of posteriors in the hierarchy; 3. */
  readonly levels?: number;
  /** The number I of refinements, the greatest one where `refinements` of the loss says how many; 3. */
  readonly iterations?: number;
  /** The likelihood of a pixel: a `"mixture"` of slots in each channel (the default), or a `"gaussian"` around their mean. */
  readonly likelihood?: "mixture" | "gaussian";
  /** The standard deviation of a pixel; 0.1. */
  readonly deviation?: number;
  /** The prior of refined posteriors: that of the `"hierarchy"`, p(z¹ | z²) (the default), or the `"standard"` normal. */
  readonly prior?: "hierarchy" | "standard";
  /** Channels of the image; 3. */
  readonly imageChannels?: number;
  /** The convolutions that look at the image: four of 64 channels, and an MLP with 64. */
  readonly encoder?: Omit<EncoderOptions, "imageChannels" | "conventions">;
  /** The decoder: five convolutions of window 3 without padding, 64 channels and ELU. */
  readonly decoder?: GridDrawingOptions;
  /**
   * The first weights: those of the `"original"` (the default), normal and a fiftieth of Xavier's, with gates of the hierarchy that
   * are standard normal; or PyTorch's, `"standard"`.
   */
  readonly start?: "original" | "standard";
  /** The gradient that refinements see: that of the `"mean"` loss of the batch (the default), or of the `"sum"`. */
  readonly gradientOf?: "mean" | "sum";
  /**
   * The adjoint of the refinements; `unrolled()`. With `truncated({ steps })` each iterate trains as many; an adjoint of the
   * fixed point sees the first and the last iterate.
   */
  readonly adjoint?: Adjoint;
  /** The constraint on the error, see `geco`; without it, error and divergence are added. */
  readonly geco?: GecoOptions;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: EfficientMorlLevel) => EfficientMorlLevel;
}

/** Parameters of `efficientMorl`. */
export type EfficientMorlParams = {
  readonly encoder: EncoderParams;
  readonly hierarchy: SlotHierarchyParams;
  readonly decoder: GridDrawingParams;
  /** The network of refinements. */
  readonly refiner: {
    readonly mlp: readonly nn.LinearParams[];
    readonly gru: nn.CellParams;
    readonly mean: nn.LinearParams;
    readonly scale: nn.LinearParams;
  };
};

/** A datum of the level. */
export type WeighedImages = {
  /** Images [batch, height, width, imageChannels] in [0, 1]. */
  readonly image: Tensor;
  /** The weight of the error in the gradient that refinements see. */
  readonly weight: Tensor;
  /** Noise of the first stage: [2 levels, batch, slots, latentSize]. */
  readonly noise: Tensor;
};

/** An iterate: the posteriors of slots with what their divergence is from, a draw's noise, and the memory of the refinement. */
export type MorlPosteriors = {
  /** λ = (μ, s): [batch, slots, 2 latentSize]; the variance is softplus(s) + 1e-5. */
  readonly lambda: Tensor;
  /** ε of the draw: [batch, slots, latentSize]. */
  readonly noise: Tensor;
  /** [batch, slots, latentSize] */
  readonly memory: Tensor;
  /** 1 for posteriors that were refined, 0 for those of the first stage: [batch]. */
  readonly refined: Tensor;
  /** λᴸ⁻¹ of the first stage, and ε of the draw of zᴸ that its prior sees; null if L is 1. */
  readonly below: { readonly lambda: Tensor; readonly noise: Tensor } | null;
  /** The divergences of the levels below it: [batch]. */
  readonly lower: Tensor;
  /** The parameters of the prior of refined posteriors; null for a standard normal. */
  readonly prior: Tensor | null;
};

/** The terms of a bound, [batch] each. */
export type MorlTerms = {
  /** The negative log-likelihood, without its terms of 2π. */
  readonly error: Tensor;
  readonly divergence: Tensor;
};

/** The inner optimization of `efficientMorl`: a step's output are the terms at the iterate from which it began. */
export type EfficientMorlLevel = Level<
  EfficientMorlParams,
  WeighedImages,
  MorlPosteriors,
  MorlTerms
>;

/** Results of `efficientMorl`: those of the iteration, and what the last draw's slots draw. */
export type EfficientMorlOutput =
  & Decoded
  & Omit<Inferred<MorlPosteriors, MorlTerms, "last" | "all">, "ys">
  & {
    /** The posteriors of the first stage. */
    readonly first: MorlPosteriors;
    /** The terms at λ₀ … λ_I, or with an adjoint at the solution at λ₀ and λ_I: [iterates, batch]. */
    readonly terms: MorlTerms;
    /** The constraint's state after this step; null without one. */
    readonly geco: GecoState | null;
  };

/** Settings that change while the model learns. */
export interface MorlSchedule {
  /** The constraint's state; its first one unless given. */
  readonly geco?: GecoState;
  /** The number of refinements that the loss sees, at most `iterations`. */
  readonly refinements?: Tensor | number;
}

/** The model that `efficientMorl` makes. */
export interface EfficientMorl {
  /** Parameters from a random key. */
  init(key: Tensor): EfficientMorlParams;
  /** The constraint's first state; null without one. */
  initGeco(): GecoState | null;
  /** The slots of images [batch, height, width, imageChannels] in [0, 1], and all that they draw. */
  apply(
    params: EfficientMorlParams,
    image: Tensor,
    key: Tensor,
    schedule?: MorlSchedule,
  ): EfficientMorlOutput;
  /** Σ_i (I + 3 − i) / (I + 1) loss_i, of means over images. */
  loss(
    params: EfficientMorlParams,
    image: Tensor,
    key: Tensor,
    schedule?: MorlSchedule,
  ): [loss: Tensor, output: EfficientMorlOutput];
  /** Pictures and masks of latents [batch, slots, latentSize]. */
  decode(params: EfficientMorlParams, latents: Tensor): Decoded;
  /** The inner optimization. */
  readonly level: EfficientMorlLevel;
}
