/** Uniform random numbers: reals, integers, and coins. */
import { coerce, type DType, isFloat, isInteger } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { formatAval, type Shape } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import {
  asTensor,
  broadcastShapes,
  cast,
  shapeOf,
  stretch,
  type TensorLike,
} from "../numpy/promote.ts";
import {
  declareOperands,
  declareOptions,
  floatType,
  integerType,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { randomBits } from "./bits.ts";
import { split, threefry } from "./key.ts";
import { keyed } from "./keyed.ts";

/** The element type of random reals. */
export interface FloatOptions {
  /** `"float32"` (the default) or `"float64"`. */
  readonly dtype?: DType | undefined;
}

/** Options of {@link uniform}. */
export interface UniformOptions extends FloatOptions {
  /** The lower end, included; 0 unless given. It is broadcast to the shape. */
  readonly minval?: TensorLike | undefined;
  /** The upper end, not included; 1 unless given. */
  readonly maxval?: TensorLike | undefined;
}

/**
 * Uniform in [minval, maxval): float32 from 23 random bits, float64 from 52, as in JAX.
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.uniform(random.key(0), [100], { minval: -1, maxval: 1 });
 * console.assert(Math.abs(await x.mean().item()) < 0.5);
 * ```
 *
 * @throws ShapeError when the ends do not fit the shape; DTypeError when the type is no float.
 */
export const uniform: (key: Tensor, shape?: Shape | number, options?: UniformOptions) => Tensor =
  keyed(
    (key, shape = [], { minval = 0, maxval = 1, dtype = "float32" } = {}) => {
      const name = "random.uniform";
      const target = shapeOf(name, shape);
      const unit = unitUniform(key, target, dtype);
      if (minval === 0 && maxval === 1) return unit;
      return between(unit, minval, maxval, name);
    },
    declareOptions("random.uniform", ["key", "[2, 3]"], {
      minval: tensorLike,
      maxval: tensorLike,
      dtype: floatType,
    }),
  );

/** [0, 1) stretched to [low, high), elements of which may be tensors. */
export function between(unit: Tensor, low: TensorLike, high: TensorLike, name: string): Tensor {
  const type = { dtype: unit.dtype, weak: false };
  const [from, to] = [cast(name, low, type), cast(name, high, type)];
  // The width is rounded to the element type, as JAX's is, even where a backend computes in more.
  const width = typeof low === "number" && typeof high === "number"
    ? literal(coerce(high, unit.dtype) - coerce(low, unit.dtype), unit.dtype)
    : lax.sub(stretch(name, to, unit.shape), stretch(name, from, unit.shape));
  const start = stretch(name, from, unit.shape);
  return lax.max(start, lax.add(lax.mul(unit, stretch(name, width, unit.shape)), start));
}

/** Multiples of 2⁻²³ (float32) or 2⁻⁵² (float64) in [0, 1). */
export function unitUniform(key: Tensor, shape: Shape, dtype: DType): Tensor {
  if (dtype === "float32") {
    // The numbers that JAX's way of filling a mantissa gives, without looking at bits as floats.
    const top = shifted(randomBits(key, shape), 9);
    return scaled(lax.convert(top, dtype), 2 ** -23);
  }
  const [high, low] = threefry(key, shape);
  return lax.add(
    scaled(lax.convert(high, dtype), 2 ** -32),
    scaled(lax.convert(shifted(low, 12), dtype), 2 ** -52),
  );
}

const shifted = (x: Tensor, by: number) => lax.shiftRightLogical(x, lax.fullLike(x, by));
const scaled = (x: Tensor, by: number) => lax.mul(x, lax.fullLike(x, by));

/**
 * True with probability `p` (½ unless given), in the shape of `p` or another that it is broadcast to.
 *
 * ```ts
 * import { random } from "trilevel";
 * const drop = random.bernoulli(random.key(0), 0.9, [1000]);
 * console.assert(Math.abs(await drop.astype("float32").mean().item() - 0.9) < 0.05);
 * ```
 *
 * @throws ArgumentError when `p` is no probability; ShapeError when it does not fit the shape; DTypeError
 * when it is no float.
 */
export const bernoulli: (key: Tensor, p?: TensorLike, shape?: Shape | number) => Tensor = keyed(
  (key, p = 0.5, shape) => {
    const name = "random.bernoulli";
    if (!(p instanceof Tensor || typeof p === "number" && p >= 0 && p <= 1)) {
      throw new ArgumentError(
        `${name}: p is ${describeTree(p)}`,
        `give a probability from 0 to 1, then the shape: ${name}(key, 0.5, [2, 3])`,
      );
    }
    const chance = asTensor(p);
    if (!isFloat(chance.dtype)) {
      throw new DTypeError(
        `${name}: p is ${formatAval(chance.aval)}`,
        "give probabilities between 0 and 1, as floats",
      );
    }
    const target = shape === undefined ? chance.shape : shapeOf(name, shape);
    const u = unitUniform(key, target, chance.dtype);
    return lax.lt(u, stretch(name, chance, target));
  },
  declareOperands("random.bernoulli", ["key", "p", "shape"]),
);

/** Options of {@link randint}. */
export interface RandintOptions {
  /** `"int32"` (the default) or `"uint32"`. */
  readonly dtype?: DType | undefined;
}

/**
 * Uniform whole numbers in [minval, maxval); `minval` where that is empty. The ends are numbers or
 * integer tensors, broadcast to the shape. As JAX's, it takes 64 bits modulo the width: the bias is at
 * most width · 2⁻⁶⁴.
 *
 * ```ts
 * import { random } from "trilevel";
 * const dice = await random.randint(random.key(0), [10], 1, 7).data();
 * console.assert(dice.every((d) => d >= 1 && d <= 6));
 * ```
 *
 * @throws DTypeError when the type or a tensor's is no integer; ArgumentError when an end is no whole number.
 */
export const randint: (
  key: Tensor,
  shape: Shape | number,
  minval: Tensor | number,
  maxval: Tensor | number,
  options?: RandintOptions,
) => Tensor = keyed((key, shape, minval, maxval, { dtype = "int32" } = {}) => {
  const name = "random.randint";
  const target = shapeOf(name, shape);
  const low = stretch(name, end(name, "minval", minval, dtype), target);
  const high = stretch(name, end(name, "maxval", maxval, dtype), target);
  const [k1, k2] = split(key);
  const higher = randomBits(k1, target);
  const lower = randomBits(k2, target);
  const c = (value: number) => lax.fullLike(lower, value);

  const largest = coerce(Infinity, dtype);
  const width = lax.convert(lax.sub(high, low), "uint32");
  // A maxval beyond the type's largest was cut down to it: one more, and 0 stands for all 2³².
  const whole = typeof maxval === "number" && maxval > largest ? lax.add(width, c(1)) : width;
  const span = lax.select(lax.le(high, low), c(1), whole);
  // 2³² mod span, in 32 bits: (2¹⁶ mod span)² mod span.
  const half = lax.rem(c(2 ** 16), span);
  const multiplier = lax.rem(lax.mul(half, half), span);
  const sum = lax.add(lax.mul(lax.rem(higher, span), multiplier), lax.rem(lower, span));
  return lax.add(low, lax.convert(lax.rem(sum, span), dtype));
}, declareOptions("random.randint", ["key", "shape", "minval", "maxval"], { dtype: integerType }));

function end(name: string, which: string, x: Tensor | number, dtype: DType): Tensor {
  if (x instanceof Tensor) {
    if (isInteger(x.dtype)) return lax.convert(x, dtype);
    throw new DTypeError(`${name}: ${which} is ${formatAval(x.aval)}`, "give integers");
  }
  if (Number.isInteger(x)) return literal(x, dtype);
  throw new ArgumentError(
    `${name}: ${which} is ${describeTree(x)}`,
    `give whole numbers after the shape: ${name}(key, shape, minval, maxval)`,
  );
}

/** The shape that is asked for, or that to which parameters are broadcast. */
export function sampleShape(
  name: string,
  shape: Shape | number | undefined,
  parameters: readonly Tensor[],
): Shape {
  const own = broadcastShapes(name, parameters.map((x) => x.shape));
  if (shape === undefined) return own;
  const target = shapeOf(name, shape);
  const joined = broadcastShapes(name, [target, own]);
  if (joined.join() === target.join()) return target;
  throw new ShapeError(
    `${name}: parameters of shape [${own.join(", ")}] do not fit into [${target.join(", ")}]`,
    "ask for a shape to which the parameters can be broadcast",
  );
}
