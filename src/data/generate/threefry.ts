/**
 * Randomness by counting: threefry2x32, a keyed hash of a counter (Salmon et al., 2011).
 *
 * The stream of a scene is a function of (seed, index) alone, so that scenes can be made in any order,
 * by any number of workers, and again.
 */

import { fromBits, type Random } from "../seeded.ts";

const ROTATIONS = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;

/** The two words of threefry2x32 (20 rounds) for a key and a counter, all unsigned 32-bit. */
export function threefry2x32(
  [k0, k1]: readonly [number, number],
  [c0, c1]: readonly [number, number],
): [number, number] {
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda] as const;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  for (let group = 0; group < 5; group++) {
    for (const rotation of ROTATIONS[group % 2]!) {
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    }
    x0 = (x0 + keys[(group + 1) % 3]!) | 0;
    x1 = (x1 + keys[(group + 2) % 3]! + group + 1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** The stream of uniform numbers that belongs to sample `index` of the set with this `seed`. */
export function sceneRandom(seed: number, index: number): Random {
  const key = threefry2x32(words(seed), words(index));
  let counter = 0;
  return fromBits(() => threefry2x32(key, words(counter++))[0]);
}

const words = (x: number): [number, number] => [x >>> 0, Math.floor(x / 2 ** 32) >>> 0];

/** A number in [low, high). */
export const between = (random: Random, low: number, high: number): number =>
  low + (high - low) * random.uniform();

/** One of the items, each as likely. */
export const choice = <T>(random: Random, items: readonly T[]): T =>
  items[random.below(items.length)]!;

/** An integer from low to high, both included. */
export const integer = (random: Random, low: number, high: number): number =>
  low + random.below(high - low + 1);
