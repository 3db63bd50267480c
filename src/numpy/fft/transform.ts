/**
 * Discrete Fourier transforms in O(n log n) operations for every n, as programs of a few products with small matrices:
 * their number grows with log n, and derivatives and batches are those of the products.
 *
 * A length is the product of radices, each at most 32 unless the length has no such divisor. With
 * `n = r m`, `j = j₁ m + j₂` and `k = k₁ + r k₂`, the transform is a small one of length r over j₁, a rotation by
 * `e^(-2πi j₂ k₁ / n)`, and one of length m over j₂ (Cooley and Tukey, 1965). New axes are put in front, so that
 * elements come out in order without being permuted (Stockham's arrangement). A prime radix that is too large for a
 * matrix is a convolution of a power of two (Bluestein, 1970).
 *
 * Numbers are stacked by their parts: the first axis holds the real parts and, unless all numbers are real, the
 * imaginary ones.
 */
import type { DType } from "../../core/dtype.ts";
import { ShapeError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as lax from "../../primitives/index.ts";
import { padAfter, stretchOf } from "../parts.ts";

/** The direction of a transform: the sign of its exponents. */
export type Sign = -1 | 1;

/** The largest radix that is chosen, and the largest prime that is transformed by its matrix. */
const largestRadix = 32;
const largestMatrix = 128;
/** Above it, angles in units of an eighth of the circle no longer fit into int32. */
const longest = 2 ** 27;

const c = lax.fullLike;

/** The transform along the last axis of numbers [parts, lines, n], turned around: [2, n, lines]. */
export function transform(x: Tensor, sign: Sign): Tensor {
  const [, lines, n] = x.shape as [number, number, number]; // as the caller promises
  if (n > longest) {
    throw new ShapeError(
      `fft: a length of ${n} is more than ${longest}`,
      `transform at most ${longest} elements`,
    );
  }
  let y = x;
  let rest = n;
  for (const r of radices(n)) {
    const m = rest / r;
    const cut = lax.reshape(y, [y.shape[0]!, y.shape[1]!, r, m]);
    const turned = r <= largestMatrix ? byMatrix(cut, sign) : byConvolution(cut, sign);
    const rotated = m === 1 ? turned : rotateEach(turned, rest, sign);
    y = lax.reshape(rotated, [2, r * y.shape[1]!, m]);
    rest = m;
  }
  return lax.reshape(y, [2, n, lines]);
}

/** Radices whose product is n, as even as its divisors allow. */
export function radices(n: number): number[] {
  const found: number[] = [];
  let rest = n;
  while (rest > largestRadix) {
    const stages = Math.ceil(Math.log(rest) / Math.log(largestRadix) - 1e-9);
    const wanted = Math.log(rest) / stages;
    let best = 0;
    for (let r = 2; r <= largestRadix; r++) {
      const nearer = Math.abs(Math.log(r) - wanted) < Math.abs(Math.log(best) - wanted);
      if (rest % r === 0 && nearer) best = r;
    }
    const next = best || smallestDivisor(rest, largestRadix + 1);
    found.push(next);
    rest /= next;
  }
  return rest > 1 || found.length === 0 ? [...found, rest] : found;
}

/** The smallest divisor from a number upwards, below which there is none but 1. */
function smallestDivisor(n: number, from: number): number {
  for (let p = from; p * p <= n; p++) if (n % p === 0) return p;
  return n;
}

/** A transform over the axis of length r of [parts, lines, r, m], by its matrix: [2, r, lines, m]. */
function byMatrix(x: Tensor, sign: Sign): Tensor {
  const [parts, , r] = x.shape as [number, number, number]; // of four axes
  const [j, k] = [0, 1].map((axis) => lax.iota([r, r], "int32", axis)) as [Tensor, Tensor];
  const [cos, sin] = circle(lax.rem(lax.mul(j, k), c(j, r)), r, x.dtype);
  const turn = sign === 1 ? sin : lax.neg(sin);
  // (re + i im) (cos + i turn): a matrix of [part, j] by [part, k].
  const fromReal = pairOf(cos, turn);
  const matrix = parts === 1 ? fromReal : concatenated(fromReal, pairOf(lax.neg(turn), cos));
  return lax.dot(matrix, x, {
    lhsContract: [0, 1],
    rhsContract: [0, 2],
    lhsBatch: [],
    rhsBatch: [],
  });

  /** [1, j, 2, k] of two [j, k]. */
  function pairOf(re: Tensor, im: Tensor): Tensor {
    const columns = [re, im].map((part) => lax.reshape(part, [1, r, 1, r]));
    return lax.concatenate(columns, 2);
  }
}

const concatenated = (...xs: readonly Tensor[]) => lax.concatenate(xs, 0);

/** Numbers [2, r, lines, m], each turned by its `j₂ k₁ / n` of the circle. */
function rotateEach(x: Tensor, n: number, sign: Sign): Tensor {
  const [, r, , m] = x.shape as [number, number, number, number];
  const [k, j] = [0, 1].map((axis) => lax.iota([r, m], "int32", axis)) as [Tensor, Tensor];
  return multiply(x, circle(lax.mul(k, j), n, x.dtype), sign, [1, 3]);
}

/** Numbers [2, …] times `cos + sign i sin`, whose axes are those of `axes`. */
function multiply(
  x: Tensor,
  [cos, sin]: readonly [Tensor, Tensor],
  sign: Sign,
  axes: readonly number[],
): Tensor {
  const stacked = (...parts: readonly Tensor[]) =>
    lax.broadcast(
      concatenated(...parts.map((part) => lax.reshape(part, [1, ...part.shape]))),
      x.shape,
      [0, ...axes],
    );
  const minus = lax.neg(sin);
  const across = sign === 1 ? stacked(minus, sin) : stacked(sin, minus);
  return lax.add(
    lax.mul(x, stacked(cos, cos)),
    lax.mul(lax.reverse(x, [0]), across),
  );
}

/**
 * Cosine and sine of `2π q / n` for whole numbers q from 0 to n - 1. What is left of the nearest quarter of the circle
 * is found in whole numbers, so that angles are as exact near the circle's end as near 0.
 */
function circle(q: Tensor, n: number, dtype: DType): [cos: Tensor, sin: Tensor] {
  const quarter = lax.div(lax.add(lax.mul(q, c(q, 8)), c(q, n)), c(q, 2 * n));
  const left = lax.sub(lax.mul(q, c(q, 4)), lax.mul(quarter, c(q, n)));
  const small = lax.convert(left, dtype);
  const angle = lax.mul(small, c(small, Math.PI / 2 / n));
  const [cos, sin] = [lax.cos(angle), lax.sin(angle)];
  const is = (...quarters: readonly number[]) =>
    quarters.map((k) => lax.eq(quarter, c(quarter, k))).reduce(lax.or);
  const odd = is(1, 3);
  const signed = (x: Tensor, negative: Tensor) => lax.select(negative, lax.neg(x), x);
  return [
    signed(lax.select(odd, sin, cos), is(1, 2)),
    signed(lax.select(odd, cos, sin), is(2, 3)),
  ];
}

/**
 * As {@link byMatrix}, for a large prime r: with `2 j k = j² + k² - (k - j)²` the transform is a convolution with the
 * chirp `e^(±πi j² / r)`, done by transforms of the next power of two in which it fits.
 */
function byConvolution(x: Tensor, sign: Sign): Tensor {
  const [parts, lines, r, m] = x.shape as [number, number, number, number];
  const size = 2 ** Math.ceil(Math.log2(2 * r - 1));
  const chirp = (j: Tensor) => circle(squareModulo(j, 2 * r, r), 2 * r, x.dtype);
  const own = chirp(lax.iota([r], "int32", 0));
  const last = lax.reshape(lax.transpose(x, [0, 1, 3, 2]), [parts, lines * m, r]);
  const both = parts === 2 ? last : concatenated(last, c(last, 0));
  const chirped = padAfter(multiply(both, own, sign, [2]), 2, size);
  // The filter around the circle of `size` places: both neighbours of 0 are 1 apart from it.
  const place = lax.iota([size], "int32", 0);
  const distance = lax.min(place, lax.sub(c(place, size), place));
  const inside = lax.lt(distance, c(distance, r));
  const waves = chirp(lax.select(inside, distance, c(distance, 0)))
    .map((part) => lax.select(inside, part, c(part, 0))) as [Tensor, Tensor];
  const [cos, sin] = waves;
  const filter = concatenated(
    lax.reshape(cos, [1, 1, size]),
    lax.reshape(sign === 1 ? lax.neg(sin) : sin, [1, 1, size]),
  );
  const factors = lax.reshape(transform(filter, -1), [2, size]);
  const [re, im] = [0, 1].map((i) => lax.reshape(stretchOf(factors, 0, i, i + 1), [size])) as [
    Tensor,
    Tensor,
  ];
  const product = multiply(transform(chirped, -1), [re, im], 1, [1]);
  const back = transform(lax.transpose(product, [0, 2, 1]), 1);
  const sums = lax.mul(stretchOf(back, 1, 0, r), c(stretchOf(back, 1, 0, r), 1 / size));
  return lax.reshape(multiply(sums, own, sign, [1]), [2, r, lines, m]);
}

/** `j²` modulo n for whole numbers j below `bound`, digit by digit, so that nothing exceeds int32. */
function squareModulo(j: Tensor, n: number, bound: number): Tensor {
  const bits = 30 - Math.ceil(Math.log2(n));
  const digits = Math.ceil(Math.log2(bound) / bits);
  const base = 2 ** bits;
  let sum = c(j, 0);
  for (let d = digits - 1; d >= 0; d--) {
    const digit = lax.rem(lax.div(j, c(j, base ** d)), c(j, base));
    const shifted = lax.rem(lax.mul(sum, c(j, base)), c(j, n));
    sum = lax.rem(lax.add(shifted, lax.rem(lax.mul(digit, j), c(j, n))), c(j, n));
  }
  return sum;
}
