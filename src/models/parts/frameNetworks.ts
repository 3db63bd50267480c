/** From frames to features by convolutions that halve them, and back: the networks of N-EM for videos. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";
import {
  normalizedConv,
  normalizedLinear,
  type NormalizedParams,
  plainConv,
} from "./normalized.ts";

/** Sizes of frames and of the networks. */
export interface FrameSizes {
  readonly height: number;
  readonly width: number;
  /** Channels of the encoder's convolutions, which the decoder has in reverse. */
  readonly channels: readonly number[];
  /** The size of the linear layers next to the features. */
  readonly features: number;
}

/** Parameters of a network: linear layers and convolutions with normalizations, and a last convolution without one. */
export type FrameParams = {
  readonly linear: readonly NormalizedParams[];
  readonly convs: readonly NormalizedParams[];
  readonly last: nn.LinearParams | null;
};

const initAll = <P>(key: Tensor, layers: readonly nn.Layer<P>[]): readonly P[] => {
  const keys = random.split(key, Math.max(1, layers.length));
  return layers.map((layer, i) => layer.init(keys[i]!));
};

const applyAll = <P>(layers: readonly nn.Layer<P>[], params: readonly P[], x: Tensor): Tensor =>
  layers.reduce((y, layer, i) => layer.apply(params[i]!, y), x);

/** [n, height, width, 1] → [n, features]. */
export function frameEncoder(
  { height, width, channels, features }: FrameSizes,
): nn.Layer<FrameParams> {
  const convs = channels.map((out, i) =>
    normalizedConv({ in: channels[i - 1] ?? 1, out, stride: 2 }, nn.elu)
  );
  const places = height * width / 4 ** channels.length;
  const flat = places * (channels.at(-1) ?? 1);
  const linear = [normalizedLinear({ in: flat, out: features }, nn.elu)];
  return {
    init(key) {
      const [a, b] = random.split(key);
      return { convs: initAll(a, convs), linear: initAll(b, linear), last: null };
    },
    apply: (p, x) => applyAll(linear, p.linear, applyAll(convs, p.convs, x).reshape([-1, flat])),
  };
}

/** [n, hidden] → probabilities [n, height, width, 1]; frames are doubled by repeating pixels before each convolution. */
export function frameDecoder(
  { height, width, channels, features, hidden }: FrameSizes & { readonly hidden: number },
): nn.Layer<FrameParams> {
  const factor = 2 ** channels.length;
  const start = [height / factor, width / factor, channels.at(-1) ?? 1] as const;
  const linear = [
    normalizedLinear({ in: hidden, out: features }, nn.relu),
    normalizedLinear({ in: features, out: start[0] * start[1] * start[2] }, nn.relu),
  ];
  const reversed = channels.toReversed();
  const convs = reversed.slice(1).map((out, i) =>
    normalizedConv({ in: reversed[i]!, out }, nn.relu)
  );
  const last = plainConv({ in: reversed.at(-1) ?? 1, out: 1 });
  const doubled = (x: Tensor) =>
    nn.resize(x, [2 * x.shape[1]!, 2 * x.shape[2]!], { method: "nearest" });
  return {
    init(key) {
      const [a, b, c] = random.split(key, 3);
      return { linear: initAll(a, linear), convs: initAll(b, convs), last: last.init(c) };
    },
    apply(p, h) {
      const first = applyAll(linear, p.linear, h).reshape([-1, ...start]);
      const grown = convs.reduce((x, conv, i) => conv.apply(p.convs[i]!, doubled(x)), first);
      const image = channels.length === 0 ? grown : doubled(grown);
      return np.sigmoid(last.apply(p.last!, image)); // as init made them
    },
  };
}
