/**
 * The spatial broadcast decoder as IODINE has it (Watters et al., 2019): latents, a constant and places stand at every pixel,
 * and convolutions draw colours and a mask's logit of them.
 */
import { ArgumentError, type Tensor } from "../../public.ts";
import { requireShape } from "../../options/shapeSpec.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import { count, declareOptions, size } from "../../options/index.ts";
import type { Decoded } from "../decoder.ts";
import { convStack } from "./convStack.ts";
import { sonnet } from "./sonnet.ts";

/** Pictures of slots before they are mixed. */
export type Drawn = {
  /** [batch, slots, height, width, channels] */
  readonly colors: Tensor;
  /** Logits of masks, [batch, slots, height, width]. */
  readonly logits: Tensor;
};

/** The mixture of what slots draw. */
export function mixed({ colors, logits }: Drawn): Decoded {
  const masks = np.softmax(logits, { axis: 1 });
  return {
    images: colors,
    masks,
    reconstruction: np.sum(colors.mul(np.expandDims(masks, -1)), { axis: 1 }),
  };
}

/** Options of the decoder that a model's options hold. */
export interface SlotDrawingOptions {
  /** Channels of hidden layers; 64. */
  readonly channels?: number;
  /** Hidden layers; 4. */
  readonly layers?: number;
  /** The window; 3. */
  readonly kernel?: number;
  /** Height and width of the patches that are drawn together, on a grid that is as much smaller; 1. */
  readonly patch?: number;
}

const checkOptions = declareOptions<SlotDrawingOptions>("iodine's decoder", [], {
  channels: size,
  layers: count,
  kernel: size,
  patch: size,
});

/** Latents [batch, slots, latentSize] → {@link Drawn}; ELU between convolutions. */
export function slotDrawing(
  options: SlotDrawingOptions | undefined,
  { resolution, latentSize, imageChannels }: {
    readonly resolution: readonly [height: number, width: number];
    readonly latentSize: number;
    readonly imageChannels: number;
  },
): nn.Layer<readonly nn.LinearParams[], [latents: Tensor], Drawn> {
  checkOptions(options);
  const { channels = 64, layers = 4, kernel = 3, patch = 1 } = options ?? {};
  const [rows, columns] = resolution.map((n) => n / patch) as [number, number]; // two
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new ArgumentError(
      `iodine: patches of ${patch} do not tile [${resolution.join(", ")}]`,
      "give the decoder a patch that divides height and width",
    );
  }
  const sizes = [...Array<number>(layers).fill(channels), (imageChannels + 1) * patch ** 2];
  const convs = convStack({
    in: latentSize + 3,
    convs: sizes.map((out) => ({ out, kernel, padding: "same" })),
    activation: nn.elu,
    init: sonnet,
  });
  return {
    init: (key) => convs.init(key),
    apply(params, latents) {
      requireShape(
        "iodine: the latents are",
        latents,
        ["batch", "slots", latentSize],
        "give latentSize numbers for each slot; np.expandDims(latents, 0) makes a batch of one",
      );
      const [batch, slots] = latents.shape as [number, number, number];
      const many = batch * slots;
      const wide = (x: Tensor) => np.broadcastTo(x, [many, rows, columns, x.shape.at(-1)!]);
      const places = np.astype(nn.softGrid(rows, columns, [-1, 1], 2), latents.dtype);
      // The constant is a rest of older code in the original.
      const five = np.full([1], 5, { dtype: latents.dtype });
      const x = [latents.reshape([many, 1, 1, latentSize]), five, places].map(wide);
      const drawn = convs.apply(params, np.concatenate(x, { axis: -1 }));
      const numbers = (patch === 1 ? drawn : nn.pixelShuffle(drawn, patch))
        .reshape([batch, slots, ...resolution, imageChannels + 1]);
      return { logits: np.slice(numbers, "...", 0), colors: np.slice(numbers, "...", [1, null]) };
    },
  };
}
