/** JPEG files of 8 bits, baseline and progressive, to the pixels that libjpeg gives. */

import type { Limits } from "../../limits.ts";
import type { Decoded } from "../decoded.ts";
import { orientationOf } from "../exif.ts";
import { readFrame } from "./frame.ts";
import { inverseTransform, toPixels, upsample } from "./samples.ts";

/**
 * Decodes a JPEG file: grey as one channel; YCbCr, RGB, CMYK and YCCK (as Adobe writes them) as RGB.
 *
 * @throws {TruncatedError}, {@linkcode CorruptError}, {@linkcode LimitError}, and
 * {@linkcode UnsupportedError} for 12 bits, lossless, hierarchical and arithmetic coding.
 */
export function decodeJpeg(bytes: Uint8Array, path?: string, limits?: Partial<Limits>): Decoded {
  const { width, height, components, h, v, space, exif } = readFrame(bytes, path, limits);
  const planes = components.map((component) => {
    const plane = inverseTransform(component);
    component.coefficients = new Int16Array(0); // as large as all planes together
    return upsample(plane, h / component.h, v / component.v, [height, width]);
  });
  const data = toPixels(planes, space);
  return {
    image: { data, shape: [height, width, space === "grey" ? 1 : 3] },
    orientation: orientationOf(exif),
  };
}
