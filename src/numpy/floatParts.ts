/** The parts of floats: signs, exponents and fractions; and the neighbours of a float. */
import type { Tensor } from "../core/tensor.ts";
import { declareOperands } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { type Binary, trunc, type Unary } from "./elementwise.ts";
import { signbit } from "./logic.ts";
import { managed } from "./managed.ts";
import { alignPair, floatTensor, stretch, type TensorLike, toFloat } from "./promote.ts";
import { integers } from "./taking.ts";

const c = lax.fullLike;

/** Steps by which exponents are found bit by bit: their sum is the largest exponent. */
const steps = (x: Tensor) =>
  (x.dtype === "float64" ? [512, 256, 128] : []).concat([64, 32, 16, 8, 4, 2, 1]);
/** Bits of the fraction, the smallest exponent, and the largest number. */
const limits = (x: Tensor) =>
  x.dtype === "float64"
    ? { bits: 53, smallest: -1074, largest: Number.MAX_VALUE }
    : { bits: 24, smallest: -149, largest: 3.4028234663852886e38 };

/** `x` with the sign of `y`, where -0 counts as negative. */
export const copysign: Binary = managed((x, y) => {
  const [a, b] = alignPair("copysign", x, y, toFloat);
  return lax.select(lax.xor(signbit(a), signbit(b)), lax.neg(a), a);
}, declareOperands("np.copysign", ["x", "y"]));

/**
 * Fractions and whole exponents with `x = fraction · 2^exponent`, where ½ ≤ |fraction| < 1; of 0, infinities and
 * NaN the exponent is 0. The derivative of the fraction is `2^-exponent`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [fraction, exponent] = np.frexp(10);
 * console.assert(await fraction.item() === 0.625 && await exponent.item() === 4);
 * ```
 */
export const frexp: (x: TensorLike) => [fraction: Tensor, exponent: Tensor] = managed((x) => {
  const t = floatTensor("frexp", x);
  const plain = lax.and(lax.finite(t), lax.ne(t, c(t, 0)));
  let fraction = lax.select(plain, t, c(t, 0.5));
  let exponent = lax.full(t.shape, 0, "int32");
  const move = (when: Tensor, by: number) => {
    fraction = lax.select(when, lax.mul(fraction, c(t, 2 ** -by)), fraction);
    exponent = lax.select(when, lax.add(exponent, c(exponent, by)), exponent);
  };
  for (const n of steps(t)) move(lax.ge(lax.abs(fraction), c(t, 2 ** n)), n);
  for (const n of steps(t)) move(lax.lt(lax.abs(fraction), c(t, 2 ** (1 - n))), -n);
  move(lax.ge(lax.abs(fraction), c(t, 1)), 1);
  return [lax.select(plain, fraction, t), lax.select(plain, exponent, c(exponent, 0))];
}, declareOperands("np.frexp", ["x"]));

/** `x · 2^exponent`, without rounding unless the result is out of range. */
export const ldexp: (x: TensorLike, exponent: TensorLike) => Tensor = managed((x, exponent) => {
  const t = floatTensor("ldexp", x);
  const [, like] = alignPair("ldexp", t, integers("ldexp", exponent), toFloat);
  let y = stretch("ldexp", t, like.shape);
  let left = stretch("ldexp", integers("ldexp", exponent), like.shape);
  const [first = 1] = steps(t);
  for (const n of [first, first, first, ...steps(t)]) {
    const [up, down] = [lax.ge(left, c(left, n)), lax.le(left, c(left, -n))];
    y = lax.select(up, lax.mul(y, c(y, 2 ** n)), lax.select(down, lax.mul(y, c(y, 2 ** -n)), y));
    const moved = lax.select(down, c(left, -n), c(left, 0));
    left = lax.sub(left, lax.select(up, c(left, n), moved));
  }
  return y;
}, declareOperands("np.ldexp", ["x", "exponent"]));

/** Fractions and whole parts, both with the sign of `x`; the fraction of infinity is NaN, as in JAX. */
export const modf: (x: TensorLike) => [fraction: Tensor, whole: Tensor] = managed((x) => {
  const t = floatTensor("modf", x);
  const whole = trunc(t);
  return [lax.sub(t, whole), whole];
}, declareOperands("np.modf", ["x"]));

/** The distance to the next number away from 0, for numbers ≥ 0; and whether they are powers of two. */
function gap(size: Tensor): [Tensor, Tensor] {
  const { bits, smallest } = limits(size);
  const [fraction, exponent] = frexp(size);
  const floor = c(exponent, smallest);
  const power = lax.select(
    lax.eq(size, c(size, 0)),
    floor,
    lax.max(lax.sub(exponent, c(exponent, bits)), floor),
  );
  return [ldexp(c(size, 1), power), lax.eq(fraction, c(fraction, 0.5))];
}

/**
 * The next number after `x` in the direction of `y`, in the element type of both. Its derivatives are 0. Where
 * a backend rounds numbers below the smallest normal one to 0, so are these.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.nextafter(1, 2).item() === 1 + 2 ** -23);
 * ```
 */
export const nextafter: Binary = managed((x, y) => {
  const [a, b] = alignPair("nextafter", x, y, toFloat).map(lax.stopGradient) as [Tensor, Tensor];
  const { largest } = limits(a);
  const size = lax.abs(a);
  const [step, power] = gap(size);
  // Below a power of two numbers are twice as dense.
  const outwards = lax.or(lax.eq(a, c(a, 0)), lax.eq(lax.gt(b, a), lax.gt(a, c(a, 0))));
  const half = lax.max(lax.mul(step, c(a, 0.5)), c(a, 2 ** limits(a).smallest));
  const inner = lax.sub(size, lax.select(power, half, step));
  const outer = lax.add(size, step);
  const moved = lax.select(outwards, outer, inner);
  const beyond = lax.select(lax.gt(moved, c(a, largest)), c(a, Infinity), moved);
  const found = lax.select(lax.eq(size, c(a, Infinity)), c(a, largest), beyond);
  const negative = lax.select(lax.eq(a, c(a, 0)), lax.lt(b, a), lax.lt(a, c(a, 0)));
  const next = lax.select(negative, lax.neg(found), found);
  return lax.select(
    lax.eq(a, b),
    b,
    lax.select(lax.ne(a, a), a, lax.select(lax.ne(b, b), b, next)),
  );
}, declareOperands("np.nextafter", ["x", "y"]));

/** The distance to the next number away from 0, with the sign of `x`; NaN of infinities. */
export const spacing: Unary = managed((x) => {
  const t = lax.stopGradient(floatTensor("spacing", x));
  const [step] = gap(lax.abs(t));
  const signed = lax.select(signbit(t), lax.neg(step), step);
  return lax.select(lax.finite(t), signed, c(t, NaN));
}, declareOperands("np.spacing", ["x"]));

/** Infinities of one sign. */
const infinity = (name: string, value: number): Unary =>
  managed((x) => {
    const t = floatTensor(name, x);
    return lax.eq(t, c(t, value));
  }, declareOperands(`np.${name}`, ["x"]));

/** True for elements that are Infinity. */
export const isposinf: Unary = infinity("isposinf", Infinity);
/** True for elements that are -Infinity. */
export const isneginf: Unary = infinity("isneginf", -Infinity);
