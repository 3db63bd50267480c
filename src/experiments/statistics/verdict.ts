/** A difference in words. What is said follows from the interval alone. */
import { formatFixed } from "../display/progress.ts";
import type { Difference } from "./difference.ts";
import { formatInterval } from "./interval.ts";

/** The better kind, as far as the seeds tell. */
export type Outcome = "first" | "second" | "undecided";

/** The names that a verdict speaks of. */
export interface Verdict {
  /** The measurement, such as "PSNR". */
  readonly measure: string;
  /** The kinds: the difference is the first minus the second. */
  readonly first: string;
  readonly second: string;
  readonly better: "higher" | "lower";
}

/** The kind that is better: the interval of the difference must exclude 0. */
export function outcomeOf({ interval }: Difference, better: "higher" | "lower"): Outcome {
  if (interval === undefined || (interval.low <= 0 && interval.high >= 0)) return "undecided";
  return (interval.low > 0) === (better === "higher") ? "first" : "second";
}

/** A sentence: the outcome, then the numbers that it follows from. */
export function tellVerdict(
  found: Difference,
  { measure, first, second, better }: Verdict,
): string {
  const { interval, n, paired } = found;
  const seeds = `${n} ${paired ? "paired " : ""}${n === 1 ? "seed" : "seeds"}`;
  if (interval === undefined) return `${measure}: not decided by ${seeds}.`;
  const outcome = outcomeOf(found, better);
  const said = outcome === "undecided"
    ? `not decided by ${seeds}`
    : `${outcome === "first" ? first : second} is better, by ${seeds}`;
  return `${measure}: ${said}. ${first} minus ${second}: ${numbers(found)}.`;
}

/** Mean, interval, test and effect of a difference. */
function numbers({ mean, interval, p, wilcoxon, leastP, effect }: Difference): string {
  const parts = [signed(mean)];
  if (interval !== undefined) {
    const kind = interval.method === "t" ? "t interval" : "bootstrap interval";
    parts.push(`${Math.round(100 * interval.level)} % ${kind} ${formatInterval(interval)}`);
  }
  if (p !== undefined) {
    const least = leastP > 0.05 ? `, and cannot be below ${formatP(leastP)}` : "";
    parts.push(`exact permutation test p = ${formatP(p)}${least}`);
  }
  if (wilcoxon !== undefined) parts.push(`Wilcoxon signed-rank p = ${formatP(wilcoxon)}`);
  if (effect !== undefined) {
    parts.push(`effect size g = ${formatFixed(effect, 1).replace("-", "−")}`);
  }
  return parts.join("; ");
}

/** A number with its sign and three digits. */
export function signed(value: number): string {
  const text = String(Number(Math.abs(value).toPrecision(3)));
  return value < 0 ? `−${text}` : `+${text}`;
}

/** `0.031`, `0.25` */
export function formatP(p: number): string {
  return p < 0.001 ? p.toExponential(1) : String(Number(p.toPrecision(2)));
}
