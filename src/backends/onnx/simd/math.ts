/**
 * Functions of four floats, in single precision: good to two units in the last place (`tanh` and `logistic`: to
 * two and a half) over the whole range, with subnormal numbers, infinities and NaN. Each names where its
 * polynomial is from; the tests hold all of them against double precision.
 */
import { type Body, type Code, f32x4, i32, i32x4, v128 } from "./assembler.ts";

const { add, sub, mul, div } = f32x4;

/** c₀ xⁿ + … + cₙ by Horner's rule. */
function polynomial(b: Body, x: Code, coefficients: readonly number[]): Code {
  return coefficients.map((c) => b.float(c))
    .reduce((sum, c) => f32x4.multiplyAdd(sum, x, c));
}

/** The sign bits of four floats. */
export const signBits = (b: Body, x: Code): Code => v128.and(x, b.bits(0x80000000));

/** |x| with the sign of y. */
export const copySign = (b: Body, x: Code, y: Code): Code => v128.or(f32x4.abs(x), signBits(b, y));

/** x = n log 2 + r with |r| ≤ ½ log 2: the integer n, r, and eʳ - 1 as in Cephes' expf. */
function reduce(b: Body, x: Code): { n: Code; r: Code; power: Code } {
  // Adding 1.5·2²³ rounds to integers, which are then in the low bits.
  const magic = b.float(12582912);
  const shifted = b.keep(f32x4.multiplyAdd(x, b.float(Math.LOG2E), magic));
  const n = b.keep(sub(shifted, magic));
  // log 2 in two parts, the first of which has few bits: n times it is exact.
  const high = f32x4.multiplyAdd(n, b.float(-0.693359375), x);
  const r = b.keep(f32x4.multiplyAdd(n, b.float(2.12194440e-4), high));
  const p = polynomial(b, r, [
    ...[1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3],
    ...[4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1],
  ]);
  return {
    n: b.keep(i32x4.sub(shifted, magic)),
    r,
    power: f32x4.multiplyAdd(b.keep(p), mul(r, r), r),
  };
}

/** 2ᵏ for an integer k that a normal number can have as its exponent. */
const powerOfTwo = (b: Body, k: Code): Code =>
  i32x4.add(i32x4.shiftLeft(k, i32.constant(23)), b.float(1));

/** The number between bounds. NaN is unordered and stays: it comes first. */
const bounded = (b: Body, x: Code, low: number, high: number): Code =>
  b.keep(f32x4.pmin(f32x4.pmax(x, b.float(low)), b.float(high)));

/** eˣ = 2ⁿ eʳ. The power of two is multiplied in halves: results may be subnormal or infinite. */
export function exp(b: Body, x: Code): Code {
  const { n, power } = reduce(b, bounded(b, x, -105, 89)); // beyond, results are 0 and ∞
  const half = b.keep(i32x4.shiftRightSigned(n, i32.constant(1)));
  const y = mul(add(power, b.float(1)), powerOfTwo(b, half));
  return mul(y, powerOfTwo(b, b.keep(i32x4.sub(n, half))));
}

/** eˣ - 1 = 2 (2ⁿ⁻¹ (eʳ - 1) + (2ⁿ⁻¹ - ½)) */
export function expm1(b: Body, x: Code): Code {
  const { n, power } = reduce(b, bounded(b, x, -20, 89)); // below, results are -1
  const t = b.keep(powerOfTwo(b, b.keep(i32x4.sub(n, b.bits(1)))));
  const half = b.keep(add(mul(t, power), sub(t, b.float(0.5))));
  return copySign(b, add(half, half), x);
}

/** log x = k log 2 + log(1 + f), √½ < 1 + f < √2, as in FreeBSD's logf. */
export function log(b: Body, x: Code): Code {
  const tiny = b.keep(f32x4.lt(x, b.float(2 ** -126)));
  const scaled = v128.select(tiny, mul(x, b.float(2 ** 25)), x);
  const bits = b.keep(i32x4.add(scaled, b.bits(0x3f800000 - 0x3f3504f3)));
  const exponent = i32x4.sub(
    i32x4.shiftRightSigned(bits, i32.constant(23)),
    b.bits(127),
  );
  const k = b.keep(sub(f32x4.fromInt32(exponent), v128.and(tiny, b.float(25))));
  const mantissa = i32x4.add(v128.and(bits, b.bits(0x007fffff)), b.bits(0x3f3504f3));
  const f = b.keep(sub(mantissa, b.float(1)));
  const s = b.keep(div(f, add(f, b.float(2))));
  const z = b.keep(mul(s, s));
  const w = b.keep(mul(z, z));
  const odd = mul(w, polynomial(b, w, [0.24279078841, 0.40000972152]));
  const even = mul(z, polynomial(b, w, [0.28498786688, 0.66666662693]));
  const half = b.keep(mul(mul(f, f), b.float(0.5)));
  const r = mul(s, add(half, add(odd, even)));
  // log 2 in two parts: k times the first is exact.
  const low = add(r, mul(k, b.float(9.0580006145e-6)));
  const y = add(sub(low, sub(half, f)), mul(k, b.float(6.9313812256e-1)));
  const zero = f32x4.eq(x, b.float(0));
  const special = v128.select(zero, b.float(-Infinity), b.float(NaN));
  const ordinary = b.keep(v128.and(f32x4.gt(x, b.float(0)), f32x4.lt(x, b.float(Infinity))));
  const positive = v128.select(f32x4.eq(x, b.float(Infinity)), x, special);
  return v128.select(ordinary, y, positive);
}

/** log (1 + x) = log u + (x - (u - 1)) / u, where u is 1 + x as it is rounded. */
export function log1p(b: Body, x: Code): Code {
  const u = b.keep(add(x, b.float(1)));
  const lost = div(sub(x, sub(u, b.float(1))), u);
  const y = b.keep(log(b, u));
  const finite = f32x4.lt(f32x4.abs(y), b.float(Infinity));
  return copySign(b, v128.select(finite, add(y, lost), y), x);
}

/** tanh x = t / (t + 2) with t = e²ˣ - 1, which keeps its digits near 0: 2ⁿ (eʳ - 1) + (2ⁿ - 1) */
export function tanh(b: Body, x: Code): Code {
  const a = b.keep(f32x4.abs(x));
  // Beyond 10 the result is 1; up to there the power is a normal number.
  const { n, power } = reduce(b, b.keep(f32x4.pmin(add(a, a), b.float(20))));
  const scale = b.keep(powerOfTwo(b, n));
  const t = b.keep(f32x4.multiplyAdd(scale, power, sub(scale, b.float(1))));
  return v128.or(div(t, add(t, b.float(2))), signBits(b, x));
}

/** 1 / (1 + e⁻ˣ), with e to a negative power on either side, so that small results keep their digits. */
export function logistic(b: Body, x: Code): Code {
  const e = b.keep(exp(b, b.keep(f32x4.neg(f32x4.abs(x)))));
  const one = b.float(1);
  return div(v128.select(f32x4.lt(x, b.float(0)), e, one), add(one, e));
}
