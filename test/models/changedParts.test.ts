/** Parts of models that are changed do change what is computed: each is compared with a loop that is written out. */
import { expect, test } from "vitest";
import { grad, jit, np, random, setBackend, type Tensor } from "trilevel";
import {
  objectDiscovery,
  propertyPrediction,
  slotAttention,
  type SlotAttentionParams,
  softAssignment,
  weightedMean,
} from "trilevel/models";
import * as nn from "trilevel/nn";
import {
  initWithMlp,
  type Weights,
  withCounts,
  withMask,
  withMlp,
  withSlots,
  withTemperature,
} from "../../examples/changedParts.ts";

await setBackend("reference");

const weights = initWithMlp(random.key(0));
const params = weights.slotAttention;
const inputs = random.normal(random.key(1), [2, 10, 8]);
const key = random.key(2);
const own = slotAttention({ slots: 3, inputSize: 8, slotSize: 8, mlpHidden: 16, iterations: 2 });

const expectClose = async (a: Tensor, b: Tensor, tolerance = 1e-6) => {
  expect(a.shape).toEqual(b.shape);
  expect(await np.max(np.abs(a.sub(b))).item()).toBeLessThan(tolerance);
};
const expectFar = async (a: Tensor, b: Tensor) =>
  expect(await np.max(np.abs(a.sub(b))).item()).toBeGreaterThan(1e-3);

/** The paper's loop: two steps, and one more that is differentiated. */
function loop(
  p: SlotAttentionParams,
  x: Tensor,
  first: Tensor,
  step: (slots: Tensor, keys: { k: Tensor; v: Tensor }) => Tensor = (slots, keys) =>
    own.step(p, slots, keys),
  steps = 3,
) {
  const keys = own.project(p, x);
  let slots = first;
  for (let t = 0; t < steps; t++) slots = step(slots, keys);
  return slots;
}
const first = own.start(params, key, 2);

test("an MLP for the GRU, whose weights learn", async () => {
  const norm = nn.layerNorm({ size: 8, eps: 1e-3 });
  const query = nn.linear({ in: 8, out: 8, bias: false });
  const mlp = nn.mlp({ sizes: [16, 16, 8] });
  const byHand = (w: Weights) => (slots: Tensor, { k, v }: { k: Tensor; v: Tensor }) => {
    const q = query.apply(w.slotAttention.query, norm.apply(w.slotAttention.normSlots, slots));
    return mlp.apply(
      w.cell,
      np.concatenate([weightedMean(softAssignment(q, k), v), slots], { axis: -1 }),
    );
  };
  const slots = withMlp(weights, inputs, key);
  await expectClose(slots, loop(params, inputs, first, byHand(weights)));
  await expectFar(slots, own.apply(params, inputs, key).slots);
  // The derivative of the implicit model is that of the last step, from slots that are constant.
  const before = loop(params, inputs, first, byHand(weights), 2);
  const ofModel = grad((w: Weights) => np.sum(np.square(withMlp(w, inputs, key))));
  const ofLoop = grad((w: Weights) =>
    np.sum(np.square(loop(w.slotAttention, inputs, before, byHand(w), 1)))
  );
  for (const f of [ofModel, jit(ofModel)]) {
    const [a, b] = [f(weights), ofLoop(weights)];
    for (const i of [0, 1]) await expectClose(a.cell[i]!.weight, b.cell[i]!.weight, 1e-5);
    await expectClose(a.slotAttention.key.weight, b.slotAttention.key.weight, 1e-5);
  }
});

test("a masked input is as one that is not there", async () => {
  const mask = np.array([[1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]]);
  const { slots, attention } = withMask(params, inputs, mask, key);
  const fewer = own.apply(params, inputs.slice([0, 2], [0, 6]), key);
  await expectClose(slots, fewer.slots, 1e-5);
  await expectClose(attention.slice([0, 2], [0, 6]), fewer.attention, 1e-5);
  expect(await np.sum(attention.slice([0, 2], [6, 10])).item()).toBe(0);
  // What stands in a masked input has no effect, and no derivative.
  const hidden = np.where(np.expandDims(mask, -1).greater(0), inputs, 7);
  await expectClose(withMask(params, hidden, mask, key).slots, slots);
  const slope = grad((x: Tensor) => np.sum(np.square(withMask(params, x, mask, key).slots)))(
    inputs,
  );
  expect(await np.sum(np.abs(slope.slice([0, 2], [6, 10]))).item()).toBe(0);
});

test("slots that are given for each image", async () => {
  const given = random.normal(random.key(5), [2, 3, 8]);
  await expectClose(withSlots(params, inputs, given).slots, loop(params, inputs, given));
});

test("a temperature", async () => {
  const keys = own.project(params, inputs);
  const at = (temperature: number) => (slots: Tensor) =>
    own.step(params, slots, { ...keys, k: keys.k.div(temperature) });
  const sharp = withTemperature(params, inputs, 0.1, key);
  await expectClose(sharp.slots, loop(params, inputs, first, at(0.1)));
  await expectClose(
    withTemperature(params, inputs, 1, key).slots,
    own.apply(params, inputs, key).slots,
  );
  const [max, paper] = [sharp, own.apply(params, inputs, key)].map(({ attention }) =>
    np.mean(np.max(attention, { axis: -1 }))
  );
  expect(await max!.sub(paper!).item()).toBeGreaterThan(0.05);
});

test("other counts of slots and iterations, with the same weights", async () => {
  const { slots } = withCounts(params, inputs, { slots: 5, iterations: 4 }, key);
  const model = slotAttention({ slots: 5, inputSize: 8, slotSize: 8, mlpHidden: 16 });
  await expectClose(slots, loop(params, inputs, model.start(params, key, 2), undefined, 5));
});

test("the step of a changed model is the changed one", async () => {
  const model = slotAttention({
    slots: 3,
    inputSize: 8,
    slotSize: 8,
    mlpHidden: 16,
    level: (own) => ({ ...own, step: (_, slots) => slots.mul(0.5) }),
  });
  await expectClose(model.step(params, first, own.project(params, inputs)), first.mul(0.5));
});

test("a spread cannot change nothing", () => {
  const models: { readonly [name: string]: object } = {
    slotAttention: own,
    objectDiscovery: objectDiscovery({ resolution: [16, 16], slots: 2, slotSize: 8 }),
    propertyPrediction: propertyPrediction({ slots: 2, slotSize: 8 }),
  };
  for (const [name, model] of Object.entries(models)) {
    expect(() => ({ ...model, step: () => 0 })).toThrow(
      new RegExp(`${name}: a copy of a model[^]*\\{ \\.\\.\\.options, level`),
    );
    expect(() => Object.assign({}, model)).toThrow(name);
    // Looking at one is no copy.
    expect(Object.keys(model)).toContain("apply");
    expect(() => JSON.stringify(model)).not.toThrow();
  }
});
