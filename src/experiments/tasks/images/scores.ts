/** Scores of a segmentation and a reconstruction of one image. */
import {
  argmaxMasks,
  foregroundAri,
  imageErrors,
  meanBestOverlap,
  meanIou,
  slotUsage,
} from "../../../metrics/index.ts";
import type { Scores, ScoreSpec, Seen } from "../task.ts";
import type { Example } from "./examples.ts";

/** The scores of one image whose masks are `[slots, height, width]`; their mean over images is reported. */
export function scoreImage(
  { sample: { image, labels }, output: { reconstruction, masks } }: Seen<
    Example,
    "reconstruction" | "masks"
  >,
): Scores {
  const errors = imageErrors(image.data, reconstruction.data, { range: [-1, 1] });
  // Errors in both scalings of the paper of slot attention.
  const { meanSquaredError: mse, sumSquaredError: mseSum, psnr } = errors;
  const slots = masks.shape[0]!;
  const usage = slotUsage(masks.data, slots);
  const others = { mse, mseSum, psnr, activeSlots: usage.active, effectiveSlots: usage.effective };
  if (labels === null) return others;
  const segments = argmaxMasks(masks.data, slots);
  // Without any object there is no overlap to speak of.
  const overlaps = labels.data.every((label) => label === 0) ? {} : {
    meanIou: meanIou(labels.data, segments),
    meanBestOverlap: meanBestOverlap(labels.data, segments),
  };
  return { fgAri: foregroundAri(labels.data, segments), ...overlaps, ...others };
}

/** The scores above with their names for reports. */
export const imageScores: readonly ScoreSpec[] = [
  { key: "fgAri", name: "FG-ARI", digits: 3 },
  { key: "meanIou", name: "mIoU", digits: 3 },
  { key: "meanBestOverlap", name: "mBO", digits: 3 },
  { key: "mse", name: "MSE", digits: 5, better: "lower" },
  { key: "psnr", name: "PSNR", digits: 1 },
  { key: "activeSlots", name: "active slots", digits: 2 },
];
