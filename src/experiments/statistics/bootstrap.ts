/**
 * Bootstrap intervals of means and of their differences (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
 * chapters 13 and 14). They suppose no normal distribution. Of few values they are too short: the mean of three resampled
 * values never leaves the range of the three.
 */
import { seeded } from "../../data/index.ts";
import { normalCdf, normalQuantile } from "./normal.ts";
import type { Interval } from "./interval.ts";

/** Options of a bootstrap interval. */
export interface BootstrapOptions {
  readonly level: number;
  /** `"percentile"`, or bias-corrected and accelerated, which is the default. */
  readonly method?: "percentile" | "BCa";
  /** Decides the resamples, where there are too many to take every one of them; 0 unless given. */
  readonly seed?: number;
  /** The greatest number of resamples that are all taken; 65,536 unless given. */
  readonly most?: number;
  /** The number of resamples that are drawn otherwise; 20,000 unless given. */
  readonly draws?: number;
}

/**
 * The interval of the mean of one sample, or of the first mean minus the second. Every resample is taken where there are at
 * most `most` of them, so that nothing is left to chance.
 */
export function bootstrapInterval(
  samples: readonly [readonly number[]] | readonly [readonly number[], readonly number[]],
  options: BootstrapOptions,
): Interval {
  const { level, method = "BCa", seed = 0, most = 2 ** 16, draws = 20_000 } = options;
  const [a, b = [0]] = samples;
  const estimate = (x: readonly number[], y: readonly number[]) => mean(x) - mean(y);
  const ways = a.length ** a.length * b.length ** b.length;
  const means = ways <= most ? everyMean(a, b) : drawnMeans(a, b, draws, seed);
  const sorted = Float64Array.from(means).sort();
  const center = estimate(a, b);
  const tails = [(1 - level) / 2, (1 + level) / 2] as const;
  const [low, high] = method === "percentile"
    ? tails
    : tails.map(corrected(sorted, center, acceleration(samples)));
  return { low: quantile(sorted, low!), high: quantile(sorted, high!), level, method: "bootstrap" };
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** The means of all resamples of as many values, each as often as it is drawn. */
function allMeans(values: readonly number[]): number[] {
  let sums = [0];
  for (const _ of values) sums = sums.flatMap((sum) => values.map((x) => sum + x));
  return sums.map((sum) => sum / values.length);
}

function everyMean(a: readonly number[], b: readonly number[]): number[] {
  const others = allMeans(b);
  return allMeans(a).flatMap((x) => others.map((y) => x - y));
}

function drawnMeans(a: readonly number[], b: readonly number[], draws: number, seed: number) {
  const random = seeded(seed, a.length, b.length);
  const draw = (values: readonly number[]) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)]!;
    return sum / values.length;
  };
  return Array.from({ length: draws }, () => draw(a) - draw(b));
}

/** The quantile of sorted values, interpolated as NumPy does. */
function quantile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const left = sorted[below]!;
  return left + (at - below) * ((sorted[below + 1] ?? left) - left);
}

/**
 * The probability to read an end of the interval at: Φ(z₀ + (z₀ + z) / (1 − a (z₀ + z))), with the bias z₀, the quantile of the
 * resamples below the estimate (half of those that equal it), and the acceleration a.
 */
function corrected(sorted: Float64Array, center: number, a: number) {
  const near = 1e-12 * Math.max(1, Math.abs(center)); // equal but for rounding
  const below = sorted.filter((x) => x < center - near).length;
  const upTo = sorted.filter((x) => x <= center + near).length;
  const bias = normalQuantile((below + upTo) / (2 * sorted.length));
  return (p: number) => {
    const z = bias + normalQuantile(p);
    const moved = normalCdf(bias + z / (1 - a * z));
    return Number.isFinite(moved) ? moved : p;
  };
}

/** a = Σ u³/n³ / (6 (Σ u²/n²)^1.5) over all samples, where u is how far the estimate without a value is below their mean. */
function acceleration(samples: readonly (readonly number[])[]): number {
  let [cubes, squares] = [0, 0];
  samples.forEach((values, which) => {
    const n = values.length;
    if (n < 2) return;
    const total = mean(values) * n;
    const without = values.map((x) => (which === 0 ? 1 : -1) * (total - x) / (n - 1));
    const middle = mean(without);
    for (const x of without) {
      const u = (n - 1) * (middle - x);
      cubes += u ** 3 / n ** 3;
      squares += u ** 2 / n ** 2;
    }
  });
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}
