/** Questions and choices: comparison, logic on booleans, operations on bits, and `where`. */
import { isFloat, type Typed } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { boolean, declareOperands, declareOptions, nonNegative } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import type { Binary, Unary } from "./elementwise.ts";
import { managed } from "./managed.ts";
import {
  align,
  alignPair,
  asTensor,
  broadcastShapes,
  requireIntegers,
  stretch,
  type TensorLike,
  toNumber,
  truth,
} from "./promote.ts";

const compare = (name: string, f: (x: Tensor, y: Tensor) => Tensor): Binary =>
  managed((x, y) => f(...alignPair(name, x, y)), declareOperands(`np.${name}`, ["x", "y"]));
const order = (name: string, f: (x: Tensor, y: Tensor) => Tensor): Binary =>
  managed(
    (x, y) => f(...alignPair(name, x, y, toNumber)),
    declareOperands(`np.${name}`, ["x", "y"]),
  );

/** True where elements are equal; NaN equals nothing. */
export const equal: Binary = compare("equal", lax.eq);
/** True where elements differ. */
export const notEqual: Binary = compare("notEqual", lax.ne);
/** `x < y`; false where either is NaN. */
export const less: Binary = order("less", lax.lt);
/** `x ≤ y`; false where either is NaN. */
export const lessEqual: Binary = order("lessEqual", lax.le);
/**
 * `x > y`; false where either is NaN. Comparisons give booleans:
 *
 * ```ts
 * import { np } from "trilevel";
 * const positive = np.greater(np.array([-1, 0, 2]), 0);
 * console.assert(positive.dtype === "bool");
 * console.assert(await np.countNonzero(positive).item() === 1);
 * ```
 */
export const greater: Binary = order("greater", lax.gt);
/** `x ≥ y`; false where either is NaN. */
export const greaterEqual: Binary = order("greaterEqual", lax.ge);

const onTruth = (name: string, f: (x: Tensor, y: Tensor) => Tensor): Binary =>
  managed(
    (x, y) => f(...alignPair(name, truth(x), truth(y))),
    declareOperands(`np.${name}`, ["x", "y"]),
  );

/** Both are true. Numbers count as true unless they are 0. */
export const logicalAnd: Binary = onTruth("logicalAnd", lax.and);
/** One is true, or both. */
export const logicalOr: Binary = onTruth("logicalOr", lax.or);
/** Exactly one is true. */
export const logicalXor: Binary = onTruth("logicalXor", lax.xor);
/** It is not true. */
export const logicalNot: Unary = managed(
  (x) => lax.not(truth(x)),
  declareOperands("np.logicalNot", ["x"]),
);

const onBits = (name: string, f: (x: Tensor, y: Tensor) => Tensor): Binary =>
  managed((x, y) => {
    requireIntegers(name, [x, y]);
    return f(...alignPair(name, x, y, wholeNumbers));
  }, declareOperands(`np.${name}`, ["x", "y"]));
/** Two bare numbers would meet in float32; bits are asked of them, so they are integers. */
const wholeNumbers = (type: Typed): Typed =>
  isFloat(type.dtype) && type.weak ? { dtype: "int32", weak: true } : type;

/** And, bit by bit; logical for booleans. */
export const bitwiseAnd: Binary = onBits("bitwiseAnd", lax.and);
/** Or, bit by bit; logical for booleans. */
export const bitwiseOr: Binary = onBits("bitwiseOr", lax.or);
/** Exclusive or, bit by bit; logical for booleans. */
export const bitwiseXor: Binary = onBits("bitwiseXor", lax.xor);
/** Every bit turned over; logical for booleans. */
export const bitwiseNot: Unary = managed((x) => {
  requireIntegers("bitwiseNot", [x]);
  return lax.not(alignPair("bitwiseNot", x, x, wholeNumbers)[0]);
}, declareOperands("np.bitwiseNot", ["x"]));
/** Bits moved up by `y`; 32 or more give 0. */
export const leftShift: Binary = onBits("leftShift", lax.shiftLeft);
/** Bits moved down by `y`: int32 keeps its sign, uint32 is filled with zeros. */
export const rightShift: Binary = onBits(
  "rightShift",
  (x, y) => x.dtype === "uint32" ? lax.shiftRightLogical(x, y) : lax.shiftRightArithmetic(x, y),
);

/** Same as {@link bitwiseNot}. */
export const bitwiseInvert: Unary = bitwiseNot;
/** Same as {@link bitwiseNot}. */
export const invert: Unary = bitwiseNot;
/** Same as {@link leftShift}. */
export const bitwiseLeftShift: Binary = leftShift;
/** Same as {@link rightShift}. */
export const bitwiseRightShift: Binary = rightShift;

const ofFloats = (
  name: string,
  onFloat: (x: Tensor) => Tensor,
  otherwise: boolean,
): Unary =>
  managed((x) => {
    const t = asTensor(x);
    return isFloat(t.dtype) ? onFloat(t) : lax.full(t.shape, otherwise ? 1 : 0, "bool");
  }, declareOperands(`np.${name}`, ["x"]));

/** True where elements are NaN. */
export const isnan: Unary = ofFloats("isnan", (x) => lax.ne(x, x), false);
/** True where elements are Infinity or -Infinity. */
export const isinf: Unary = ofFloats(
  "isinf",
  (x) => lax.eq(lax.abs(x), lax.fullLike(x, Infinity)),
  false,
);
/** True where elements are neither infinite nor NaN. */
export const isfinite: Unary = ofFloats("isfinite", lax.finite, true);
/** True where the sign bit is set, also for -0. */
export const signbit: Unary = managed((x) => {
  const t = asTensor(x);
  if (!isFloat(t.dtype)) return less(t, 0);
  const zero = lax.eq(t, lax.fullLike(t, 0));
  return less(lax.select(zero, lax.div(lax.fullLike(t, 1), t), t), 0);
}, declareOperands("np.signbit", ["x"]));

/**
 * `condition ? a : b`, element by element, all broadcast to one shape. Derivatives go to the chosen
 * operand alone; but a NaN computed on the other side can still turn a derivative of *that* side's
 * inputs into NaN, so make its input safe first:
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * const safeLog = (x: Tensor) => {
 *   const positive = np.greater(x, 0);
 *   return np.where(positive, np.log(np.where(positive, x, 1)), 0);
 * };
 * console.assert(await grad(safeLog)(np.array(0)).item() === 0);
 * ```
 */
export const where: (condition: TensorLike, a: TensorLike, b: TensorLike) => Tensor = managed(
  (condition, a, b) => {
    const [x, y] = align("where", [a, b]);
    const test = truth(condition);
    const shape = broadcastShapes("where", [test.shape, x!.shape, y!.shape]);
    return lax.select(
      stretch("where", test, shape),
      stretch("where", x!, shape),
      stretch("where", y!, shape),
    );
  },
  declareOperands("np.where", ["condition", "a", "b"]),
);

/**
 * The first choice whose condition holds, element by element; `otherwise` (0) where none does.
 *
 * @throws DTypeError unless conditions are booleans.
 */
export const select: (
  conditions: readonly TensorLike[],
  choices: readonly TensorLike[],
  otherwise?: TensorLike,
) => Tensor = managed((conditions, choices, otherwise = 0) => {
  const wrong = conditions.map(asTensor).find((x) => x.dtype !== "bool");
  if (wrong || conditions.length !== choices.length) {
    throw new DTypeError(
      wrong
        ? `select: a condition is ${formatAval(wrong.aval)}`
        : `select: expected one condition for each of ${choices.length} choices, got ${conditions.length}`,
      "give one boolean tensor for each choice",
    );
  }
  return choices.reduceRight<TensorLike>(
    (rest, choice, i) => where(conditions[i]!, choice, rest),
    otherwise,
  ) as Tensor; // a tensor unless there is no choice, which asTensor below would have made one
}, declareOperands("np.select", ["conditions", "choices", "otherwise"]));

/**
 * True where elements are close: `|x - y| ≤ atol + rtol · |y|`; equal infinities are close.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.allclose(np.array([0.1]).mul(3), 0.3).item() === 1);
 * ```
 */
export const isclose: (x: TensorLike, y: TensorLike, options?: CloseOptions) => Tensor = managed(
  (x, y, { rtol = 1e-5, atol = 1e-8, equalNan = false } = {}) => {
    const [a, b] = alignPair("isclose", x, y, toNumber);
    if (!isFloat(a.dtype)) return lax.eq(a, b);
    const bound = lax.add(lax.mul(lax.fullLike(b, rtol), lax.abs(b)), lax.fullLike(b, atol));
    const near = lax.le(lax.abs(lax.sub(a, b)), bound);
    const close = lax.or(lax.eq(a, b), lax.and(near, lax.and(lax.finite(a), lax.finite(b))));
    return equalNan ? lax.or(close, lax.and(lax.ne(a, a), lax.ne(b, b))) : close;
  },
  declareOptions("np.isclose", ["x", "y"], {
    rtol: nonNegative,
    atol: nonNegative,
    equalNan: boolean,
  }),
);

/** Tolerances of {@link isclose} and {@link allclose}. */
export interface CloseOptions {
  /** Tolerance relative to `|y|`; 1e-5 unless given. */
  readonly rtol?: number | undefined;
  /** Absolute tolerance; 1e-8 unless given. */
  readonly atol?: number | undefined;
  /** If true, NaN is close to NaN. */
  readonly equalNan?: boolean | undefined;
}

/** True if all elements are close; a boolean scalar. See {@link isclose}. */
export const allclose: typeof isclose = managed(
  (x, y, options = {}) => {
    const close = isclose(x, y, options);
    return lax.reduceAnd(close, close.shape.map((_, i) => i));
  },
  declareOptions("np.allclose", ["x", "y"], {
    rtol: nonNegative,
    atol: nonNegative,
    equalNan: boolean,
  }),
);

/** True if shapes and all elements are equal; a boolean scalar. */
export const arrayEqual: Binary = managed((x, y) => {
  const [a, b] = [asTensor(x), asTensor(y)];
  if (a.shape.join() !== b.shape.join()) return asTensor(false);
  return lax.reduceAnd(equal(a, b), a.shape.map((_, i) => i));
}, declareOperands("np.arrayEqual", ["x", "y"]));
/** True if all elements are equal once shapes are broadcast; false if they cannot be broadcast. A boolean scalar. */
export const arrayEquiv: Binary = managed((x, y) => {
  const [a, b] = [asTensor(x).shape, asTensor(y).shape];
  const rank = Math.max(a.length, b.length);
  const fits = Array.from({ length: rank }, (_, i) => [a.at(-1 - i) ?? 1, b.at(-1 - i) ?? 1])
    .every(([m, n]) => m === n || m === 1 || n === 1);
  if (!fits) return asTensor(false);
  const same = equal(x, y);
  return lax.reduceAnd(same, same.shape.map((_, i) => i));
}, declareOperands("np.arrayEquiv", ["x", "y"]));
