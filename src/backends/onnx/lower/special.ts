/**
 * Functions that ONNX Runtime lacks, lacks in float64, or computes with too few digits, composed of those
 * that it has. The formulas keep full precision near zeros and do not overflow early.
 */
import type { Graph, Value } from "../graph.ts";
import { map } from "../values.ts";

/** Element-wise arithmetic on values of one element type, written briefly. */
export class Arithmetic {
  constructor(readonly g: Graph, readonly type: "float32" | "float64") {}

  constant(x: number): Value {
    return this.g.scalar(this.type, x);
  }
  call(op: string, ...xs: readonly (Value | number)[]): Value {
    return map(this.g, op, xs.map((x) => typeof x === "number" ? this.constant(x) : x), this.type);
  }
  test(op: string, ...xs: readonly (Value | number)[]): Value {
    return map(this.g, op, xs.map((x) => typeof x === "number" ? this.constant(x) : x), "bool");
  }
  where(condition: Value, a: Value | number, b: Value | number): Value {
    const [x, y] = [a, b].map((v) => typeof v === "number" ? this.constant(v) : v);
    return map(this.g, "Where", [condition, x!, y!], this.type);
  }
  add = (a: Value | number, b: Value | number): Value => this.call("Add", a, b);
  sub = (a: Value | number, b: Value | number): Value => this.call("Sub", a, b);
  mul = (a: Value | number, b: Value | number): Value => this.call("Mul", a, b);
  div = (a: Value | number, b: Value | number): Value => this.call("Div", a, b);

  /** Horner's rule; the leading coefficient comes first. */
  polynomial(x: Value, [first, ...rest]: readonly number[]): Value {
    return rest.reduce<Value>((sum, c) => this.add(this.mul(sum, x), c), this.constant(first!));
  }
}

type Unary = (m: Arithmetic, x: Value) => Value;

/** e^x - 1 = tanh(x/2) (e^x + 1) */
export const expm1: Unary = (m, x) =>
  m.mul(m.call("Tanh", m.mul(x, 0.5)), m.add(m.call("Exp", x), 1));

/** log(1 + x): the logarithm of the rounded sum, less what was rounded (where that matters). */
export const log1p: Unary = (m, x) => {
  const u = m.add(x, 1);
  const rounded = m.div(m.sub(m.sub(u, 1), x), u);
  const small = m.test("Less", m.call("Abs", x), 1);
  return m.sub(m.call("Log", u), m.where(small, rounded, 0));
};

/** 1 / (1 + e^-x). ONNX Runtime's Sigmoid is 0 below -18, and loses digits before. */
export const logistic: Unary = (m, x) =>
  m.call("Reciprocal", m.add(m.call("Exp", m.call("Neg", x)), 1));

export const tan: Unary = (m, x) => m.div(m.call("Sin", x), m.call("Cos", x));

/** 2t/(1-t²) with t = tanh(x/2) near 0; elsewhere (e^x - e^-x)/2 by way of e^(x/2). */
export const sinh: Unary = (m, x) => {
  const t = m.call("Tanh", m.mul(x, 0.5));
  const near = m.div(m.add(t, t), m.sub(1, m.mul(t, t)));
  const h = m.call("Exp", m.mul(x, 0.5));
  const far = m.sub(m.mul(m.mul(h, 0.5), h), m.div(m.div(0.5, h), h));
  return m.where(m.test("Less", m.call("Abs", x), 1), near, far);
};

/** (e^x + e^-x)/2 by way of e^(x/2), which does not overflow before the result does. */
export const cosh: Unary = (m, x) => {
  const h = m.call("Exp", m.mul(x, 0.5));
  return m.add(m.mul(m.mul(h, 0.5), h), m.div(m.div(0.5, h), h));
};

/** sign(x) log(|x| + √(x²+1)) */
export const asinh: Unary = (m, x) => {
  const a = m.call("Abs", x);
  const square = m.mul(a, a);
  const root = m.call("Sqrt", m.add(square, 1));
  const near = log1p(m, m.add(a, m.div(square, m.add(root, 1))));
  const far = m.add(m.call("Log", a), Math.LN2);
  return withSign(m, m.where(m.test("Less", a, 1e8), near, far), x);
};

/** log(x + √(x²-1)) */
export const acosh: Unary = (m, x) => {
  const d = m.sub(x, 1);
  const root = m.mul(m.call("Sqrt", d), m.call("Sqrt", m.add(x, 1)));
  const far = m.add(m.call("Log", x), Math.LN2);
  return m.where(m.test("Less", x, 1e8), log1p(m, m.add(d, root)), far);
};

/** ½ log((1+|x|)/(1-|x|)), with the sign of x */
export const atanh: Unary = (m, x) => {
  const a = m.call("Abs", x);
  return withSign(m, m.mul(log1p(m, m.div(m.add(a, a), m.sub(1, a))), 0.5), x);
};

/** atan(x / √(1-x²)) */
export const asin: Unary = (m, x) =>
  atan(m, m.div(x, m.call("Sqrt", m.mul(m.sub(1, x), m.add(1, x)))));

/** 2 atan √((1-x)/(1+x)) */
export const acos: Unary = (m, x) =>
  m.mul(atan(m, m.call("Sqrt", m.div(m.sub(1, x), m.add(1, x)))), 2);

// Cephes, atan.c: x + x z P(z)/Q(z) with z = x², for |x| ≤ 0.66.
const atanP = [
  -8.750608600031904122785e-1,
  -1.615753718733365076637e1,
  -7.500855792314704667340e1,
  -1.228866684490136173410e2,
  -6.485021904942025371773e1,
];
const atanQ = [
  1,
  2.485846490142306297962e1,
  1.650270098316988542046e2,
  4.328810604912902668951e2,
  4.853903996359136964868e2,
  1.945506571482613964425e2,
];

/** The angle of a float64, by way of smaller ones: π/2 - atan(1/x), and π/4 + atan((x-1)/(x+1)). */
export const atan: Unary = (m, x) => {
  if (m.type === "float32") return m.call("Atan", x);
  const a = m.call("Abs", x);
  const steep = m.test("Greater", a, 2.414213562373095);
  const middle = m.test("Greater", a, 0.66);
  const reduced = m.where(
    steep,
    m.div(-1, a),
    m.where(middle, m.div(m.sub(a, 1), m.add(a, 1)), a),
  );
  const offset = m.where(steep, Math.PI / 2, m.where(middle, Math.PI / 4, 0));
  // π/2 and π/4 less their float64 values.
  const lost = m.where(
    steep,
    6.123233995736765886130e-17,
    m.where(middle, 3.061616997868382943065e-17, 0),
  );
  const z = m.mul(reduced, reduced);
  const ratio = m.div(m.mul(z, m.polynomial(z, atanP)), m.polynomial(z, atanQ));
  const near = m.add(m.add(m.mul(reduced, ratio), reduced), lost);
  return withSign(m, m.add(offset, near), x);
};

/** The angle of the point (x, y): that of the smaller over the larger, turned into its octant. */
export function atan2(m: Arithmetic, y: Value, x: Value): Value {
  const [ax, ay] = [m.call("Abs", x), m.call("Abs", y)];
  // Equal operands are 0, finite or infinite: their ratio is 0 or 1, never NaN.
  const equal = m.where(m.test("Equal", ax, 0), 0, 1);
  const steep = m.test("Greater", ay, ax);
  const ratio = m.div(m.where(steep, ax, ay), m.where(steep, ay, ax));
  const octant = atan(m, m.where(m.test("Equal", ax, ay), equal, ratio));
  const quadrant = m.where(steep, m.sub(Math.PI / 2, octant), octant);
  const half = m.where(isNegative(m, x), m.sub(Math.PI, quadrant), quadrant);
  return m.where(isNegative(m, y), m.call("Neg", half), half);
}

// Cephes, ndtr.c: erf for |x| ≤ 1, and its complement e^-x² P/Q for 1 < x < 8.
const erfT = [
  9.60497373987051638749,
  9.00260197203842689217e1,
  2.23200534594684319226e3,
  7.00332514112805075473e3,
  5.55923013010394962768e4,
];
const erfU = [
  1,
  3.35617141647503099647e1,
  5.21357949780152679795e2,
  4.59432382970980127987e3,
  2.26290000613890934246e4,
  4.92673942608635921086e4,
];
const erfcP = [
  2.46196981473530512524e-10,
  5.64189564831068821977e-1,
  7.46321056442269912687,
  4.86371970985681366614e1,
  1.96520832956077098242e2,
  5.26445194995477358631e2,
  9.34528527171957607540e2,
  1.02755188689515710272e3,
  5.57535335369399327526e2,
];
const erfcQ = [
  1,
  1.32281951154744992508e1,
  8.67072140885989742329e1,
  3.54937778887819891062e2,
  9.75708501743205489753e2,
  1.82390916687909736289e3,
  2.24633760818710981792e3,
  1.65666309194161350182e3,
  5.57535340817727675546e2,
];

/** erf in float64. */
export const erf: Unary = (m, x) => {
  const a = m.call("Abs", x);
  const z = m.mul(x, x);
  const near = m.div(m.mul(x, m.polynomial(z, erfT)), m.polynomial(z, erfU));
  // Beyond 6 the complement is less than the last digit of 1.
  const b = m.where(m.test("Greater", a, 6), 6, a);
  const tail = m.div(
    m.mul(m.call("Exp", m.call("Neg", m.mul(b, b))), m.polynomial(b, erfcP)),
    m.polynomial(b, erfcQ),
  );
  const far = withSign(m, m.sub(1, tail), x);
  return m.where(m.test("Less", a, 1), near, far);
};

/** True if the sign is set: also of -0, whose inverse is -∞. */
function isNegative(m: Arithmetic, x: Value): Value {
  return m.test("Or", m.test("Less", x, 0), m.test("Less", m.call("Reciprocal", x), 0));
}

/** `a` with the sign of `x`; x itself where that is 0 or NaN. */
function withSign(m: Arithmetic, a: Value, x: Value): Value {
  const signed = m.where(m.test("Less", x, 0), m.call("Neg", a), a);
  return m.where(m.test("Greater", m.call("Abs", x), 0), signed, x);
}
