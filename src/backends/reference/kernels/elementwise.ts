/** Element-wise kernels: one formula each, in double precision or in exact integers. */
import { coerce, isFloat as isFloatType, isInteger } from "../../../core/dtype.ts";
import type { Aval } from "../../../core/aval.ts";
import type { elementwisePrimitives } from "../../../primitives/elementwise.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, type Value } from "../value.ts";

type Formula = (x: number, y: number, aval: Aval) => number;

/** Applies a formula to one or two operands; `aval` is the first operand's. */
function map(formula: Formula) {
  return (
    [x, y]: readonly Value[],
    _: unknown,
    [out]: readonly Aval[],
    [aval]: readonly Aval[],
  ) => {
    const result = allocateValue(out!);
    for (let i = 0; i < result.data.length; i++) {
      result.data[i] = formula(x!.data[i]!, y ? y.data[i]! : 0, aval!);
    }
    return [result];
  };
}

const isFloat = (aval: Aval) => isFloatType(aval.dtype);
/** Wraps to the operand's integer type. */
const wrap = (value: number, { dtype }: Aval) => dtype === "uint32" ? value >>> 0 : value | 0;
const exact = (float: (x: number, y: number) => number, integer = float): Formula => (x, y, aval) =>
  isFloat(aval) ? float(x, y) : wrap(integer(x, y), aval);

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Rounds towards zero; division by 0 sets all bits, as in XLA. */
function divideIntegers(x: number, y: number): number {
  return y === 0 ? -1 : Math.trunc(x / y);
}

/**
 * The error function: its Taylor series near 0, a continued fraction for the complement further out
 * (Abramowitz & Stegun 7.1.5 and 7.1.14), both to double precision.
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  const complement = Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
  return Math.sign(x) * (1 - complement);
}

const shift =
  (by: (x: number, n: number) => number, beyond: (x: number) => number): Formula => (x, n, aval) =>
    wrap(n >>> 0 > 31 ? beyond(x) : by(x, n), aval);

/** One kernel for each element-wise primitive. */
export const elementwiseKernels: Kernels<keyof typeof elementwisePrimitives> = {
  neg: map(exact((x) => -x)),
  abs: map(exact(Math.abs)),
  sign: map(exact(Math.sign)),
  floor: map(Math.floor),
  ceil: map(Math.ceil),
  round: map(roundHalfEven),
  exp: map(Math.exp),
  expm1: map(Math.expm1),
  log: map(Math.log),
  log1p: map(Math.log1p),
  sqrt: map(Math.sqrt),
  rsqrt: map((x) => 1 / Math.sqrt(x)),
  sin: map(Math.sin),
  cos: map(Math.cos),
  tan: map(Math.tan),
  asin: map(Math.asin),
  acos: map(Math.acos),
  atan: map(Math.atan),
  sinh: map(Math.sinh),
  cosh: map(Math.cosh),
  tanh: map(Math.tanh),
  asinh: map(Math.asinh),
  acosh: map(Math.acosh),
  atanh: map(Math.atanh),
  logistic: map((x) => 1 / (1 + Math.exp(-x))),
  erf: map(erf),
  not: map((x, _, aval) => aval.dtype === "bool" ? 1 - x : wrap(~x, aval)),
  stopGradient: map((x) => x),
  isFinite: map((x) => Number.isFinite(x) ? 1 : 0),
  add: map(exact((x, y) => x + y)),
  sub: map(exact((x, y) => x - y)),
  mul: map(exact((x, y) => x * y, Math.imul)),
  div: map(exact((x, y) => x / y, divideIntegers)),
  rem: map(exact((x, y) => x % y, (x, y) => y === 0 ? x : x % y)),
  pow: map((x, y) => x === 1 || (x === -1 && !Number.isFinite(y) && !Number.isNaN(y)) ? 1 : x ** y),
  max: map(exact(Math.max)),
  min: map(exact(Math.min)),
  atan2: map(Math.atan2),
  and: map((x, y, aval) => wrap(x & y, aval)),
  or: map((x, y, aval) => wrap(x | y, aval)),
  xor: map((x, y, aval) => wrap(x ^ y, aval)),
  shiftLeft: map(shift((x, n) => x << n, () => 0)),
  shiftRightLogical: map(shift((x, n) => x >>> n, () => 0)),
  shiftRightArithmetic: map((x, n, aval) =>
    aval.dtype === "uint32" ? (n > 31 ? 0 : x >>> n) : x >> (n >>> 0 > 31 ? 31 : n)
  ),
  eq: map((x, y) => x === y ? 1 : 0),
  ne: map((x, y) => x !== y ? 1 : 0),
  lt: map((x, y) => x < y ? 1 : 0),
  le: map((x, y) => x <= y ? 1 : 0),
  gt: map((x, y) => x > y ? 1 : 0),
  ge: map((x, y) => x >= y ? 1 : 0),
  select: ([condition, a, b], _, [out]) => {
    const result = allocateValue(out!);
    for (let i = 0; i < result.data.length; i++) {
      result.data[i] = condition!.data[i] ? a!.data[i]! : b!.data[i]!;
    }
    return [result];
  },
  convert: ([x], { dtype }, [out]) => {
    const result = allocateValue(out!);
    // Between integers the bits stay, as storing them does; only floats saturate.
    const stored = isFloatType(dtype) || (isInteger(dtype) && !(x!.data instanceof Float64Array));
    for (let i = 0; i < result.data.length; i++) {
      const value = x!.data[i]!;
      result.data[i] = stored ? value : coerce(value, dtype);
    }
    return [result];
  },
};
