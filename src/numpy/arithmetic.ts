/** Arithmetic beyond the basic operations: whole numbers' divisors, choices that pass over NaN, powers of floats. */
import type { Tensor } from "../core/tensor.ts";
import { declareOperands } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import {
  abs,
  type Binary,
  floorDivide,
  maximum,
  minimum,
  power,
  remainder,
  round,
  type Unary,
} from "./elementwise.ts";
import { forRows } from "./linalg/matrices.ts";
import { managed } from "./managed.ts";
import {
  alignPair,
  floatTensor,
  promote,
  requireIntegers,
  type TensorLike,
  toFloat,
  toNumber,
} from "./promote.ts";
import { logaddexp } from "./special.ts";

const c = lax.fullLike;

/**
 * Quotients rounded towards minus infinity, and remainders with the sign of `y`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [quotient, rest] = np.divmod(-7, 3);
 * console.assert(await quotient.item() === -3 && await rest.item() === 2);
 * ```
 */
export const divmod: (x: TensorLike, y: TensorLike) => [quotient: Tensor, remainder: Tensor] =
  managed((x, y) => [floorDivide(x, y), remainder(x, y)], declareOperands("np.divmod", ["x", "y"]));

/** `x` to the power `y`, both as floats. */
export const floatPower: Binary = managed(
  (x, y) => {
    const [a] = promote("floatPower", [x, y], toFloat);
    return typeof y === "number"
      ? power(a!, y)
      : lax.pow(...alignPair("floatPower", x, y, toFloat));
  },
  declareOperands("np.floatPower", ["x", "y"]),
);

/** `|x|` as a float. */
export const fabs: Unary = managed(
  (x) => abs(floatTensor("fabs", x)),
  declareOperands("np.fabs", ["x"]),
);

/** To the nearest whole number, ties to even, as a float. */
export const rint: Unary = managed(
  (x) => round(floatTensor("rint", x)),
  declareOperands("np.rint", ["x"]),
);

/** Two operands in one type; NaN of one of them is replaced by the other. */
const passing = (name: string, f: Binary): Binary =>
  managed((x, y) => {
    const [a, b] = alignPair(name, x, y);
    const known = (t: Tensor, other: Tensor) => lax.select(lax.ne(t, t), other, t);
    return f(known(a, b), known(b, a));
  }, declareOperands(`np.${name}`, ["x", "y"]));

/** The larger of two; of a number and NaN the number. */
export const fmax: Binary = passing("fmax", maximum);
/** The smaller of two; of a number and NaN the number. */
export const fmin: Binary = passing("fmin", minimum);

/** The step function: 0 below 0, 1 above, `y` at 0; its derivatives go to `y` alone. */
export const heaviside: Binary = managed((x, y) => {
  const [a, b] = alignPair("heaviside", x, y, toFloat);
  const side = lax.select(lax.gt(a, c(a, 0)), c(a, 1), c(a, 0));
  const known = lax.select(lax.ne(a, a), a, side);
  return lax.select(lax.eq(a, c(a, 0)), b, known);
}, declareOperands("np.heaviside", ["x", "y"]));

/** `log₂(2ˣ + 2ʸ)`, without overflow. */
export const logaddexp2: Binary = managed((x, y) => {
  const [a, b] = alignPair("logaddexp2", x, y, toFloat);
  const scale = c(a, Math.LN2);
  return lax.div(logaddexp(lax.mul(a, scale), lax.mul(b, scale)), scale);
}, declareOperands("np.logaddexp2", ["x", "y"]));

/** The most divisions that Euclid's algorithm needs in 32 bits (Lamé, 1844): those of Fibonacci's numbers. */
const divisions = 47;

function divisor(name: string, x: TensorLike, y: TensorLike): [gcd: Tensor, x: Tensor, y: Tensor] {
  requireIntegers(name, [x, y]);
  const [a, b] = alignPair(name, x, y, toNumber).map((t) =>
    lax.convert(
      abs(t.dtype === "float32" ? lax.convert(t, "int32") : t),
      t.dtype === "uint32" ? "uint32" : "int32",
    )
  ) as [Tensor, Tensor]; // two in, two out
  const [found] = forRows(divisions, [a, b], (_, large, small) => {
    const done = lax.eq(small!, c(small!, 0));
    const rest = lax.rem(large!, lax.select(done, c(small!, 1), small!));
    return [lax.select(done, large!, small!), lax.select(done, small!, rest)];
  });
  return [found!, a, b];
}

/**
 * The greatest common divisor of integers; that of 0 and 0 is 0.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([12, 18], { dtype: "int32" });
 * console.assert(String(await np.gcd(x, 8).data()) === "4,2");
 * console.assert(String(await np.lcm(x, 8).data()) === "24,72");
 * ```
 *
 * @throws DTypeError unless both are integers.
 */
export const gcd: Binary = managed(
  (x, y) => divisor("gcd", x, y)[0],
  declareOperands("np.gcd", ["x", "y"]),
);

/** The least common multiple of integers; 0 if one is. */
export const lcm: Binary = managed((x, y) => {
  const [common, a, b] = divisor("lcm", x, y);
  const zero = lax.eq(common, c(common, 0));
  return lax.mul(lax.div(a, lax.select(zero, c(common, 1), common)), b);
}, declareOperands("np.lcm", ["x", "y"]));

/**
 * Bessel's modified function of the first kind and order 0: the mean of `cosh(x cos θ)` over a quarter of a circle,
 * taken at points so dense that the error is below rounding wherever the result is finite.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(Math.abs(await np.i0(1).item() - 1.2660658) < 1e-6);
 * ```
 */
export const i0: Unary = managed((x) => {
  const t = floatTensor("i0", x);
  const points = 64;
  const shape = [...t.shape, points];
  // Midpoints of a quarter; the rule for a periodic function converges faster than any power.
  const k = lax.add(lax.iota(shape, t.dtype, t.ndim), lax.full(shape, 0.5, t.dtype));
  const cosine = lax.cos(lax.mul(k, c(k, Math.PI / (2 * points))));
  const spread = lax.broadcast(t, shape, t.shape.map((_, i) => i));
  const sum = lax.reduceSum(lax.cosh(lax.mul(spread, cosine)), [t.ndim]);
  return lax.div(sum, c(sum, points));
}, declareOperands("np.i0", ["x"]));
