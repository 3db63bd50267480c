/** Statistics over seeds, against SciPy; verdicts, against the intervals that they speak of. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { difference } from "../../src/experiments/statistics/difference.ts";
import {
  formatSample,
  type SeedValues,
  summarize,
} from "../../src/experiments/statistics/sample.ts";
import { formatInterval } from "../../src/experiments/statistics/interval.ts";
import { groupBySeed } from "../../src/experiments/statistics/seeds.ts";
import { studentTCdf, studentTQuantile } from "../../src/experiments/statistics/studentT.ts";
import { outcomeOf, tellVerdict } from "../../src/experiments/statistics/verdict.ts";
import { toyConfig } from "./support.ts";

interface Compared {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly level?: number;
  readonly mean: number;
  readonly interval: readonly [number, number];
  readonly p: number;
  readonly effect: number;
}
interface Golden {
  readonly quantiles: readonly (readonly [p: number, degrees: number, x: number])[];
  readonly probabilities: readonly (readonly [x: number, degrees: number, p: number])[];
  readonly samples: readonly {
    readonly values: readonly number[];
    readonly mean: number;
    readonly deviation: number;
    readonly interval: readonly [number, number];
  }[];
  readonly paired: readonly Compared[];
  readonly independent: readonly Compared[];
}
// Made by test/oracle/statistics.py.
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/statistics.json", import.meta.url), "utf8"),
) as Golden;

const near = (actual: number | undefined, expected: number) =>
  expect(Math.abs((actual ?? NaN) - expected)).toBeLessThanOrEqual(
    1e-9 * Math.max(1, Math.abs(expected)),
  );

const seeded = (values: readonly number[], first = 0): SeedValues =>
  new Map(values.map((value, i) => [first + i, value]));

describe("Student's t", () => {
  test("quantiles", () => {
    for (const [p, degrees, x] of golden.quantiles) near(studentTQuantile(p, degrees), x);
  });
  test("probabilities", () => {
    for (const [x, degrees, p] of golden.probabilities) near(studentTCdf(x, degrees), p);
  });
});

describe("a sample", () => {
  test.each(golden.samples)("has the deviation and interval of SciPy: %o", (sample) => {
    const found = summarize(sample.values);
    near(found.mean, sample.mean);
    near(found.deviation, sample.deviation);
    near(found.interval?.low, sample.interval[0]);
    near(found.interval?.high, sample.interval[1]);
  });

  it("counts runs that failed apart, and says so", () => {
    const found = summarize([1, NaN, 3]);
    expect([found.n, found.failed, found.mean]).toEqual([2, 1, 2]);
    expect(formatSample(found)).toBe("2.0 ± 1.4 (1 failed)");
    expect(formatSample(summarize([NaN]))).toBe("(1 failed)");
    expect(formatSample(summarize([]))).toBe("–");
    expect(formatSample(summarize([0.51234]))).toBe("0.512");
  });

  it("of one value has no deviation and no interval", () => {
    expect(summarize([1])).toEqual({
      n: 1,
      failed: 0,
      mean: 1,
      deviation: NaN,
      interval: undefined,
    });
  });
});

describe("a difference", () => {
  const agree = (found: ReturnType<typeof difference>, expected: Compared) => {
    near(found.mean, expected.mean);
    near(found.interval?.low, expected.interval[0]);
    near(found.interval?.high, expected.interval[1]);
    near(found.p, expected.p);
    near(found.effect, expected.effect);
  };

  test.each(golden.paired)("of the same seeds is that of SciPy's paired tests: %o", (expected) => {
    const { a, b, level = 0.95 } = expected;
    const found = difference(seeded(a), seeded(b), { level });
    expect(found.paired).toBe(true);
    agree(found, expected);
  });

  test.each(golden.independent)("of other seeds is that of Welch: %o", (expected) => {
    const found = difference(seeded(expected.a), seeded(expected.b, 100));
    expect(found.paired).toBe(false);
    agree(found, expected);
  });

  const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), {
    minLength: 2,
    maxLength: 7,
  });

  it("turns its sign when the kinds are swapped; p is never below the least that it says", () => {
    fc.assert(fc.property(values, values, fc.boolean(), (x, y, same) => {
      const [a, b] = [seeded(x), seeded(y, same ? 0 : 50)];
      const [there, back] = [difference(a, b), difference(b, a)];
      near(there.mean, -back.mean);
      near(there.interval?.low, -back.interval!.high);
      near(there.p, back.p!);
      expect(there.p).toBeGreaterThanOrEqual(there.leastP - 1e-12);
      expect(there.p).toBeLessThanOrEqual(1);
    }));
  });

  it("reaches the least p where all of one kind are above all of the other", () => {
    const [low, high] = [[1, 1.5, 2, 2.25], [11, 11.25, 12, 14]];
    const paired = difference(seeded(high), seeded(low));
    expect([paired.p, paired.leastP]).toEqual([2 / 16, 2 / 16]);
    const apart = difference(seeded(high), seeded(low, 9));
    expect([apart.p, apart.leastP]).toEqual([2 / 70, 2 / 70]);
    const uneven = difference(seeded(high), seeded([...low, 0], 9));
    expect([uneven.p, uneven.leastP]).toEqual([1 / 126, 1 / 126]);
  });

  it("leaves out seeds that one of the kinds lacks or failed at", () => {
    const found = difference(
      new Map([[0, 1], [1, 2], [2, NaN], [3, 8]]),
      new Map([[0, 0], [1, 0], [2, 0]]),
    );
    expect([found.paired, found.n, found.mean]).toEqual([true, 2, 1.5]);
    expect(difference(new Map([[0, 1]]), new Map([[0, 0]])).interval).toBeUndefined();
    expect(difference(new Map(), new Map()).p).toBeUndefined();
  });

  it("of equal values is 0 without a spread", () => {
    const found = difference(seeded([1, 2, 3]), seeded([1, 2, 3]));
    expect(found.interval).toMatchObject({ low: 0, high: 0 });
    expect(found.p).toBe(1);
    expect(found.effect).toBeUndefined();
  });
});

describe("a verdict", () => {
  const words = {
    measure: "FG-ARI",
    first: "implicit",
    second: "vanilla",
    better: "higher",
  } as const;

  it("follows from the interval, whichever way is better", () => {
    const value = fc.double({ min: -1, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 5 }), (pairs) => {
        const found = difference(seeded(pairs.map(([a]) => a)), seeded(pairs.map(([, b]) => b)));
        const { low, high } = found.interval!;
        const outcome = outcomeOf(found, "higher");
        expect(outcome).toBe(low > 0 ? "first" : high < 0 ? "second" : "undecided");
        const opposite = outcome === "first" ? "second" : outcome === "second" ? "first" : outcome;
        expect(outcomeOf(found, "lower")).toBe(opposite);
        const text = tellVerdict(found, words);
        expect(text.includes("not decided")).toBe(outcome === "undecided");
        expect(text.includes("implicit is better")).toBe(outcome === "first");
        expect(text.includes("vanilla is better")).toBe(outcome === "second");
      }),
    );
  });

  it("tells what it follows from", () => {
    const found = difference(seeded([0.85, 0.86, 0.84]), seeded([0.8, 0.79, 0.81]));
    expect(tellVerdict(found, words)).toBe(
      "FG-ARI: implicit is better, by 3 paired seeds. implicit minus vanilla: +0.05; " +
        "95 % t interval 0.000 to 0.100; exact permutation test p = 0.25, and cannot be below 0.25; " +
        "Wilcoxon signed-rank p = 0.25; effect size g = 1.4.",
    );
    const unsure = difference(seeded([0.9, 0.4, 0.5]), seeded([0.5, 0.3, 0.6]));
    expect(tellVerdict(unsure, words)).toMatch(
      /^FG-ARI: not decided by 3 paired seeds\. .*−0\.\d+ to 0\.\d+/,
    );
    expect(tellVerdict(difference(seeded([1]), seeded([2])), words))
      .toBe("FG-ARI: not decided by 1 seed.");
  });

  it("numbers of an interval end at the same place", () => {
    const t = { level: 0.95, method: "t" } as const;
    expect(formatInterval({ low: -0.0123, high: 0.4567, ...t })).toBe("−0.01 to 0.46");
    expect(formatInterval({ low: 1200, high: 3400, ...t })).toBe("1200 to 3400");
    expect(formatInterval({ low: 0.5, high: 0.5, ...t })).toBe("0.500 to 0.500");
  });
});

describe("groups of runs", () => {
  it("differ in all but the seed and the name", async () => {
    const configs = await Promise.all([
      ["name=a-0", "seed=0"],
      ["name=b-1", "seed=1", "model.iterations=3"],
      ["name=a-1", "seed=1"],
      ["name=again", "seed=1"],
      ["name=b-0", "seed=0", "model.iterations=3"],
    ].map((overrides) => toyConfig(...overrides)));
    const [a, b, ...others] = groupBySeed(configs.map((config) => ({ config })));
    expect(others).toEqual([]);
    expect(a!.differing).toEqual({ "model.iterations": "2" });
    expect(b!.differing).toEqual({ "model.iterations": "3" });
    expect([...a!.runs].map(([seed, { config }]) => [seed, config.name]))
      .toEqual([[0, "a-0"], [1, "again"]]);
    expect(a!.repeated).toEqual([1]);
    expect([...b!.runs.keys()]).toEqual([0, 1]);
  });
});
