/** Test cases of the element-wise primitives: one row of operands says where each is smooth. */
import fc from "fast-check";
import { type DType, dtypes as allTypes, isFloat } from "../../../src/core/dtype.ts";
import type { ConvertParams } from "../../../src/primitives/index.ts";
import { hostArray, ordinary, type Random, shapes } from "../arrays.ts";
import {
  between,
  casesOf,
  type Elements,
  elementwise,
  every,
  floats,
  numbers,
  type Spec,
} from "./case.ts";

const bits: readonly DType[] = ["int32", "uint32", "bool"];
const integers: readonly DType[] = ["int32", "uint32"];

const one: Elements = (random, dtype) => [ordinary(random, dtype)];
const two: Elements = (random, dtype) => [ordinary(random, dtype), ordinary(random, dtype)];

const sign = (random: Random) => random.next() < 0.5 ? -1 : 1;
const awayFromZero = (random: Random) => sign(random) * random.between(0.2, 3);
/** Between whole numbers, and not half way. */
const betweenWholes = (random: Random) =>
  random.whole(-4, 3) + (random.next() < 0.5 ? random.between(0.1, 0.4) : random.between(0.6, 0.9));

const smooth = (elements: Elements) => elementwise(floats, elements);
/** Floats from `elements`; integers are ordinary ones. */
const withIntegers = (elements: Elements, integer: Elements): Elements => (random, dtype) =>
  isFloat(dtype) ? elements(random, dtype) : integer(random, dtype);

const comparison = (dtypes: readonly DType[]) =>
  elementwise(dtypes, (random, dtype) => {
    // Equal as often as not.
    const [x, y] = two(random, dtype);
    return [x!, random.next() < 0.5 ? x! : y!];
  });
const extremum = elementwise(
  numbers,
  withIntegers((random) => {
    const x = random.between(-3, 3);
    return [x, x + awayFromZero(random)];
  }, two),
);
const shift = elementwise(integers, (random, dtype) => [
  ordinary(random, dtype),
  random.whole(0, 34),
]);

const convert: Spec<ConvertParams> = {
  dtypes: every,
  cases: (from) =>
    casesOf(
      fc.record({ shape: shapes(), dtype: fc.constantFrom(...allTypes), weak: fc.boolean() }),
      ({ dtype, weak }) => ({ dtype, weak }),
      ({ shape, dtype }) => (random) => [
        hostArray(from, shape, () => {
          if (!isFloat(from) || isFloat(dtype)) return ordinary(random, from);
          // Out of range now and then: conversion saturates.
          return random.next() < 0.8 ? betweenWholes(random) : sign(random) * 1e10;
        }),
      ],
    ),
  linear: ([x]) => isFloat(x!.dtype) ? [[0]] : [],
};

/** One entry for each element-wise primitive. */
export const elementwiseCases = {
  neg: elementwise(numbers, one, [[0]]),
  abs: elementwise(numbers, withIntegers((r) => [awayFromZero(r)], one)),
  sign: elementwise(numbers, withIntegers((r) => [awayFromZero(r)], one)),
  floor: smooth((r) => [betweenWholes(r)]),
  ceil: smooth((r) => [betweenWholes(r)]),
  round: smooth((r) => [betweenWholes(r)]),
  exp: smooth(between(-3, 3)),
  expm1: smooth(between(-3, 3)),
  log: smooth(between(0.2, 4)),
  log1p: smooth(between(-0.7, 4)),
  sqrt: smooth(between(0.2, 4)),
  rsqrt: smooth(between(0.2, 4)),
  sin: smooth(between(-4, 4)),
  cos: smooth(between(-4, 4)),
  tan: smooth(between(-1.2, 1.2)),
  asin: smooth(between(-0.9, 0.9)),
  acos: smooth(between(-0.9, 0.9)),
  atan: smooth(between(-3, 3)),
  sinh: smooth(between(-3, 3)),
  cosh: smooth(between(-3, 3)),
  tanh: smooth(between(-3, 3)),
  asinh: smooth(between(-3, 3)),
  acosh: smooth(between(1.3, 4)),
  atanh: smooth(between(-0.8, 0.8)),
  logistic: smooth(between(-4, 4)),
  erf: smooth(between(-3, 3)),
  not: elementwise(bits, one),
  stopGradient: elementwise(every, one),

  add: elementwise(numbers, two, [[0, 1]]),
  sub: elementwise(numbers, two, [[0, 1]]),
  mul: elementwise(numbers, two, [[0], [1]]),
  div: elementwise(
    numbers,
    withIntegers((r, d) => [ordinary(r, d), awayFromZero(r)], two),
    [[0]],
  ),
  rem: elementwise(
    numbers,
    withIntegers((r) => {
      const y = awayFromZero(r);
      return [betweenWholes(r) * y, y];
    }, two),
  ),
  pow: smooth((r) => [r.between(0.3, 3), r.between(-2, 2)]),
  max: extremum,
  min: extremum,
  atan2: smooth((r) => [awayFromZero(r), awayFromZero(r)]),
  and: elementwise(bits, two),
  or: elementwise(bits, two),
  xor: elementwise(bits, two),
  shiftLeft: shift,
  shiftRightLogical: shift,
  shiftRightArithmetic: shift,

  eq: comparison(every),
  ne: comparison(every),
  lt: comparison(numbers),
  le: comparison(numbers),
  gt: comparison(numbers),
  ge: comparison(numbers),

  isFinite: smooth((r) => [r.next() < 0.7 ? r.between(-3, 3) : sign(r) / 0]),
  select: elementwise(
    every,
    (random, dtype) => [random.whole(0, 1), ...two(random, dtype)],
    [[1, 2]],
    (dtype) => ["bool", dtype, dtype],
  ),
  convert,
} as const;
