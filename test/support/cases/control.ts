/** Test cases of loops and branches: bodies with constants, float and integer carries, and slices. */
import fc from "fast-check";
import type { DType } from "../../../src/core/dtype.ts";
import { aval } from "../../../src/core/aval.ts";
import type { Program } from "../../../src/core/program.ts";
import type { Tensor } from "../../../src/core/tensor.ts";
import { traceClosed } from "../../../src/core/trace.ts";
import type { CondParams, ScanParams, WhileParams } from "../../../src/primitives/index.ts";
import * as lax from "../../../src/primitives/index.ts";
import { axisSize, type HostArray, type Random, shapes } from "../arrays.ts";
import { Case, casesOf, floats, seeds, type Spec } from "./case.ts";
import { barrierCases, plain } from "./shape.ts";

const int = (value: number): HostArray => ({ dtype: "int32", shape: [], values: [value] });
const next = (count: Tensor) => lax.add(count, lax.fullLike(count, 1));
const asFloat = (count: Tensor, like: Tensor) =>
  lax.broadcast(lax.convert(count, like.dtype), like.shape, []);

/** Bodies take a constant, a float and an integer carry, and one slice; they give a new carry and a y. */
const bodies: readonly ((c: Tensor, x: Tensor, count: Tensor, slice: Tensor) => Tensor[])[] = [
  (c, x, count, slice) => [lax.sin(lax.add(lax.mul(c, x), slice)), next(count), lax.mul(x, slice)],
  (c, x, count, slice) => [lax.mul(lax.tanh(x), c), next(count), asFloat(count, slice)],
  (c, x, count, slice) => [
    lax.sub(lax.mul(slice, c), lax.cos(x)),
    lax.add(count, count),
    // The count doubles: as a frequency it is kept low, where finite differences can follow.
    lax.exp(lax.sin(lax.mul(lax.tanh(asFloat(count, x)), x))),
  ],
  (_, x, count, slice) => [x, count, slice],
];

const scan: Spec<ScanParams> = {
  dtypes: floats,
  cases: (dtype) =>
    casesOf(
      fc.record({
        shape: shapes({ maxRank: 2 }),
        length: axisSize(),
        reverse: fc.boolean(),
        body: fc.constantFrom(...bodies),
      }),
      ({ shape, length, reverse, body }) => {
        const one = aval(shape, dtype);
        return {
          body: traceClosed((c, x, count, s) => body(c!, x!, count!, s!), [
            one,
            one,
            aval([], "int32"),
            one,
          ]),
          consts: 1,
          carry: 2,
          length,
          reverse,
        };
      },
      ({ shape, length }) => (random) => [
        plain(dtype, shape)(random),
        plain(dtype, shape)(random),
        int(random.whole(0, 3)),
        plain(dtype, [length, ...shape])(random),
      ],
    ),
};

const branches: readonly ((x: Tensor, y: Tensor, n: Tensor) => Tensor[])[] = [
  (x, y, n) => [lax.mul(x, y), n],
  (x, _, n) => [lax.sin(lax.mul(x, x)), next(n)],
  (x, y, n) => [lax.sub(lax.exp(lax.sin(y)), x), lax.neg(n)],
  (x, _, n) => [lax.fullLike(x, 2), n],
];

function branch(f: (typeof branches)[number], shape: readonly number[], dtype: DType): Program {
  const one = aval(shape, dtype);
  return traceClosed((x, y, n) => f(x!, y!, n!), [one, one, aval([], "int32")]);
}

const cond: Spec<CondParams> = {
  dtypes: floats,
  cases: (dtype) =>
    casesOf(
      fc.record({
        shape: shapes({ maxRank: 3 }),
        chosen: fc.subarray([...branches], { minLength: 1 }),
      }),
      ({ shape, chosen }) => ({ branches: chosen.map((f) => branch(f, shape, dtype)) }),
      ({ shape, chosen }) => (random) => [
        int(random.whole(-1, chosen.length)), // out of range at both ends
        plain(dtype, shape)(random),
        plain(dtype, shape)(random),
        int(random.whole(0, 5)),
      ],
    ),
};

/** x ← c sin(x) + x / 2 while count < limit. */
const whileCases: Spec<WhileParams> = {
  dtypes: floats,
  cases: (dtype) =>
    fc.record({
      shape: shapes({ maxRank: 2 }),
      maxSteps: fc.constantFrom(undefined, 0, 2, 8),
      seed: seeds,
    }).map(({ shape, maxSteps, seed }) => {
      const one = aval(shape, dtype);
      const count = aval([], "int32");
      const params: WhileParams = {
        condition: traceClosed((limit, _x, n) => [lax.lt(n!, limit!)], [count, one, count]),
        body: traceClosed((c, x, n) => [
          lax.add(lax.mul(c!, lax.sin(x!)), lax.mul(x!, lax.fullLike(x!, 0.5))),
          next(n!),
        ], [one, one, count]),
        conditionConsts: 1,
        bodyConsts: 1,
        maxSteps,
      };
      const draw = (random: Random) => [
        int(random.whole(0, 5)),
        plain(dtype, shape)(random),
        plain(dtype, shape)(random),
        int(random.whole(0, 2)),
      ];
      return new Case(params, draw, seed, maxSteps !== undefined);
    }),
};

/** One entry for each control primitive. */
export const controlCases = { scan, cond, while: whileCases, barrier: barrierCases } as const;
