/** Property prediction: a set of objects from an image, in no order (Locatello et al., 2020, §3.2). */
import { requireShape } from "../options/shapeSpec.ts";
import type { Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, nested, size as sizeKind } from "../options/index.ts";
import * as random from "../random/index.ts";
import { vmap } from "../transforms/index.ts";
import { assignment } from "./assignment.ts";
import { keras } from "./conventions.ts";
import { cnnEncoder, encoderKinds, type EncoderOptions, type EncoderParams } from "./encoder.ts";
import { slotCure, whole } from "./parts/whole.ts";
import {
  type SlotAttention,
  slotAttention,
  type SlotAttentionOptions,
  type SlotAttentionOutput,
  type SlotAttentionParams,
  slotKinds,
} from "./slotAttention.ts";

/**
 * The distance of two sets, [batch, n, size] each: Huber's loss (δ = 1, the mean over `size`) of every
 * prediction and every target, the cheapest matching of the two, summed over the set, and the mean over the
 * batch. `matching` is the target of each prediction, int32 [batch, n]; it is not differentiated.
 *
 * ```ts
 * import { setLoss } from "trilevel/models";
 * import { np } from "trilevel";
 * const x = np.array([[[0, 1], [1, 0]]]);
 * const { loss, matching } = setLoss(x, np.flip(x, 1));
 * console.assert(await loss.item() === 0 && String(await matching.data()) === "1,0");
 * ```
 *
 * @throws ShapeError unless predictions and targets are of one shape.
 */
export function setLoss(
  predictions: Tensor,
  targets: Tensor,
): { readonly loss: Tensor; readonly matching: Tensor } {
  requireShape(
    "setLoss: the targets are",
    targets,
    predictions.shape,
    "give targets of the predictions' shape: pad them to one for each slot",
  );
  const pairs = nn.huber(np.expandDims(predictions, 2), np.expandDims(targets, 1), {
    reduction: "none",
  });
  const costs = np.mean(pairs, { axis: -1 });
  const matching = vmap(assignment)(costs);
  // One-hot weights rather than a gather, whose derivative is a scatter.
  const chosen = nn.oneHot(matching, costs.shape[2]!, { dtype: costs.dtype });
  return { loss: np.mean(np.sum(costs.mul(chosen), { axis: [1, 2] })), matching };
}

/** Options of {@link propertyPrediction}; the defaults are those of Locatello et al. for CLEVR10. */
export interface PropertyOptions extends Omit<SlotAttentionOptions, "inputSize"> {
  /** Numbers of an object; 19, CLEVR's: position 3, size 2, material 2, shape 3, colour 8, is real 1. */
  readonly size?: number;
  /** The hidden size of the head; 64. */
  readonly hidden?: number;
  /** The convolutions that look at the image; strides 1, 2, 2, 1. */
  readonly encoder?: Omit<EncoderOptions, "conventions">;
}

const checkOptions = declareOptions<PropertyOptions>("propertyPrediction", [], {
  size: sizeKind,
  hidden: sizeKind,
  encoder: nested(),
  ...slotKinds,
});
const checkEncoder = declareOptions<NonNullable<PropertyOptions["encoder"]>>(
  "propertyPrediction's encoder",
  [],
  { ...encoderKinds, imageChannels: sizeKind },
);

/** Parameters of {@link propertyPrediction}. */
export type PropertyParams = {
  readonly encoder: EncoderParams;
  readonly slotAttention: SlotAttentionParams;
  readonly head: readonly nn.LinearParams[];
};

/** The outputs of {@link propertyPrediction}. */
export type PropertyOutput = SlotAttentionOutput & {
  /** [batch, slots, size], each number in (0, 1). */
  readonly predictions: Tensor;
};

/** A predictor of sets: a layer, its loss, and its parts. */
export interface PropertyPrediction
  extends nn.Layer<PropertyParams, [image: Tensor, key: Tensor | null], PropertyOutput> {
  /** From an image to the inputs of slot attention. */
  readonly encoder: nn.Layer<EncoderParams>;
  /** From inputs to slots. */
  readonly slotAttention: SlotAttention;
  /** The loss of {@link setLoss} for targets [batch, slots, size], and all that was computed. */
  loss(
    params: PropertyParams,
    image: Tensor,
    targets: Tensor,
    key: Tensor | null,
  ): [loss: Tensor, output: PropertyOutput & { readonly matching: Tensor }];
}

/**
 * Property prediction: `(image, key)`, [batch, height, width, channels], to one object of each slot.
 *
 * ```ts
 * import { propertyPrediction } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = propertyPrediction({
 *   slots: 4,
 *   slotSize: 8,
 *   mlpHidden: 16,
 *   encoder: { channels: 8, strides: [2, 2] },
 * });
 * const { predictions } = model.apply(model.init(random.key(0)), np.zeros([2, 16, 16, 3]), random.key(1));
 * console.assert(predictions.shape.join() === "2,4,19");
 * ```
 *
 * @throws ShapeError for images of other axes or channels, and, from `loss`, targets of another shape; TreeError
 * for parameters that `init` did not make.
 */
export function propertyPrediction(options: PropertyOptions): PropertyPrediction {
  checkOptions(options);
  checkEncoder(options.encoder);
  const { size = 19, hidden = 64, encoder: _, ...ofSlots } = options;
  const { slotSize = 64, conventions = keras } = options;
  const { strides = [1, 2, 2, 1], channels = 64 } = options.encoder ?? {};
  const encoder = cnnEncoder({ ...options.encoder, strides, channels, conventions });
  const slots = slotAttention({ ...ofSlots, inputSize: channels, slotSize, conventions });
  const head = nn.mlp({
    ...conventions.init,
    sizes: [slotSize, hidden, size],
    outActivation: nn.sigmoid,
  });
  const model: PropertyPrediction = {
    encoder,
    slotAttention: slots,
    init(key) {
      const [a, b, c] = random.split(key, 3);
      return { encoder: encoder.init(a), slotAttention: slots.init(b), head: head.init(c) };
    },
    apply(p, image, key) {
      requireParams("propertyPrediction", p, ["encoder", "slotAttention", "head"]);
      const found = slots.apply(p.slotAttention, encoder.apply(p.encoder, image), key);
      return { ...found, predictions: head.apply(p.head, found.slots) };
    },
    loss(p, image, targets, key) {
      const output = model.apply(p, image, key);
      const { loss, matching } = setLoss(output.predictions, targets);
      return [loss, { ...output, matching }];
    },
  };
  return whole("propertyPrediction", slotCure, model);
}
