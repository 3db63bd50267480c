import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ami,
  argmaxMasks,
  ari,
  contingency,
  foregroundAmi,
  foregroundAri,
  MetricError,
} from "trilevel/metrics";
import fixtures from "../fixtures/metrics.json" with { type: "json" };

/** Two segmentations of the same pixels. */
const segmentations = fc.integer({ min: 1, max: 60 }).chain((length) => {
  const labels = (max: number) =>
    fc.array(fc.integer({ min: 0, max }), { minLength: length, maxLength: length });
  return fc.tuple(labels(4), labels(6));
});

const scores = {
  ari,
  foregroundAri,
  amiArithmetic: (a: number[], b: number[]) => ami(a, b),
  amiMax: (a: number[], b: number[]) => ami(a, b, { normalisation: "max" }),
  foregroundAmi,
};

describe.each(Object.entries(scores))("%s", (_, score) => {
  test("is 1 for a renamed copy, and at most 1", () => {
    fc.assert(fc.property(segmentations, ([a, b]) => {
      const renamed = a.map((x) => 100 - 7 * x);
      expect(score(a, renamed)).toBeCloseTo(1, 9);
      expect(score(a, b)).toBeLessThanOrEqual(1 + 1e-9);
      expect(score(a, b)).not.toBeNaN();
    }));
  });

  test("does not depend on the order of pixels or the names of predicted labels", () => {
    fc.assert(fc.property(segmentations, fc.nat(), ([a, b], seed) => {
      const order = a.map((_, i) => i).sort((i, j) =>
        (i * 7919 + seed) % 101 - (j * 7919 + seed) % 101
      );
      const permuted = score(order.map((i) => a[i]!), order.map((i) => 50 - b[i]!));
      expect(permuted).toBeCloseTo(score(a, b), 9);
    }));
  });

  test("rejects different lengths", () => {
    expect(() => score([1, 2], [1])).toThrow(MetricError);
  });
});

test("without a background to drop, scores are symmetric", () => {
  fc.assert(fc.property(segmentations, ([a, b]) => {
    for (const score of [scores.ari, scores.amiArithmetic, scores.amiMax]) {
      expect(score(a, b)).toBeCloseTo(score(b, a), 9);
    }
  }));
});

test("the adjusted Rand index by counting all pairs", () => {
  fc.assert(fc.property(segmentations, ([a, b]) => {
    let [both, inA, inB, pairs] = [0, 0, 0, 0];
    for (let i = 0; i < a.length; i++) {
      for (let j = 0; j < i; j++) {
        const [sameA, sameB] = [a[i] === a[j], b[i] === b[j]];
        both += Number(sameA && sameB);
        inA += Number(sameA);
        inB += Number(sameB);
        pairs++;
      }
    }
    const expected = pairs === 0 ? 0 : (inA * inB) / pairs;
    const range = (inA + inB) / 2 - expected;
    expect(ari(a, b)).toBeCloseTo(range === 0 ? 1 : (both - expected) / range, 9);
  }));
});

test("chance level is 0 on average over all relabellings", () => {
  // Adjusted for chance means exactly this: the mean over all permutations of the pixels vanishes.
  const a = [0, 0, 0, 1, 1, 2];
  const b = [0, 1, 0, 1, 0, 1];
  for (const score of [ari, ami]) {
    const values = permutations(b).map((shuffled) => score(a, shuffled));
    expect(values.reduce((s, x) => s + x, 0) / values.length).toBeCloseTo(0, 10);
  }
});

test("foreground scores ignore what happens on the background", () => {
  fc.assert(fc.property(segmentations, ([a, b]) => {
    const scrambled = b.map((x, i) => a[i] === 0 ? 99 + i : x);
    expect(foregroundAri(a, scrambled)).toBe(foregroundAri(a, b));
    expect(foregroundAmi(a, scrambled)).toBe(foregroundAmi(a, b));
  }));
});

test("overlap pixels are left out when named", () => {
  const truth = [0, 1, 1, 2, 2, 9, 9];
  const predicted = [0, 1, 1, 2, 2, 1, 2];
  expect(foregroundAri(truth, predicted)).toBeLessThan(1);
  expect(foregroundAri(truth, predicted, { ignore: [0, 9] })).toBe(1);
});

test("two single clusters agree", () => {
  expect(ari([3, 3, 3], [1, 1, 1])).toBe(1);
  expect(ami([3, 3, 3], [1, 1, 1])).toBe(1);
  expect(ari([], [])).toBe(1);
});

test.each(fixtures.clusterings)("equals scikit-learn (case %#)", (fixture) => {
  const { truth, predicted } = fixture;
  expect(ari(truth, predicted)).toBeCloseTo(fixture.ari, 12);
  expect(foregroundAri(truth, predicted)).toBeCloseTo(fixture.foregroundAri, 12);
  expect(ami(truth, predicted)).toBeCloseTo(fixture.amiArithmetic, 10);
  expect(ami(truth, predicted, { normalisation: "max" })).toBeCloseTo(fixture.amiMax, 10);
});

test("the contingency table counts every element once", () => {
  fc.assert(fc.property(segmentations, ([a, b]) => {
    const { counts, rowSums, columnSums, total } = contingency(a, b);
    for (const sums of [counts, rowSums, columnSums]) {
      expect(sums.reduce((s, n) => s + n, 0)).toBe(total);
    }
  }));
});

test("argmax of one-hot masks gives the labels back", () => {
  fc.assert(fc.property(fc.array(fc.nat(3), { minLength: 1 }), (labels) => {
    const masks = [0, 1, 2, 3].flatMap((slot) => labels.map((label) => Number(label === slot)));
    expect([...argmaxMasks(masks, 4)]).toEqual(labels);
  }));
  expect(() => argmaxMasks([1, 2, 3], 2)).toThrow(MetricError);
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest])
  );
}
