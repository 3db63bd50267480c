/** Test cases of the primitives that move elements: shapes of every rank, empty ones too. */
import fc from "fast-check";
import type { NoParams, Params } from "../../../src/core/program.ts";
import { type Shape, sizeOf } from "../../../src/core/aval.ts";
import type {
  BroadcastParams,
  ConcatenateParams,
  IotaParams,
  PadParams,
  ReshapeParams,
  ReverseParams,
  SliceParams,
  TransposeParams,
} from "../../../src/primitives/index.ts";
import { axisSize, hostArray, ordinary, type Random, shapes } from "../arrays.ts";
import { casesOf, type Draw, every, numbers, perAxis, type Spec } from "./case.ts";
import type { DType } from "../../../src/core/dtype.ts";

/** An array of ordinary numbers. */
export const plain = (dtype: DType, shape: Shape) => (random: Random) =>
  hostArray(dtype, shape, () => ordinary(random, dtype));

const only = (dtype: DType, shape: Shape): Draw => (random) => [plain(dtype, shape)(random)];

/** The specification of a primitive of one operand that is linear in it. */
function moving<P extends Params, Layout extends { readonly shape: Shape }>(
  layouts: fc.Arbitrary<Layout>,
  params: (layout: Layout) => P,
): Spec<P> {
  return {
    dtypes: every,
    cases: (dtype) => casesOf(layouts, params, ({ shape }) => only(dtype, shape)),
    linear: () => [[0]],
  };
}

const permutationOf = (rank: number) =>
  fc.shuffledSubarray(Array.from({ length: rank }, (_, i) => i), { minLength: rank });

/** Distinct axes of a shape, at least one. */
export const axesOf = (shape: Shape) =>
  fc.subarray(shape.map((_, i) => i), { minLength: Math.min(1, shape.length) });

const broadcast: Spec<BroadcastParams> = moving(
  shapes().chain((target) =>
    fc.record({
      target: fc.constant(target),
      axes: fc.subarray(target.map((_, i) => i)),
      ones: fc.array(fc.boolean(), { minLength: target.length, maxLength: target.length }),
    })
  ).map(({ target, axes, ones }) => ({
    target,
    axes,
    shape: axes.map((a) => ones[a] ? 1 : target[a]!),
  })),
  ({ target, axes }) => ({ shape: target, axes }),
);

const reshape: Spec<ReshapeParams> = moving(
  shapes().chain((shape) =>
    fc.oneof(
      fc.constant([sizeOf(shape)]),
      permutationOf(shape.length).map((order) => order.map((a) => shape[a]!)),
      fc.nat(shape.length).map((at) => shape.toSpliced(at, 0, 1)),
      fc.nat(shape.length).map((at) => [...shape.slice(0, at), sizeOf(shape.slice(at))]),
    ).map((target) => ({ shape, target }))
  ),
  ({ target }) => ({ shape: target }),
);

const slice: Spec<SliceParams> = moving(
  shapes().chain((shape) =>
    perAxis(shape, (n) => fc.tuple(fc.nat(n), fc.nat(n), fc.integer({ min: 1, max: 3 })))
      .map((box) => ({ shape, box }))
  ),
  ({ box }) => ({
    start: box.map(([a, b]) => Math.min(a, b)),
    limit: box.map(([a, b]) => Math.max(a, b)),
    strides: box.map(([, , stride]) => stride),
  }),
);

const pad: Spec<PadParams> = {
  dtypes: every,
  cases: (dtype) =>
    casesOf(
      shapes({ maxRank: 4 }).chain((shape) =>
        perAxis(shape, () => fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2)))
          .map((counts) => ({ shape, counts }))
      ),
      ({ counts }) => ({
        low: counts.map(([low]) => low),
        high: counts.map(([, high]) => high),
        interior: counts.map(([, , interior]) => interior),
      }),
      ({ shape }) => (random) => [plain(dtype, shape)(random), plain(dtype, [])(random)],
    ),
  linear: () => [[0, 1]],
};

const concatenate: Spec<ConcatenateParams> = {
  dtypes: every,
  cases: (dtype) =>
    casesOf(
      shapes({ minRank: 1 }).chain((shape) =>
        fc.record({
          shape: fc.constant(shape),
          axis: fc.nat(shape.length - 1),
          sizes: fc.array(axisSize(), { minLength: 1, maxLength: 3 }),
        })
      ),
      ({ axis }) => ({ axis }),
      ({ shape, axis, sizes }) => (random) =>
        sizes.map((n) => plain(dtype, shape.with(axis, n))(random)),
    ),
  linear: (operands) => [operands.map((_, i) => i)],
};

const iota: Spec<IotaParams> = {
  dtypes: numbers,
  cases: (dtype) =>
    casesOf(
      shapes({ minRank: 1 }).chain((shape) =>
        fc.nat(shape.length - 1).map((axis) => ({ shape, axis }))
      ),
      ({ shape, axis }) => ({ shape, dtype, axis }),
      () => () => [],
    ),
};

/** One entry for each shape primitive. */
export const shapeCases = {
  broadcast,
  reshape,
  transpose: moving<TransposeParams, { shape: Shape; permutation: readonly number[] }>(
    shapes().chain((shape) =>
      permutationOf(shape.length).map((permutation) => ({ shape, permutation }))
    ),
    ({ permutation }) => ({ permutation }),
  ),
  slice,
  pad,
  concatenate,
  reverse: moving<ReverseParams, { shape: Shape; axes: readonly number[] }>(
    shapes({ minRank: 1 }).chain((shape) => axesOf(shape).map((axes) => ({ shape, axes }))),
    ({ axes }) => ({ axes }),
  ),
  iota,
} as const;

/** The barrier lets everything through as it is. */
export const barrierCases: Spec<NoParams> = {
  dtypes: every,
  cases: (dtype) =>
    casesOf(
      fc.array(shapes(), { minLength: 1, maxLength: 3 }),
      () => ({}),
      (list) => (random) => list.map((shape) => plain(dtype, shape)(random)),
    ),
  linear: (operands) => [operands.map((_, i) => i)],
};
