/** Bootstrap intervals and the signed-rank test, against SciPy. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { bootstrapInterval } from "../../src/experiments/statistics/bootstrap.ts";
import { difference } from "../../src/experiments/statistics/difference.ts";
import { normalCdf, normalQuantile } from "../../src/experiments/statistics/normal.ts";
import { type SeedValues, summarize } from "../../src/experiments/statistics/sample.ts";
import { outcomeOf, tellVerdict } from "../../src/experiments/statistics/verdict.ts";
import { signedRankTest } from "../../src/experiments/statistics/wilcoxon.ts";

type Pair = readonly [low: number, high: number];
interface Intervals {
  readonly percentile: Pair;
  readonly BCa: Pair;
}
interface Golden {
  readonly one: readonly (Intervals & {
    readonly values: readonly number[];
    readonly level: number;
  })[];
  readonly two: readonly (Intervals & {
    readonly a: readonly number[];
    readonly b: readonly number[];
    readonly level: number;
  })[];
  readonly many: readonly (Intervals & { readonly values: readonly number[] })[];
  readonly wilcoxon: readonly { readonly differences: readonly number[]; readonly p: number }[];
  readonly normal: readonly Pair[];
  readonly normalQuantiles: readonly Pair[];
}
// Made by test/oracle/bootstrap.py.
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/bootstrap.json", import.meta.url), "utf8"),
) as Golden;

const near = (actual: number | undefined, expected: number, tolerance = 1e-9) =>
  expect(Math.abs((actual ?? NaN) - expected)).toBeLessThanOrEqual(
    tolerance * Math.max(1, Math.abs(expected)),
  );
const methods = ["percentile", "BCa"] as const;
const seeded = (values: readonly number[], first = 0): SeedValues =>
  new Map(values.map((value, i) => [first + i, value]));

test("the normal distribution", () => {
  for (const [x, p] of golden.normal) near(normalCdf(x), p, 1e-13);
  for (const [p, x] of golden.normalQuantiles) near(normalQuantile(p), x, 1e-9);
});

describe("a bootstrap interval", () => {
  test.each(golden.one)(
    "of one mean is SciPy's, of all resamples: %o",
    ({ values, level, ...expected }) => {
      for (const method of methods) {
        const { low, high } = bootstrapInterval([values], { level, method });
        near(low, expected[method][0]);
        near(high, expected[method][1]);
      }
    },
  );

  test.each(golden.two)(
    "of two means is SciPy's, of all resamples: %o",
    ({ a, b, level, ...expected }) => {
      for (const method of methods) {
        const { low, high } = bootstrapInterval([a, b], { level, method });
        near(low, expected[method][0]);
        near(high, expected[method][1]);
      }
    },
  );

  test.each(golden.many)(
    "of more values than can be listed is near SciPy's: %o",
    ({ values, ...expected }) => {
      // The quantiles of 200,000 draws deviate by less than a hundredth of the width.
      for (const method of methods) {
        const { low, high } = bootstrapInterval([values], { level: 0.95, method, draws: 200_000 });
        const width = expected[method][1] - expected[method][0];
        expect(Math.abs(low - expected[method][0])).toBeLessThan(0.02 * width);
        expect(Math.abs(high - expected[method][1])).toBeLessThan(0.02 * width);
      }
    },
  );

  it("is the same for the same seed, and near the one of all resamples for any", () => {
    const { values, percentile: [low, high] } = golden.one.at(-1)!;
    const drawn = (seed: number) =>
      bootstrapInterval([values], { level: 0.95, method: "percentile", most: 1, seed });
    expect(drawn(3)).toEqual(drawn(3));
    const [{ values: more }] = golden.many as [Golden["many"][number]];
    const other = (seed: number) => bootstrapInterval([more], { level: 0.95, seed });
    expect(other(4)).not.toEqual(other(3));
    for (const seed of [0, 1, 2]) {
      expect(Math.abs(drawn(seed).low - low)).toBeLessThan(0.03 * (high - low));
      expect(Math.abs(drawn(seed).high - high)).toBeLessThan(0.03 * (high - low));
    }
  });

  it("of values that are moved and scaled is moved and scaled; of equal ones it is a point", () => {
    const whole = fc.integer({ min: -50, max: 50 });
    fc.assert(
      fc.property(fc.array(whole, { minLength: 2, maxLength: 4 }), whole, (values, shift) => {
        const plain = bootstrapInterval([values], { level: 0.9 });
        const moved = bootstrapInterval([values.map((x) => 2 * x + shift)], { level: 0.9 });
        near(moved.low, 2 * plain.low + shift, 1e-6);
        near(moved.high, 2 * plain.high + shift, 1e-6);
        expect(plain.low).toBeGreaterThanOrEqual(Math.min(...values));
        expect(plain.high).toBeLessThanOrEqual(Math.max(...values));
      }),
    );
    expect(bootstrapInterval([[2, 2, 2]], { level: 0.95 })).toMatchObject({ low: 2, high: 2 });
  });
});

describe("the signed-rank test", () => {
  test.each(golden.wilcoxon)("is SciPy's: %o", ({ differences, p }) => {
    near(signedRankTest(differences), p);
  });

  it("knows nothing of pairs that are all equal, and depends on the order of sizes alone", () => {
    expect(signedRankTest([0, 0])).toBeUndefined();
    fc.assert(fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1 }), (values) => {
      const p = signedRankTest(values);
      const stretched = signedRankTest(values.map((x) => x ** 3));
      if (p === undefined) expect(stretched).toBeUndefined();
      else {
        near(stretched, p);
        expect(p).toBeLessThanOrEqual(1 + 1e-12);
      }
    }));
  });
});

describe("a verdict by bootstrap", () => {
  it("follows from that interval, and says so", () => {
    const [a, b] = [seeded([0.9, 0.5, 0.55, 0.6]), seeded([0.5, 0.45, 0.5, 0.52])];
    const words = {
      measure: "FG-ARI",
      first: "implicit",
      second: "vanilla",
      better: "higher",
    } as const;
    const found = difference(a, b, { method: "bootstrap" });
    expect(found.interval).toEqual(
      bootstrapInterval([[0.9 - 0.5, 0.5 - 0.45, 0.55 - 0.5, 0.6 - 0.52]], {
        level: 0.95,
      }),
    );
    expect(outcomeOf(found, "higher")).toBe("first");
    expect(tellVerdict(found, words)).toMatch(/implicit is better.*95 % bootstrap interval/);
    // Student's t is not as sure of one large difference.
    expect(tellVerdict(difference(a, b), words)).toMatch(
      /not decided by 4 paired seeds.*95 % t interval/,
    );
    expect(difference(a, b).wilcoxon).toBe(found.wilcoxon);
    expect(summarize([1, 2, 4], { method: "bootstrap" }).interval?.method).toBe("bootstrap");
  });
});
