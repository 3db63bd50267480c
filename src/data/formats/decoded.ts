/** The results of decoders of image files. */

import type { NdArray } from "../ndarray.ts";

/** Pixels 0 … 255, shape `[height, width, channels]`. */
export type Image = NdArray<Uint8Array>;

/** An image as stored, and how it wants to be turned. */
export interface Decoded {
  readonly image: Image;
  /** Exif's orientation, 1 (upright) … 8. */
  readonly orientation: number;
}
