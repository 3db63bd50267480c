/**
 * What the tests of the array language share: random tensors whose elements are known on the host, and
 * a host model of tensors, a shape and a function from indices to values.
 */
import fc from "fast-check";
import { expect } from "vitest";
import "../../src/backends/index.ts";
import { setBackend } from "../../src/runtime/choice.ts";
import type { DType } from "../../src/core/dtype.ts";
import { type Shape, sizeOf } from "../../src/core/aval.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import * as np from "../../src/numpy/index.ts";
import { runs } from "../support/tier.ts";

await setBackend("reference");

export { np };

/** A tensor on the host, in row-major order. */
export interface Host {
  readonly shape: Shape;
  readonly data: readonly number[];
}

/** All index tuples of a shape, in row-major order. */
export function indices(shape: Shape): number[][] {
  return shape.reduce<number[][]>(
    (tuples, n) => tuples.flatMap((t) => Array.from({ length: n }, (_, i) => [...t, i])),
    [[]],
  );
}

/** The host tensor with these elements. */
export function build(shape: Shape, element: (index: readonly number[]) => number): Host {
  return { shape, data: indices(shape).map(element) };
}

/** An element of a host tensor. */
export function at({ shape, data }: Host, index: readonly number[]): number {
  return data[index.reduce((offset, i, axis) => offset * shape[axis]! + i, 0)]!;
}

/** The tensor of a host tensor. */
export function place({ shape, data }: Host, dtype: DType = "float32"): Tensor {
  return np.array([...data], { shape, dtype });
}

/** The elements of a tensor as plain numbers. */
export async function values(x: Tensor): Promise<number[]> {
  return Array.from(await x.data());
}

/** Expects shape and elements, the latter within a relative tolerance (0 means equal). */
export async function expectHost(x: Tensor, expected: Host, tolerance = 0): Promise<void> {
  expect(x.shape).toEqual(expected.shape);
  expectClose(await values(x), expected.data, tolerance);
}

/** Expects numbers to be equal or close; NaN and infinities must be in the same places. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  tolerance = 0,
): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((a, i) => {
    const e = expected[i]!;
    const same = a === e || (Number.isNaN(a) && Number.isNaN(e)) ||
      Math.abs(a - e) <= tolerance * Math.max(1, Math.abs(e));
    if (!same) expect.fail(`element ${i} is ${a}, not ${e}: [${actual}] and [${expected}]`);
  });
}

/** Shapes, also without axes or elements. */
export function shapes(maxRank = 4, minRank = 0, minSize = 0, maxSize = 4): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: minSize, max: maxSize }), {
    minLength: minRank,
    maxLength: maxRank,
  });
}

/** Small whole numbers: their sums and products are exact. */
export const small: fc.Arbitrary<number> = fc.integer({ min: -4, max: 4 });

/** Host tensors of a shape. */
export function hosts(
  shape: fc.Arbitrary<Shape>,
  element: fc.Arbitrary<number> = small,
): fc.Arbitrary<Host> {
  return shape.chain((s) =>
    fc.array(element, { minLength: sizeOf(s), maxLength: sizeOf(s) })
      .map((data) => ({ shape: s, data }))
  );
}

/** A property over random inputs, with enough runs to meet the corners. */
export async function holds<Ts extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof Ts]: fc.Arbitrary<Ts[K]> },
  predicate: (...args: Ts) => Promise<void> | void,
  numRuns = 150,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty<Ts>(...arbitraries, async (...args) => {
      await predicate(...args);
    }),
    { numRuns: runs(numRuns) },
  );
}
