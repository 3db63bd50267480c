/**
 * Bounds of the sizes that a file may claim.
 *
 * A few bytes can claim gigabytes: a picture of 20000×20000 pixels, an array that inflates a thousandfold, lists
 * inside lists inside lists. Readers compare such claims with these limits before they do the work. A file that
 * asks for more is refused with a {@linkcode LimitError}, which says which limit to raise if the file is genuine.
 */

import { LimitError } from "./errors.ts";

/** Bounds of the sizes that one file may claim; every reader takes some of them as its option `limits`. */
export interface Limits {
  /** Pixels of one picture, default 2²⁵ (5792×5792). */
  readonly pixels: number;
  /** Scans of one JPEG, default 100; progressive files have about ten. */
  readonly scans: number;
  /** Pixels of all masks of one picture together, default 2²⁸. */
  readonly maskPixels: number;
  /** Steps of a fifth of a pixel along the polygons of one mask, default 2²⁵. */
  readonly outline: number;
  /** Bytes of one image file, default 2²⁸ (256 MiB). */
  readonly imageBytes: number;
  /** Bytes of one JSON file, default 2²⁹ − 2⁸, about as long as a JavaScript string can be. */
  readonly jsonBytes: number;
  /** Lists and objects inside one another in a JSON file, default 256. */
  readonly jsonDepth: number;
  /** Bytes of the header of one NumPy array, default 10,000 as in NumPy. */
  readonly headerBytes: number;
  /** Bytes of one chunk of an HDF5 array, default 2²⁸ (256 MiB). */
  readonly chunkBytes: number;
  /** Bytes of one sample of an HDF5 array, default 2²⁸ (256 MiB). */
  readonly partBytes: number;
  /** Bytes of one record of a TFRecord file, default 2²⁶ (64 MiB). */
  readonly recordBytes: number;
}

/** The limits that hold unless given. */
export const defaultLimits: Limits = {
  pixels: 2 ** 25,
  scans: 100,
  maskPixels: 2 ** 28,
  outline: 2 ** 25,
  imageBytes: 2 ** 28,
  jsonBytes: 2 ** 29 - 2 ** 8,
  jsonDepth: 256,
  headerBytes: 10_000,
  chunkBytes: 2 ** 28,
  partBytes: 2 ** 28,
  recordBytes: 2 ** 26,
};

/** A place in a file, for errors. */
export interface Place {
  /** The file. */
  readonly path?: string | undefined;
  /** The byte in it. */
  readonly offset?: number | undefined;
}

/**
 * Refuses more of something than its limit.
 *
 * @param what was found, with its amount.
 * @throws {LimitError} when `amount` is not at most the limit.
 */
export function checkLimit(
  name: keyof Limits,
  amount: number,
  what: string,
  limits: Partial<Limits> = {},
  place: Place = {},
): void {
  const limit = limits[name] ?? defaultLimits[name];
  if (amount <= limit) return;
  throw new LimitError(`${what}, which is more than the limit of ${limit}`, {
    ...place,
    hint: "Check that the file is what it should be; if it is, open it with " +
      `limits: { ${name}: ${amount} } or more`,
  });
}
