/** The largest size that compressed data can have once it is inflated. */

/**
 * The most bytes that `length` bytes of deflate can become: a match of 258 bytes takes at least two bits, which
 * makes 1032 for each byte.
 */
export function mostInflated(length: number): number {
  return 1032 * length;
}
