/** A tensor against numbers that were computed elsewhere. */
import { expect } from "vitest";
import type { Tensor } from "trilevel";

/** Every entry within a tolerance, 1e-9 unless given (the numbers have ten digits). */
export async function closeTo(
  actual: Tensor,
  expected: number | readonly number[],
  tolerance = 1e-9,
): Promise<void> {
  const numbers = [expected].flat();
  const found = [...await actual.data()];
  expect(found).toHaveLength(numbers.length);
  found.forEach((value, i) => {
    const off = Math.abs(value - numbers[i]!);
    expect(off, `entry ${i}: ${value}, not ${numbers[i]}`).toBeLessThanOrEqual(tolerance);
  });
}
