/**
 * Parts of slot attention that are not the paper's. A model is made of options and is not changed afterwards: another step,
 * given slots and masked inputs are options, and what is only known where the model is used (masks of images, slots of
 * one image, parameters of one's own) is closed over by a model that is made there.
 *
 * `deno run -A examples/changedParts.ts` prints shapes; test/models/changedParts.test.ts compares each with loops that
 * are written out.
 */
import { np, random, type Tensor } from "trilevel";
import {
  slotAttention,
  type SlotAttentionParams,
  softAssignment,
  weightedMean,
} from "trilevel/models";
import * as nn from "trilevel/nn";

const size = 8;
const options = { slots: 3, inputSize: 8, slotSize: size, mlpHidden: 16, iterations: 2 };

/** Weights of slot attention and of an MLP in place of its GRU. */
export type Weights = {
  readonly slotAttention: SlotAttentionParams;
  readonly cell: readonly nn.LinearParams[];
};

const cell = nn.mlp({ sizes: [2 * size, 16, size] });
const normSlots = nn.layerNorm({ size, eps: 1e-3 });
const query = nn.linear({ in: size, out: size, bias: false });

/** An MLP for the GRU: s ← MLP([Σ a v, s]). Its weights are closed over, and learn like all others. */
export function withMlp(w: Weights, inputs: Tensor, key: Tensor): Tensor {
  const model = slotAttention({
    ...options,
    level: (own) => ({
      ...own,
      step(p, slots, { k, v }) {
        const q = query.apply(p.query, normSlots.apply(p.normSlots, slots));
        const updates = weightedMean(softAssignment(q, k), v);
        return cell.apply(w.cell, np.concatenate([updates, slots], { axis: -1 }));
      },
    }),
  });
  return model.apply(w.slotAttention, inputs, key).slots;
}

/** Weights of the above. */
export function initWithMlp(key: Tensor): Weights {
  const [a, b] = random.split(key);
  return { slotAttention: slotAttention(options).init(a), cell: cell.init(b) };
}

/** Inputs that are hidden: 0 in `mask`, [batch, inputs]. No slot looks at them. */
export const withMask = (p: SlotAttentionParams, inputs: Tensor, mask: Tensor, key: Tensor) =>
  slotAttention({ ...options, keys: (own) => ({ ...own, mask }) }).apply(p, inputs, key);

/** First slots that are given for each image, [batch, slots, size], in place of random ones. */
export const withSlots = (p: SlotAttentionParams, inputs: Tensor, slots: Tensor) =>
  slotAttention({ ...options, level: (own) => ({ ...own, init: () => slots }) })
    .apply(p, inputs, null);

/** The temperature of the softmax over slots: 1 is the paper's, less is sharper. */
export const withTemperature = (
  p: SlotAttentionParams,
  inputs: Tensor,
  temperature: Tensor | number,
  key: Tensor,
) =>
  slotAttention({ ...options, keys: (own) => ({ ...own, k: own.k.div(temperature) }) })
    .apply(p, inputs, key);

/** Other counts than in training, with the same weights: random first slots are of any number. */
export const withCounts = (
  p: SlotAttentionParams,
  inputs: Tensor,
  counts: { readonly slots: number; readonly iterations: number },
  key: Tensor,
) => slotAttention({ ...options, ...counts }).apply(p, inputs, key);

if (import.meta.main) {
  const w = initWithMlp(random.key(0));
  const p = w.slotAttention;
  const inputs = random.normal(random.key(1), [2, 10, 8]);
  const key = random.key(2);
  console.log("an MLP for the GRU", withMlp(w, inputs, key).shape);
  const mask = np.array([[1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]);
  console.log("masked inputs", withMask(p, inputs, mask, key).attention.shape);
  console.log("given slots", withSlots(p, inputs, np.zeros([2, 3, size])).slots.shape);
  console.log("sharper", withTemperature(p, inputs, 0.5, key).slots.shape);
  console.log("more of them", withCounts(p, inputs, { slots: 7, iterations: 5 }, key).slots.shape);
}
