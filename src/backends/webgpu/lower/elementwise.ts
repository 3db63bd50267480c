/** Element-wise instructions in WGSL. */
import type { elementwisePrimitives } from "../../../primitives/elementwise.ts";
import type { NoParams } from "../../../core/program.ts";
import { code, typeOf } from "../expression.ts";
import type { Expr, Pointwise } from "../value.ts";
import type { Type } from "../kernel/wgsl.ts";
import { type Lowering, type Lowerings, pointwise } from "./table.ts";

/** Text for each type: floats, signed, unsigned, booleans; a missing one takes the one before. */
type Texts = readonly [f32: string, i32?: string, u32?: string, bool?: string];

const order: readonly Type[] = ["f32", "i32", "u32", "bool"];

function textFor(texts: Texts, type: Type): string {
  return texts.slice(0, order.indexOf(type) + 1).findLast((t) => t !== undefined)!;
}

/** An operation written in terms of its operands `$0`, `$1`; the cost is in additions. */
const operation = (cost: number, ...texts: Texts) => elementwiseIn(texts, cost);

const comparison = (...texts: Texts) => elementwiseIn(texts, cheap, { compares: true });

function elementwiseIn(
  texts: Texts,
  cost: number,
  extra?: Pick<Pointwise, "compares">,
): Lowering<NoParams> {
  return (inputs, _, { region, outputs: [out] }) => {
    const text = textFor(texts, typeOf(inputs[0]!.dtype));
    const type = typeOf(out!.dtype);
    return [
      pointwise(
        region,
        out!,
        inputs,
        cost,
        (read, at) => code(type, text, ...inputs.map((x) => read(x, at))),
        extra,
      ),
    ];
  };
}

const identity: Lowering<NoParams> = ([x], _, { region, outputs: [out] }) => [
  pointwise(region, out!, [x!], 0, (read, at) => read(x!, at)),
];

const cheap = 1;
const dear = 16;

/** The text that makes one type of another; undefined where nothing has to be done. */
function conversion(from: Type, to: Type): string | undefined {
  if (from === to) return undefined;
  if (to === "bool") return from === "f32" ? "nef($0, 0.0)" : `$0 != ${from}(0)`;
  if (from === "f32") return `to_${to}($0)`;
  if (from === "bool" || to === "f32") return `${to}($0)`;
  return `bitcast<${to}>($0)`;
}

function convertTo(x: Expr, to: Type): Expr {
  const text = conversion(x.type, to);
  return text === undefined ? x : code(to, text, x);
}

/** The element-wise family. */
export const elementwiseLowerings: Lowerings<keyof typeof elementwisePrimitives> = {
  neg: operation(cheap, "-$0", "-$0", "0u - $0"),
  abs: operation(cheap, "abs($0)"),
  sign: operation(cheap, "signf($0)", "sign($0)", "min($0, 1u)"),
  floor: operation(cheap, "floor($0)"),
  ceil: operation(cheap, "ceil($0)"),
  round: operation(cheap, "round($0)"),
  exp: operation(dear, "expf($0)"),
  expm1: operation(dear, "expm1f($0)"),
  log: operation(dear, "logf($0)"),
  log1p: operation(dear, "log1pf($0)"),
  sqrt: operation(4, "sqrt($0)"),
  rsqrt: operation(4, "inverseSqrt($0)"),
  sin: operation(dear, "sinf($0)"),
  cos: operation(dear, "cosf($0)"),
  tan: operation(dear, "tanf($0)"),
  asin: operation(dear, "asinf($0)"),
  acos: operation(dear, "acosf($0)"),
  atan: operation(dear, "atanf($0)"),
  sinh: operation(dear, "sinhf($0)"),
  cosh: operation(dear, "coshf($0)"),
  tanh: operation(dear, "tanhf($0)"),
  asinh: operation(dear, "asinhf($0)"),
  acosh: operation(dear, "acoshf($0)"),
  atanh: operation(dear, "atanhf($0)"),
  logistic: operation(dear, "logisticf($0)"),
  erf: operation(dear, "erff($0)"),
  not: operation(cheap, "~$0", "~$0", "~$0", "!$0"),
  stopGradient: identity,

  add: operation(cheap, "$0 + $1"),
  sub: operation(cheap, "$0 - $1"),
  mul: operation(cheap, "$0 * $1"),
  div: operation(4, "$0 / $1", "divi($0, $1)", "divu($0, $1)"),
  rem: operation(dear, "remf($0, $1)", "remi($0, $1)", "remu($0, $1)"),
  pow: operation(2 * dear, "powf($0, $1)"),
  max: operation(cheap, "maxf($0, $1)", "max($0, $1)"),
  min: operation(cheap, "minf($0, $1)", "min($0, $1)"),
  atan2: operation(dear, "atan2f($0, $1)"),
  and: operation(cheap, "$0 & $1", "$0 & $1", "$0 & $1", "$0 && $1"),
  or: operation(cheap, "$0 | $1", "$0 | $1", "$0 | $1", "$0 || $1"),
  xor: operation(cheap, "$0 ^ $1", "$0 ^ $1", "$0 ^ $1", "$0 != $1"),
  // Counts have the operand's type, and are taken as unsigned.
  shiftLeft: operation(
    cheap,
    "",
    "bitcast<i32>(shlu(bitcast<u32>($0), bitcast<u32>($1)))",
    "shlu($0, $1)",
  ),
  shiftRightLogical: operation(
    cheap,
    "",
    "bitcast<i32>(shru(bitcast<u32>($0), bitcast<u32>($1)))",
    "shru($0, $1)",
  ),
  shiftRightArithmetic: operation(
    cheap,
    "",
    "shri($0, bitcast<u32>($1))",
    "shru($0, $1)",
  ),

  eq: comparison("eqf($0, $1)", "$0 == $1"),
  ne: comparison("nef($0, $1)", "$0 != $1"),
  lt: comparison("$0 < $1"),
  le: comparison("$0 <= $1"),
  gt: comparison("$0 > $1"),
  ge: comparison("$0 >= $1"),
  isFinite: operation(cheap, "finite_test($0)"),

  select: ([condition, a, b], _, { region, outputs: [out] }) => [
    pointwise(
      region,
      out!,
      [condition!, a!, b!],
      cheap,
      (read, at) =>
        code(
          typeOf(out!.dtype),
          "select($2, $1, $0)",
          read(condition!, at),
          read(a!, at),
          read(b!, at),
        ),
    ),
  ],
  convert: ([x], { dtype }, { region, outputs: [out] }) => [
    pointwise(region, out!, [x!], cheap, (read, at) => convertTo(read(x!, at), typeOf(dtype))),
  ],
};
