/** Polynomials as vectors of coefficients, that of the highest power first. Operations give floats or integers. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  boolean,
  count,
  declareOperands,
  declareOptions,
  nonNegative,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { add, type Binary, multiply, power, subtract } from "./elementwise.ts";
import { lstsq } from "./linalg/leastSquares.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import {
  asTensor,
  checkCount,
  floatTensor,
  numberTensor,
  promote,
  stretch,
  type TensorLike,
  toFloat,
} from "./promote.ts";
import { convolve } from "./signals.ts";

const c = lax.fullLike;

function vector(name: string, x: TensorLike): Tensor {
  const t = asTensor(x);
  const flat = t.ndim === 0 ? lax.reshape(t, [1]) : t;
  if (flat.ndim === 1 && flat.size > 0) return flat;
  throw new ShapeError(
    `${name}: expected a vector of coefficients, got ${formatAval(t.aval)}`,
    "give a vector with at least one coefficient",
  );
}

/** Coefficients with zeros for higher powers, up to a given number. */
function lengthened(p: Tensor, size: number): Tensor {
  return lax.pad(p, { low: [size - p.size], high: [0], interior: [0] });
}

/**
 * The value of a polynomial at each element of `x`, by Horner's rule.
 *
 * ```ts
 * import { np } from "trilevel";
 * const p = np.array([1, 0, -2]); // x² - 2
 * console.assert(String(await np.polyval(p, np.array([0, 3])).data()) === "-2,7");
 * ```
 *
 * @throws ShapeError unless coefficients are a vector.
 */
export const polyval: (p: TensorLike, x: TensorLike) => Tensor = managed((p, x) => {
  const [a, t] = promote("polyval", [vector("polyval", p), x]) as [Tensor, Tensor];
  const at = (i: number) => stretch("polyval", lax.reshape(stretchOf(a, 0, i, i + 1), []), t.shape);
  let sum = at(0);
  for (let i = 1; i < a.size; i++) sum = lax.add(lax.mul(sum, t), at(i));
  return sum;
}, declareOperands("np.polyval", ["p", "x"]));

const termwise = (name: string, f: Binary): Binary =>
  managed((p, q) => {
    const [a, b] = [vector(name, p), vector(name, q)];
    const size = Math.max(a.size, b.size);
    return f(lengthened(a, size), lengthened(b, size));
  }, declareOperands(`np.${name}`, ["p", "q"]));

/** The sum of two polynomials. */
export const polyadd: Binary = termwise("polyadd", add);
/** The difference of two polynomials. */
export const polysub: Binary = termwise("polysub", subtract);

/** The product of two polynomials, in floats. */
export const polymul: Binary = managed(
  (p, q) => convolve(vector("polymul", p), vector("polymul", q)),
  declareOperands("np.polymul", ["p", "q"]),
);

/**
 * The quotient and remainder of two polynomials, by long division. The remainder has as many coefficients as the
 * dividend, the first of which are 0.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [q, r] = np.polydiv(np.array([1, 0, -1]), np.array([1, 1])); // (x² - 1) / (x + 1)
 * console.assert(String(await q.data()) === "1,-1" && String(await r.data()) === "0,0,0");
 * ```
 */
export const polydiv: (p: TensorLike, q: TensorLike) => [quotient: Tensor, remainder: Tensor] =
  managed((p, q) => {
    const [a, b] = promote("polydiv", [vector("polydiv", p), vector("polydiv", q)], toFloat) as [
      Tensor,
      Tensor,
    ]; // two in, two out
    const [m, n] = [a.size, b.size];
    const first = stretchOf(b, 0, 0, 1);
    let rest = a;
    const quotient: Tensor[] = [];
    for (let k = 0; k + n <= m; k++) {
      const digit = lax.div(stretchOf(rest, 0, k, k + 1), first);
      quotient.push(digit);
      const product = lax.mul(lax.broadcast(lax.reshape(digit, []), [n], []), b);
      rest = lax.sub(rest, lax.pad(product, { low: [k], high: [m - n - k], interior: [0] }));
    }
    const none = lax.full([1], 0, a.dtype);
    return [quotient.length === 0 ? none : lax.concatenate(quotient, 0), rest];
  }, declareOperands("np.polydiv", ["p", "q"]));

/** The derivative of a polynomial, `m` times (once unless given). */
export const polyder: (p: TensorLike, m?: number) => Tensor = managed((p, m = 1) => {
  const times = checkCount("polyder", "m", m);
  let a = numberTensor("polyder", vector("polyder", p));
  if (times > 0) a = floatTensor("polyder", a);
  for (let k = 0; k < times && a.size > 0; k++) {
    const degree = a.size - 1;
    const powers = lax.reverse(lax.iota([a.size], a.dtype, 0), [0]);
    a = stretchOf(lax.mul(a, powers), 0, 0, degree);
  }
  return a;
}, declareOperands("np.polyder", ["p", "m"]));

/** Options of {@link polyint}. */
export interface PolyintOptions {
  /** The number of integrations; 1 unless given. */
  readonly m?: number | undefined;
  /** The constants of integration, the first integral's first: one for all, or one for each; 0 unless given. */
  readonly k?: TensorLike | undefined;
}

/**
 * The integral of a polynomial.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.polyint(np.array([6, 2])).data()) === "3,2,0");
 * console.assert(String(await np.polyder(np.array([3, 2, 0])).data()) === "6,2");
 * ```
 *
 * @throws ShapeError unless there is one constant, or one for each integral.
 */
export const polyint: (p: TensorLike, options?: PolyintOptions) => Tensor = managed(
  (p, { m = 1, k = 0 } = {}) => {
    const [a, given] = promote("polyint", [vector("polyint", p), k], toFloat) as [Tensor, Tensor];
    const constants = given.size === 1 ? stretch("polyint", lax.reshape(given, [1]), [m]) : given;
    if (constants.shape.join() !== String(m)) {
      throw new ShapeError(
        `polyint: expected one constant for each of ${m} integrals, got ${formatAval(given.aval)}`,
        "give one for all, or one for each",
      );
    }
    let y = a;
    for (let i = 0; i < m; i++) {
      const powers = lax.add(lax.reverse(lax.iota([y.size], y.dtype, 0), [0]), c(y, 1));
      y = lax.concatenate([lax.div(y, powers), stretchOf(constants, 0, i, i + 1)], 0);
    }
    return y;
  },
  declareOptions("np.polyint", ["p"], { m: count, k: tensorLike }),
);

/** Options of {@link vander}. */
export interface VanderOptions {
  /** True if powers increase from left to right; they decrease by default. */
  readonly increasing?: boolean | undefined;
}

/**
 * Powers of a vector's elements, a row for each: from 0 to `columns - 1` (as many as there are elements unless
 * given), the highest first.
 */
export const vander: (x: TensorLike, columns?: number, options?: VanderOptions) => Tensor = managed(
  (x, columns, { increasing = false } = {}) => {
    const t = numberTensor("vander", x);
    if (t.ndim !== 1) {
      throw new ShapeError(
        `vander: expected a vector, got ${formatAval(t.aval)}`,
        "flatten it: np.ravel(x)",
      );
    }
    const n = checkCount("vander", "the columns", columns ?? t.size);
    if (n === 0) return lax.full([t.size, 0], 0, t.dtype);
    const powers = Array.from({ length: n }, (_, k) => lax.reshape(power(t, k), [t.size, 1]));
    return lax.concatenate(increasing ? powers : powers.reverse(), 1);
  },
  declareOptions("np.vander", ["x", "columns"], { increasing: boolean }),
);

/** The polynomial with these zeros, whose first coefficient is 1: the product of all `x - zero`. */
export const poly: (zeros: TensorLike) => Tensor = managed((zeros) => {
  const t = floatTensor("poly", zeros);
  if (t.ndim > 1) {
    throw new ShapeError(
      `poly: expected a vector of roots, got ${formatAval(t.aval)}`,
      "flatten it: np.ravel(x)",
    );
  }
  const row = lax.reshape(t, [t.size]);
  let p = lax.full([1], 1, t.dtype);
  for (let i = 0; i < row.size; i++) {
    const zero = lax.broadcast(lax.reshape(stretchOf(row, 0, i, i + 1), []), [p.size], []);
    const up = lax.pad(p, { low: [0], high: [1], interior: [0] });
    p = lax.sub(up, lax.pad(lax.mul(p, zero), { low: [1], high: [0], interior: [0] }));
  }
  return p;
}, declareOperands("np.poly", ["zeros"]));

/** Options of {@link polyfit}. */
export interface PolyfitOptions {
  /** Weights of the residuals (not of their squares), a vector; 1 unless given. */
  readonly w?: TensorLike | undefined;
  /** Singular values up to this multiple of the largest count as 0; see `np.linalg.lstsq`. */
  readonly rcond?: number | undefined;
}

/**
 * The polynomial of a degree that is nearest to points `(x, y)` in the sense of least squares. Of several columns
 * of `y`, one polynomial each.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.arange(4), y = x.mul(2).add(1);
 * const [slope, start] = await np.polyfit(x, y, 1).data();
 * console.assert(Math.abs(slope! - 2) < 1e-4 && Math.abs(start! - 1) < 1e-4);
 * ```
 *
 * @throws ShapeError unless `x` is a vector, and `y` has as many rows.
 */
export const polyfit: (
  x: TensorLike,
  y: TensorLike,
  degree: number,
  options?: PolyfitOptions,
) => Tensor = managed(
  (x, y, degree, { w, rcond } = {}) => {
    const [a, b] = promote("polyfit", [x, y], toFloat) as [Tensor, Tensor]; // two in, two out
    checkCount("polyfit", "the degree", degree);
    const fits = a.ndim === 1 && a.size > 0 && b.ndim >= 1 && b.ndim <= 2 && b.shape[0] === a.size;
    if (!fits) {
      throw new ShapeError(
        `polyfit: x ${formatAval(a.aval)} and y ${formatAval(b.aval)} do not fit`,
        "give a vector x, and as many rows of y",
      );
    }
    const weights = w === undefined ? undefined : floatTensor("polyfit", w);
    if (weights && weights.shape.join() !== String(a.size)) {
      throw new ArgumentError(
        `polyfit: weights ${formatAval(weights.aval)} do not fit ${a.size} points`,
        "give one for each point",
      );
    }
    const weighted = (t: Tensor) =>
      weights === undefined
        ? t
        : multiply(t, t.ndim === 2 ? lax.reshape(weights, [a.size, 1]) : weights);
    const powers = weighted(vander(a, degree + 1));
    // Columns of one length make the system better conditioned.
    const length = lax.sqrt(lax.reduceSum(lax.mul(powers, powers), [0]));
    const scaled = lax.div(powers, lax.broadcast(length, powers.shape, [1]));
    const rtol = rcond ?? a.size * (a.dtype === "float64" ? 2 ** -52 : 2 ** -23);
    const solution = lstsq(scaled, weighted(b), { rtol });
    const spread = b.ndim === 1 ? length : lax.broadcast(length, solution.shape, [0]);
    return lax.div(solution, spread);
  },
  declareOptions("np.polyfit", ["x", "y", "degree"], { w: tensorLike, rcond: nonNegative }),
);
