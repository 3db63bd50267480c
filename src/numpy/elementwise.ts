/**
 * Arithmetic and functions of real numbers, element by element. Operands are promoted to one type and
 * broadcast to one shape; functions that are defined on reals take integers and booleans as float32.
 * Derivatives at kinks are JAX's (equal operands of `maximum` share the tangent), except `abs'(0) = 0`.
 */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { declareOperands, declareOptions, number } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import {
  alignPair,
  asTensor,
  floatTensor,
  numberTensor,
  promote,
  type TensorLike,
  toFloat,
  toNumber,
} from "./promote.ts";

/** A function of one tensor, element by element. */
export type Unary = (x: TensorLike) => Tensor;
/** A function of two tensors, broadcast to one shape. */
export type Binary = (x: TensorLike, y: TensorLike) => Tensor;

const onFloats = (name: string, f: (x: Tensor) => Tensor): Unary =>
  managed((x) => f(floatTensor(name, x)), declareOperands(`np.${name}`, ["x"]));

/** On numbers by one instruction, on booleans by another, which says what they mean there. */
const onNumbers = (
  name: string,
  numbers: (x: Tensor, y: Tensor) => Tensor,
  booleans = numbers,
): Binary =>
  managed((x, y) => {
    const [a, b] = alignPair(name, x, y);
    return (a.dtype === "bool" ? booleans : numbers)(a, b);
  }, declareOperands(`np.${name}`, ["x", "y"]));

const c = lax.fullLike;

/** `x + y`; for booleans, or. */
export const add: Binary = onNumbers("add", lax.add, lax.or);
/** `x - y` of numbers. */
export const subtract: Binary = onNumbers("subtract", lax.sub);
/**
 * `x · y`; for booleans, and. All arithmetic promotes and broadcasts in this way:
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2], [3, 4]]), row = np.array([10, 100]);
 * console.assert(String(await np.multiply(x, row).data()) === "10,200,30,400");
 * console.assert(np.arange(3).mul(2).dtype === "int32");      // a whole number adapts
 * console.assert(np.arange(3).mul(0.5).dtype === "float32");
 * ```
 *
 * @throws ShapeError when shapes do not fit.
 */
export const multiply: Binary = onNumbers("multiply", lax.mul, lax.and);
/** `x / y` as floats: integers become float32. */
export const divide: Binary = managed(
  (x, y) => lax.div(...alignPair("divide", x, y, toFloat)),
  declareOperands("np.divide", ["x", "y"]),
);
/** Same as {@link divide}. */
export const trueDivide: Binary = divide;

/** `⌊x / y⌋`, rounded towards minus infinity; integers stay integers. */
export const floorDivide: Binary = managed((x, y) => {
  const [a, b] = alignPair("floorDivide", x, y, toNumber);
  const remainder = lax.rem(a, b);
  const inexact = lax.ne(remainder, c(a, 0));
  if (!isFloat(a.dtype)) {
    const quotient = lax.div(a, b);
    const below = lax.and(inexact, lax.ne(lax.lt(remainder, c(a, 0)), lax.lt(b, c(b, 0))));
    return lax.select(below, lax.sub(quotient, c(a, 1)), quotient);
  }
  const quotient = lax.div(lax.sub(a, remainder), b);
  const below = lax.and(inexact, lax.ne(lax.sign(b), lax.sign(remainder)));
  const whole = lax.select(below, lax.sub(quotient, c(a, 1)), quotient);
  // There is no remainder of a division by 0, whose quotient is infinite.
  return lax.round(lax.select(lax.eq(b, c(b, 0)), lax.div(a, b), whole));
}, declareOperands("np.floorDivide", ["x", "y"]));

/**
 * The remainder of `x / y` with the sign of `y`, as Python's `%`.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.mod(-1, 3).item() === 2);
 * console.assert(await np.fmod(-1, 3).item() === -1);
 * ```
 */
export const remainder: Binary = managed((x, y) => {
  const [a, b] = alignPair("remainder", x, y, toNumber);
  const rest = lax.rem(a, b);
  const zero = c(a, 0);
  const other = lax.and(lax.ne(rest, zero), lax.ne(lax.lt(rest, zero), lax.lt(b, zero)));
  return lax.select(other, lax.add(rest, b), rest);
}, declareOperands("np.remainder", ["x", "y"]));
/** Same as {@link remainder}. */
export const mod: Binary = remainder;
/** The remainder of `x / y` with the sign of `x`, as C's and JavaScript's. */
export const fmod: Binary = managed(
  (x, y) => lax.rem(...alignPair("fmod", x, y, toNumber)),
  declareOperands("np.fmod", ["x", "y"]),
);

/**
 * `x` to the power `y`. A whole number as exponent means repeated multiplication: exact, right at 0,
 * and integers stay integers.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * console.assert(await np.power(3, 2).item() === 9);
 * console.assert(await grad((x: Tensor) => np.power(x, 2))(np.array(0)).item() === 0);
 * ```
 *
 * @throws ArgumentError for integers to a negative number's power, which are no integers.
 */
export const power: Binary = managed((x, y) => {
  if (typeof y === "number" && Number.isInteger(y)) {
    const [base] = promote("power", [x, y]);
    return integerPower(base!, y);
  }
  const [a, b] = alignPair("power", x, y, toNumber);
  return isFloat(a.dtype) ? lax.pow(a, b) : powerOfIntegers(a, b);
}, declareOperands("np.power", ["x", "y"]));

/** Same as {@link power}. */
export const pow: Binary = power;

function integerPower(x: Tensor, exponent: number): Tensor {
  if (exponent < 0) {
    if (isFloat(x.dtype)) return lax.div(c(x, 1), integerPower(x, -exponent));
    throw new ArgumentError(
      `power: ${x.dtype} to the power ${exponent} is not ${x.dtype}`,
      'convert first: x.astype("float32")',
    );
  }
  let result: Tensor | undefined;
  for (let n = exponent, square = x; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = result ? lax.mul(result, square) : square;
    if (n > 1) square = lax.mul(square, square);
  }
  return result ?? c(x, 1);
}

/** By squaring; exponents beyond 63 overflow for all bases but 0, 1 and -1. */
function powerOfIntegers(x: Tensor, y: Tensor): Tensor {
  const [zero, one] = [c(x, 0), c(x, 1)];
  let result = lax.select(lax.and(lax.eq(x, zero), lax.ne(y, zero)), zero, one);
  for (let bit = 0; bit < 6; bit++) {
    result = lax.select(lax.ne(lax.and(y, one), zero), lax.mul(result, x), result);
    x = lax.mul(x, x);
    y = lax.shiftRightLogical(y, one);
  }
  return result;
}

/** `-x` of numbers. */
export const negative: Unary = managed(
  (x) => lax.neg(asTensor(x)),
  declareOperands("np.negative", ["x"]),
);
/** `x` itself. */
export const positive: Unary = managed((x) => asTensor(x), declareOperands("np.positive", ["x"]));
/** `|x|`; its derivative at 0 is 0 (JAX has 1 there, PyTorch 0). */
export const abs: Unary = managed((x) => {
  const t = asTensor(x);
  return t.dtype === "bool" || t.dtype === "uint32" ? t : lax.abs(t);
}, declareOperands("np.abs", ["x"]));
/** Same as {@link abs}. */
export const absolute: Unary = abs;
/** -1, 0 or 1. */
export const sign: Unary = managed(
  (x) => lax.sign(numberTensor("sign", x)),
  declareOperands("np.sign", ["x"]),
);
/** `x²`. */
export const square: Unary = managed((x) => multiply(x, x), declareOperands("np.square", ["x"]));
/** `1 / x`. */
export const reciprocal: Unary = onFloats("reciprocal", (x) => lax.div(c(x, 1), x));

/** The larger of two; NaN if either is; equal operands share the derivative. */
export const maximum: Binary = onNumbers("maximum", lax.max, lax.or);
/** The smaller of two; NaN if either is; equal operands share the derivative. */
export const minimum: Binary = onNumbers("minimum", lax.min, lax.and);

/**
 * `x` held between two bounds; either may be left out.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.clip(np.array([-1, 0.5, 2]), 0, 1).data()) === "0,0.5,1");
 * ```
 */
export const clip: (x: TensorLike, min?: TensorLike | null, max?: TensorLike | null) => Tensor =
  managed((x, min, max) => {
    const above = min === undefined || min === null ? asTensor(x) : maximum(min, x);
    return max === undefined || max === null ? above : minimum(max, above);
  }, declareOperands("np.clip", ["x", "min", "max"]));

/** Whole numbers are what they are; reals by an instruction. */
const rounding = (name: string, f: (x: Tensor) => Tensor): Unary =>
  managed((x) => {
    const t = asTensor(x);
    return isFloat(t.dtype) ? f(t) : t;
  }, declareOperands(`np.${name}`, ["x"]));

/** The largest whole number not above `x`; integers as they are. */
export const floor: Unary = rounding("floor", lax.floor);
/** The smallest whole number not below `x`; integers as they are. */
export const ceil: Unary = rounding("ceil", lax.ceil);
/** The whole number next to `x` towards 0; integers as they are. */
export const trunc: Unary = rounding(
  "trunc",
  (x) => lax.select(lax.lt(x, c(x, 0)), lax.ceil(x), lax.floor(x)),
);
/** To the nearest, ties to even, with `decimals` digits (0 unless given). Integers stay. */
export const round: (x: TensorLike, decimals?: number) => Tensor = managed((x, decimals = 0) => {
  const t = asTensor(x);
  if (!isFloat(t.dtype)) return t;
  if (decimals === 0) return lax.round(t);
  const scale = c(t, 10 ** decimals);
  return lax.div(lax.round(lax.mul(t, scale)), scale);
}, declareOperands("np.round", ["x", "decimals"]));

/** Same as {@link round}. */
export const around: typeof round = round;

/** `√x`; NaN below 0. */
export const sqrt: Unary = onFloats("sqrt", lax.sqrt);
/** `1 / √x`. */
export const rsqrt: Unary = onFloats("rsqrt", lax.rsqrt);
/** The real cube root, also of negative numbers. */
export const cbrt: Unary = onFloats("cbrt", (x) => {
  // Not abs, whose derivative at 0 is 0: that of the root is infinite there.
  const negative = lax.lt(x, c(x, 0));
  const size = lax.pow(lax.select(negative, lax.neg(x), x), c(x, 1 / 3));
  return lax.select(negative, lax.neg(size), size);
});
/**
 * `eˣ`. Functions on reals take integers, and give float32:
 *
 * ```ts
 * import { np } from "trilevel";
 * const y = np.exp(np.arange(3));
 * console.assert(y.dtype === "float32" && (await y.data())[0] === 1);
 * ```
 */
export const exp: Unary = onFloats("exp", lax.exp);
/** `2ˣ`. */
export const exp2: Unary = onFloats("exp2", (x) => lax.pow(c(x, 2), x));
/** `eˣ - 1`, precise near 0. */
export const expm1: Unary = onFloats("expm1", lax.expm1);
/** The natural logarithm; -Infinity at 0, NaN below. */
export const log: Unary = onFloats("log", lax.log);
/** The logarithm to base 2. */
export const log2: Unary = onFloats("log2", (x) => lax.div(lax.log(x), c(x, Math.LN2)));
/** The logarithm to base 10. */
export const log10: Unary = onFloats("log10", (x) => lax.div(lax.log(x), c(x, Math.LN10)));
/** `log(1 + x)`, precise near 0. */
export const log1p: Unary = onFloats("log1p", lax.log1p);

/** The sine of an angle in radians. */
export const sin: Unary = onFloats("sin", lax.sin);
/** The cosine of an angle in radians. */
export const cos: Unary = onFloats("cos", lax.cos);
/** The tangent of an angle in radians. */
export const tan: Unary = onFloats("tan", lax.tan);
/** The inverse sine, in radians. */
export const asin: Unary = onFloats("asin", lax.asin);
/** The inverse cosine, in radians. */
export const acos: Unary = onFloats("acos", lax.acos);
/** The inverse tangent, in radians. */
export const atan: Unary = onFloats("atan", lax.atan);
/** Same as {@link asin}. */
export const arcsin: Unary = asin;
/** Same as {@link acos}. */
export const arccos: Unary = acos;
/** Same as {@link atan}. */
export const arctan: Unary = atan;
/** The angle of the point `(x, y)`, given as `atan2(y, x)`, in radians from -π to π. */
export const atan2: Binary = managed(
  (y, x) => lax.atan2(...alignPair("atan2", y, x, toFloat)),
  declareOperands("np.atan2", ["y", "x"]),
);
/** Same as {@link atan2}. */
export const arctan2: Binary = atan2;
/** The hyperbolic sine. */
export const sinh: Unary = onFloats("sinh", lax.sinh);
/** The hyperbolic cosine. */
export const cosh: Unary = onFloats("cosh", lax.cosh);
/** The hyperbolic tangent. */
export const tanh: Unary = onFloats("tanh", lax.tanh);
/** The inverse hyperbolic sine. */
export const asinh: Unary = onFloats("asinh", lax.asinh);
/** The inverse hyperbolic cosine. */
export const acosh: Unary = onFloats("acosh", lax.acosh);
/** The inverse hyperbolic tangent. */
export const atanh: Unary = onFloats("atanh", lax.atanh);
/** Same as {@link asinh}. */
export const arcsinh: Unary = asinh;
/** Same as {@link acosh}. */
export const arccosh: Unary = acosh;
/** Same as {@link atanh}. */
export const arctanh: Unary = atanh;
/** Degrees as radians. */
export const deg2rad: Unary = onFloats("deg2rad", (x) => lax.mul(x, c(x, Math.PI / 180)));
/** Radians as degrees. */
export const rad2deg: Unary = onFloats("rad2deg", (x) => lax.mul(x, c(x, 180 / Math.PI)));
/** Same as {@link deg2rad}. */
export const radians: Unary = deg2rad;
/** Same as {@link rad2deg}. */
export const degrees: Unary = rad2deg;

/**
 * `√(x² + y²)`, without overflow; its derivative at (0, 0) is 0. Infinite if either is, whatever the other
 * is, as in JAX.
 */
export const hypot: Binary = managed((x, y) => {
  const [a, b] = alignPair("hypot", x, y, toFloat);
  const endless = (x: Tensor) => lax.eq(lax.abs(x), c(x, Infinity));
  // Infinity is the larger, also than NaN; NaN is the larger otherwise, so that it is seen.
  const larger = lax.or(lax.ge(lax.abs(a), lax.abs(b)), lax.ne(a, a));
  const first = lax.and(lax.or(larger, endless(a)), lax.not(lax.and(endless(b), lax.ne(a, a))));
  const large = lax.abs(lax.select(first, a, b));
  const small = lax.select(first, b, a);
  const zero = lax.eq(large, c(large, 0));
  const infinite = lax.eq(large, c(large, Infinity)); // ∞ / ∞ is NaN
  const quotient = lax.div(small, lax.select(zero, c(large, 1), large));
  const ratio = lax.select(infinite, c(quotient, 0), quotient);
  const scaled = lax.mul(large, lax.sqrt(lax.add(c(ratio, 1), lax.mul(ratio, ratio))));
  return lax.select(zero, large, scaled);
}, declareOperands("np.hypot", ["x", "y"]));

/** NaN becomes `nan` (0 unless given), infinities the bounds given or the largest float32. */
export const nanToNum: (
  x: TensorLike,
  options?: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number },
) => Tensor = managed(
  (x, { nan = 0, posinf, neginf } = {}) => {
    const t = asTensor(x);
    if (!isFloat(t.dtype)) return t;
    const largest = t.dtype === "float32" ? 3.4028234663852886e38 : Number.MAX_VALUE;
    const known = lax.select(lax.ne(t, t), c(t, nan), t);
    const below = lax.select(lax.eq(t, c(t, Infinity)), c(t, posinf ?? largest), known);
    return lax.select(lax.eq(t, c(t, -Infinity)), c(t, neginf ?? -largest), below);
  },
  declareOptions("np.nanToNum", ["x"], { nan: number, posinf: number, neginf: number }),
);

/** `x` in another element type. Floats to integers truncate and saturate, NaN becomes 0. */
export const astype: (x: TensorLike, dtype: Tensor["dtype"]) => Tensor = managed((x, dtype) => {
  const t = asTensor(x);
  return t.source.kind === "literal" ? literal(t.source.value, dtype) : lax.convert(t, dtype);
}, declareOperands("np.astype", ["x", "dtype"]));

/** A copy with an owner of its own; the elements are shared. */
export const copy: Unary = managed((x) => asTensor(x), declareOperands("np.copy", ["x"]));
