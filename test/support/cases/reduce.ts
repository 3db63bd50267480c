/** Test cases of reductions: elements of extrema are distinct, so that derivatives exist. */
import fc from "fast-check";
import type { DType } from "../../../src/core/dtype.ts";
import type { Shape } from "../../../src/core/aval.ts";
import type { AxisParams, CumulativeParams, ReduceParams } from "../../../src/primitives/index.ts";
import { distinct, shapes } from "../arrays.ts";
import { casesOf, numbers, type Spec } from "./case.ts";
import { axesOf, plain } from "./shape.ts";

const alongAxes = (empty: boolean) =>
  shapes({ minRank: 1, empty }).chain((shape) => axesOf(shape).map((axes) => ({ shape, axes })));

const alongAxis = (empty: boolean) =>
  shapes({ minRank: 1, empty }).chain((shape) =>
    fc.nat(shape.length - 1).map((axis) => ({ shape, axis }))
  );

const plainly = (dtypes: readonly DType[], linear: boolean): Spec<ReduceParams> => ({
  dtypes,
  cases: (dtype) =>
    casesOf(alongAxes(true), ({ axes }) => ({ axes }), ({ shape }) => (random) => [
      plain(dtype, shape)(random),
    ]),
  linear: () => linear ? [[0]] : [],
});

const extremum: Spec<ReduceParams> = {
  dtypes: numbers,
  cases: (dtype) =>
    casesOf(alongAxes(false), ({ axes }) => ({ axes }), ({ shape }) => (random) => [
      distinct(random, dtype, shape),
    ]),
};

const argExtremum: Spec<AxisParams> = {
  dtypes: numbers,
  cases: (dtype) =>
    casesOf(
      alongAxis(false),
      ({ axis }) => ({ axis }),
      // Integers tie now and then: the first wins.
      ({ shape }: { shape: Shape }) => (random) => [
        dtype === "int32" ? plain(dtype, shape)(random) : distinct(random, dtype, shape),
      ],
    ),
};

const cumsum: Spec<CumulativeParams> = {
  dtypes: numbers,
  cases: (dtype) =>
    casesOf(
      fc.tuple(alongAxis(true), fc.boolean()).map(([a, reverse]) => ({ ...a, reverse })),
      ({ axis, reverse }) => ({ axis, reverse }),
      ({ shape }) => (random) => [plain(dtype, shape)(random)],
    ),
  linear: () => [[0]],
};

/** One entry for each reduction. */
export const reduceCases = {
  reduceSum: plainly(numbers, true),
  reduceMax: extremum,
  reduceMin: extremum,
  reduceAnd: plainly(["bool"], false),
  reduceOr: plainly(["bool"], false),
  argMax: argExtremum,
  argMin: argExtremum,
  cumsum,
} as const;
