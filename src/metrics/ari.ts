// The adjusted Rand index, and its foreground variant by which object discovery is judged.

import { integer, listOf } from "../options/index.ts";
import { metricOptions } from "./options.ts";
import { contingency, hasUnknown, type Labels, withoutTrueLabels } from "./labels.ts";

/**
 * Adjusted Rand index of two segmentations: 1 when they are equal up to names, 0 expected by
 * chance, at least -0.5.
 *
 * With the four counts of element pairs (together or apart in each segmentation),
 *
 *     ARI = 2 (tp·tn − fn·fp) / ((tp+fn)(fn+tn) + (tp+fp)(fp+tn))
 *
 * (Hubert & Arabie, 1985, in the form scikit-learn computes). When no pair is judged differently,
 * two single clusters and empty inputs among them, the value is 1.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { ari } from "trilevel/metrics";
 *
 * assert.equal(ari([0, 0, 1, 1], [7, 7, 3, 3]), 1);
 * assert.equal(ari([0, 0, 1, 1], [0, 1, 0, 1]), -0.5);
 * ```
 */
export function ari(truth: Labels, predicted: Labels): number {
  const { counts, rowSums, columnSums, total } = contingency(truth, predicted);
  if (hasUnknown(truth, predicted)) return NaN;
  const squares = sumOfSquares(counts);
  // Ordered pairs of distinct elements: together in both, in one only, in neither.
  const tp = squares - total;
  const fn = sumOfSquares(rowSums) - squares;
  const fp = sumOfSquares(columnSums) - squares;
  const tn = total * total - tp - fn - fp - total;
  if (fn === 0 && fp === 0) return 1;
  return (2 * (tp * tn - fn * fp)) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn));
}

function sumOfSquares(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

const checkOptions = metricOptions<{ readonly ignore?: readonly number[] }>(
  "foregroundAri",
  ["truth", "predicted"],
  { ignore: listOf(integer) },
);

/**
 * FG-ARI: the adjusted Rand index over the pixels whose *true* label is no background.
 *
 * Predicted labels are not filtered, so a slot may hold background as well as an object. For a
 * video, pass all T·H·W labels at once: an object has to stay in its slot. (Kabra et al., 2019;
 * Locatello et al., 2020.)
 *
 * @param options.ignore true labels to leave out, default `[0]`, the background; add the label of
 *   overlap pixels where a data set marks them.
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { foregroundAri } from "trilevel/metrics";
 *
 * // The two background pixels are split over two slots, which does not count.
 * assert.equal(foregroundAri([0, 0, 1, 1, 2, 2], [0, 1, 0, 0, 1, 1]), 1);
 * ```
 */
export function foregroundAri(
  truth: Labels,
  predicted: Labels,
  options: { readonly ignore?: readonly number[] } = {},
): number {
  checkOptions(options);
  const { ignore = [0] } = options;
  const foreground = withoutTrueLabels(truth, predicted, ignore);
  return ari(foreground.truth, foreground.predicted);
}
