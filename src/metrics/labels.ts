// A segmentation is an array with one integer label per pixel. Every clustering metric reads two of
// them; this file makes them (from soft masks), filters them, and counts how they overlap.

import { checkSameLength, MetricError } from "./errors.ts";

/**
 * One integer label per element (pixel); the numbers name clusters and have no order. NaN says that an
 * element's cluster is not known: every score of such a segmentation is NaN.
 */
export type Labels = ArrayLike<number>;

/** The number of times that each pair (true label, predicted label) occurs. */
export interface Contingency {
  /** Distinct labels of the first segmentation, in order of first appearance: one per row. */
  readonly rows: readonly number[];
  /** Distinct labels of the second segmentation: one per column. */
  readonly columns: readonly number[];
  /** `counts[r * columns.length + c]` elements have row label `r` and column label `c`. */
  readonly counts: Float64Array;
  /** Elements with each row's label. */
  readonly rowSums: Float64Array;
  /** Elements with each column's label. */
  readonly columnSums: Float64Array;
  /** Number of elements. */
  readonly total: number;
}

/**
 * The contingency table of two segmentations of the same elements.
 *
 * @throws MetricError when the lengths differ.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { contingency } from "trilevel/metrics";
 *
 * const table = contingency([0, 0, 1], [5, 7, 7]);
 * assert.deepEqual([...table.counts], [1, 1, 0, 1]); // rows 0, 1; columns 5, 7
 * ```
 */
export function contingency(truth: Labels, predicted: Labels): Contingency {
  checkSameLength("contingency", truth, predicted);
  const rowOf = indexOfLabel(truth);
  const columnOf = indexOfLabel(predicted);
  const width = columnOf.size;
  const counts = new Float64Array(rowOf.size * width);
  const rowSums = new Float64Array(rowOf.size);
  const columnSums = new Float64Array(width);
  for (let i = 0; i < truth.length; i++) {
    const r = rowOf.get(truth[i]!)!;
    const c = columnOf.get(predicted[i]!)!;
    counts[r * width + c]! += 1;
    rowSums[r]! += 1;
    columnSums[c]! += 1;
  }
  const [rows, columns] = [[...rowOf.keys()], [...columnOf.keys()]];
  return { rows, columns, counts, rowSums, columnSums, total: truth.length };
}

/** True if a label is NaN, so that there is no score. */
export function hasUnknown(...segmentations: readonly Labels[]): boolean {
  return segmentations.some((labels) => Array.prototype.some.call(labels, Number.isNaN));
}

function indexOfLabel(labels: Labels): Map<number, number> {
  const index = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) {
    if (!index.has(labels[i]!)) index.set(labels[i]!, index.size);
  }
  return index;
}

/**
 * Both segmentations without the elements whose *true* label is one of `drop`: the foreground, when
 * `drop` holds the background (and the overlap label, where a data set marks overlaps).
 */
export function withoutTrueLabels(
  truth: Labels,
  predicted: Labels,
  drop: readonly number[],
): { truth: Float64Array; predicted: Float64Array } {
  checkSameLength("withoutTrueLabels", truth, predicted);
  const kept: number[] = [];
  for (let i = 0; i < truth.length; i++) if (!drop.includes(truth[i]!)) kept.push(i);
  return {
    truth: Float64Array.from(kept, (i) => truth[i]!),
    predicted: Float64Array.from(kept, (i) => predicted[i]!),
  };
}

/**
 * The hard segmentation of soft masks: for every pixel the slot with the largest mask, the lowest
 * index winning ties; NaN where a mask is NaN.
 *
 * @param masks shape [slots, pixels], row-major.
 * @returns shape [pixels], slot indices.
 * @throws MetricError when `masks` is not a whole number of slots.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { argmaxMasks } from "trilevel/metrics";
 *
 * assert.deepEqual([...argmaxMasks([0.9, 0.2, 0.1, 0.8], 2)], [0, 1]);
 * ```
 */
export function argmaxMasks(masks: ArrayLike<number>, slots: number): Float64Array {
  const pixels = masks.length / slots;
  if (!Number.isInteger(pixels) || slots < 1) {
    throw new MetricError(
      `argmaxMasks: masks must have shape [slots, pixels], but ${masks.length} values ` +
        `cannot be split over ${slots} slots`,
      "give all pixels of the first slot, then those of the next",
    );
  }
  const labels = new Float64Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    let best = Number.isNaN(masks[pixel]!) ? NaN : 0;
    for (let slot = 1; slot < slots; slot++) {
      const mask = masks[slot * pixels + pixel]!;
      if (Number.isNaN(mask)) best = NaN;
      else if (mask > masks[best * pixels + pixel]!) best = slot;
    }
    labels[pixel] = best;
  }
  return labels;
}
