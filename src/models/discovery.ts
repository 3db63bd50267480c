/** Object discovery: an autoencoder whose bottleneck is slots (Locatello et al., 2020, §3.1). */
import { requireShape } from "../options/shapeSpec.ts";
import type { Tensor } from "../public.ts";
import { declareOptions, nested, pairOf, required, size } from "../options/index.ts";
import { requireParams } from "../nn/checks.ts";
import * as nn from "../nn/index.ts";
import * as random from "../random/index.ts";
import { keras } from "./conventions.ts";
import type { Decoded, DecoderOptions } from "./decoder.ts";
import { cnnEncoder, encoderKinds, type EncoderOptions, type EncoderParams } from "./encoder.ts";
import {
  type SlotDecoder,
  slotDecoder,
  type SlotDecoderOptions,
  type SlotDecoderParams,
} from "./parts/slotDecoder.ts";
import { slotCure, whole } from "./parts/whole.ts";
import {
  type SlotAttention,
  slotAttention,
  type SlotAttentionOptions,
  type SlotAttentionOutput,
  type SlotAttentionParams,
  slotKinds,
} from "./slotAttention.ts";

/** Options of {@link objectDiscovery}. What they say of the whole is not said again of its parts. */
export interface DiscoveryOptions
  extends
    Omit<SlotAttentionOptions, "inputSize">,
    Pick<DecoderOptions, "resolution" | "imageChannels"> {
  /** The convolutions that look at the image. */
  readonly encoder?: Omit<EncoderOptions, keyof DiscoveryOptions>;
  /** `"broadcast"` is the paper's, `"pixel"` is cheap. */
  readonly decoder?: SlotDecoderOptions;
}

const checkOptions = declareOptions<DiscoveryOptions>("objectDiscovery", [], {
  resolution: required(pairOf(size)),
  imageChannels: size,
  encoder: nested(),
  decoder: nested('{ kind: "broadcast" }'),
  ...slotKinds,
});
const checkEncoder = declareOptions<NonNullable<DiscoveryOptions["encoder"]>>(
  "objectDiscovery's encoder",
  [],
  encoderKinds,
);
const decoderOf = slotDecoder("objectDiscovery's decoder");

/** Parameters of {@link objectDiscovery}. */
export type DiscoveryParams = {
  readonly encoder: EncoderParams;
  readonly slotAttention: SlotAttentionParams;
  readonly decoder: SlotDecoderParams;
};

/** The outputs of {@link objectDiscovery}. */
export type DiscoveryOutput = SlotAttentionOutput & Decoded;

/** An autoencoder of slots: a layer, its loss, and its parts. */
export interface ObjectDiscovery
  extends nn.Layer<DiscoveryParams, [image: Tensor, key: Tensor | null], DiscoveryOutput> {
  /** From an image to the inputs of slot attention. */
  readonly encoder: nn.Layer<EncoderParams>;
  /** From inputs to slots. */
  readonly slotAttention: SlotAttention;
  /** From slots to an image. */
  readonly decoder: SlotDecoder;
  /** The mean squared error of the reconstruction, and all that was computed: for `hasAux`. */
  loss(
    params: DiscoveryParams,
    image: Tensor,
    key: Tensor | null,
  ): [loss: Tensor, output: DiscoveryOutput];
}

/**
 * Object discovery: `(image, key)`, [batch, height, width, channels] (scaled to [-1, 1] in the paper), to slots,
 * and from them the image again; masks say which object each pixel belongs to.
 *
 * ```ts
 * import { discoveryPresets, objectDiscovery } from "trilevel/models";
 * import { np, optim, random, valueAndGrad } from "trilevel";
 * const model = objectDiscovery({
 *   resolution: [8, 8],
 *   slots: 3,
 *   slotSize: 8,
 *   mlpHidden: 16,
 *   encoder: { channels: 8, strides: [2] },
 *   decoder: { kind: "pixel", channels: 8 },
 * });
 * const params = model.init(random.key(0));
 * const image = np.zeros([2, 8, 8, 3]);
 * const [[loss, { masks }], gradient] = valueAndGrad(model.loss, { hasAux: true })(
 *   params, image, random.key(1),
 * );
 * console.assert(masks.shape.join() === "2,3,8,8" && loss.shape.length === 0);
 * const optimizer = optim.adam(4e-4);
 * const [updates] = optimizer.update(gradient, optimizer.init(params), params);
 * console.assert(optim.applyUpdates(params, updates).encoder.convs.length === 1);
 * console.assert(objectDiscovery(discoveryPresets.clevr6.model).encoder !== model.encoder);
 * ```
 *
 * @throws ArgumentError for an unknown decoder; ShapeError for images of other axes or channels, and, from `loss`,
 * of another resolution; TreeError for parameters that `init` did not make.
 */
export function objectDiscovery(options: DiscoveryOptions): ObjectDiscovery {
  checkOptions(options);
  checkEncoder(options.encoder);
  const { encoder: _, decoder: __, resolution, imageChannels = 3, ...ofSlots } = options;
  const { slotSize = 64, conventions = keras } = options;
  const shared = { conventions, imageChannels };
  const channels = options.encoder?.channels ?? 64;
  const encoder = cnnEncoder({ ...options.encoder, ...shared });
  const slots = slotAttention({ ...ofSlots, inputSize: channels, slotSize, conventions });
  const decoder = decoderOf(options.decoder ?? { kind: "broadcast" }, {
    ...shared,
    resolution,
    slotSize,
  });
  const model: ObjectDiscovery = {
    encoder,
    slotAttention: slots,
    decoder,
    init(key) {
      const [a, b, c] = random.split(key, 3);
      return { encoder: encoder.init(a), slotAttention: slots.init(b), decoder: decoder.init(c) };
    },
    apply(p, image, key) {
      requireParams("objectDiscovery", p, ["encoder", "slotAttention", "decoder"]);
      const found = slots.apply(p.slotAttention, encoder.apply(p.encoder, image), key);
      return { ...found, ...decoder.apply(p.decoder, found.slots) };
    },
    loss(p, image, key) {
      requireShape(
        "objectDiscovery: the image is",
        image,
        ["batch", ...resolution, imageChannels],
        "give images of the model's resolution and channels, channels last, in batches; or make it for these",
      );
      const output = model.apply(p, image, key);
      return [nn.mse(output.reconstruction, image), output];
    },
  };
  return whole("objectDiscovery", slotCure, model);
}
