// Adjusted mutual information, the score of the N-EM family.

import { integer, listOf, oneOf } from "../options/index.ts";
import { metricOptions } from "./options.ts";
import {
  type Contingency,
  contingency,
  hasUnknown,
  type Labels,
  withoutTrueLabels,
} from "./labels.ts";

/**
 * The way in which the two entropies combine into AMI's upper bound. scikit-learn used `max` until 0.21, and
 * published N-EM numbers do; newer versions use `arithmetic`.
 */
export type AmiNormalisation = "arithmetic" | "max";

const normalisation = oneOf("arithmetic", "max");
const operands = ["truth", "predicted"] as const;
const checkAmi = metricOptions<{ readonly normalisation?: AmiNormalisation }>("ami", operands, {
  normalisation,
});
const checkForeground = metricOptions<
  { readonly ignore?: readonly number[]; readonly normalisation?: AmiNormalisation }
>("foregroundAmi", operands, { ignore: listOf(integer), normalisation });

/**
 * Adjusted mutual information of two segmentations: 1 when they are equal up to names, 0 expected
 * by chance.
 *
 *     AMI = (MI − E[MI]) / (avg(H(U), H(V)) − E[MI])
 *
 * with the expectation over the hypergeometric model of random contingency tables of the same
 * margins (Vinh, Epps & Bailey, 2010). Two single clusters, two sets of singletons and empty inputs
 * score 1.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { ami } from "trilevel/metrics";
 *
 * assert.ok(Math.abs(ami([0, 0, 1, 1], [1, 1, 0, 0]) - 1) < 1e-12);
 * ```
 */
export function ami(
  truth: Labels,
  predicted: Labels,
  options: { readonly normalisation?: AmiNormalisation } = {},
): number {
  checkAmi(options);
  const { normalisation = "arithmetic" } = options;
  const table = contingency(truth, predicted);
  if (hasUnknown(truth, predicted)) return NaN;
  // The partitions equal by necessity, of one cluster or of singletons, would be 0/0; scikit-learn
  // scores the first 1 and leaves the second to rounding.
  const { rows, columns, total } = table;
  if (rows.length === columns.length && (rows.length <= 1 || rows.length === total)) return 1;
  const expected = expectedMutualInformation(table);
  const [hu, hv] = [entropy(table.rowSums), entropy(table.columnSums)];
  const bound = normalisation === "max" ? Math.max(hu, hv) : (hu + hv) / 2;
  return (mutualInformation(table) - expected) / (bound - expected);
}

/**
 * AMI over the elements whose true label is not in `ignore` (default `[0]`: N-EM's background and
 * overlaps). For a sequence the papers average it over the time steps after the first.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { foregroundAmi } from "trilevel/metrics";
 *
 * const score = foregroundAmi([0, 0, 1, 1, 2, 2], [3, 4, 3, 3, 4, 4], { normalisation: "max" });
 * assert.ok(Math.abs(score - 1) < 1e-12);
 * ```
 */
export function foregroundAmi(
  truth: Labels,
  predicted: Labels,
  options: {
    readonly ignore?: readonly number[];
    readonly normalisation?: AmiNormalisation;
  } = {},
): number {
  checkForeground(options);
  const { ignore = [0], normalisation = "arithmetic" } = options;
  const foreground = withoutTrueLabels(truth, predicted, ignore);
  return ami(foreground.truth, foreground.predicted, { normalisation });
}

function entropy(sums: Float64Array): number {
  let total = 0;
  for (const n of sums) total += n;
  let h = 0;
  for (const n of sums) if (n > 0) h -= (n / total) * Math.log(n / total);
  return h;
}

function mutualInformation({ counts, rowSums, columnSums, total }: Contingency): number {
  let mi = 0;
  counts.forEach((n, cell) => {
    if (n === 0) return;
    const a = rowSums[Math.floor(cell / columnSums.length)]!;
    const b = columnSums[cell % columnSums.length]!;
    mi += (n / total) * Math.log((total * n) / (a * b));
  });
  return Math.max(mi, 0);
}

/** Σ over cells and their possible counts n of n/N · log(N·n / (a·b)) · P(n | a, b, N). */
function expectedMutualInformation({ rowSums, columnSums, total }: Contingency): number {
  const logFactorial = logFactorials(total);
  let sum = 0;
  for (const a of rowSums) {
    for (const b of columnSums) {
      const margins = logFactorial[a]! + logFactorial[b]! + logFactorial[total - a]! +
        logFactorial[total - b]! - logFactorial[total]!;
      for (let n = Math.max(1, a + b - total); n <= Math.min(a, b); n++) {
        const logProbability = margins - logFactorial[n]! - logFactorial[a - n]! -
          logFactorial[b - n]! - logFactorial[total - a - b + n]!;
        sum += (n / total) * Math.log((total * n) / (a * b)) * Math.exp(logProbability);
      }
    }
  }
  return sum;
}

/** log(n!) for n = 0 … largest, with compensated summation: images have 10⁵ pixels. */
function logFactorials(largest: number): Float64Array {
  const table = new Float64Array(largest + 1);
  let carry = 0;
  for (let n = 2; n <= largest; n++) {
    const term = Math.log(n) - carry;
    const sum = table[n - 1]! + term;
    carry = sum - table[n - 1]! - term;
    table[n] = sum;
  }
  return table;
}
