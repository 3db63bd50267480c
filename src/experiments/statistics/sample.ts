/** Values of several seeds: mean, deviation of the sample, and an interval for the mean. */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { formatSpread } from "../display/progress.ts";
import { bootstrapInterval } from "./bootstrap.ts";
import { type Interval, intervalAround, type IntervalOptions, usualLevel } from "./interval.ts";

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
  /** The interval of the mean, mean ± t(n − 1) · deviation / √n or a bootstrap one; undefined below two values. */
  readonly interval: Interval | undefined;
}

/** Mean, deviation and interval of the values that are finite. */
export function summarize(
  values: Iterable<number>,
  { level = usualLevel, method = "t" }: IntervalOptions = {},
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
      : method === "bootstrap"
      ? bootstrapInterval([known], { level })
      : intervalAround(center, deviation / Math.sqrt(n), { degrees: n - 1, level }),
  };
}

/** `0.855 ± 0.014`: mean ± deviation of the sample; a single value alone, and failed runs beside it. */
export function formatSample({ n, failed, mean, deviation }: SampleSummary): string {
  const lost = failed === 0 ? "" : ` (${failed} failed)`;
  if (n === 0) return failed === 0 ? "–" : lost.trim();
  return (n === 1 ? String(Number(mean.toPrecision(3))) : formatSpread(mean, deviation)) + lost;
}
