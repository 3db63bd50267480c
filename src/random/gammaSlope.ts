/**
 * The slope of a gamma number in its shape, while its place in the distribution stays: the implicit derivative
 * `dz/da = -∂P(a, z)/∂a / p(z; a)`, P the distribution function and p the density (Figurnov and others, "Implicit
 * reparameterization gradients", 2018). Every formula is that of `d log z / da = (dz/da) / z`, and is itself
 * differentiable.
 */
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";

const c = lax.fullLike;
const scaled = (x: Tensor, factor: number) => lax.mul(x, c(x, factor));

/** From this shape upwards the expansion for large shapes holds to 2e-6, and less where they are larger. */
const large = 80;
/** Terms of the series that shapes below it need, for numbers up to the shape. */
const terms = 96;
const nodes = 24;

/** The derivative of the logarithm of a gamma number by the shape `a`, both in one shape. */
export function slopeOfLog(a: Tensor, logarithm: Tensor): Tensor {
  const z = lax.exp(logarithm);
  const isLarge = lax.ge(a, c(a, large));
  const isBelow = lax.le(z, a);
  const one = c(a, 1);
  // Each formula sees numbers of its own range only: elsewhere they could overflow, and derivatives with them.
  const inSeries = lax.and(isBelow, lax.not(isLarge));
  const inTail = lax.and(lax.not(isBelow), lax.not(isLarge));
  const keep = (where: Tensor, x: Tensor, otherwise: Tensor) => lax.select(where, x, otherwise);
  const low = series(keep(inSeries, a, one), keep(inSeries, logarithm, c(a, -1)));
  const high = tail(keep(inTail, a, one), keep(inTail, z, scaled(one, 2)));
  const far = expansion(keep(isLarge, a, c(a, large)), keep(isLarge, z, c(a, large)));
  return lax.select(isLarge, far, lax.select(isBelow, low, high));
}

/**
 * For z ≤ a, with `P = zᵃ e⁻ᶻ / Γ(a + 1) · S`, `S = Σ zⁿ / ((a + 1) … (a + n))`:
 * `d log z / da = -((log z - ψ(a + 1)) S + ∂S/∂a) / a`.
 */
function series(a: Tensor, logarithm: Tensor): Tensor {
  const z = lax.exp(logarithm);
  const n = lax.add(lax.iota([...a.shape, terms], a.dtype, a.ndim), c(spread(a, terms), 1));
  const steps = lax.add(spread(a, terms), n);
  // The logarithms of terms and the derivatives of these, added up one by one.
  const logs = lax.cumsum(lax.sub(spread(logarithm, terms), lax.log(steps)), a.ndim);
  const slopes = lax.neg(lax.cumsum(lax.div(c(steps, 1), steps), a.ndim));
  const values = lax.exp(logs);
  const sum = lax.add(c(z, 1), lax.reduceSum(values, [a.ndim]));
  const slope = lax.reduceSum(lax.mul(values, slopes), [a.ndim]);
  const gap = lax.sub(logarithm, digamma(lax.add(a, c(a, 1))));
  return lax.neg(lax.div(lax.add(lax.mul(gap, sum), slope), a));
}

/**
 * For z > a, from the other end, where `t = z eˢ`:
 * `d log z / da = ∫₀^∞ (log z + s - ψ(a)) exp(a s - z (eˢ - 1)) ds`, by Gauss and Legendre's rule up to where the
 * exponential is below e⁻²⁵.
 */
function tail(a: Tensor, z: Tensor): Tensor {
  const share = lax.div(c(z, 50), z);
  const end = lax.min(lax.sqrt(share), lax.max(c(z, 1.3), lax.log1p(share)));
  const { places, weights } = legendre(nodes);
  const gap = lax.sub(lax.log(z), digamma(a));
  const parts = places.map((place, i) => {
    const s = scaled(end, place);
    const exponent = lax.sub(lax.mul(a, s), lax.mul(z, lax.expm1(s)));
    return scaled(lax.mul(lax.add(gap, s), lax.exp(exponent)), weights[i]!);
  });
  return lax.mul(end, parts.reduce(lax.add));
}

/**
 * For a large, Cornish and Fisher's expansion of the number whose place is that of a normal number w, in powers of
 * 1/√a (Abramowitz and Stegun, 26.2.49): w is found by Newton's method, then its terms are differentiated by a.
 */
function expansion(a: Tensor, z: Tensor): Tensor {
  const root = lax.sqrt(a);
  const powers = coefficients.map((_, k) => power(root, 2 - k));
  const sum = (w: Tensor, weights: readonly number[][]) =>
    weights.map((p, k) => lax.mul(polynomial(p, w), powers[k]!)).reduce(lax.add);
  let w = lax.div(lax.sub(z, a), root);
  for (let step = 0; step < 4; step++) {
    const error = lax.sub(sum(w, coefficients), z);
    w = lax.sub(w, lax.div(error, sum(w, coefficients.map(slopeOf))));
  }
  const slope = coefficients.map((p, k) => p.map((x) => x * (2 - k) / 2));
  return lax.div(sum(w, slope), lax.mul(a, z));
}

/** By powers of √a from 2 downwards, polynomials in w: the lowest coefficient first. */
const coefficients: readonly number[][] = [
  [1],
  [0, 1],
  [-1 / 3, 0, 1 / 3],
  [0, -7 / 36, 0, 1 / 36],
  [16 / 810, 0, -7 / 810, 0, -3 / 810],
  [0, -433 / 38880, 0, 256 / 38880, 0, 9 / 38880],
  [1472 / 204120, 0, -923 / 204120, 0, -243 / 204120, 0, 12 / 204120],
];

const slopeOf = (p: readonly number[]): number[] =>
  p.length === 1 ? [0] : p.slice(1).map((x, i) => x * (i + 1));

const polynomial = (p: readonly number[], w: Tensor): Tensor =>
  p.slice(0, -1).reduceRight<Tensor>(
    (y, x) => lax.add(lax.mul(y, w), c(w, x)),
    c(w, p.at(-1)!),
  );

const power = (x: Tensor, n: number): Tensor => lax.pow(x, c(x, n));

const spread = (x: Tensor, n: number): Tensor =>
  lax.broadcast(x, [...x.shape, n], x.shape.map((_, i) => i));

/**
 * ψ, the derivative of log Γ, of positive numbers: `ψ(x) = ψ(x + 6) - Σ 1 / (x + k)`, and the asymptotic series of
 * x + 6 (Abramowitz and Stegun, 6.3.5 and 6.3.18).
 */
function digamma(x: Tensor): Tensor {
  const shifted = lax.add(x, c(x, 6));
  const inverse = lax.div(c(x, 1), shifted);
  const square = lax.mul(inverse, inverse);
  const tail = polynomial([0, 1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760], square);
  const far = lax.sub(lax.sub(lax.log(shifted), scaled(inverse, 0.5)), tail);
  const steps = Array.from({ length: 6 }, (_, k) => lax.div(c(x, 1), lax.add(x, c(x, k))));
  return lax.sub(far, steps.reduceRight(lax.add));
}

/** Places and weights of Gauss and Legendre's rule on [0, 1]: zeros of Legendre's polynomial, by Newton's method. */
function legendre(n: number): { readonly places: number[]; readonly weights: number[] } {
  const places: number[] = [], weights: number[] = [];
  for (let i = 0; i < n; i++) {
    let x = Math.cos(Math.PI * (i + 0.75) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < 8; step++) {
      let [before, now] = [1, x];
      for (let k = 2; k <= n; k++) {
        [before, now] = [now, ((2 * k - 1) * x * now - (k - 1) * before) / k];
      }
      slope = n * (x * now - before) / (x * x - 1);
      x -= now / slope;
    }
    places.push((1 + x) / 2);
    weights.push(1 / ((1 - x * x) * slope * slope));
  }
  return { places, weights };
}
