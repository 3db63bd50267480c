/** Layers followed by layer normalization and an activation, as the networks of N-EM for videos have them. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as random from "../../random/index.ts";

/** The epsilon of TensorFlow's layer normalization. */
const eps = 1e-12;
const glorot = {
  weightInit: nn.initializers.glorotUniform,
  biasInit: nn.initializers.zeros,
} as const;

/** Parameters of a layer and of the normalization after it. */
export type NormalizedParams = {
  readonly linear: nn.LinearParams;
  readonly norm: nn.NormParams;
};

/** A linear layer without a normalization, with the same initializers. */
export const plainLinear = (sizes: { readonly in: number; readonly out: number }) =>
  nn.linear({ ...glorot, ...sizes });

/** A convolution without a normalization: a window of 4, padded to a size that is only divided by the stride. */
export const plainConv = (sizes: {
  readonly in: number;
  readonly out: number;
  readonly stride?: number;
}) => nn.conv({ ...glorot, ...sizes, kernel: 4, padding: "same" });

/** Normalization of the last axis. */
export const lastNorm = (size: number) => nn.layerNorm({ size, eps });

/** A linear layer, normalized over its outputs. */
export const normalizedLinear = (
  sizes: { readonly in: number; readonly out: number },
  activation: nn.Activation,
): nn.Layer<NormalizedParams> => after(plainLinear(sizes), lastNorm(sizes.out), activation);

/** A convolution, normalized over places and channels together, with a gain for each channel. */
export const normalizedConv = (
  sizes: { readonly in: number; readonly out: number; readonly stride?: number },
  activation: nn.Activation,
): nn.Layer<NormalizedParams> =>
  after(plainConv(sizes), nn.groupNorm({ groups: 1, channels: sizes.out, eps }), activation);

function after(
  layer: nn.Layer<nn.LinearParams>,
  norm: nn.Layer<nn.NormParams>,
  activation: nn.Activation,
): nn.Layer<NormalizedParams> {
  return {
    init(key) {
      const [a, b] = random.split(key);
      return { linear: layer.init(a), norm: norm.init(b) };
    },
    apply: (p, x: Tensor) => activation(norm.apply(p.norm, layer.apply(p.linear, x))),
  };
}
