// Intersection over union, which measures how well predicted segments cover the true objects.

import { integer, listOf } from "../options/index.ts";
import { metricOptions } from "./options.ts";
import { hungarian } from "./hungarian.ts";
import { contingency, hasUnknown, type Labels } from "./labels.ts";

/** Intersection over union of every true object with every predicted segment. */
export interface IouMatrix {
  /** True labels (rows), without the ignored ones. */
  readonly objects: readonly number[];
  /** Predicted labels (columns). */
  readonly segments: readonly number[];
  /** Shape [objects, segments]. */
  readonly iou: Float64Array;
}

/** Options of the overlap scores. */
export interface OverlapOptions {
  /** True labels that are no object, default `[0]`, the background. */
  readonly ignore?: readonly number[];
}

const check = (name: string) =>
  metricOptions<OverlapOptions>(name, ["truth", "predicted"], { ignore: listOf(integer) });
const checkMatrix = check("iouMatrix");
const checkMean = check("meanIou");
const checkBest = check("meanBestOverlap");

/**
 * |object ∩ segment| / |object ∪ segment| for every pair, over all pixels: what a segment holds of
 * the background enlarges the union. NaN when a label is.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { iouMatrix } from "trilevel/metrics";
 *
 * const { objects, segments, iou } = iouMatrix([0, 1, 1], [7, 7, 8]);
 * assert.deepEqual([objects, segments, [...iou]], [[1], [7, 8], [1 / 3, 1 / 2]]);
 * ```
 */
export function iouMatrix(
  truth: Labels,
  predicted: Labels,
  options: OverlapOptions = {},
): IouMatrix {
  checkMatrix(options);
  const { ignore = [0] } = options;
  const { rows, columns, counts, rowSums, columnSums } = contingency(truth, predicted);
  const kept = rows.flatMap((label, r) => ignore.includes(label) ? [] : [r]);
  const iou = Float64Array.from(
    kept.flatMap((r) =>
      columns.map((_, c) => {
        const both = counts[r * columns.length + c]!;
        return both / (rowSums[r]! + columnSums[c]! - both);
      })
    ),
  );
  if (hasUnknown(truth, predicted)) iou.fill(NaN);
  return { objects: kept.map((r) => rows[r]!), segments: columns, iou };
}

/**
 * mIoU: the mean over true objects of the IoU with the segment that the best one-to-one matching
 * gives them; an object left without a segment counts 0. In [0, 1]; NaN without any object, so that
 * such an image can be left out of the mean over images.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { meanIou } from "trilevel/metrics";
 *
 * assert.equal(meanIou([0, 1, 1, 2], [9, 4, 4, 9]), (1 + 1 / 2) / 2);
 * ```
 */
export function meanIou(truth: Labels, predicted: Labels, options: OverlapOptions = {}): number {
  checkMean(options);
  const { objects, segments, iou } = iouMatrix(truth, predicted, options);
  if (objects.length === 0 || hasUnknown(iou)) return NaN;
  const { cost } = hungarian(iou.map((x) => -x), objects.length, segments.length);
  return -cost / objects.length;
}

/**
 * mBO, mean best overlap: the mean over true objects of the largest IoU with any segment, which
 * several objects may share. In [0, 1], at least mIoU; NaN without any object.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { meanBestOverlap } from "trilevel/metrics";
 *
 * assert.equal(meanBestOverlap([1, 1, 2, 2], [5, 5, 5, 5]), 0.5); // meanIou is 0.25
 * ```
 */
export function meanBestOverlap(
  truth: Labels,
  predicted: Labels,
  options: OverlapOptions = {},
): number {
  checkBest(options);
  const { objects, segments, iou } = iouMatrix(truth, predicted, options);
  let sum = 0;
  objects.forEach((_, r) => {
    sum += iou.subarray(r * segments.length, (r + 1) * segments.length)
      .reduce((best, x) => Math.max(best, x), 0);
  });
  return sum / objects.length;
}
