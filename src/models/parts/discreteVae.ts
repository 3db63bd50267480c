/** The discrete VAE of SLATE (Singh et al., 2022; Ramesh et al., 2021): patches of 4×4 pixels as tokens of a vocabulary. */
import { ArgumentError, type Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import { requireParams } from "../../nn/checks.ts";
import * as np from "../../numpy/index.ts";
import {
  boolean,
  declareOptions,
  describeTree,
  positive,
  required,
  requireShape,
  scalarOf,
  size,
} from "../../options/index.ts";
import * as random from "../../random/index.ts";
import { gumbelSoftmax, type GumbelSoftmaxOptions } from "./gumbelSoftmax.ts";

/** Options of {@link discreteVae}. */
export interface DiscreteVaeOptions {
  /** The number V of tokens. */
  readonly vocabulary: number;
  /** The channels of hidden layers; 64. */
  readonly channels?: number;
  /** The channels of images; 3. */
  readonly imageChannels?: number;
}

/** The kinds of the options, which SLATE shares. */
export const discreteVaeKinds = {
  vocabulary: required(size),
  channels: size,
  imageChannels: size,
} as const;

const checkOptions = declareOptions<DiscreteVaeOptions>("discreteVae", [], discreteVaeKinds);

const checkCall = declareOptions<GumbelSoftmaxOptions>(
  "discreteVae.apply",
  ["params", "image", "key"],
  { temperature: scalarOf(positive), hard: boolean },
);

/** Parameters of a convolution without bias and of the normalization behind it. */
export type BlockParams = { readonly conv: nn.LinearParams; readonly norm: nn.NormParams };

/** Parameters of one half of {@link discreteVae}: blocks, then a plain 1×1 convolution. */
export type StackParams = {
  readonly blocks: readonly BlockParams[];
  readonly out: nn.LinearParams;
};

/** Parameters of {@link discreteVae}. */
export type DiscreteVaeParams = { readonly encoder: StackParams; readonly decoder: StackParams };

/** The outputs of {@link discreteVae}. */
export type DiscreteVaeOutput = {
  /** The image from the relaxed tokens, [batch, height, width, channels]; not clamped to [0, 1]. */
  readonly reconstruction: Tensor;
  /** Log-probabilities of the tokens of each patch, [batch, height / 4, width / 4, V]. */
  readonly logits: Tensor;
};

/** A discrete VAE: a layer, its loss, and its two halves. */
export interface DiscreteVae extends
  nn.Layer<
    DiscreteVaeParams,
    [image: Tensor, key: Tensor, options?: GumbelSoftmaxOptions],
    DiscreteVaeOutput
  > {
  /** Log-probabilities of tokens: [batch, height, width, channels] → [batch, height / 4, width / 4, V]. */
  encode(params: DiscreteVaeParams, image: Tensor): Tensor;
  /** An image from (relaxed) one-hot tokens [batch, height / 4, width / 4, V]; not clamped. */
  decode(params: DiscreteVaeParams, codes: Tensor): Tensor;
  /** The squared error of the reconstruction, summed over pixels and channels, its mean over images; and the output. */
  loss(
    params: DiscreteVaeParams,
    image: Tensor,
    key: Tensor,
    options?: GumbelSoftmaxOptions,
  ): [loss: Tensor, output: DiscreteVaeOutput];
}

const { kaimingUniform, xavierUniform, zeros } = nn.initializers;

/** A convolution without bias, normalization of whole images, ReLU. */
function block(
  from: number,
  to: number,
  kernel: number,
  extra: { readonly stride?: number; readonly padding?: number } = {},
): nn.Layer<BlockParams> {
  const conv = nn.conv({
    in: from,
    out: to,
    kernel,
    ...extra,
    bias: false,
    weightInit: kaimingUniform(),
  });
  const norm = nn.groupNorm({ groups: 1, channels: to });
  return {
    init(key) {
      return { conv: conv.init(key), norm: norm.init(key) };
    },
    apply: (p, x) => nn.relu(norm.apply(p.norm, conv.apply(p.conv, x))),
  };
}

/** Blocks one after another, pixel shuffles behind some of them, and a plain 1×1 convolution. */
function stack(
  blocks: readonly nn.Layer<BlockParams>[],
  shuffled: readonly number[],
  from: number,
  to: number,
): nn.Layer<StackParams> {
  const out = nn.conv({
    in: from,
    out: to,
    kernel: 1,
    weightInit: xavierUniform(),
    biasInit: zeros,
  });
  return {
    init(key) {
      const keys = random.split(key, blocks.length + 1);
      return {
        blocks: blocks.map((one, i) => one.init(keys[i]!)),
        out: out.init(keys[blocks.length]!),
      };
    },
    apply(p, x) {
      const y = blocks.reduce((z, one, i) => {
        const next = one.apply(p.blocks[i]!, z);
        return shuffled.includes(i) ? nn.pixelShuffle(next, 2) : next;
      }, x);
      return out.apply(p.out, y);
    },
  };
}

/**
 * A discrete VAE, [batch, height, width, channels] in [0, 1] → tokens of 4×4 pixels → the same. Each half is
 * convolutions without bias, normalized over whole images; all but one convolution of the encoder see single patches.
 * `apply` draws relaxed tokens with {@link gumbelSoftmax}, and the loss is Σ (x − x̂)² / batch, without a
 * divergence from a prior, as in SLATE's code.
 *
 * ```ts
 * import { discreteVae } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = discreteVae({ vocabulary: 16, channels: 8 });
 * const params = model.init(random.key(0));
 * const image = random.uniform(random.key(1), [2, 8, 8, 3]);
 * const [loss, { logits }] = model.loss(params, image, random.key(2), { temperature: 0.5 });
 * console.assert(loss.shape.length === 0 && logits.shape.join() === "2,2,2,16");
 * console.assert(np.argmax(logits, { axis: -1 }).shape.join() === "2,2,2");
 * ```
 *
 * @throws ShapeError for images whose sides are no multiples of 4, or of other channels, and for codes of another
 * vocabulary; TreeError for parameters that `init` did not make.
 */
export function discreteVae(options: DiscreteVaeOptions): DiscreteVae {
  checkOptions(options);
  const { vocabulary, channels: c = 64, imageChannels = 3 } = options;
  const pointwise = (from: number, to: number) => block(from, to, 1);
  const encoder = stack(
    [
      block(imageChannels, c, 4, { stride: 4 }),
      ...Array.from({ length: 6 }, () => pointwise(c, c)),
    ],
    [],
    c,
    vocabulary,
  );
  const around = (from: number) => block(from, c, 3, { padding: 1 });
  const grown = () => [around(c), pointwise(c, c), pointwise(c, c), pointwise(c, 4 * c)];
  const decoder = stack(
    [pointwise(vocabulary, c), ...grown(), ...grown()],
    [4, 8],
    c,
    imageChannels,
  );
  const fields = ["encoder", "decoder"];
  const model: DiscreteVae = {
    init(key) {
      const [a, b] = random.split(key);
      return { encoder: encoder.init(a), decoder: decoder.init(b) };
    },
    encode(p, image) {
      requireParams("discreteVae", p, fields);
      requirePatches("discreteVae: the image is", image, imageChannels);
      return np.logSoftmax(encoder.apply(p.encoder, image));
    },
    decode(p, codes) {
      requireParams("discreteVae", p, fields);
      requireShape(
        "discreteVae: the codes are",
        codes,
        ["batch", "height", "width", vocabulary],
        `give codes of the model's vocabulary of ${vocabulary}, one-hot on the last axis`,
      );
      return decoder.apply(p.decoder, codes);
    },
    apply(p, image, key, given = {}) {
      checkCall(given);
      const logits = model.encode(p, image);
      return { reconstruction: model.decode(p, gumbelSoftmax(key, logits, given)), logits };
    },
    loss(p, image, key, given = {}) {
      const output = model.apply(p, image, key, given);
      return [squaredError(output.reconstruction, image), output];
    },
  };
  return model;
}

/** Throws unless images are made of whole patches of 4×4 pixels. */
export function requirePatches(what: string, image: unknown, channels: number): void {
  const whole = "channels come last, in batches, and both sides are multiples of 4";
  requireShape(what, image, ["batch", "height", "width", channels], whole);
  const { shape } = image as Tensor; // it has a shape: see above
  if (shape[1]! % 4 === 0 && shape[2]! % 4 === 0) return;
  throw new ArgumentError(
    `${what} ${describeTree(image)}, whose sides are not multiples of 4`,
    `resize or crop it, to ${
      [1, 2].map((i) => Math.max(4, 4 * Math.round(shape[i]! / 4))).join("×")
    } say`,
  );
}

/** The squared error of images, summed over pixels and channels: its mean over the batch. */
export function squaredError(x: Tensor, y: Tensor): Tensor {
  return np.sum(np.square(x.sub(y))).div(x.shape[0]!);
}
