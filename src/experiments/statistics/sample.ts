/** Values of several seeds: mean, deviation of the sample, and an interval for the mean. */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { formatSpread } from "../display/progress.ts";
import { studentTQuantile } from "./studentT.ts";

/** A range that holds the true value with probability `level`, if the values are normally distributed. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly level: number;
}

/** Seeds and the value of each. A run that failed has the value NaN. */
export type SeedValues = ReadonlyMap<number, number>;

/** A sample in numbers. */
export interface SampleSummary {
  /** The number of finite values, which all else is computed from. */
  readonly n: number;
  /** The number of values that are not finite. */
  readonly failed: number;
  readonly mean: number;
  /** The standard deviation of the sample, √(Σ(x − mean)² / (n − 1)); NaN below two values. */
  readonly deviation: number;
  /** The t interval of the mean, mean ± t(n − 1) · deviation / √n; undefined below two values. */
  readonly interval: Interval | undefined;
}

/** The level of intervals unless another is asked for. */
export const usualLevel = 0.95;

/** Mean, deviation and interval of the values that are finite. */
export function summarize(
  values: Iterable<number>,
  { level = usualLevel }: { readonly level?: number } = {},
): SampleSummary {
  const all = [...values];
  const known = all.filter(Number.isFinite);
  const n = known.length;
  const center = n === 0 ? NaN : mean(known);
  const deviation = n < 2 ? NaN : sampleStandardDeviation(known);
  return {
    n,
    failed: all.length - n,
    mean: center,
    deviation,
    interval: n < 2
      ? undefined
      : intervalAround(center, deviation / Math.sqrt(n), { degrees: n - 1, level }),
  };
}

/** The t interval of an estimate with a standard error. */
export function intervalAround(
  estimate: number,
  standardError: number,
  { degrees, level }: { readonly degrees: number; readonly level: number },
): Interval {
  // Equal values have no error, and no degrees of freedom in Welch's formula.
  const reach = standardError === 0
    ? 0
    : studentTQuantile((1 + level) / 2, degrees) * standardError;
  return { low: estimate - reach, high: estimate + reach, level };
}

/** `0.855 ± 0.014`: mean ± deviation of the sample; a single value alone, and failed runs beside it. */
export function formatSample({ n, failed, mean, deviation }: SampleSummary): string {
  const lost = failed === 0 ? "" : ` (${failed} failed)`;
  if (n === 0) return failed === 0 ? "–" : lost.trim();
  return (n === 1 ? String(Number(mean.toPrecision(3))) : formatSpread(mean, deviation)) + lost;
}

/** `0.021 to 0.088`, with two digits of the width. */
export function formatInterval({ low, high }: Interval): string {
  const width = high - low;
  const digits = width > 0 && Number.isFinite(width)
    ? Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(width))))
    : 3;
  const text = (x: number) => {
    const fixed = x.toFixed(digits);
    return (Number(fixed) === 0 ? fixed.replace("-", "") : fixed).replace("-", "−");
  };
  return `${text(low)} to ${text(high)}`;
}
