/** Element-wise instructions, and random bits, in StableHLO. */
import { isFloat, isInteger } from "../../core/dtype.ts";
import type { elementwisePrimitives } from "../../primitives/elementwise.ts";
import type { Lowerings } from "./lowering.ts";
import type { Value, Writer } from "./writer.ts";

type Lower = (w: Writer, inputs: readonly Value[]) => readonly Value[];

/** An operation that takes and gives values of one type. */
const same = (name: string): Lower => (w, inputs) => [w.one(name, inputs, inputs[0]!)];

/** Operations of CHLO, which XLA expands: StableHLO itself has none of these. */
const expanded = (name: string) => same(`chlo.${name}`);
const stable = (name: string) => same(`stablehlo.${name}`);

/** A comparison of floats, or of integers of their kind. */
export function compare(w: Writer, direction: string, a: Value, b: Value): Value {
  const kind = isFloat(a.dtype) ? "FLOAT" : a.dtype === "int32" ? "SIGNED" : "UNSIGNED";
  return w.one("stablehlo.compare", [a, b], { dtype: "bool", shape: a.shape }, {
    comparison_direction: `#stablehlo<comparison_direction ${direction}>`,
    compare_type: `#stablehlo<comparison_type ${kind}>`,
  });
}

/** condition ? a : b */
export function select(w: Writer, condition: Value, a: Value, b: Value): Value {
  return w.one("stablehlo.select", [condition, a, b], a);
}

const comparison = (direction: string): Lower => (w, [a, b]) => [compare(w, direction, a!, b!)];

/** Floats to integers: XLA says nothing of those that do not fit, which saturate here; NaN becomes 0. */
function truncated(w: Writer, x: Value, dtype: "int32" | "uint32"): Value {
  const result = { dtype, shape: x.shape };
  const [low, high] = dtype === "int32" ? [-(2 ** 31), 2 ** 31] : [0, 2 ** 32];
  const bound = (n: number) => w.fill(n, x);
  const inside = w.one("stablehlo.convert", [
    w.one("stablehlo.clamp", [bound(low), x, bound(high)], x),
  ], result);
  const below = select(w, compare(w, "LE", x, bound(low)), w.fill(low, result), inside);
  const above = select(w, compare(w, "GE", x, bound(high)), w.fill(high - 1, result), below);
  return select(w, compare(w, "NE", x, x), w.fill(0, result), above);
}

/** One entry for each element-wise instruction. */
export const elementwiseLowerings: Lowerings<keyof typeof elementwisePrimitives> = {
  neg: stable("negate"),
  abs: (w, [x]) => [x!.dtype === "uint32" ? x! : w.one("stablehlo.abs", [x!], x!)],
  sign(w, [x]) {
    if (x!.dtype !== "uint32") return [w.one("stablehlo.sign", [x!], x!)];
    return [w.one("stablehlo.convert", [compare(w, "NE", x!, w.fill(0, x!))], x!)];
  },
  floor: stable("floor"),
  ceil: stable("ceil"),
  round: stable("round_nearest_even"),
  exp: stable("exponential"),
  expm1: stable("exponential_minus_one"),
  log: stable("log"),
  log1p: stable("log_plus_one"),
  sqrt: stable("sqrt"),
  rsqrt: stable("rsqrt"),
  sin: stable("sine"),
  cos: stable("cosine"),
  tan: stable("tan"),
  asin: expanded("asin"),
  acos: expanded("acos"),
  atan: expanded("atan"),
  sinh: expanded("sinh"),
  cosh: expanded("cosh"),
  tanh: stable("tanh"),
  asinh: expanded("asinh"),
  acosh: expanded("acosh"),
  atanh: expanded("atanh"),
  logistic: stable("logistic"),
  erf: expanded("erf"),
  not: stable("not"),
  stopGradient: (_, [x]) => [x!],
  add: stable("add"),
  sub: stable("subtract"),
  mul: stable("multiply"),
  div: stable("divide"),
  rem: stable("remainder"),
  pow: stable("power"),
  max: stable("maximum"),
  min: stable("minimum"),
  atan2: stable("atan2"),
  and: stable("and"),
  or: stable("or"),
  xor: stable("xor"),
  shiftLeft: stable("shift_left"),
  shiftRightLogical: stable("shift_right_logical"),
  shiftRightArithmetic: (w, inputs) =>
    stable(`shift_right_${inputs[0]!.dtype === "uint32" ? "logical" : "arithmetic"}`)(w, inputs),
  eq: comparison("EQ"),
  ne: comparison("NE"),
  lt: comparison("LT"),
  le: comparison("LE"),
  gt: comparison("GT"),
  ge: comparison("GE"),
  isFinite: (w, [x]) => [
    w.one("stablehlo.is_finite", [x!], { dtype: "bool", shape: x!.shape }),
  ],
  select: (w, [condition, a, b]) => [select(w, condition!, a!, b!)],
  convert(w, [x], { dtype }) {
    if (x!.dtype === dtype) return [x!];
    if (isFloat(x!.dtype) && isInteger(dtype)) {
      return [truncated(w, x!, dtype === "uint32" ? "uint32" : "int32")];
    }
    if (dtype === "bool") return [compare(w, "NE", x!, w.fill(0, x!))];
    return [w.one("stablehlo.convert", [x!], { dtype, shape: x!.shape })];
  },
};

const rotations = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;

/** Threefry-2x32 in integers: 20 rounds, and the key added after every fourth. */
export function threefry(w: Writer, [k0, k1, c0, c1]: readonly Value[]): Value[] {
  const type = k0!;
  const add = (a: Value, b: Value) => w.one("stablehlo.add", [a, b], type);
  const xor = (a: Value, b: Value) => w.one("stablehlo.xor", [a, b], type);
  const rotated = (x: Value, by: number) =>
    w.one("stablehlo.or", [
      w.one("stablehlo.shift_left", [x, w.fill(by, type)], type),
      w.one("stablehlo.shift_right_logical", [x, w.fill(32 - by, type)], type),
    ], type);
  const keys = [k0!, k1!, xor(xor(k0!, k1!), w.fill(0x1bd11bda, type))];
  let [a, b] = [add(c0!, k0!), add(c1!, k1!)];
  for (let group = 0; group < 5; group++) {
    for (const by of rotations[group % 2]!) {
      a = add(a, b);
      b = xor(rotated(b, by), a);
    }
    a = add(a, keys[(group + 1) % 3]!);
    b = add(add(b, keys[(group + 2) % 3]!), w.fill(group + 1, type));
  }
  return [a, b];
}
