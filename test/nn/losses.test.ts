/** Losses where numbers end: NaN and infinity are seen, and what has a limit has that value. */
import { describe, expect, test } from "vitest";
import { grad, nn, np, setBackend, type Tensor } from "trilevel";
import * as reduced from "../../src/nn/losses/reduced.ts";
import { backends } from "../support/backends.ts";

const labels = (data: number | number[]) => np.array(data, { dtype: "int32" });

/** Every loss as a function of a prediction of three numbers, with targets of each kind. */
const ofPrediction: { readonly [name: string]: readonly ((x: Tensor) => Tensor)[] } = {
  mse: [(x) => nn.mse(x, np.zeros([3]))],
  huber: [(x) => nn.huber(x, np.zeros([3])), (x) => nn.huber(x, np.ones([3]), { delta: 0.1 })],
  crossEntropy: [
    (x) => nn.crossEntropy(x, labels(0)),
    (x) => nn.crossEntropy(x, labels(2)),
    (x) => nn.crossEntropy(x, np.array([0.5, 0.25, 0.25])),
  ],
};

test("every loss that is exported is in the table", () => {
  expect([...Object.keys(ofPrediction), "oneHot"].sort()).toEqual(Object.keys(reduced).sort());
});

const half = () => np.array([0.5, 0.25, 0.25]);
const far = () => np.array([9, 8, 7]);
const one = () => np.array([1]);

/** The losses of optax as functions of three numbers, predictions or logits. */
const ofEach: { readonly [name: string]: (x: Tensor) => Tensor } = {
  convexKlDivergence: (x) => nn.losses.convexKlDivergence(x, half()),
  cosineDistance: (x) => nn.losses.cosineDistance(x, half()),
  cosineSimilarity: (x) => nn.losses.cosineSimilarity(x, half()),
  ctcLoss: (x) =>
    nn.losses.ctcLoss(
      x.reshape([1, 1, 3]),
      np.zeros([1, 1]),
      labels(1).reshape([1, 1]),
      np.zeros([1, 1]),
    ),
  ctcLossWithForwardProbs: (x) =>
    nn.losses.ctcLossWithForwardProbs(
      x.reshape([1, 1, 3]),
      np.zeros([1, 1]),
      labels(1).reshape([1, 1]),
      np.zeros([1, 1]),
    )[1],
  generalizedKlDivergence: (x) => nn.losses.generalizedKlDivergence(x, half()),
  hingeLoss: (x) => nn.losses.hingeLoss(x, np.negative(one())),
  huberLoss: (x) => nn.losses.huberLoss(x, half()),
  klDivergence: (x) => nn.losses.klDivergence(x, half()),
  klDivergenceWithLogTargets: (x) => nn.losses.klDivergenceWithLogTargets(x, half()),
  l2Loss: (x) => nn.losses.l2Loss(x),
  logCosh: (x) => nn.losses.logCosh(x),
  ntxent: (x) => nn.losses.ntxent(x.reshape([3, 1]), labels([0, 0, 1])),
  perceptronLoss: (x) => nn.losses.perceptronLoss(x, np.negative(one())),
  polyLossCrossEntropy: (x) => nn.losses.polyLossCrossEntropy(x, half()),
  safeSoftmaxCrossEntropy: (x) => nn.losses.safeSoftmaxCrossEntropy(x, half()),
  sigmoidBinaryCrossEntropy: (x) => nn.losses.sigmoidBinaryCrossEntropy(x, half()),
  sigmoidFocalLoss: (x) => nn.losses.sigmoidFocalLoss(x, half()),
  smoothLabels: (x) => nn.losses.smoothLabels(x, 0.1),
  softmaxCrossEntropy: (x) => nn.losses.softmaxCrossEntropy(x, half()),
  softmaxCrossEntropyWithIntegerLabels: (x) =>
    nn.losses.softmaxCrossEntropyWithIntegerLabels(x, labels(0)),
  squaredError: (x) => nn.losses.squaredError(x),
  tripletMarginLoss: (x) => nn.losses.tripletMarginLoss(x, half(), far()),
};

test("every loss of each element is in the table", () => {
  expect(Object.keys(ofEach).sort()).toEqual(Object.keys(nn.losses).sort());
});

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    test.each(Object.entries(ofPrediction))("NaN and infinity are seen in %s", async (_, all) => {
      await setBackend(backend);
      for (const loss of all) {
        expect(await loss(np.array([0.5, NaN, 1])).item()).toBeNaN();
        expect(Number.isFinite(await loss(np.array([0.5, Infinity, 1])).item())).toBe(false);
      }
    });

    test.each(Object.entries(ofEach))("NaN is seen in losses.%s", async (_, loss) => {
      await setBackend(backend);
      const total = (x: Tensor) => np.sum(loss(x));
      expect(await total(np.array([0.5, NaN, 1])).item()).toBeNaN();
      const slopes = grad(total)(np.array([0.5, 2, 1]));
      expect((await slopes.data()).every(Number.isFinite)).toBe(true);
    });

    test("a label that is no class costs NaN", async () => {
      await setBackend(backend);
      const costs = nn.crossEntropy(np.zeros([4, 3]), labels([0, 3, 7, -1]), { reduction: "none" });
      const [first, ...rest] = await costs.data();
      expect(first).toBeCloseTo(Math.log(3), 6);
      expect([...rest]).toEqual([NaN, NaN, NaN]);
      expect(await nn.crossEntropy(np.zeros([2, 3]), labels([0, 7])).item()).toBeNaN();
    });

    test("a class that is excluded by a logit of -∞ costs nothing, and has no gradient", async () => {
      await setBackend(backend);
      const logits = np.array([0, -Infinity, 0]);
      for (const target of [labels(0), np.array([1, 0, 0])]) {
        const loss = (x: Tensor) => nn.crossEntropy(x, target);
        expect(await loss(logits).item()).toBeCloseTo(Math.LN2, 6);
        const slope = [...await grad(loss)(logits).data()];
        [-0.5, 0, 0.5].forEach((right, i) => expect(slope[i]).toBeCloseTo(right, 6));
      }
      expect(await nn.crossEntropy(logits, labels(1)).item()).toBe(Infinity);
      expect(await nn.crossEntropy(logits, np.array([0, 1, 0])).item()).toBe(Infinity);
    });

    test("saturated logits cost their difference", async () => {
      await setBackend(backend);
      for (const size of [20, 1e3, 1e30]) {
        const logits = np.array([size, 0, -size]);
        for (const [k, right] of [0, size, 2 * size].entries()) {
          const cost = await nn.crossEntropy(logits, labels(k)).item();
          expect(Math.abs(cost - right)).toBeLessThanOrEqual(1e-6 * right + 1e-8);
        }
      }
    });
  });
}
