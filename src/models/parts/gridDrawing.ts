/**
 * The spatial broadcast decoder as EfficientMORL has it: latents stand at all places of a grid with a margin, an embedding of places
 * is added, and convolutions that use the margin up draw colours from 0 to 1 and a mask's logit.
 */
import { ArgumentError, type Tensor } from "../../public.ts";
import { requireShape } from "../../options/shapeSpec.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import { count, declareOptions, listOf, oneOf, size } from "../../options/index.ts";
import * as random from "../../random/index.ts";
import { convStack } from "./convStack.ts";
import type { Drawn } from "./slotDrawing.ts";

/** Options of the decoder that a model's options hold. */
export interface GridDrawingOptions {
  /** Channels of hidden layers; 64. */
  readonly channels?: number;
  /** The window of each convolution; five of 3. */
  readonly kernels?: readonly number[];
  /** Zeros around the input of each; 0. */
  readonly padding?: number;
  /** Between convolutions; `"elu"`. */
  readonly activation?: "elu" | "relu";
  /** Height and width of the patches that are drawn together, on a grid that is as much smaller; 1. */
  readonly patch?: number;
}

const checkOptions = declareOptions<GridDrawingOptions>("efficientMorl's decoder", [], {
  channels: size,
  kernels: listOf(size),
  padding: count,
  activation: oneOf("elu", "relu"),
  patch: size,
});

/** Parameters of the decoder. */
export type GridDrawingParams = {
  readonly position: nn.LinearParams;
  readonly convs: readonly nn.LinearParams[];
};

/** Latents [batch, slots, latentSize] → {@link Drawn}. */
export function gridDrawing(
  options: GridDrawingOptions | undefined,
  { resolution, latentSize, imageChannels, init }: {
    readonly resolution: readonly [height: number, width: number];
    readonly latentSize: number;
    readonly imageChannels: number;
    readonly init: nn.InitOptions;
  },
): nn.Layer<GridDrawingParams, [latents: Tensor], Drawn> {
  checkOptions(options);
  const {
    channels = 64,
    kernels = [3, 3, 3, 3, 3],
    padding = 0,
    activation = "elu",
    patch = 1,
  } = options ?? {};
  const name = "efficientMorl";
  if (kernels.length === 0) {
    throw new ArgumentError(
      `${name}: a decoder without convolutions`,
      "give kernels, as [5, 5, 5, 3]",
    );
  }
  const margin = kernels.reduce((sum, kernel) => sum + kernel - 1 - 2 * padding, 0);
  const [rows, columns] = resolution.map((n) => n / patch + margin) as [number, number]; // two
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) {
    throw new ArgumentError(
      `${name}: patches of ${patch} do not tile [${resolution.join(", ")}]`,
      "give the decoder a patch that divides height and width",
    );
  }
  if (rows < 1 || columns < 1) {
    throw new ArgumentError(
      `${name}: padding of ${padding} grows images of [${resolution.join(", ")}] from nothing`,
      "give less padding, or larger kernels",
    );
  }
  const convs = convStack({
    in: latentSize,
    convs: kernels.map((kernel, i) => ({
      kernel,
      padding,
      out: i < kernels.length - 1 ? channels : (imageChannels + 1) * patch ** 2,
    })),
    activation: nn[activation],
    init,
  });
  const position = nn.linear({ ...init, in: 4, out: latentSize });
  return {
    init(key) {
      const [a, b] = random.split(key);
      return { position: position.init(a), convs: convs.init(b) };
    },
    apply(p, latents) {
      requireShape(
        `${name}: the latents are`,
        latents,
        ["batch", "slots", latentSize],
        "give latentSize numbers for each slot; np.expandDims(latents, 0) makes a batch of one",
      );
      const [batch, slots] = latents.shape as [number, number, number];
      const places = np.astype(nn.softGrid(rows, columns), latents.dtype);
      const grid = latents.reshape([batch * slots, 1, 1, latentSize])
        .add(position.apply(p.position, places));
      const drawn = convs.apply(p.convs, grid);
      const numbers = (patch === 1 ? drawn : nn.pixelShuffle(drawn, patch))
        .reshape([batch, slots, ...resolution, imageChannels + 1]);
      return {
        colors: np.sigmoid(np.slice(numbers, "...", [0, imageChannels])),
        logits: np.slice(numbers, "...", imageChannels),
      };
    },
  };
}
