// Do the slots share the work? A collapsed model explains everything with one.

import { fraction } from "../options/index.ts";
import { metricOptions } from "./options.ts";
import { argmaxMasks, hasUnknown } from "./labels.ts";

/** The distribution of the pixels of an image over the slots. */
export interface SlotUsage {
  /** Fraction of pixels each slot wins (argmax), shape [slots]; they sum to 1. */
  readonly share: Float64Array;
  /** Slots that win at least `minimum` of the pixels. */
  readonly active: number;
  /** exp(entropy of `share`): 1 when one slot takes all, `slots` when they share equally. */
  readonly effective: number;
}

const checkOptions = metricOptions<{ readonly minimum?: number }>(
  "slotUsage",
  ["masks", "slots"],
  { minimum: fraction },
);

/**
 * The number of slots that an image's masks use, and how evenly they do; NaN when a mask is.
 *
 * @param masks shape [slots, pixels], soft or hard.
 * @param options.minimum the share from which a slot counts as active, default 0.01.
 * @throws MetricError when `masks` is not a whole number of slots.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { slotUsage } from "trilevel/metrics";
 *
 * const { active, effective } = slotUsage([1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0], 3);
 * assert.equal(active, 2);
 * assert.ok(Math.abs(effective - 2) < 1e-12);
 * ```
 */
export function slotUsage(
  masks: ArrayLike<number>,
  slots: number,
  options: { readonly minimum?: number } = {},
): SlotUsage {
  checkOptions(options);
  const { minimum = 0.01 } = options;
  const labels = argmaxMasks(masks, slots);
  const share = new Float64Array(slots);
  if (hasUnknown(labels)) return { share: share.fill(NaN), active: NaN, effective: NaN };
  for (const slot of labels) share[slot]! += 1 / labels.length;
  const entropy = share.reduce((h, p) => p > 0 ? h - p * Math.log(p) : h, 0);
  return {
    share,
    active: share.filter((p) => p > 0 && p >= minimum).length,
    effective: Math.exp(entropy),
  };
}
