/** From an image to the inputs of slot attention. */
import type { Tensor } from "../public.ts";
import { requireParams, requireParamsList } from "../nn/checks.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, finite, listOf, oneOf, pairOf, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { type Conventions, conventionsKind, keras } from "./conventions.ts";

/** Options of {@link cnnEncoder}; the defaults are those of Locatello et al. for object discovery. */
export interface EncoderOptions {
  /** Channels of the image; 3. */
  readonly imageChannels?: number;
  /** Channels of every convolution, and the size of the features; 64. */
  readonly channels?: number;
  /** The window of every convolution; 5. */
  readonly kernel?: number;
  /** One stride for each convolution; four of 1. */
  readonly strides?: readonly number[];
  /** From where to where places are counted; 0 to 1. From -1 to 1, places say less of what all share. */
  readonly coordinates?: nn.Coordinates;
  /** The sides from which places are counted: 4, or 2. */
  readonly sides?: 2 | 4;
  /** The hidden size of the MLP; that of `channels`. */
  readonly mlpHidden?: number;
  /** The library whose initializers and epsilons are used; `keras`. */
  readonly conventions?: Conventions;
}

/** The kinds of the options that models say of their encoder. */
export const encoderKinds = {
  channels: size,
  kernel: size,
  strides: listOf(size),
  coordinates: pairOf(finite),
  sides: oneOf(2, 4),
  mlpHidden: size,
} as const;

const checkOptions = declareOptions<EncoderOptions>("cnnEncoder", [], {
  ...encoderKinds,
  imageChannels: size,
  conventions: conventionsKind,
});

/** Parameters of {@link cnnEncoder}. */
export type EncoderParams = {
  readonly convs: readonly nn.LinearParams[];
  readonly position: nn.LinearParams;
  readonly norm: nn.NormParams;
  readonly mlp: readonly nn.LinearParams[];
};

/**
 * Convolutions with ReLU, a soft position embedding, then for every pixel layer normalization and an MLP:
 * [batch, height, width, imageChannels] → [batch, height′ · width′, channels] (Locatello et al., 2020,
 * appendix E).
 *
 * ```ts
 * import { cnnEncoder } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const encoder = cnnEncoder({ channels: 8, strides: [2, 1] });
 * const features = encoder.apply(encoder.init(random.key(0)), np.zeros([1, 16, 16, 3]));
 * console.assert(features.shape.join() === "1,64,8");
 * ```
 *
 * @throws ShapeError for images of other axes or channels; TreeError for parameters that `init` did not make.
 */
export function cnnEncoder(options: EncoderOptions = {}): nn.Layer<EncoderParams> {
  checkOptions(options);
  const {
    imageChannels = 3,
    channels = 64,
    kernel = 5,
    strides = [1, 1, 1, 1],
    coordinates = [0, 1],
    sides = 4,
    mlpHidden = channels,
    conventions = keras,
  } = options;
  const { init, eps } = conventions;
  const convs = strides.map((stride, i) => {
    const from = i === 0 ? imageChannels : channels;
    return nn.conv({ ...init, in: from, out: channels, kernel, stride, padding: "same" });
  });
  const position = nn.softPosition({ ...init, size: channels, coordinates, sides });
  const norm = nn.layerNorm({ size: channels, eps });
  const mlp = nn.mlp({ ...init, sizes: [channels, mlpHidden, channels] });
  return {
    init(key) {
      const [a, b, c] = random.split(key, 3);
      const keys = random.split(a, convs.length);
      return {
        convs: convs.map((conv, i) => conv.init(keys[i]!)),
        position: position.init(b),
        norm: norm.init(b),
        mlp: mlp.init(c),
      };
    },
    apply(p, image: Tensor) {
      requireParams("cnnEncoder", p, ["convs", "position", "norm", "mlp"]);
      requireParamsList("cnnEncoder's convs", p.convs, convs.length);
      const map = convs.reduce((x, conv, i) => nn.relu(conv.apply(p.convs[i]!, x)), image);
      const [batch, height, width] = map.shape as [number, number, number];
      const placed = position.apply(p.position, map);
      const pixels = np.reshape(placed, [batch, height * width, channels]);
      return mlp.apply(p.mlp, norm.apply(p.norm, pixels));
    },
  };
}
