/** From slots to an image: each slot draws a picture and a mask, the masks mix the pictures. */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams, requireParamsList } from "../nn/checks.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  count,
  declareOptions,
  finite,
  listOf,
  oneOf,
  pairOf,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { type Conventions, conventionsKind, keras } from "./conventions.ts";

/** The outputs of decoders. */
export type Decoded = {
  /** The image, [batch, height, width, channels]. */
  readonly reconstruction: Tensor;
  /** The picture of each slot, [batch, slots, height, width, channels]. */
  readonly images: Tensor;
  /** The share of each slot in each pixel, [batch, slots, height, width]; sums to 1 over slots. */
  readonly masks: Tensor;
};

/** Mixes what slots drew, [batch, slots, height, width, channels + 1]; the last channel is the mask's logit. */
export function composite(drawn: Tensor): Decoded {
  const images = np.slice(drawn, "...", [0, -1]);
  const masks = np.softmax(np.slice(drawn, "...", -1), { axis: 1 });
  return {
    images,
    masks,
    reconstruction: np.sum(images.mul(np.expandDims(masks, -1)), { axis: 1 }),
  };
}

/** Throws a ShapeError unless there are slots of a size for each sample. */
function requireSlots(decoder: string, slots: Tensor, size: number): void {
  requireShape(
    `${decoder}: the slots are`,
    slots,
    ["batch", "slots", size],
    "give slots of the decoder's slotSize; np.expandDims(slots, 0) makes a batch of one",
  );
}

/** Options of both decoders. */
export interface DecoderOptions {
  /** Height and width of the image. */
  readonly resolution: readonly [height: number, width: number];
  /** The size of a slot; 64. */
  readonly slotSize?: number;
  /** Channels of the image; 3. */
  readonly imageChannels?: number;
  /** Channels of hidden layers; 64. */
  readonly channels?: number;
  /** From where to where places are counted; 0 to 1. */
  readonly coordinates?: nn.Coordinates;
  /** The library whose initializers are used; `keras`. */
  readonly conventions?: Conventions;
}

/** Options of {@link broadcastDecoder}; the defaults are those of Locatello et al. for CLEVR6, 128×128. */
export interface BroadcastDecoderOptions extends DecoderOptions {
  /** The window of every transposed convolution but the last; 5. */
  readonly kernel?: number;
  /** One stride for each transposed convolution but the last, which has 1; `[2, 2, 2, 2, 1]`. */
  readonly strides?: readonly number[];
  /** The window of the last one; 3. */
  readonly lastKernel?: number;
  /** The sides from which places are counted: 4, or 2. */
  readonly sides?: 2 | 4;
}

/** The kinds of the options that models say of a broadcast decoder. */
export const broadcastKinds = {
  kernel: size,
  strides: listOf(size),
  lastKernel: size,
  sides: oneOf(2, 4),
  channels: size,
  coordinates: pairOf(finite),
} as const;
/** The kinds of the options that models say of a pixel decoder. */
export const pixelKinds = {
  layers: count,
  channels: size,
  coordinates: pairOf(finite),
  frame: oneOf("shared", "own"),
  patch: size,
} as const;
const decoderKinds = {
  resolution: required(pairOf(size)),
  slotSize: size,
  imageChannels: size,
  conventions: conventionsKind,
} as const;
const checkBroadcast = declareOptions<BroadcastDecoderOptions>("broadcastDecoder", [], {
  ...decoderKinds,
  ...broadcastKinds,
});
const checkPixel = declareOptions<PixelDecoderOptions>("pixelDecoder", [], {
  ...decoderKinds,
  ...pixelKinds,
});

/** Parameters of {@link broadcastDecoder}. */
export type BroadcastDecoderParams = {
  readonly position: nn.LinearParams;
  readonly convs: readonly nn.LinearParams[];
};

/**
 * The spatial broadcast decoder (Watters et al., 2019; Locatello et al., 2020): a slot is repeated over a
 * small grid, knows its place by a soft position embedding, and grows by transposed convolutions:
 * [batch, slots, slotSize] → {@link Decoded}.
 *
 * ```ts
 * import { broadcastDecoder } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const decoder = broadcastDecoder({ resolution: [16, 16], slotSize: 8, channels: 4, strides: [2, 2] });
 * const { reconstruction, masks } = decoder.apply(decoder.init(random.key(0)), np.ones([1, 3, 8]));
 * console.assert(reconstruction.shape.join() === "1,16,16,3" && masks.shape.join() === "1,3,16,16");
 * ```
 *
 * @throws ArgumentError when the strides' product does not divide the resolution; ShapeError for slots of another
 * size; TreeError for parameters that `init` did not make.
 */
export function broadcastDecoder(
  options: BroadcastDecoderOptions,
): nn.Layer<BroadcastDecoderParams, [slots: Tensor], Decoded> {
  checkBroadcast(options);
  const {
    resolution,
    slotSize = 64,
    imageChannels = 3,
    channels = 64,
    coordinates = [0, 1],
    kernel = 5,
    strides = [2, 2, 2, 2, 1],
    lastKernel = 3,
    sides = 4,
    conventions: { init } = keras,
  } = options;
  const growth = strides.reduce((a, b) => a * b, 1);
  const grid = resolution.map((n) => n / growth);
  if (!grid.every(Number.isInteger)) {
    throw new ArgumentError(
      `broadcastDecoder: the strides grow ${growth} times, to [${resolution.join(", ")}]`,
      "give strides whose product divides height and width",
    );
  }
  const [rows, columns] = grid as [number, number];
  const position = nn.softPosition({ ...init, size: slotSize, coordinates, sides });
  const stages = [
    ...strides.map((stride) => ({ kernel, stride, out: channels })),
    { kernel: lastKernel, stride: 1, out: imageChannels + 1 },
  ];
  const convs = stages.map((stage, i) =>
    nn.convTranspose({ ...init, ...stage, in: i === 0 ? slotSize : channels, padding: "same" })
  );
  return {
    init(key) {
      const [a, b] = random.split(key);
      const keys = random.split(b, convs.length);
      return {
        position: position.init(a),
        convs: convs.map((conv, i) => conv.init(keys[i]!)),
      };
    },
    apply(p, slots) {
      requireParams("broadcastDecoder", p, ["position", "convs"]);
      requireParamsList("broadcastDecoder's convs", p.convs, convs.length);
      requireSlots("broadcastDecoder", slots, slotSize);
      const [batch, count] = slots.shape as [number, number];
      const points = np.reshape(slots, [batch * count, 1, 1, slotSize]);
      const wide = np.broadcastTo(points, [batch * count, rows, columns, slotSize]);
      const drawn = convs.reduce((x, conv, i) => {
        const y = conv.apply(p.convs[i]!, x);
        return i < convs.length - 1 ? nn.relu(y) : y;
      }, position.apply(p.position, wide));
      return composite(np.reshape(drawn, [batch, count, ...resolution, imageChannels + 1]));
    },
  };
}

/** Options of {@link pixelDecoder}. */
export interface PixelDecoderOptions extends DecoderOptions {
  /** Hidden layers; 3. */
  readonly layers?: number;
  /**
   * The embedding of positions. `"shared"` (the default): all slots have the same linear map. `"own"`: each slot adds
   * to it a map of its own, so that it can move, turn and scale what it draws.
   */
  readonly frame?: "shared" | "own";
  /** Height and width of the patches that are computed together, one MLP each; 1: single pixels. */
  readonly patch?: number;
}

/** Parameters of {@link pixelDecoder}. */
export type PixelDecoderParams = {
  readonly slot: nn.LinearParams;
  readonly position: nn.LinearParams;
  readonly layers: readonly nn.LinearParams[];
  /** With `frame: "own"`. */
  readonly frame?: nn.LinearParams;
};

/**
 * A cheap spatial broadcast decoder: every pixel of every slot is computed alone, by an MLP (that is, by
 * 1×1 convolutions) of the slot and the pixel's place. Its first layer, being linear in both, is computed
 * once for each slot and once for each place, and added: [batch, slots, slotSize] → {@link Decoded}.
 *
 * Of a slot s and a place g, `[y, x, 1 - y, 1 - x]`, the first layer is
 *
 *     relu(W s + b + P g)              with the shared frame
 *     relu(W s + b + (P + V(s)) g)     with frames of their own, V being linear
 *
 * Each unit is a half plane of the picture. In a frame of its own, a slot turns and scales these, as an object may be
 * turned and scaled (the slot-centric frames of Biza et al., 2023, learned without a constraint). With patches of p × p
 * pixels the MLP draws p² pixels from each place, as sub-pixel convolution does (Shi et al., 2016): edges stay sharp, at
 * 1/p² of the work.
 *
 * ```ts
 * import { pixelDecoder } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const decoder = pixelDecoder({ resolution: [8, 8], slotSize: 16, channels: 8 });
 * const { images } = decoder.apply(decoder.init(random.key(0)), np.ones([2, 3, 16]));
 * console.assert(images.shape.join() === "2,3,8,8,3");
 * const framed = pixelDecoder({ resolution: [8, 8], slotSize: 16, frame: "own", patch: 2 });
 * console.assert(framed.init(random.key(0)).frame?.weight.shape.join() === "256,16");
 * ```
 *
 * @throws ArgumentError when the patch does not divide the resolution; ShapeError for slots of another size; TreeError for parameters that `init` did not make.
 */
export function pixelDecoder(
  options: PixelDecoderOptions,
): nn.Layer<PixelDecoderParams, [slots: Tensor], Decoded> {
  checkPixel(options);
  const {
    resolution,
    slotSize = 64,
    imageChannels = 3,
    channels = 64,
    coordinates = [0, 1],
    layers = 3,
    frame = "shared",
    patch = 1,
    conventions: { init } = keras,
  } = options;
  const slot = nn.linear({ ...init, in: slotSize, out: channels });
  const position = nn.linear({ ...init, in: 4, out: channels, bias: false });
  const sizes = Array<number>(layers).fill(channels);
  const pixel = nn.mlp({ ...init, sizes: [...sizes, imageChannels + 1] });
  const rest = nn.mlp({ ...init, sizes: [...sizes, patch * patch * (imageChannels + 1)] });
  const [rows, columns] = [resolution[0] / patch, resolution[1] / patch];
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new ArgumentError(
      `pixelDecoder: patches of ${patch} do not tile [${resolution.join(", ")}]`,
      "give a patch that divides height and width",
    );
  }
  const own = nn.linear({ ...init, in: slotSize, out: 4 * channels, bias: false });
  return {
    init(key) {
      const [a, b, c] = random.split(key, 3);
      const layers = pixel.init(c).map((layer, i) =>
        i < sizes.length - 1 ? layer : perPixel(layer, patch)
      );
      const shared = { slot: slot.init(a), position: position.init(b), layers };
      return frame === "shared" ? shared : { ...shared, frame: own.init(random.foldIn(b, 1)) };
    },
    apply(p, slots) {
      requireParams("pixelDecoder", p, ["slot", "position", "layers"]);
      requireSlots("pixelDecoder", slots, slotSize);
      const [batch, count] = slots.shape as [number, number, number];
      const grid = np.astype(nn.softGrid(rows, columns, coordinates), slots.dtype);
      const fromSlot = np.expandDims(slot.apply(p.slot, slots), [2, 3]);
      const fromPlace = p.frame === undefined
        ? position.apply(p.position, grid)
        : ownFrames(own.apply(p.frame, slots).reshape([batch, count, channels, 4]), p, grid);
      const drawn = rest.apply(p.layers, nn.relu(fromSlot.add(fromPlace)));
      const size = [batch, count, ...resolution, imageChannels + 1];
      if (patch === 1) return composite(drawn);
      const patches = [batch, count, rows, columns, patch, patch, imageChannels + 1];
      return composite(np.swapaxes(drawn.reshape(patches), 3, 4).reshape(size));
    },
  };
}

/** A layer that draws a pixel as one that draws all pixels of a patch alike, at first (Aitken et al., 2017). */
function perPixel({ weight, bias }: nn.LinearParams, patch: number): nn.LinearParams {
  const copies = patch * patch;
  return { weight: np.tile(weight, [copies, 1]), bias: bias && np.tile(bias, [copies]) };
}

/** Places of a grid, [rows, columns, 4], by the shared map and that of each slot, [batch, slots, channels, 4]. */
function ownFrames(maps: Tensor, { position }: PixelDecoderParams, grid: Tensor): Tensor {
  const [rows, columns] = grid.shape as [number, number, number];
  const [batch, slots, channels] = maps.shape as [number, number, number, number];
  const all = np.swapaxes(maps.add(position.weight), 2, 3);
  const seen = np.matmul(grid.reshape([rows * columns, 4]), all);
  return seen.reshape([batch, slots, rows, columns, channels]);
}
