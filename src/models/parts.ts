/**
 * PARTS (Zoran et al., 2021): slots of a video as Gaussian posteriors, which are predicted for each frame and then corrected
 * once, by a network that sees the gradient of the evidence lower bound and attends to the frame.
 *
 * The authors published no code. The equations here are those of the one public re-implementation as far as they are known;
 * its author calls its training unstable. Ours are: the sizes of the correction's parts, one clip of the gradient for each
 * sample, log-likelihoods that are constants to the correction, the mean over frames, and masks of corrected slots.
 *
 * Three levels: weights across videos, posteriors of slots for each video, assignments for each pixel.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams } from "../nn/checks.ts";
import { type Level, sequence } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  nested,
  nonNegative,
  pairOf,
  positive,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { grad, stopGradient } from "../transforms/index.ts";
import { type Conventions, conventionsKind, torch } from "./conventions.ts";
import type { Decoded, DecoderOptions } from "./decoder.ts";
import { cnnEncoder, encoderKinds, type EncoderOptions, type EncoderParams } from "./encoder.ts";
import {
  slotDecoder,
  type SlotDecoderOptions,
  type SlotDecoderParams,
} from "./parts/slotDecoder.ts";
import { slotCure, whole } from "./parts/whole.ts";
import { softAssignment, weightedMean } from "./slotAttention.ts";

/** Options of {@link parts}; the defaults are those of the public re-implementation. */
export interface PartsOptions extends Pick<DecoderOptions, "resolution"> {
  /** The number of slots. */
  readonly slots: number;
  /** The numbers of a latent, of which a posterior has twice as many; 64. */
  readonly latentSize?: number;
  /** The size of the memory, an LSTM; 256. */
  readonly memorySize?: number;
  /** The hidden size of the MLP that corrects, which has two hidden layers; 256. */
  readonly hidden?: number;
  /** Blocks of the transformer that predicts, 2; their heads, 8; and the hidden size of their MLPs, 1024. */
  readonly predictor?: {
    readonly blocks?: number;
    readonly heads?: number;
    readonly hidden?: number;
  };
  /** The variance of a pixel; 0.09. */
  readonly variance?: number;
  /** The weight of the prior; 0.5. */
  readonly beta?: number;
  /** The greatest norm of the gradient that the correction sees; 10. */
  readonly clip?: number;
  /** The derivative through time is cut every so many frames; 25. */
  readonly truncate?: number;
  /** Channels of a frame; 3. */
  readonly imageChannels?: number;
  /** The convolutions that look at a frame and its log-likelihood: five of 128 channels. */
  readonly encoder?: Omit<EncoderOptions, "imageChannels" | "conventions">;
  /** The decoder of latents: for each pixel alone, five hidden layers of 512, unless given. */
  readonly decoder?: SlotDecoderOptions;
  /** Changes the level before it is solved, as `(level) => ({ ...level, step })` does. */
  readonly level?: (own: PartsLevel) => PartsLevel;
  /** The library whose initializers and epsilons are used; `torch`. */
  readonly conventions?: Conventions;
}

const checkOptions = declareOptions<PartsOptions>("parts", [], {
  resolution: required(pairOf(size)),
  slots: required(size),
  latentSize: size,
  memorySize: size,
  hidden: size,
  predictor: nested("{ blocks: 2, heads: 8, hidden: 1024 }"),
  variance: positive,
  beta: nonNegative,
  clip: positive,
  truncate: size,
  imageChannels: size,
  encoder: nested("{ channels: 128 }"),
  decoder: nested('{ kind: "pixel" }'),
  level: callable<NonNullable<PartsOptions["level"]>>("(level) => ({ ...level, step })"),
  conventions: conventionsKind,
});
const checkEncoder = declareOptions<NonNullable<PartsOptions["encoder"]>>(
  "parts' encoder",
  [],
  encoderKinds,
);
const checkPredictor = declareOptions<NonNullable<PartsOptions["predictor"]>>(
  "parts' predictor",
  [],
  { blocks: count, heads: size, hidden: size },
);
const decoderOf = slotDecoder("parts' decoder");

/** Parameters of {@link parts}. */
export type PartsParams = {
  readonly encoder: EncoderParams;
  readonly decoder: SlotDecoderParams;
  readonly query: nn.LinearParams;
  readonly key: nn.LinearParams;
  readonly value: nn.LinearParams;
  readonly normGradient: nn.NormParams;
  readonly normUpdate: nn.NormParams;
  /** The MLP that corrects. */
  readonly correct: readonly nn.LinearParams[];
  readonly blocks: readonly nn.TransformerBlockParams[];
  readonly memory: nn.CellParams;
  /** From the memory to the posterior that is predicted. */
  readonly predict: nn.LinearParams;
};

const fields: readonly (keyof PartsParams)[] = [
  "encoder",
  "decoder",
  "query",
  "key",
  "value",
  "normGradient",
  "normUpdate",
  "correct",
  "blocks",
  "memory",
  "predict",
];

/** The posteriors of slots, and the memory that predicts them. */
export type Posteriors = {
  /** Means, then logarithms of standard deviations, [batch, slots, 2 · latentSize]. */
  readonly lambda: Tensor;
  /** The state of the LSTM, [batch, slots, memorySize] both. */
  readonly memory: nn.LstmState;
};

/** A frame, and the noise with which latents are drawn from posteriors. */
export type NoisyFrame = {
  /** [batch, height, width, channels] */
  readonly frame: Tensor;
  /** Standard normal, [batch, slots, latentSize]; zeros give the means. */
  readonly noise: Tensor;
};

/** A batch of videos. */
export type NoisyVideos = {
  /** [frames, batch, height, width, channels] */
  readonly video: Tensor;
  /** The noise of latents, [frames, batch, slots, latentSize]; drawn from the key unless given. */
  readonly noise?: Tensor;
};

/** The inner optimization of a frame. */
export type PartsLevel = Level<PartsParams, NoisyFrame, Posteriors>;

/** Results of {@link parts}; frames are the first axis of all. Pictures are those of the means after a frame was seen. */
export type PartsOutput = Decoded & {
  /** Posteriors after each frame was seen. */
  readonly corrected: Posteriors;
  /** λ as it was predicted for each frame before it was seen, [frames, batch, slots, 2 · latentSize]. */
  readonly expected: Tensor;
};

/** The model that {@link parts} makes. */
export interface Parts {
  /** Parameters from a random key. */
  init(key: Tensor): PartsParams;
  /** The slots of videos. The key draws latents. */
  apply(params: PartsParams, videos: NoisyVideos, key: Tensor): PartsOutput;
  /** The negative evidence lower bound of frames under posteriors that have not seen them: a mean over frames and videos. */
  loss(params: PartsParams, videos: NoisyVideos, key: Tensor): [loss: Tensor, output: PartsOutput];
  /** The inner optimization of a frame; its objective is the evidence lower bound of each sample. */
  readonly level: PartsLevel;
}

/**
 * PARTS. With the posterior λ = (μ, s) of each slot, its latent z = μ + eˢ ε, and what the decoder makes of it, masks m and
 * colours c:
 *
 *     λ̂_t = predict(LSTM(transformer(λ_{t−1}))),  λ_0 = 0
 *     ELBO = Σ_pixels log Σ_k m_k N(x_t; c_k, σ²) − β Σ KL(N(μ, e²ˢ) ‖ N(0, 1)),  at λ̂_t
 *     g = LN(∇_λ(−ELBO)), clipped and constant,   u = LN(attention of [λ̂_t, g] to CNN([x_t, log p(x_t)]))
 *     λ_t = λ̂_t + MLP([u, λ̂_t, g])
 *
 * The loss is −ELBO, before the frame corrects the posterior. Noise alone tells slots apart.
 *
 * ```ts
 * import { parts } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = parts({
 *   resolution: [8, 8],
 *   slots: 3,
 *   latentSize: 4,
 *   memorySize: 8,
 *   hidden: 8,
 *   predictor: { heads: 2, hidden: 8 },
 *   encoder: { channels: 4, strides: [2] },
 *   decoder: { kind: "pixel", channels: 8, patch: 2 },
 * });
 * const params = model.init(random.key(0));
 * const [loss, { masks }] = model.loss(params, { video: np.zeros([4, 2, 8, 8, 3]) }, random.key(1));
 * console.assert(masks.shape.join() === "4,2,3,8,8" && loss.shape.length === 0);
 * ```
 *
 * @throws ShapeError for videos of other sizes; ArgumentError when heads do not divide a posterior; TreeError for parameters
 * that `init` did not make.
 */
export function parts(options: PartsOptions): Parts {
  checkOptions(options);
  checkEncoder(options.encoder);
  checkPredictor(options.predictor);
  const {
    resolution,
    slots,
    latentSize = 64,
    memorySize = 256,
    hidden = 256,
    variance = 0.09,
    beta = 0.5,
    clip = 10,
    truncate = 25,
    imageChannels = 3,
    conventions = torch,
  } = options;
  const { blocks = 2, heads = 8, hidden: wide = 1024 } = options.predictor ?? {};
  const width = 2 * latentSize;
  if (width % heads !== 0) {
    throw new ArgumentError(
      `parts: ${heads} heads cannot share posteriors of ${width} numbers`,
      "give a number of heads that divides twice the latentSize",
    );
  }
  const { init, eps } = conventions;
  const channels = options.encoder?.channels ?? 128;
  const encoder = cnnEncoder({
    strides: [1, 1, 1, 1, 1],
    ...options.encoder,
    channels,
    imageChannels: imageChannels + 1,
    conventions,
  });
  const decoder = decoderOf(options.decoder ?? { kind: "pixel", channels: 512, layers: 5 }, {
    resolution,
    slotSize: latentSize,
    imageChannels,
    conventions,
  });
  const query = nn.linear({ ...init, in: 2 * width, out: width, bias: false });
  const [key, value] = [0, 1].map(() =>
    nn.linear({ ...init, in: channels, out: width, bias: false })
  ) as [nn.Layer<nn.LinearParams>, nn.Layer<nn.LinearParams>]; // two of them
  const norm = nn.layerNorm({ size: width, eps });
  const correct = nn.mlp({ ...init, sizes: [3 * width, hidden, hidden, width] });
  const block = nn.transformerBlock({ size: width, heads, hidden: wide, eps, ...init });
  const memory = nn.lstmCell({ ...conventions.cell, in: width, hidden: memorySize });
  const predict = nn.linear({ ...init, in: memorySize, out: width });

  /** The bound of each sample, and the log-likelihood of each pixel, at a posterior. */
  const bound = (p: PartsParams, lambda: Tensor, { frame, noise }: NoisyFrame) => {
    const [mean, logDeviation] = np.split(lambda, 2, { axis: -1 }) as [Tensor, Tensor]; // two halves
    const latent = mean.add(np.exp(logDeviation).mul(noise));
    const { images, masks } = decoder.apply(p.decoder, latent);
    const error = np.sum(np.square(images.sub(np.expandDims(frame, 1))), { axis: -1 });
    const constant = 0.5 * imageChannels * Math.log(2 * Math.PI * variance);
    const perSlot = np.log(masks.add(floor)).sub(error.div(2 * variance)).sub(constant);
    const pixels = np.logsumexp(perSlot, { axis: 1 });
    const spread = np.exp(logDeviation.mul(2)).sub(logDeviation.mul(2)).sub(1);
    const divergence = np.sum(np.square(mean).add(spread), { axis: [1, 2] }).mul(0.5);
    return { elbo: np.sum(pixels, { axis: [1, 2] }).sub(divergence.mul(beta)), pixels };
  };
  const advance = (p: PartsParams, z: Posteriors): Posteriors => {
    const seen = p.blocks.reduce((x, own) => block.apply(own, x), z.lambda);
    const next = memory.apply(p.memory, seen, z.memory);
    return { lambda: predict.apply(p.predict, next[0]), memory: next };
  };

  const own: PartsLevel = {
    init(p, { frame }) {
      const zeros = (n: number) => np.zeros([frame.shape[0]!, slots, n]);
      return advance(p, {
        lambda: zeros(width),
        memory: [zeros(memorySize), zeros(memorySize)],
      });
    },
    step(p, z, x) {
      const negative = (lambda: Tensor) => {
        const { elbo, pixels } = bound(p, lambda, x);
        return [np.sum(elbo).neg(), pixels] as [Tensor, Tensor];
      };
      const [slope, pixels] = grad(negative, { hasAux: true })(z.lambda);
      const g = norm.apply(p.normGradient, stopGradient(clipped(slope, clip)));
      const seen = np.concatenate([x.frame, np.expandDims(stopGradient(pixels), -1)], { axis: -1 });
      const features = encoder.apply(p.encoder, seen);
      const ask = query.apply(p.query, np.concatenate([z.lambda, g], { axis: -1 }));
      const assignment = softAssignment(ask, key.apply(p.key, features));
      const u = norm.apply(
        p.normUpdate,
        weightedMean(assignment, value.apply(p.value, features)),
      );
      const change = correct.apply(p.correct, np.concatenate([u, z.lambda, g], { axis: -1 }));
      return { ...z, lambda: z.lambda.add(change) };
    },
    objective: (p, z, x) => bound(p, z.lambda, x).elbo,
  };
  const level = options.level?.(own) ?? own;
  const track = sequence(level, advance, { steps: 1, noise: "fixed", batchAxis: 0, truncate });

  /** Results, and the bound of each frame and sample under posteriors that have not seen it. */
  const follow = (p: PartsParams, { video, noise: given }: NoisyVideos, from: Tensor) => {
    requireParams("parts", p, fields);
    requireShape(
      "parts: the video is",
      video,
      ["frames", "batch", ...resolution, imageChannels],
      "frames come first, then the batch: np.swapaxes(video, 0, 1) of one whose batch is first",
    );
    const [frames, batch] = video.shape as [number, number];
    const [noiseKey, stepKey] = random.split(from);
    const shape = [frames, batch, slots, latentSize];
    if (given !== undefined) {
      requireShape("parts: the noise is", given, shape, "give a latent's for each slot and frame");
    }
    const noise = given ?? random.normal(noiseKey, shape);
    const { corrected, predicted } = track(p, { frame: video, noise }, stepKey);
    const first = level.init(p, { frame: np.slice(video, 0), noise: np.slice(noise, 0) }, stepKey);
    const later = np.slice(predicted.lambda, [0, -1]);
    const expected = np.concatenate([np.expandDims(first.lambda, 0), later]);
    // The loss of a prediction is cut at the same frames as the derivative through time.
    const isCut = Uint8Array.from(
      { length: frames },
      (_, t) => Number(t > 0 && t % truncate === 0),
    );
    const cut = np.array(isCut, { shape: [frames, 1, 1, 1], dtype: "bool" });
    const lambda = np.where(cut, stopGradient(expected), expected);
    const together = (x: Tensor) => x.reshape([frames * batch, ...x.shape.slice(2)]);
    const apart = (x: Tensor) => x.reshape([frames, batch, ...x.shape.slice(1)]);
    const { elbo } = bound(p, together(lambda), {
      frame: together(video),
      noise: together(noise),
    });
    const means = np.slice(together(corrected.lambda), "...", [0, latentSize]);
    const { reconstruction, images, masks } = decoder.apply(p.decoder, means);
    const output: PartsOutput = {
      corrected,
      expected,
      reconstruction: apart(reconstruction),
      images: apart(images),
      masks: apart(masks),
    };
    return { elbo, output };
  };

  return whole("parts", slotCure, {
    level,
    init(from) {
      const [a, b, c, d, e, f, g, h, i] = random.split(from, 9);
      const keys = random.split(g!, Math.max(1, blocks));
      return {
        encoder: encoder.init(a!),
        decoder: decoder.init(b!),
        query: query.init(c!),
        key: key.init(d!),
        value: value.init(e!),
        normGradient: norm.init(c!),
        normUpdate: norm.init(c!),
        correct: correct.init(f!),
        blocks: Array.from({ length: blocks }, (_, k) => block.init(keys[k]!)),
        memory: memory.init(h!),
        predict: predict.init(i!),
      };
    },
    apply: (p, videos, from) => follow(p, videos, from).output,
    loss(p, videos, from) {
      const { elbo, output } = follow(p, videos, from);
      return [np.mean(elbo).neg(), output];
    },
  });
}

/** Keeps the logarithm of a mask from −∞. */
const floor = 1e-6;

/** A gradient [batch, slots, size] whose norm for each sample is at most `most`. */
function clipped(gradient: Tensor, most: number): Tensor {
  const norm = np.sqrt(np.sum(np.square(gradient), { axis: [1, 2], keepdims: true }));
  return gradient.mul(np.minimum(1, np.divide(most, norm.add(floor))));
}
