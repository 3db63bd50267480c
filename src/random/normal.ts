/** Random numbers made from uniform ones by the inverse of a distribution function. */
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { cast, shapeOf, stretch, type TensorLike } from "../numpy/promote.ts";
import { declareOptions, floatType } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { keyed } from "./keyed.ts";
import { between, type FloatOptions, sampleShape, unitUniform } from "./uniform.ts";

/** A sampler that needs a shape only. */
export type Sampler = (key: Tensor, shape?: Shape | number, options?: FloatOptions) => Tensor;

const sampler = (name: string, sample: (key: Tensor, shape: Shape, dtype: DType) => Tensor) =>
  keyed<Sampler>(
    (key, shape = [], { dtype = "float32" } = {}) => sample(key, shapeOf(name, shape), dtype),
    declareOptions(name, ["key", "[2, 3]"], { dtype: floatType }),
  );

/** Where the type's numbers end: its smallest normal one, and the spacing just below 1. */
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
 * Standard normal, cut to the open interval (lower, upper), which are broadcast to the shape.
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
    const x = by(lax.erfInv(between(unit, phi(low), phi(high), name)), Math.SQRT2);
    // Rounding must not push a sample out of the open interval. The ends are constants here.
    const { epsilon, tiny } = limits(dtype);
    const inside = (end: Tensor, sign: number) => {
      const fixed = lax.stopGradient(end);
      const step = lax.max(by(lax.abs(fixed), epsilon), lax.fullLike(fixed, tiny));
      return stretch(name, lax.add(fixed, by(step, sign)), target);
    };
    return lax.min(lax.max(x, inside(low, 1)), inside(high, -1));
  },
  declareOptions("random.truncatedNormal", ["key", "lower", "upper", "shape"], {
    dtype: floatType,
  }),
);

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
