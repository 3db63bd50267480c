/**
 * Element-wise instructions: operands of one shape and one element type. Derivatives stand beside
 * each, with `y` the output. At kinks equal operands of max and min share the tangent, as in JAX, and
 * `abs'(0) = 0`, as in PyTorch (JAX 0.10 says 1).
 */
import { type DType, isFloat, isInteger } from "../core/dtype.ts";
import { LinearInput, type NoParams, type Params, type Primitive } from "../core/program.ts";
import { aval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { assertSame, ofWholes, requireDType, weakest, zeroJvp } from "./rules.ts";
import { elementwiseBatch, fullLike, instantiate } from "./broadcast.ts";

type Accept = readonly [accept: (dtype: DType) => boolean, what: string];
const any: Accept = [() => true, "any type"];
const number: Accept = [(d) => d !== "bool", "numbers"];
const float: Accept = [isFloat, "floats"];
const integer: Accept = [isInteger, "integers"];
const bits: Accept = [(d) => !isFloat(d), "integers or booleans"];

/** ẏ from ẋ, x and y; null where the derivative is zero almost everywhere. */
type UnaryTangent = ((dx: Tensor, x: Tensor, y: Tensor) => Tensor) | null;
type Transpose = Primitive["transpose"];

function unary(
  name: string,
  [accept, what]: Accept,
  tangent: UnaryTangent,
  transpose: Transpose = null,
): Primitive {
  const self: Primitive = {
    name,
    abstractEval([x]) {
      requireDType(name, x, accept, what);
      return [aval(x.shape, x.dtype)];
    },
    jvp([x], [dx]) {
      const [y] = bind(self, [x], {});
      return { outputs: [y], tangents: [tangent && dx ? tangent(dx, x, y) : null] };
    },
    transpose,
    batch: elementwiseBatch(() => self),
  };
  return self;
}

/** The part of ẏ that comes from one operand; null where it is zero almost everywhere. */
type BinaryTangent = ((d: Tensor, x: Tensor, y: Tensor, out: Tensor) => Tensor) | null;

function binary(
  name: string,
  [accept, what]: Accept,
  left: BinaryTangent,
  right: BinaryTangent,
  transpose: Transpose = null,
  commutes = false,
): Primitive {
  const self: Primitive = {
    name,
    abstractEval(inputs) {
      const { shape, dtype } = assertSame(name, inputs);
      requireDType(name, inputs[0]!, accept, what);
      return [aval(shape, dtype)];
    },
    jvp([x, y], [dx, dy]) {
      const [out] = bind(self, [x, y], {});
      const l = dx && left && left(dx, x, y, out);
      // Of x ∘ x both parts are the same.
      if (commutes && x === y && dx === dy) {
        return { outputs: [out], tangents: [l && mul(l, fullLike(l, 2))] };
      }
      const r = dy && right && right(dy, x, y, out);
      return { outputs: [out], tangents: [l && r ? add(l, r) : l ?? r] };
    },
    transpose,
    batch: elementwiseBatch(() => self),
  };
  return self;
}

function comparison(name: string, [accept, what]: Accept): Primitive {
  const self: Primitive = {
    name,
    abstractEval(inputs) {
      const { shape } = assertSame(name, inputs);
      requireDType(name, inputs[0]!, accept, what);
      return [aval(shape, "bool")];
    },
    jvp: zeroJvp(() => self),
    transpose: null,
    batch: elementwiseBatch(() => self),
  };
  return self;
}

/** x̄ᵀ for x ± y: both operands may be linear. */
const sumTranspose = (sign: (ct: Tensor) => Tensor): Transpose => ([ct], inputs) =>
  inputs.map((x, i) => x instanceof LinearInput && ct ? (i === 0 ? ct : sign(ct)) : null);

/** The numerator of x / y is linear, and either factor of x · y. */
const productTranspose: Transpose = ([ct], [x, y]) =>
  x instanceof LinearInput
    ? [ct && mul(ct, y as Tensor), null] // y is known: two unknown factors are not linear
    : [null, ct && mul(ct, x)];
const quotientTranspose: Transpose = ([ct], [, y]) => [ct && div(ct, y as Tensor), null];
const negTranspose: Transpose = ([ct]) => [ct && neg(ct)];

const half = (x: Tensor) => fullLike(x, 0.5);
const one = (x: Tensor) => fullLike(x, 1);
const square = (x: Tensor) => mul(x, x);
const oneMinusSquare = (x: Tensor) => mul(sub(one(x), x), add(one(x), x));
/** a / (a² + b²), with the larger of both taken out of squares that might overflow or vanish. */
const overSquares = (a: Tensor, b: Tensor) => {
  const size = max(abs(a), abs(b));
  const largest = select(eq(size, fullLike(size, Infinity)), one(size), size);
  const [p, q] = [div(a, largest), div(b, largest)];
  return div(div(p, add(square(p), square(q))), largest);
};
/**
 * max and min: 1 where the operand won, ½ where both are equal. The result is not asked, for an operand that is
 * computed again may differ from it by a rounding.
 */
const share = (d: Tensor, mine: Tensor, other: Tensor, won: Tensor) =>
  mul(d, select(eq(mine, other), half(d), select(won, one(d), fullLike(d, 0))));

const primitives = {
  neg: ofWholes(unary("neg", number, (dx) => neg(dx), negTranspose)),
  abs: ofWholes(unary("abs", number, (dx, x) => mul(dx, sign(x)))),
  sign: ofWholes(unary("sign", number, null)),
  floor: unary("floor", float, null),
  ceil: unary("ceil", float, null),
  /** To the nearest, ties to even. */
  round: unary("round", float, null),
  exp: unary("exp", float, (dx, _, y) => mul(dx, y)),
  /** eˣ: as y + 1 it would lose its digits left of 0. */
  expm1: unary("expm1", float, (dx, x) => mul(dx, exp(x))),
  log: unary("log", float, (dx, x) => div(dx, x)),
  log1p: unary("log1p", float, (dx, x) => div(dx, add(x, one(x)))),
  sqrt: unary("sqrt", float, (dx, _, y) => div(mul(dx, half(y)), y)),
  /** (x^-½)′ = -½ y / x */
  rsqrt: unary("rsqrt", float, (dx, x, y) => mul(dx, div(mul(fullLike(y, -0.5), y), x))),
  sin: unary("sin", float, (dx, x) => mul(dx, cos(x))),
  cos: unary("cos", float, (dx, x) => neg(mul(dx, sin(x)))),
  tan: unary("tan", float, (dx, _, y) => mul(dx, add(one(y), square(y)))),
  /** 1 / √(1 - x²), factored so that it keeps its digits near x = ±1 */
  asin: unary("asin", float, (dx, x) => mul(dx, rsqrt(oneMinusSquare(x)))),
  acos: unary("acos", float, (dx, x) => neg(mul(dx, rsqrt(oneMinusSquare(x))))),
  atan: unary("atan", float, (dx, x) => div(dx, add(one(x), square(x)))),
  sinh: unary("sinh", float, (dx, x) => mul(dx, cosh(x))),
  cosh: unary("cosh", float, (dx, x) => mul(dx, sinh(x))),
  /** 1 - y², factored so that it keeps its digits near y = ±1 */
  tanh: unary("tanh", float, (dx, _, y) => mul(dx, mul(sub(one(y), y), add(one(y), y)))),
  /** 1 / √(x² + 1), and 1 / |x| where the square would overflow */
  asinh: unary("asinh", float, (dx, x) => {
    const large = gt(abs(x), fullLike(x, 2 ** 30));
    const root = sqrt(add(square(select(large, one(x), x)), one(x)));
    return div(dx, select(large, abs(x), root));
  }),
  /** 1 / √((x - 1)(x + 1)), each root by itself: the product may overflow */
  acosh: unary(
    "acosh",
    float,
    (dx, x) => mul(mul(dx, rsqrt(sub(x, one(x)))), rsqrt(add(x, one(x)))),
  ),
  /** 1 / (1 - x²), factored so that it keeps its digits near x = ±1 */
  atanh: unary("atanh", float, (dx, x) => div(dx, oneMinusSquare(x))),
  logistic: unary("logistic", float, (dx, _, y) => mul(dx, mul(y, sub(one(y), y)))),
  /** 2/√π e^(-x²) */
  erf: unary(
    "erf",
    float,
    (dx, x) => mul(dx, mul(fullLike(x, 2 / Math.sqrt(Math.PI)), exp(neg(square(x))))),
  ),
  /** Bitwise for integers, logical for booleans. */
  not: unary("not", bits, null),
  /** The identity, through which no derivative passes, and no cotangent. */
  stopGradient: ofWholes(unary("stopGradient", any, null, () => [null])),

  add: ofWholes(binary("add", number, (d) => d, (d) => d, sumTranspose((ct) => ct))),
  sub: ofWholes(binary("sub", number, (d) => d, (d) => neg(d), sumTranspose((ct) => neg(ct)))),
  mul: ofWholes(
    binary("mul", number, (d, _, y) => mul(d, y), (d, x) => mul(d, x), productTranspose, true),
  ),
  /**
   * Integers truncate; x / 0 is -1 (all bits set), as in XLA. (x/y)′ = ẋ/y - ẏ (x/y)/y, where the division comes last so
   * that it is the first of both transposes, and shared.
   */
  div: binary(
    "div",
    number,
    (d, _, y) => div(d, y),
    (d, _, y, out) => div(neg(mul(d, out)), y),
    quotientTranspose,
  ),
  /** The remainder with the sign of x; x rem 0 is x for integers. ∂/∂y = -trunc(x / y) */
  rem: ofWholes(binary("rem", number, (d) => d, (d, x, y) => {
    const quotient = div(x, y);
    return neg(mul(d, mul(sign(quotient), floor(abs(quotient)))));
  })),
  /**
   * ∂/∂x = y x^(y-1), and 0 at y = 0 where x^-1 is not finite; ∂/∂y = log(x) x^y, 0 at x = 0. At y = 0 the product is 0 by
   * itself for other x, but its derivative in y is 1/x: a constant in its place would lose that.
   */
  pow: binary("pow", float, (d, x, y) => {
    const singular = or(eq(x, fullLike(x, 0)), ne(x, x));
    const constant = and(eq(y, fullLike(y, 0)), singular);
    const exponent = select(constant, one(y), sub(y, one(y)));
    return mul(d, select(constant, fullLike(y, 0), mul(y, pow(x, exponent))));
  }, (d, x, _, out) => mul(d, mul(log(select(eq(x, fullLike(x, 0)), one(x), x)), out))),
  /** NaN if either is. */
  max: ofWholes(binary(
    "max",
    number,
    (d, x, y) => share(d, x, y, gt(x, y)),
    (d, x, y) => share(d, y, x, gt(y, x)),
  )),
  /** NaN if either is. */
  min: ofWholes(binary(
    "min",
    number,
    (d, x, y) => share(d, x, y, lt(x, y)),
    (d, x, y) => share(d, y, x, lt(y, x)),
  )),
  /** The angle of the point (y, x) given as atan2(y, x): x ẏ/(x²+y²) - y ẋ/(x²+y²) */
  atan2: binary(
    "atan2",
    float,
    (d, y, x) => mul(d, overSquares(x, y)),
    (d, y, x) => neg(mul(d, overSquares(y, x))),
  ),
  and: binary("and", bits, null, null),
  or: binary("or", bits, null, null),
  xor: binary("xor", bits, null, null),
  /** Shifts by the number of bits or more give 0 (-1 for negative numbers, arithmetically). */
  shiftLeft: binary("shiftLeft", integer, null, null),
  shiftRightLogical: binary("shiftRightLogical", integer, null, null),
  shiftRightArithmetic: binary("shiftRightArithmetic", integer, null, null),

  eq: comparison("eq", any),
  ne: comparison("ne", any),
  lt: comparison("lt", number),
  le: comparison("le", number),
  gt: comparison("gt", number),
  ge: comparison("ge", number),
} as const;

const isFinite: Primitive = {
  name: "isFinite",
  abstractEval([x]) {
    requireDType("isFinite", x, isFloat, "floats");
    return [aval(x.shape, "bool")];
  },
  jvp: zeroJvp(() => isFinite),
  transpose: null,
  batch: elementwiseBatch(() => isFinite),
};

/** `condition ? a : b`, all of one shape. ẏ = condition ? ȧ : ḃ */
const selectPrimitive: Primitive = {
  name: "select",
  ownWeakness: true,
  abstractEval([condition, a, b]) {
    const { shape } = assertSame("select", [a!, b!]);
    requireDType("select's condition", condition, (d) => d === "bool", "a boolean");
    assertSame("select", [condition, { ...a!, dtype: "bool" }]);
    return [{ ...weakest(a!, b!), shape }];
  },
  jvp([condition, a, b], [, da, db]) {
    return {
      outputs: [select(condition, a!, b!)],
      tangents: da || db ? [select(condition, instantiate(da, a!), instantiate(db, b!))] : [null],
    };
  },
  transpose([ct], [condition, a, b]) {
    if (!ct) return [null, null, null];
    const zero = fullLike(ct, 0);
    const c = condition as Tensor; // a boolean, so never linear
    return [
      null,
      a instanceof LinearInput ? select(c, ct, zero) : null,
      b instanceof LinearInput ? select(c, zero, ct) : null,
    ];
  },
  batch: elementwiseBatch(() => selectPrimitive),
};

/** Parameters of `convert`. */
export interface ConvertParams extends Params {
  readonly dtype: DType;
  readonly weak: boolean;
}

/**
 * Another element type. Floats to integers truncate and saturate, NaN becomes 0; between int32 and
 * uint32 the bits stay.
 */
const convertPrimitive: Primitive<ConvertParams> = {
  name: "convert",
  ownWeakness: true,
  abstractEval: ([x], { dtype, weak }) => [aval(x.shape, dtype, weak)],
  jvp([x], [dx], params) {
    return {
      outputs: bind(convertPrimitive, [x], params),
      tangents: [dx && isFloat(params.dtype) ? convert(dx, params.dtype) : null],
    };
  },
  transpose: ([ct], [x]) => [ct && convert(ct, (x as LinearInput).aval.dtype)],
  batch: elementwiseBatch(() => convertPrimitive),
};

/** The element-wise family, by name. */
export const elementwisePrimitives = {
  ...primitives,
  isFinite,
  select: selectPrimitive,
  convert: convertPrimitive,
} as const;

const call1 = (primitive: Primitive<NoParams>) => (x: Tensor): Tensor =>
  bind(primitive, [x], {})[0];
const call2 = (primitive: Primitive<NoParams>) => (x: Tensor, y: Tensor): Tensor =>
  bind(primitive, [x, y], {})[0];

export const neg = call1(primitives.neg);
export const abs = call1(primitives.abs);
export const sign = call1(primitives.sign);
export const floor = call1(primitives.floor);
export const ceil = call1(primitives.ceil);
export const round = call1(primitives.round);
export const exp = call1(primitives.exp);
export const expm1 = call1(primitives.expm1);
export const log = call1(primitives.log);
export const log1p = call1(primitives.log1p);
export const sqrt = call1(primitives.sqrt);
export const rsqrt = call1(primitives.rsqrt);
export const sin = call1(primitives.sin);
export const cos = call1(primitives.cos);
export const tan = call1(primitives.tan);
export const asin = call1(primitives.asin);
export const acos = call1(primitives.acos);
export const atan = call1(primitives.atan);
export const sinh = call1(primitives.sinh);
export const cosh = call1(primitives.cosh);
export const tanh = call1(primitives.tanh);
export const asinh = call1(primitives.asinh);
export const acosh = call1(primitives.acosh);
export const atanh = call1(primitives.atanh);
export const logistic = call1(primitives.logistic);
export const erf = call1(primitives.erf);
export const not = call1(primitives.not);
export const stopGradient = call1(primitives.stopGradient);
export const finite = call1(isFinite);

export const add = call2(primitives.add);
export const sub = call2(primitives.sub);
export const mul = call2(primitives.mul);
export const div = call2(primitives.div);
export const rem = call2(primitives.rem);
export const pow = call2(primitives.pow);
export const max = call2(primitives.max);
export const min = call2(primitives.min);
export const atan2 = call2(primitives.atan2);
export const and = call2(primitives.and);
export const or = call2(primitives.or);
export const xor = call2(primitives.xor);
export const shiftLeft = call2(primitives.shiftLeft);
export const shiftRightLogical = call2(primitives.shiftRightLogical);
export const shiftRightArithmetic = call2(primitives.shiftRightArithmetic);
export const eq = call2(primitives.eq);
export const ne = call2(primitives.ne);
export const lt = call2(primitives.lt);
export const le = call2(primitives.le);
export const gt = call2(primitives.gt);
export const ge = call2(primitives.ge);

/** `condition ? a : b`, element by element. */
export function select(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return bind(selectPrimitive, [condition, a, b], {})[0];
}

/** Another element type; the tensor itself if it has it already. */
export function convert(x: Tensor, dtype: DType, weak = false): Tensor {
  if (x.dtype === dtype && x.aval.weak === weak) return x;
  return bind(convertPrimitive, [x], { dtype, weak })[0];
}
