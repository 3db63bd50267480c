/**
 * The difference between two kinds of runs. Runs of one seed begin with the same random numbers, so kinds that were run
 * with the same seeds are compared seed by seed; others as two independent samples.
 */
import { gammaln } from "simple-statistics";
import { bootstrapInterval } from "./bootstrap.ts";
import { type SeedValues, summarize } from "./sample.ts";
import { type Interval, intervalAround, type IntervalOptions, usualLevel } from "./interval.ts";
import { signedRankTest } from "./wilcoxon.ts";

/** The difference between the values of `a` and those of `b`. */
export interface Difference {
  /** True if the values were compared seed by seed. */
  readonly paired: boolean;
  /** The number of pairs, or the smaller number of values. */
  readonly n: number;
  /** The mean of a − b. */
  readonly mean: number;
  /**
   * The interval of the mean difference: Student's t, Welch's where the values are not paired, or a bootstrap one; undefined
   * below two values.
   */
  readonly interval: Interval | undefined;
  /**
   * The exact two-sided permutation test of the mean: the fraction of all ways to flip the signs of the paired
   * differences, or to hand the values out to the two kinds, in which the means differ at least as much. Undefined
   * where there are too many ways to try all.
   */
  readonly p: number | undefined;
  /** The exact signed-rank test of Wilcoxon; undefined where the values are not paired, or all pairs are equal. */
  readonly wilcoxon: number | undefined;
  /** The least value that `p` can have with so few values. */
  readonly leastP: number;
  /**
   * Hedges' g: the mean difference in standard deviations (of the paired differences, or pooled), corrected for small
   * samples. Undefined where nothing deviates or fewer than three values are known.
   */
  readonly effect: number | undefined;
}

/** Compares the values that two kinds have; values that are not finite are left out. */
export function difference(
  a: SeedValues,
  b: SeedValues,
  { level = usualLevel, method = "t" }: IntervalOptions = {},
): Difference {
  const finite = (values: SeedValues) =>
    new Map([...values].filter(([, value]) => Number.isFinite(value)));
  const [left, right] = [finite(a), finite(b)];
  const shared = [...left.keys()].filter((seed) => right.has(seed));
  return shared.length >= 2
    ? paired(shared.map((seed) => left.get(seed)! - right.get(seed)!), {
      level,
      method,
    })
    : independent([...left.values()], [...right.values()], { level, method });
}

function paired(differences: readonly number[], options: Required<IntervalOptions>): Difference {
  const { n, mean, deviation, interval } = summarize(differences, options);
  return {
    paired: true,
    n,
    mean,
    interval,
    p: signFlipTest(differences),
    wilcoxon: signedRankTest(differences),
    leastP: 2 ** (1 - n),
    effect: corrected(mean / deviation, n - 1),
  };
}

function independent(
  a: readonly number[],
  b: readonly number[],
  { level, method }: Required<IntervalOptions>,
): Difference {
  const [one, two] = [summarize(a), summarize(b)];
  const mean = one.mean - two.mean;
  const n = Math.min(one.n, two.n);
  // Welch: the variances of the means, and degrees of freedom after Satterthwaite.
  const [u, v] = [one.deviation ** 2 / one.n, two.deviation ** 2 / two.n];
  const degrees = (u + v) ** 2 / (u ** 2 / (one.n - 1) + v ** 2 / (two.n - 1));
  const all = one.n + two.n - 2;
  const pooled = Math.sqrt(
    ((one.n - 1) * one.deviation ** 2 + (two.n - 1) * two.deviation ** 2) / all,
  );
  const ways = binomial(one.n + two.n, one.n);
  return {
    paired: false,
    n,
    mean,
    interval: n < 2
      ? undefined
      : method === "bootstrap"
      ? bootstrapInterval([a, b], { level })
      : intervalAround(mean, Math.sqrt(u + v), { degrees, level }),
    wilcoxon: undefined,
    p: n === 0 ? undefined : allocationTest(a, b),
    // With as many values on both sides, swapping the sides gives the same difference.
    leastP: n === 0 ? 1 : (one.n === two.n ? 2 : 1) / ways,
    effect: n < 2 ? undefined : corrected(mean / pooled, all),
  };
}

/** Hedges' correction J(ν) = Γ(ν/2) / (√(ν/2) Γ((ν − 1)/2)). */
function corrected(d: number, degrees: number): number | undefined {
  if (degrees < 2 || !Number.isFinite(d)) return undefined;
  return d * Math.exp(gammaln(degrees / 2) - gammaln((degrees - 1) / 2)) / Math.sqrt(degrees / 2);
}

/** The most ways that are tried one by one. */
const mostWays = 2 ** 20;

/** Sums that are equal but for rounding count as equal. */
const reaches = (sum: number, observed: number) =>
  Math.abs(sum) >= Math.abs(observed) - 1e-12 * Math.max(1, Math.abs(observed));

function signFlipTest(differences: readonly number[]): number | undefined {
  const ways = 2 ** differences.length;
  if (ways > mostWays) return undefined;
  const observed = differences.reduce((sum, x) => sum + x, 0);
  let count = 0;
  for (let way = 0; way < ways; way++) {
    const sum = differences.reduce((total, x, i) => total + ((way >> i) & 1 ? -x : x), 0);
    if (reaches(sum, observed)) count++;
  }
  return count / ways;
}

function allocationTest(a: readonly number[], b: readonly number[]): number | undefined {
  const all = [...a, ...b];
  const ways = binomial(all.length, a.length);
  if (ways > mostWays) return undefined;
  const total = all.reduce((sum, x) => sum + x, 0);
  const gap = (sum: number) => sum / a.length - (total - sum) / b.length;
  const observed = gap(a.reduce((sum, x) => sum + x, 0));
  let count = 0;
  const choose = (from: number, left: number, sum: number): void => {
    if (left === 0) {
      if (reaches(gap(sum), observed)) count++;
      return;
    }
    for (let i = from; i <= all.length - left; i++) choose(i + 1, left - 1, sum + all[i]!);
  };
  choose(0, a.length, 0);
  return count / ways;
}

function binomial(n: number, k: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return Math.round(ways);
}
