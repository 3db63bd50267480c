/** Random numbers made from uniform ones by the inverse of a distribution function. */
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { cast, shapeOf, stretch, type TensorLike } from "../numpy/promote.ts";
import { declareOptions, floatType } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { keyed } from "./keyed.ts";
import { normalTail, tail } from "./normalTail.ts";
import { between, type FloatOptions, sampleShape, unitUniform } from "./uniform.ts";

/** A sampler that needs a shape only. */
export type Sampler = (key: Tensor, shape?: Shape | number, options?: FloatOptions) => Tensor;

const sampler = (name: string, sample: (key: Tensor, shape: Shape, dtype: DType) => Tensor) =>
  keyed<Sampler>(
    (key, shape = [], { dtype = "float32" } = {}) => sample(key, shapeOf(name, shape), dtype),
    declareOptions(name, ["key", "[2, 3]"], { dtype: floatType }),
  );

/** The limits of the element type: its smallest normal one, and the spacing just below 1. */
const limits = (dtype: DType) =>
  dtype === "float32"
    ? { tiny: 2 ** -126, below: 2 ** -24, epsilon: 2 ** -23 }
    : { tiny: 2 ** -1022, below: 2 ** -53, epsilon: 2 ** -52 };

const minus = (x: Tensor) => lax.neg(x);
const by = (x: Tensor, factor: number) => lax.mul(x, lax.fullLike(x, factor));

/**
 * Standard normal: √2 erf⁻¹(u) of u uniform in (-1, 1), as JAX's.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.normal(random.key(0), [1000]);
 * console.assert(Math.abs(await x.var().item() - 1) < 0.2);
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2]; DTypeError when the type is no float.
 */
export const normal: Sampler = sampler("random.normal", (key, shape, dtype) => {
  const unit = unitUniform(key, shape, dtype);
  const u = between(unit, limits(dtype).below - 1, 1, "random.normal");
  return by(lax.erfInv(u), Math.SQRT2);
});

/**
 * Standard normal, cut to the open interval (lower, upper), which are broadcast to the shape. As JAX's, but for
 * intervals that lie more than 2.5 from 0: there JAX's numbers are few and coarse in single precision, and
 * from 5 on one end of the interval; these follow the tail.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = await random.truncatedNormal(random.key(0), -2, 2, [100]).data();
 * console.assert(x.every((v) => v > -2 && v < 2));
 * ```
 *
 * @throws ShapeError when the ends do not fit the shape; DTypeError when the type is no float.
 */
export const truncatedNormal: (
  key: Tensor,
  lower: TensorLike,
  upper: TensorLike,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor = keyed(
  (key, lower, upper, shape, { dtype = "float32" } = {}) => {
    const name = "random.truncatedNormal";
    const [low, high] = [lower, upper].map((x) => cast(name, x, { dtype, weak: false })) as [
      Tensor,
      Tensor,
    ]; // two ends, two tensors
    const target = sampleShape(name, shape, [low, high]);
    const phi = (x: Tensor) => lax.erf(by(x, Math.SQRT1_2));
    const unit = unitUniform(key, target, dtype);
    const near = by(lax.erfInv(between(unit, phi(low), phi(high), name)), Math.SQRT2);
    const central = typeof lower === "number" && lower < tail &&
      typeof upper === "number" && upper > -tail;
    const x = central
      ? near
      : farFromZero(unit, stretch(name, low, target), stretch(name, high, target), near);
    // Rounding must not push a sample out of the open interval. The ends are constants here.
    const { epsilon, tiny } = limits(dtype);
    const inside = (end: Tensor, sign: number) => {
      const fixed = lax.stopGradient(end);
      const step = lax.max(by(lax.abs(fixed), epsilon), lax.fullLike(fixed, tiny));
      const moved = lax.select(lax.finite(fixed), lax.add(fixed, by(step, sign)), fixed);
      return stretch(name, moved, target);
    };
    return lax.min(lax.max(x, inside(low, 1)), inside(high, -1));
  },
  declareOptions("random.truncatedNormal", ["key", "lower", "upper", "shape"], {
    dtype: floatType,
  }),
);

/** The other numbers where an interval lies in a tail: right of 0, or left, where it is turned around. */
function farFromZero(unit: Tensor, low: Tensor, high: Tensor, near: Tensor): Tensor {
  const bound = lax.fullLike(low, tail);
  const right = lax.ge(low, bound);
  const left = lax.le(high, minus(bound));
  // Where neither holds, the tail is that of an interval that does no harm.
  const from = lax.select(right, low, lax.select(left, minus(high), bound));
  const to = lax.select(
    right,
    high,
    lax.select(left, minus(low), lax.add(bound, lax.fullLike(low, 1))),
  );
  const far = normalTail(unit, from, to);
  return lax.select(right, far, lax.select(left, minus(far), near));
}

/**
 * Standard Gumbel: -log(-log u). Its argmax with log-probabilities is a categorical sample.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.gumbel(random.key(0), [1000]);
 * console.assert(Math.abs(await x.mean().item() - 0.577) < 0.2);
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2]; DTypeError when the type is no float.
 */
export const gumbel: Sampler = sampler("random.gumbel", (key, shape, dtype) => {
  const unit = unitUniform(key, shape, dtype);
  const u = between(unit, limits(dtype).tiny, 1, "random.gumbel");
  return minus(lax.log(minus(lax.log(u))));
});

/**
 * Exponential with rate 1: -log(1 - u).
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = await random.exponential(random.key(0), [100]).data();
 * console.assert(x.every((v) => v >= 0));
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2]; DTypeError when the type is no float.
 */
export const exponential: Sampler = sampler(
  "random.exponential",
  (key, shape, dtype) => minus(lax.log1p(minus(unitUniform(key, shape, dtype)))),
);

/**
 * Laplace with scale 1: sign(u) log(1 - |u|) of u uniform in (-1, 1).
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.laplace(random.key(0), [1000]);
 * console.assert(Math.abs(await x.mean().item()) < 0.3);
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2]; DTypeError when the type is no float.
 */
export const laplace: Sampler = sampler("random.laplace", (key, shape, dtype) => {
  const unit = unitUniform(key, shape, dtype);
  const u = between(unit, limits(dtype).below - 1, 1, "random.laplace");
  return lax.mul(lax.sign(u), lax.log1p(minus(lax.abs(u))));
});
