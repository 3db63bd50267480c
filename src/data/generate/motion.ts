/** Motion of things that walls throw back. */

/** A position on a straight line as walls throw it back: a triangle wave between them. */
export function bounced(position: number, low: number, high: number): number {
  const width = high - low;
  if (width === 0) return low;
  const phase = (position - low) / (2 * width);
  return low + width * (1 - Math.abs(2 * (phase - Math.floor(phase)) - 1));
}
