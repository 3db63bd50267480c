/** Test cases of instructions whose indices are data. */
import fc from "fast-check";
import { type DType, isFloat } from "../../../src/core/dtype.ts";
import type { NoParams } from "../../../src/core/program.ts";
import { type Shape, sizeOf } from "../../../src/core/aval.ts";
import type { ScatterParams } from "../../../src/primitives/index.ts";
import { axisSize, distinct, type HostArray, type Random, shapes } from "../arrays.ts";
import { casesOf, elementwise, every, numbers, type Spec } from "./case.ts";
import { plain } from "./shape.ts";

/** What indices look like: those of `outer` places, each into the first `depth` axes of a shape. */
interface Places {
  readonly shape: Shape;
  readonly depth: number;
  readonly outer: Shape;
}

const places: fc.Arbitrary<Places> = shapes({ maxRank: 4, empty: false }).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    depth: fc.nat(shape.length),
    outer: fc.array(axisSize(), { maxLength: 2 }),
  })
);

/** Indices in range; `unique` ones hit no place twice. */
function indices(random: Random, { shape, depth, outer }: Places, unique: boolean): HostArray {
  const indexed = shape.slice(0, depth);
  const total = sizeOf(indexed);
  const order = random.permutation(total);
  const values = Array.from({ length: sizeOf(outer) }, (_, i) => {
    let place = unique ? order[i]! : random.whole(0, total - 1);
    const index: number[] = [];
    for (const n of indexed.toReversed()) {
      index.unshift(place % n);
      place = Math.floor(place / n);
    }
    return index;
  });
  return { dtype: "int32", shape: [...outer, depth], values: values.flat() };
}

const gather: Spec<NoParams> = {
  dtypes: every,
  cases: (dtype) =>
    casesOf(places, () => ({}), (at) => (random) => [
      plain(dtype, at.shape)(random),
      indices(random, at, false),
    ]),
  linear: () => [[0]],
};

/** Updates that replace come to different places: which of several stays is up to the backend. */
const scatter: Spec<ScatterParams> = {
  dtypes: every,
  cases: (dtype) =>
    casesOf(
      fc.tuple(
        places,
        fc.constantFrom<ScatterParams["mode"]>("set", dtype === "bool" ? "set" : "add"),
      )
        .map(([at, mode]) => {
          const room = sizeOf(at.shape.slice(0, at.depth));
          const fits = mode === "add" || sizeOf(at.outer) <= room;
          return { at: fits ? at : { ...at, outer: [room] }, mode };
        }),
      ({ mode }) => ({ mode }),
      ({ at, mode }) => (random) => [
        plain(dtype, at.shape)(random),
        indices(random, at, mode === "set"),
        plain(dtype, [...at.outer, ...at.shape.slice(at.depth)])(random),
      ],
    ),
  linear: () => [[0, 2]],
};

const companions: readonly DType[] = ["float64", "int32"];

const sort: Spec<NoParams> = {
  dtypes: numbers,
  cases: (dtype) =>
    casesOf(
      fc.record({ shape: shapes({ minRank: 1, maxRank: 4 }), more: fc.nat(companions.length) }),
      () => ({}),
      ({ shape, more }) => (random) => [
        // Integers tie: equal keys keep their order.
        isFloat(dtype) ? distinct(random, dtype, shape) : plain(dtype, shape)(random),
        ...companions.slice(0, more).map((d) =>
          plain(d === "float64" && dtype === "float32" ? dtype : d, shape)(random)
        ),
      ],
    ),
};

/** One entry for each indexing primitive, and random bits. */
export const indexingCases = {
  gather,
  scatter,
  sort,
  threefry2x32: elementwise(
    ["uint32"],
    (random) => Array.from({ length: 4 }, () => random.whole(0, 2 ** 32 - 1)),
  ),
} as const;
