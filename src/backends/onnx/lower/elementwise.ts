/** Element-wise instructions: a node each where ONNX Runtime has one for the type, else a few. */
import type { Params } from "../../../core/program.ts";
import type { ConvertParams, elementwisePrimitives } from "../../../primitives/index.ts";
import type { Graph, Value } from "../graph.ts";
import { cast, map } from "../values.ts";
import { divide, fromFloat, remainder, shiftArithmetic, shiftLogical, where } from "./integers.ts";
import * as patterns from "./patterns.ts";
import * as special from "./special.ts";
import type { Lowering, Lowerings } from "./table.ts";

/** From a function on values that repeat by ONNX's rules. */
function elementwise<P extends Params = object>(
  f: (g: Graph, xs: readonly [Value, Value, Value], params: P) => Value,
): Lowering<P> {
  return (g, inputs, params, [out]) => {
    const [x, y, z] = inputs.map((i) => i?.value);
    // Functions read as many as their primitive has.
    return [{ value: f(g, [x, y, z] as [Value, Value, Value], params), shape: out!.shape }];
  };
}

const unary = (op: string) => elementwise((g, [x]) => map(g, op, [x]));
const binary = (op: string) => elementwise((g, [x, y]) => map(g, op, [x, y]));
const comparison = (op: string) => elementwise((g, [x, y]) => map(g, op, [x, y], "bool"));

const arithmetic = (g: Graph, x: Value) =>
  new special.Arithmetic(g, x.type === "float64" ? "float64" : "float32");
const composed = (f: (m: special.Arithmetic, x: Value) => Value) =>
  elementwise((g, [x]) => f(arithmetic(g, x), x));

/** One node for float32, a composition for float64, of which ONNX Runtime knows less. */
const either = (op: string, f: (m: special.Arithmetic, x: Value) => Value) =>
  elementwise((g, [x]) => x.type === "float32" ? map(g, op, [x]) : f(arithmetic(g, x), x));

/** One operator for booleans, another for the bits of integers. */
const bitwise = (op: string) =>
  elementwise((g, xs) => {
    const values = xs.filter((x) => x !== undefined);
    return map(g, values[0]!.type === "bool" ? op : `Bitwise${op}`, values);
  });

const shift = (f: (g: Graph, x: Value, y: Value) => Value) =>
  elementwise((g, [x, y]) => f(g, x, y));

/** The element-wise family. */
export const elementwiseLowerings: Lowerings<keyof typeof elementwisePrimitives> = {
  neg: elementwise((g, [x]) =>
    x.type === "uint32" ? map(g, "Sub", [g.scalar("uint32", 0), x]) : map(g, "Neg", [x])
  ),
  abs: unary("Abs"),
  sign: unary("Sign"),
  floor: unary("Floor"),
  ceil: unary("Ceil"),
  round: unary("Round"),
  exp: elementwise((g, [x]) => patterns.exponential(g, x)),
  expm1: composed(special.expm1),
  log: unary("Log"),
  log1p: composed(special.log1p),
  sqrt: unary("Sqrt"),
  rsqrt: elementwise((g, [x]) => map(g, "Reciprocal", [map(g, "Sqrt", [x])])),
  sin: unary("Sin"),
  cos: unary("Cos"),
  tan: either("Tan", special.tan),
  asin: either("Asin", special.asin),
  acos: either("Acos", special.acos),
  atan: either("Atan", special.atan),
  sinh: either("Sinh", special.sinh),
  cosh: either("Cosh", special.cosh),
  tanh: unary("Tanh"),
  asinh: either("Asinh", special.asinh),
  acosh: either("Acosh", special.acosh),
  atanh: either("Atanh", special.atanh),
  logistic: composed(special.logistic),
  erf: either("Erf", special.erf),
  not: bitwise("Not"),
  stopGradient: (_, [x]) => [x],

  add: binary("Add"),
  sub: elementwise((g, [x, y]) => patterns.subtract(g, x, y)),
  mul: binary("Mul"),
  div: elementwise((g, [x, y]) => isFloating(x) ? patterns.quotient(g, x, y) : divide(g, x, y)),
  rem: elementwise((g, [x, y]) =>
    isFloating(x) ? map(g, "Mod", [x, y], x.type, { fmod: 1 }) : remainder(g, x, y)
  ),
  pow: binary("Pow"),
  max: binary("Max"),
  min: binary("Min"),
  atan2: elementwise((g, [y, x]) => special.atan2(arithmetic(g, x), y, x)),
  and: bitwise("And"),
  or: bitwise("Or"),
  xor: bitwise("Xor"),
  shiftLeft: shift((g, x, y) => shiftLogical(g, "LEFT", x, y)),
  shiftRightLogical: shift((g, x, y) => shiftLogical(g, "RIGHT", x, y)),
  shiftRightArithmetic: shift(shiftArithmetic),

  eq: comparison("Equal"),
  ne: elementwise((g, [x, y]) => map(g, "Not", [map(g, "Equal", [x, y], "bool")])),
  lt: comparison("Less"),
  le: elementwise((g, [x, y]) => patterns.lessOrEqual(g, x, y)),
  gt: comparison("Greater"),
  ge: comparison("GreaterOrEqual"),

  /** For finite x, x - x is 0; for infinities and NaN it is NaN. */
  isFinite: elementwise((g, [x]) =>
    map(g, "Equal", [map(g, "Sub", [x, x]), g.scalar(x.type, 0)], "bool")
  ),
  select: elementwise((g, [condition, a, b]) =>
    patterns.rectified(g, condition, a, b) ? map(g, "Relu", [b]) : where(g, condition, a, b)
  ),
  convert: elementwise<ConvertParams>((g, [x], { dtype }) =>
    isFloating(x) && (dtype === "int32" || dtype === "uint32")
      ? fromFloat(g, x, dtype)
      : cast(g, x, dtype)
  ),
};

function isFloating(x: Value): boolean {
  return x.type === "float32" || x.type === "float64";
}
