/** Whether numbers agree, and where they do not. */
import { expect } from "vitest";

/** How far apart numbers may be: |a - b| ≤ relative · max(|a|, |b|) + absolute. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** For what is computed in another order in double precision. */
export const rounding: Tolerance = { relative: 1e-12, absolute: 1e-12 };

/** Whether two numbers are as close as that; NaN agrees with NaN. */
export function isClose(a: number, b: number, { relative, absolute }: Tolerance): boolean {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= relative * Math.max(Math.abs(a), Math.abs(b)) + absolute;
}

/** Fails unless two lists of arrays agree, naming the first elements that do not. */
export function expectClose(
  actual: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  tolerance: Tolerance = rounding,
): void {
  expect(actual.map((x) => x.length)).toEqual(expected.map((x) => x.length));
  expected.forEach((right, k) =>
    right.forEach((b, i) => {
      const a = actual[k]![i]!;
      if (!isClose(a, b, tolerance)) expect.fail(`array ${k}, element ${i}: ${a}, expected ${b}`);
    })
  );
}
