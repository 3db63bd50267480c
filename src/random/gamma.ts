/** Gamma random numbers, by rejection, and those that are made from them. */
import type { DType } from "../core/dtype.ts";
import { type Shape, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { traceClosed } from "../core/trace.ts";
import { withDerivative } from "../numpy/linalg/matrices.ts";
import { cast, floatTensor, shapeOf, stretch } from "../numpy/promote.ts";
import { declareOptions, floatType, positive, requireArgument } from "../options/index.ts";
import { runBatched } from "../primitives/interpreters/batch.ts";
import * as lax from "../primitives/index.ts";
import {
  parametric,
  type ParametricSampler,
  rademacher,
  twofold,
  type TwofoldSampler,
} from "./distributions.ts";
import { split, splitStacked } from "./key.ts";
import { slopeOfLog } from "./gammaSlope.ts";
import { keyed } from "./keyed.ts";
import { loop } from "./loop.ts";
import { exponential, normal } from "./normal.ts";
import { type FloatOptions, unitUniform } from "./uniform.ts";

const c = lax.fullLike;

/** Rejections in a row after which a loop ends, less likely than 2⁻⁶⁴. */
const mostTrials = 24;

/**
 * One number, and the logarithm of it, by Marsaglia and Tsang's method (2000): (1 + c x)³ d of a normal x, accepted with
 * a probability above 0.95. For `a` below 1 it is one for `a + 1`, times u^(1/a).
 */
function one(key: Tensor, a: Tensor): [value: Tensor, logarithm: Tensor] {
  const { dtype } = a;
  const unit = c(a, 1);
  const large = lax.ge(a, unit);
  const d = lax.sub(lax.select(large, a, lax.add(a, unit)), c(a, 1 / 3));
  const slope = lax.div(c(a, 1 / 3), lax.sqrt(d));
  const [next, last] = split(key);
  const [, , v] = loop(
    [d, slope],
    [next, c(a, 0), unit, c(a, 2)],
    (d, _slope, _key, x2, v, u) => {
      const log = lax.add(lax.sub(c(v!, 1), v!), lax.log(v!));
      const bound = lax.add(lax.mul(x2!, c(x2!, 0.5)), lax.mul(d!, log));
      const outside = lax.sub(c(u!, 1), lax.mul(c(x2!, 0.0331), lax.mul(x2!, x2!)));
      return lax.and(lax.ge(u!, outside), lax.ge(lax.log(u!), bound));
    },
    (_d, slope, key) => {
      const [after, forX, forU] = split(key!, 3);
      const [, x, v] = loop(
        [slope!],
        [forX, c(slope!, 0), c(slope!, -1)],
        (_slope, _key, _x, v) => lax.le(v!, c(v!, 0)),
        (slope, key) => {
          const [after, now] = split(key!);
          const x = normal(now, [], { dtype });
          return [after, x, lax.add(c(x, 1), lax.mul(x, slope!))];
        },
        mostTrials,
      );
      const cube = lax.mul(lax.mul(v!, v!), v!);
      return [after, lax.mul(x!, x!), cube, unitUniform(forU, [], dtype)];
    },
    mostTrials,
  );
  const u = unitUniform(last, [], dtype);
  const inverse = lax.div(unit, a);
  const boost = lax.select(large, unit, lax.pow(lax.sub(unit, u), inverse));
  const logU = lax.log1p(lax.neg(u));
  const plain = lax.or(large, lax.eq(logU, c(logU, 0)));
  const logBoost = lax.select(plain, c(a, 0), lax.mul(logU, inverse));
  return [
    lax.mul(lax.mul(d, v!), boost),
    lax.add(lax.add(lax.log(d), lax.log(v!)), logBoost),
  ];
}

/** Numbers, or logarithms of them, for parameters in the shape of the result. */
function draw(key: Tensor, a: Tensor, logarithm: boolean): Tensor {
  const size = sizeOf(a.shape);
  if (size === 0) return a;
  const keys = splitStacked(key, size);
  const type = { dtype: a.dtype, weak: false };
  const program = traceClosed((k, p) => [one(k!, p!)[logarithm ? 1 : 0]], [
    { shape: [2], dtype: "uint32", weak: false },
    { shape: [], ...type },
  ]);
  const sampled = (k: Tensor, p: Tensor): Tensor =>
    withDerivative([k, p], (k, p) => {
      const flat = lax.reshape(p!, [size]);
      const [[samples]] = runBatched(program, [k!, flat], [true, true], { size });
      return [lax.reshape(samples!, a.shape)];
    }, (k, p, dp) => {
      const y = sampled(k!, p!);
      return [y, lax.mul(dp!, logarithm ? slopeOfLog(p!, y) : slopeOf(p!, y))];
    })[0]!;
  return sampled(keys, a);
}

/** The derivative of a gamma number by its shape; 0 where the number is too small for its type. */
function slopeOf(a: Tensor, z: Tensor): Tensor {
  const none = lax.eq(z, c(z, 0));
  return lax.mul(z, slopeOfLog(a, lax.log(lax.select(none, c(z, 1), z))));
}

/**
 * Gamma with shape `a` and scale 1: the density is `x^(a-1) e^-x / Γ(a)`. The numbers are JAX's for the same key, and
 * so are derivatives by `a`: those of the number whose place in the distribution stays the same.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.gamma(random.key(0), 3, [1000]);
 * console.assert(Math.abs(await x.mean().item() - 3) < 0.3);
 * ```
 *
 * @throws ShapeError when the parameter does not fit the shape; DTypeError when the type is no float.
 */
export const gamma: ParametricSampler = parametric(
  "random.gamma",
  "a",
  (key, a) => draw(key, a, false),
);
/** The logarithm of {@link gamma}, exact also where `a` is small and the number is 0. */
export const loggamma: ParametricSampler = parametric(
  "random.loggamma",
  "a",
  (key, a) => draw(key, a, true),
);

/** Beta on (0, 1): `x / (x + y)` of two gamma numbers. */
export const beta: TwofoldSampler = twofold("random.beta", ["a", "b"], (key, a, b, _, dtype) => {
  const [k1, k2] = split(key);
  const x = loggamma(k1, a, undefined, { dtype });
  const y = loggamma(k2, b, undefined, { dtype });
  const largest = lax.max(x, y);
  const [u, v] = [lax.exp(lax.sub(x, largest)), lax.exp(lax.sub(y, largest))];
  return lax.div(u, lax.add(u, v));
});

/** Chi-squared with `df` degrees of freedom: twice a gamma number. */
export const chisquare: ParametricSampler = parametric(
  "random.chisquare",
  "df",
  (key, df, _, dtype) => {
    const x = loggamma(key, lax.mul(df, c(df, 0.5)), undefined, { dtype });
    return lax.mul(lax.exp(x), c(x, 2));
  },
);

/** Student's t with `df` degrees of freedom. */
export const t: ParametricSampler = parametric("random.t", "df", (key, df, shape, dtype) => {
  const [k1, k2] = split(key);
  const half = lax.mul(df, c(df, 0.5));
  const g = gamma(k2, half, undefined, { dtype });
  return lax.mul(normal(k1, shape, { dtype }), lax.sqrt(lax.div(half, g)));
});

/** F: the quotient of two chi-squared numbers, each over its degrees. */
export const f: TwofoldSampler = twofold(
  "random.f",
  ["dfnum", "dfden"],
  (key, dfnum, dfden, _, dtype) => {
    const [k1, k2] = split(key);
    const above = chisquare(k2, dfnum, undefined, { dtype });
    const below = chisquare(k1, dfden, undefined, { dtype });
    return lax.div(lax.div(above, dfnum), lax.div(below, dfden));
  },
);

/**
 * Dirichlet: vectors of positive numbers with sum 1, made of gamma numbers with shapes `alpha` [n]. The shape stands
 * before the axis of the vector.
 *
 * ```ts
 * import { np, random } from "trilevel";
 * const x = random.dirichlet(random.key(0), np.array([1, 2, 3]), [5]);
 * console.assert(x.shape.join() === "5,3" && Math.abs(await x.sum().item() - 5) < 1e-4);
 * ```
 *
 * @throws ShapeError unless `alpha` has an axis, and fits the shape.
 */
export const dirichlet: (
  key: Tensor,
  alpha: Tensor,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor = keyed((key, alpha, shape, { dtype = "float32" } = {}) => {
  const name = "random.dirichlet";
  const a = cast(name, floatTensor(name, alpha), { dtype, weak: false });
  const lead = shape === undefined ? a.shape.slice(0, -1) : shapeOf(name, shape);
  const whole = stretch(name, a, [...lead, ...a.shape.slice(-1)]);
  return lax.softmax(loggamma(key, whole, undefined, { dtype }), [whole.ndim - 1]);
}, declareOptions("random.dirichlet", ["key", "alpha", "shape"], { dtype: floatType }));

/** The density is proportional to `exp(-|x|ᵖ)`, for a number `p`. */
export const generalizedNormal: (
  key: Tensor,
  p: number,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor = keyed((key, p, shape = [], { dtype = "float32" } = {}) => {
  const name = "random.generalizedNormal";
  requireArgument(name, "p", positive, p, ["key"]);
  return generalized(key, p, shapeOf(name, shape), dtype);
}, declareOptions("random.generalizedNormal", ["key", "p", "shape"], { dtype: floatType }));

function generalized(key: Tensor, p: number, shape: Shape, dtype: DType): Tensor {
  const [k1, k2] = split(key);
  const g = gamma(k1, 1 / p, shape, { dtype });
  return lax.mul(rademacher(k2, shape, { dtype }), lax.pow(g, c(g, 1 / p)));
}

/** The norm of {@link ball}. */
export interface BallOptions extends FloatOptions {
  /** The ball holds vectors with `Σ |xᵢ|ᵖ < 1`; 2 unless given. */
  readonly p?: number | undefined;
}

/** Uniform in the unit ball of `d` dimensions (Barthe and others, 2005); the shape stands before them. */
export const ball: (
  key: Tensor,
  d: number,
  shape?: Shape | number,
  options?: BallOptions,
) => Tensor = keyed((key, d, shape = [], { p = 2, dtype = "float32" } = {}) => {
  const target = shapeOf("random.ball", shape);
  const [k1, k2] = split(key);
  const g = generalized(k1, p, [...target, ...shapeOf("random.ball", d)], dtype);
  const powers = lax.reduceSum(lax.pow(lax.abs(g), c(g, p)), [target.length]);
  const e = exponential(k2, target, { dtype });
  const size = lax.pow(lax.add(powers, e), c(e, 1 / p));
  return lax.div(g, lax.broadcast(size, g.shape, target.map((_, i) => i)));
}, declareOptions("random.ball", ["key", "d", "shape"], { p: positive, dtype: floatType }));
