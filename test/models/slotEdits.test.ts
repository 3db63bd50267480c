/** Scenes of other slots, concepts, and what is said of tokens and slots that are not there. */
import { describe, expect, test } from "vitest";
import { errorIf, grad, jit, np, random, setBackend, type Tensor, vmap } from "trilevel";
import {
  combineSlots,
  conceptLibrary,
  promptSlots,
  removeSlots,
  slate,
  slotOrder,
} from "trilevel/models";
import { caught } from "../support/caught.ts";

await setBackend("reference");

const options = {
  vocabulary: 8,
  imageSize: 8,
  channels: 4,
  size: 8,
  blocks: 1,
  heads: 2,
  slots: 3,
};
const model = slate(options);
const params = model.init(random.key(0));
const slots = random.normal(random.key(1), [2, 3, 8]);
const int = (...x: number[]) => np.array(Int32Array.from(x));
const equal = async (a: Tensor, b: Tensor) => expect(await np.arrayEqual(a, b).item()).toBe(1);

describe("slots", () => {
  test("are removed in the order of their attention, as if they were not present", async () => {
    const attention = np.softmax(random.normal(random.key(2), [2, 4, 3]));
    const order = slotOrder(attention);
    const mass = np.takeAlongAxis(np.sum(attention, { axis: 1 }), order, { axis: -1 });
    expect(await np.all(np.greaterEqual(np.diff(mass), 0)).item()).toBe(1);
    for (const count of [0, 1, 2]) {
      const left = removeSlots(slots, order, count);
      expect(left.shape).toEqual([2, 3 - count, 8]);
      const places = np.expandDims(np.argsort(order, { axis: -1 }), 0);
      const present = np.squeeze(np.greaterEqual(places, count), 0);
      await equal(model.generate(params, left), model.generate(params, slots, { present }));
    }
  });

  test("of several images make one scene", async () => {
    const scene = combineSlots(slots, [[1, 2], [0, 0]]);
    await equal(np.slice(scene, 0, 0), np.slice(slots, 1, 2));
    await equal(np.slice(scene, 0, 1), np.slice(slots, 0, 0));
    expect(model.generate(params, scene).shape).toEqual([1, 4]);
  });

  test("that are alike are one concept, and prompts are made of members", async () => {
    // Three directions, with lengths that say nothing.
    const truth = Array.from({ length: 60 }, (_, i) => i % 3);
    const directions = np.eye(3);
    const lengths = random.uniform(random.key(3), [60, 1], { minval: 0.5, maxval: 5 });
    const noise = random.normal(random.key(4), [60, 3]).mul(0.05);
    const all = np.take(directions, int(...truth), { axis: 0 }).add(noise).mul(lengths);
    const sizes = await Promise.all([0, 1, 2, 3, 4, 5].map(async (seed) => {
      const library = conceptLibrary(all, random.key(seed), { concepts: 3 });
      const found = [...await library.concept.data()];
      const pairs = new Set(found.map((c, i) => `${c},${truth[i]}`));
      const unit = np.sum(np.square(library.centers), { axis: -1 });
      expect(await np.allclose(unit, np.ones([3]), { atol: 1e-5 }).item()).toBe(1);
      const members = new Set(found);
      const prompt = promptSlots(library, [...members], random.key(9));
      const rows = await np.any(
        np.all(np.equal(np.expandDims(np.squeeze(prompt, 0), 1), np.expandDims(all, 0)), {
          axis: -1,
        }),
        { axis: 1 },
      ).data();
      expect([...rows].every(Boolean)).toBe(true);
      return pairs.size;
    }));
    expect(Math.min(...sizes)).toBe(3); // every concept is one direction, and the other way round
  });
});

describe("mistakes", () => {
  const key = random.key(0);
  const order = slotOrder(np.ones([2, 4, 3]));
  const library = conceptLibrary(slots, key, { concepts: 2 });
  test.each<[string, () => unknown, RegExp, RegExp]>([
    ["all slots", () => removeSlots(slots, order, 3), /3 of 3 slots/, /at most 2/],
    ["more slots than there are", () => removeSlots(slots, order, 9), /9 of 3 slots/, /at most 2/],
    [
      "an order of other slots",
      () => removeSlots(slots, int(0, 1).reshape([2, 1]), 1),
      /the order is int32\[2,1\], not \[2, 3\]/,
      /slotOrder/,
    ],
    [
      "a slot that is not there",
      () => combineSlots(slots, [[0, 3]]),
      /no slot 3 of image 0; there are 2 images of 3 slots/,
      /counted from 0/,
    ],
    ["no slots", () => combineSlots(slots, []), /the list of picked slots is empty/, /pairs/],
    [
      "more concepts than slots",
      () => conceptLibrary(slots, key, { concepts: 7 }),
      /7 concepts out of 6 slots/,
      /fewer/,
    ],
    ["a concept too many", () => promptSlots(library, [2], key), /concept 2.* has 2/, /0 to 1/],
    [
      "an image size that is no multiple of 4",
      () => slate({ ...options, imageSize: 30 }),
      /`imageSize` must be a multiple of 4.*, got 30/,
      /imageSize: 64/,
    ],
    [
      "an image of another size",
      () => model.tokenize(params, np.ones([1, 12, 12, 3])),
      /the image is float32\[1,12,12,3\], not \[batch, 8, 8, 3\]/,
      /resize it/,
    ],
    [
      "an image that is not made of patches",
      () => model.tokenize(params, np.ones([1, 10, 8, 3])),
      /float32\[1,10,8,3\], whose sides are not multiples of 4/,
      /resize or crop it, to 12×8 say/,
    ],
    [
      "codes of another vocabulary",
      () => model.discreteVae.decode(params.discreteVae, np.ones([1, 2, 2, 9])),
      /the codes are float32\[1,2,2,9\], not \[batch, height, width, 8\]/,
      /vocabulary of 8/,
    ],
    [
      "parameters of another vocabulary",
      () => model.generate(slate({ ...options, vocabulary: 9 }).init(key), slots),
      /parameters are of a model with `vocabulary` 9, but this model has 8/,
      /make the model with the `vocabulary` of its parameters/,
    ],
    [
      "parameters for images of another size",
      () => model.tokenize(slate({ ...options, imageSize: 12 }).init(key), np.ones([1, 8, 8, 3])),
      /a model with `imageSize` 12, but this model has 8/,
      /or parameters with its own `init`/,
    ],
    [
      "parameters of more blocks",
      () =>
        model.logits(
          slate({ ...options, blocks: 2 }).init(key),
          np.zeros([2, 4], { dtype: "int32" }),
          slots,
        ),
      /a model with `blocks` 2, but this model has 1/,
      /`init`/,
    ],
    [
      "which slots are present, of other images",
      () => model.generate(params, slots, { present: np.ones([2, 2], { dtype: "bool" }) }),
      /`present` is bool\[2,2\], not \[2, 3\]/,
      /one boolean for each slot/,
    ],
    [
      "tokens that are no whole numbers",
      () => model.render(params, np.zeros([1, 4])),
      /the tokens are float32\[1,4\]/,
      /int32/,
    ],
    [
      "too few tokens",
      () => model.render(params, np.zeros([1, 3], { dtype: "int32" })),
      /the tokens are int32\[1,3\], not \[batch, 4\]/,
      /row by row/,
    ],
    [
      "slots of another size",
      () => model.generate(params, np.ones([1, 3, 5])),
      /the slots are float32\[1,3,5\], not \[batch, slots, 8\]/,
      /infer/,
    ],
    [
      "heads that do not divide the size",
      () => slate({ ...options, heads: 3 }),
      /vectors of size 8 cannot be split into 3 heads/,
      /multiple of `heads`/,
    ],
  ])("%s", (_, f, message, hint) => {
    const error = caught(f) as Error & { readonly hint?: string };
    expect(error.message).toMatch(message);
    expect(`${error.hint ?? ""}${error}`).toMatch(hint);
  });

  test.each([
    ["a negative token", -1],
    ["a token beyond the vocabulary", 8],
  ])("%s", async (_, token) => {
    const tokens = int(0, 1, 2, token).reshape([1, 4]);
    for (
      const f of [
        (t: Tensor) => model.render(params, t),
        (t: Tensor) => model.logits(params, t, np.slice(slots, [0, 1])),
        (t: Tensor) => model.infer(params, t, key).slots,
        (t: Tensor) => model.project(params, t).k,
      ]
    ) {
      await expect(f(tokens).data()).rejects.toThrow(/not among the 8 of the vocabulary/);
      await expect(jit(f)(tokens).data()).rejects.toThrow(/not among the 8 of the vocabulary/);
      expect((await f(np.abs(tokens.add(1)).mod(8)).data()).length).toBeGreaterThan(0);
    }
  });

  test("errorIf looks at values also under transformations", async () => {
    const root = (x: Tensor) => np.sqrt(errorIf(x, np.less(x, 0), "x is negative", "give more"));
    const slope = (x: Tensor) => grad((y: Tensor) => np.sum(root(y)))(x);
    for (const f of [root, vmap(root), slope]) {
      expect((await jit(f)(np.array([1, 4])).data()).length).toBe(2);
      await expect(jit(f)(np.array([1, -4])).data()).rejects.toThrow(/x is negative/);
    }
    const x = np.array([1, -4]);
    await expect(errorIf(x, np.less(x, 0), "x is negative", "give more").data()).rejects.toThrow(
      /x is negative/,
    );
  });
});
