/** Test cases of products: axes in any order, convolutions of every geometry. */
import fc from "fast-check";
import type { ConvParams, DotParams } from "../../../src/primitives/index.ts";
import { axisSize } from "../arrays.ts";
import { casesOf, floats, numbers, perAxis, type Spec } from "./case.ts";
import { plain } from "./shape.ts";

/** Where the labelled axes of an operand are, after a shuffle. */
function layout(sizes: readonly number[], counts: readonly number[], order: readonly number[]) {
  const shape = order.map((label) => sizes[label]!);
  let next = 0;
  const groups = counts.map((count) => Array.from({ length: count }, () => order.indexOf(next++)));
  return { shape, groups };
}

const order = (n: number) =>
  fc.shuffledSubarray(Array.from({ length: n }, (_, i) => i), { minLength: n });
const sizes = (max: number) => fc.array(axisSize(), { maxLength: max });

const dot: Spec<DotParams> = {
  dtypes: numbers,
  cases: (dtype) =>
    casesOf(
      fc.record({ batch: sizes(2), contract: sizes(2), left: sizes(2), right: sizes(2) })
        .chain(({ batch, contract, left, right }) => {
          const common = batch.length + contract.length;
          return fc.tuple(order(common + left.length), order(common + right.length))
            .map(([a, b]) => ({
              x: layout([...batch, ...contract, ...left], [batch.length, contract.length], a),
              y: layout([...batch, ...contract, ...right], [batch.length, contract.length], b),
            }));
        }),
      ({ x, y }) => ({
        lhsBatch: x.groups[0]!,
        lhsContract: x.groups[1]!,
        rhsBatch: y.groups[0]!,
        rhsContract: y.groups[1]!,
      }),
      ({ x, y }) => (random) => [plain(dtype, x.shape)(random), plain(dtype, y.shape)(random)],
    ),
  linear: () => [[0], [1]],
};

const geometry = fc.record({
  size: fc.integer({ min: 1, max: 5 }),
  window: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  low: fc.integer({ min: -1, max: 2 }),
  high: fc.integer({ min: -1, max: 2 }),
  lhsDilation: fc.integer({ min: 1, max: 2 }),
  rhsDilation: fc.integer({ min: 1, max: 2 }),
});

const conv: Spec<ConvParams> = {
  dtypes: floats,
  cases: (dtype) =>
    casesOf(
      fc.record({
        groups: fc.integer({ min: 1, max: 2 }),
        batch: axisSize({ empty: false }),
        inside: fc.integer({ min: 1, max: 2 }),
        outside: fc.integer({ min: 1, max: 2 }),
        space: fc.integer({ min: 1, max: 2 })
          .chain((rank) => perAxis(Array(rank).fill(0), () => geometry)),
      }),
      ({ groups, space }) => ({
        groups,
        strides: space.map((g) => g.stride),
        padding: space.map((g) => [g.low, g.high] as const),
        lhsDilation: space.map((g) => g.lhsDilation),
        rhsDilation: space.map((g) => g.rhsDilation),
      }),
      ({ groups, batch, inside, outside, space }) => (random) => [
        plain(dtype, [batch, groups * inside, ...space.map((g) => g.size)])(random),
        plain(dtype, [groups * outside, inside, ...space.map((g) => g.window)])(random),
      ],
    ),
  linear: () => [[0], [1]],
};

/** One entry for each product. */
export const productCases = { dot, conv } as const;
