// The error of a reconstruction, in the scalings that papers use without saying which.

import { finite, pairOf, size } from "../options/index.ts";
import { metricOptions } from "./options.ts";
import { checkSameLength, MetricError } from "./errors.ts";

/** Reconstruction errors of a batch of images. */
export interface ImageErrors {
  /** Mean over all elements of the squared error, pixels scaled to [0, 1]. */
  readonly meanSquaredError: number;
  /** Squared error summed over the elements of an image, mean over images, pixels in [0, 1]: the loss SLATE reports. */
  readonly sumSquaredError: number;
  /** Mean over all elements of the squared error, pixels scaled to [0, 255]. */
  readonly meanSquaredError255: number;
  /** Peak signal-to-noise ratio in dB, of the mean over the batch: −10 log₁₀(meanSquaredError). */
  readonly psnr: number;
}

const checkOptions = metricOptions<
  { readonly images?: number; readonly range?: readonly [black: number, white: number] }
>("imageErrors", ["target", "prediction"], { images: size, range: pairOf(finite) });

/**
 * Squared error of reconstructions in the usual scalings, and PSNR.
 *
 * @param target shape [images, …], any number of elements per image.
 * @param prediction the same shape.
 * @param options.images the number of images in the batch, default 1.
 * @param options.range the values of black and white, default `[0, 1]`; `[-1, 1]` and `[0, 255]`
 *   are common.
 * @throws MetricError when the lengths differ, or are no whole number of images.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { imageErrors } from "trilevel/metrics";
 *
 * const { sumSquaredError, psnr } = imageErrors([0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1]);
 * assert.ok(Math.abs(sumSquaredError - 0.04) < 1e-12);
 * assert.ok(Math.abs(psnr - 20) < 1e-9);
 * ```
 */
export function imageErrors(
  target: ArrayLike<number>,
  prediction: ArrayLike<number>,
  options: {
    readonly images?: number;
    readonly range?: readonly [black: number, white: number];
  } = {},
): ImageErrors {
  checkOptions(options);
  const { images = 1, range = [0, 1] } = options;
  checkSameLength("imageErrors", target, prediction);
  if (target.length === 0 || target.length % images !== 0) {
    throw new MetricError(
      `imageErrors: ${target.length} values are not ${images} images`,
      "say how many images there are: imageErrors(target, prediction, { images })",
    );
  }
  const scale = 1 / (range[1] - range[0]);
  let sum = 0;
  for (let i = 0; i < target.length; i++) {
    const difference = (prediction[i]! - target[i]!) * scale;
    sum += difference * difference;
  }
  const mean = sum / target.length;
  return {
    meanSquaredError: mean,
    sumSquaredError: sum / images,
    meanSquaredError255: mean * 255 * 255,
    psnr: -10 * Math.log10(mean),
  };
}
