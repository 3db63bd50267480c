/**
 * The scenes that generators make: an image, the object that each pixel shows, and the objects themselves.
 */

import type { Json } from "../dataset.ts";
import { OptionError } from "../errors.ts";
import { type NdArray, ndarray } from "../ndarray.ts";

/** A generated scene; also a `Sample` of a `Dataset`. */
export type Scene<O extends Json = Json> = {
  /** RGB, `[height, width, 3]`. */
  readonly image: NdArray<Uint8Array>;
  /**
   * The object seen at the centre of every pixel, `[height, width]`: 0 for the background, k for
   * `objects[k − 1]`.
   */
  readonly masks: NdArray<Uint8Array>;
  /** The objects' properties. */
  readonly objects: readonly O[];
  /** The fraction of each object's pixels that nothing hides, in [0, 1], one per object. */
  readonly visibility: readonly number[];
};

/** For every object, the pixels it would cover alone and those where it is seen. */
export interface Coverage {
  readonly masks: Uint8Array;
  readonly covered: readonly number[];
  readonly visible: readonly number[];
}

/**
 * Counts pixels of objects.
 *
 * @param front says what is seen at a pixel (k + 1, or 0 for the background), and calls `covered` with
 *   every object k that is there, hidden or not.
 */
export function coverage(
  pixels: number,
  objects: number,
  front: (pixel: number, covered: (object: number) => void) => number,
): Coverage {
  const masks = new Uint8Array(pixels);
  const covered = new Array<number>(objects).fill(0);
  const visible = new Array<number>(objects).fill(0);
  const count = (object: number) => covered[object]!++;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const seen = front(pixel, count);
    masks[pixel] = seen;
    if (seen > 0) visible[seen - 1]!++;
  }
  return { masks, covered, visible };
}

/** Assembles a scene from its parts. */
export function makeScene<O extends Json>(
  [height, width]: readonly [number, number],
  image: Uint8Array,
  { masks, covered, visible }: Coverage,
  objects: readonly O[],
): Scene<O> {
  return {
    image: ndarray(image, [height, width, 3]),
    masks: ndarray(masks, [height, width]),
    objects,
    visibility: covered.map((pixels, k) => pixels === 0 ? 0 : visible[k]! / pixels),
  };
}

/**
 * Draws until a draw is acceptable (`attempt` returns something).
 *
 * @throws {OptionError} after `limit` failures: the options ask for what hardly exists.
 */
export function rejectionSample<T>(what: string, attempt: () => T | undefined, limit = 2000): T {
  for (let tries = 0; tries < limit; tries++) {
    const result = attempt();
    if (result !== undefined) return result;
  }
  throw new OptionError(`no acceptable ${what} was found in ${limit} attempts`, {
    hint: "Ask for fewer or smaller objects, a larger picture, or less visibility",
  });
}
