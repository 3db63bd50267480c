/** Random numbers of several distributions, made from uniform, normal and exponential ones. */
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { cast, floatTensor, shapeOf, stretch, type TensorLike } from "../numpy/promote.ts";
import { rootOfSquares } from "../numpy/magnitude.ts";
import { declareOptions, dtype as anyType, floatType, integerType } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { split } from "./key.ts";
import { keyed } from "./keyed.ts";
import { exponential, normal, type Sampler } from "./normal.ts";
import { bernoulli, between, type FloatOptions, sampleShape, unitUniform } from "./uniform.ts";

const c = lax.fullLike;
const by = (x: Tensor, factor: number) => lax.mul(x, c(x, factor));
const tiny = (dtype: DType) => dtype === "float32" ? 2 ** -126 : 2 ** -1022;
const epsilon = (dtype: DType) => dtype === "float32" ? 2 ** -23 : 2 ** -52;

const sampler = (name: string, sample: (key: Tensor, shape: Shape, dtype: DType) => Tensor) =>
  keyed<Sampler>(
    (key, shape = [], { dtype = "float32" } = {}) => sample(key, shapeOf(name, shape), dtype),
    declareOptions(name, ["key", "[2, 3]"], { dtype: floatType }),
  );

/** A sampler with one parameter, which is broadcast to the shape. */
export type ParametricSampler = (
  key: Tensor,
  parameter: TensorLike,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor;

/** A sampler with two parameters, which are broadcast to the shape. */
export type TwofoldSampler = (
  key: Tensor,
  first: TensorLike,
  second: TensorLike,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor;

/** Parameters in an element type, stretched to a shape. */
export function parameters(
  name: string,
  given: readonly TensorLike[],
  shape: Shape | number | undefined,
  dtype: DType,
): [tensors: Tensor[], shape: Shape] {
  const tensors = given.map((x) => cast(name, x, { dtype, weak: false }));
  const target = sampleShape(name, shape, tensors);
  return [tensors.map((x) => stretch(name, x, target)), target];
}

/** A function of a key, a parameter in the shape of the result, and that shape. */
export const parametric = (
  name: string,
  parameter: string,
  sample: (key: Tensor, parameter: Tensor, shape: Shape, dtype: DType) => Tensor,
) =>
  keyed<ParametricSampler>((key, given, shape, { dtype = "float32" } = {}) => {
    const [[x], target] = parameters(name, [given], shape, dtype);
    return sample(key, x!, target, dtype);
  }, declareOptions(name, ["key", parameter, "shape"], { dtype: floatType }));

/** As {@link parametric}, with two parameters. */
export const twofold = (
  name: string,
  [first, second]: readonly [string, string],
  sample: (key: Tensor, a: Tensor, b: Tensor, shape: Shape, dtype: DType) => Tensor,
) =>
  keyed<TwofoldSampler>((key, a, b, shape, { dtype = "float32" } = {}) => {
    const [[x, y], target] = parameters(name, [a, b], shape, dtype);
    return sample(key, x!, y!, target, dtype);
  }, declareOptions(name, ["key", first, second, "shape"], { dtype: floatType }));

/**
 * Standard Cauchy: tan(π (u - ½)). All functions here draw the numbers that JAX draws from the same key.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.cauchy(random.key(0), [100]);
 * console.assert(x.shape.join() === "100");
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2]; DTypeError when the type is no float.
 */
export const cauchy: Sampler = sampler("random.cauchy", (key, shape, dtype) => {
  const u = between(unitUniform(key, shape, dtype), epsilon(dtype), 1, "random.cauchy");
  return lax.tan(by(lax.sub(u, c(u, 0.5)), Math.PI));
});

/** Standard logistic: log(u / (1 - u)). */
export const logistic: Sampler = sampler("random.logistic", (key, shape, dtype) => {
  const u = between(unitUniform(key, shape, dtype), tiny(dtype), 1, "random.logistic");
  return lax.sub(lax.log(u), lax.log1p(lax.neg(u)));
});

/** The length of a standard normal vector of three elements. */
export const maxwell: Sampler = sampler(
  "random.maxwell",
  (key, shape, dtype) => rootOfSquares(normal(key, [...shape, 3], { dtype }), [shape.length]),
);

/** The element type of random integers. */
export interface IntegerOptions {
  /** `"int32"` (the default) or `"uint32"`. */
  readonly dtype?: DType | undefined;
}

/** -1 or 1, each with probability ½; int32 unless `dtype` says otherwise, which may be a float type. */
export const rademacher: (
  key: Tensor,
  shape?: Shape | number,
  options?: IntegerOptions,
) => Tensor = keyed((key, shape = [], { dtype = "int32" } = {}) => {
  const heads = lax.convert(bernoulli(key, 0.5, shape), dtype);
  return lax.sub(by(heads, 2), c(heads, 1));
}, declareOptions("random.rademacher", ["key", "[2, 3]"], { dtype: anyType }));

/**
 * Log-normal: e to the power of a normal number with standard deviation `sigma`.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = await random.lognormal(random.key(0), 0.5, [100]).data();
 * console.assert(x.every((v) => v > 0));
 * ```
 */
export const lognormal: (
  key: Tensor,
  sigma?: TensorLike,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor = keyed((key, sigma = 1, shape, { dtype = "float32" } = {}) => {
  const [[s], target] = parameters("random.lognormal", [sigma], shape, dtype);
  return lax.exp(lax.mul(normal(key, target, { dtype }), s!));
}, declareOptions("random.lognormal", ["key", "sigma", "shape"], { dtype: floatType }));

/** Pareto with exponent `b`: the density is `b x^(-b - 1)` from 1 upwards. */
export const pareto: ParametricSampler = parametric(
  "random.pareto",
  "b",
  (key, b, shape, dtype) => lax.exp(lax.div(exponential(key, shape, { dtype }), b)),
);

/** Rayleigh: `scale √(-2 log u)`, the length of a normal vector of two elements. */
export const rayleigh: ParametricSampler = parametric(
  "random.rayleigh",
  "scale",
  (key, scale, shape, dtype) =>
    lax.mul(scale, lax.sqrt(by(lax.log(unitUniform(key, shape, dtype)), -2))),
);

/**
 * Wald (inverse Gaussian) with a mean, and shape 1, by the roots of Michael, Schucany and Haas (1976). Derivatives by
 * the mean hold for the root that was chosen.
 */
export const wald: ParametricSampler = parametric(
  "random.wald",
  "mean",
  (key, mean, shape, dtype) => {
    const [k1, k2] = split(key);
    const v = normal(k1, shape, { dtype });
    const u = unitUniform(k2, shape, dtype);
    const y = lax.mul(v, v);
    const mean2 = lax.mul(mean, mean);
    const root = lax.sqrt(lax.add(by(lax.mul(mean, y), 4), lax.mul(mean2, lax.mul(y, y))));
    const x = lax.sub(lax.add(mean, by(lax.mul(mean2, y), 0.5)), lax.mul(by(mean, 0.5), root));
    const first = lax.le(u, lax.div(mean, lax.add(mean, x)));
    return lax.select(first, x, lax.div(mean2, x));
  },
);

/** Weibull: `scale (-log(1 - u))^(1 / concentration)`. */
export const weibullMin: TwofoldSampler = twofold(
  "random.weibullMin",
  ["scale", "concentration"],
  (key, scale, concentration, shape, dtype) => {
    const e = lax.neg(lax.log1p(lax.neg(unitUniform(key, shape, dtype))));
    return lax.mul(lax.pow(e, lax.div(c(e, 1), concentration)), scale);
  },
);

/**
 * Maxwell on both sides of a place, at random: `± scale` times {@link maxwell}, plus `loc`. As in JAX, the shape of
 * the parameters follows a shape that is given.
 */
export const doubleSidedMaxwell: TwofoldSampler = keyed(
  (key, loc, scale, shape, { dtype = "float32" } = {}) => {
    const name = "random.doubleSidedMaxwell";
    const [[a, b], own] = parameters(name, [loc, scale], undefined, dtype);
    const asked = shape === undefined ? [] : shapeOf(name, shape);
    const target = [...asked.length === 0 ? own : asked, ...own];
    const [k1, k2] = split(key);
    const size = maxwell(k1, target, { dtype });
    const side = rademacher(k2, target, { dtype });
    const spread = lax.mul(lax.mul(side, size), stretch(name, b!, target));
    return lax.add(spread, stretch(name, a!, target));
  },
  declareOptions("random.doubleSidedMaxwell", ["key", "loc", "scale", "shape"], {
    dtype: floatType,
  }),
);

/**
 * Triangular: the density rises from `left` to `mode`, and falls to `right`.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = await random.triangular(random.key(0), 0, 1, 3, [100]).data();
 * console.assert(x.every((v) => v >= 0 && v <= 3));
 * ```
 */
export const triangular: (
  key: Tensor,
  left: TensorLike,
  mode: TensorLike,
  right: TensorLike,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor = keyed(
  (key, left, mode, right, shape, { dtype = "float32" } = {}) => {
    const given = parameters("random.triangular", [left, mode, right], shape, dtype);
    const [[a, m, b], target] = given as [[Tensor, Tensor, Tensor], Shape]; // three in, three out
    const u = unitUniform(key, target, dtype);
    const width = lax.sub(b, a);
    const rest = lax.sub(c(u, 1), u);
    const rising = lax.add(a, lax.sqrt(lax.mul(lax.mul(u, width), lax.sub(m, a))));
    const falling = lax.sub(b, lax.sqrt(lax.mul(lax.mul(rest, width), lax.sub(b, m))));
    return lax.select(lax.lt(u, lax.div(lax.sub(m, a), width)), rising, falling);
  },
  declareOptions("random.triangular", ["key", "left", "mode", "right", "shape"], {
    dtype: floatType,
  }),
);

/** The number of trials until the first success, each with probability `p`: 1, 2, …; int32 by default. */
export const geometric: (
  key: Tensor,
  p: TensorLike,
  shape?: Shape | number,
  options?: IntegerOptions,
) => Tensor = keyed((key, p, shape, { dtype = "int32" } = {}) => {
  const name = "random.geometric";
  const chance = floatTensor(name, p);
  const target = sampleShape(name, shape, [chance]);
  const u = unitUniform(key, target, chance.dtype);
  const some = lax.select(lax.eq(u, c(u, 0)), c(u, 1), u);
  const failure = stretch(name, lax.log1p(lax.neg(chance)), target);
  const trials = lax.add(lax.floor(lax.div(lax.log(some), failure)), c(u, 1));
  return lax.convert(trials, dtype);
}, declareOptions("random.geometric", ["key", "p", "shape"], { dtype: integerType }));
