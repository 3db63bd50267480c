/** Intervals, from Student's t or from resamples, and their words. */
import { studentTQuantile } from "./studentT.ts";

/** The origin of an interval: a normal distribution of the values, or resamples of them. */
export type IntervalMethod = "t" | "bootstrap";

/** A range that holds the true value with probability `level`; of a t interval, if the values are normally distributed. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly level: number;
  readonly method: IntervalMethod;
}

/** Options of intervals. */
export interface IntervalOptions {
  readonly level?: number;
  /** Student's t unless given; `"bootstrap"` is the bias-corrected and accelerated bootstrap. */
  readonly method?: IntervalMethod;
}

/** The level of intervals unless another is asked for. */
export const usualLevel = 0.95;

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
  return { low: estimate - reach, high: estimate + reach, level, method: "t" };
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
