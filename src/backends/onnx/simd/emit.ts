/**
 * Element-wise instructions in WebAssembly: one entry each, by the type of the operand. Operands and results
 * are four lanes of 32 bits; a boolean is a lane of ones or of zeros. Arithmetic, comparisons and
 * choices are exactly IEEE's. What is missing here is left to ONNX Runtime.
 */
import type { DType } from "../../../core/dtype.ts";
import type { Equation } from "../../../core/program.ts";
import { isEquation } from "../../../compiler/rewrite.ts";
import type { elementwisePrimitives } from "../../../primitives/elementwise.ts";
import { type Body, type Code, f32x4, f64, i32x4, v128 } from "./assembler.ts";
import * as math from "./math.ts";

/** Code of the result; operands are code that only reads a variable. */
type Emit = (b: Body, ...operands: Code[]) => Code;

type Name = keyof typeof elementwisePrimitives;
type ByType = { readonly [D in DType]?: Emit };

const plain = (f: (...operands: Code[]) => Code): Emit => (_, ...operands) => f(...operands);
const numbers = (float: Emit, int32: Emit, uint32 = int32): ByType => ({
  float32: float,
  int32,
  uint32,
});
const bits = (emit: Emit): ByType => ({ int32: emit, uint32: emit, bool: emit });
const ofFloat = (f: (...operands: Code[]) => Code): ByType => ({ float32: plain(f) });

const comparison = (float: Emit, int32: Emit, uint32 = int32, bool?: Emit): ByType => ({
  ...numbers(float, int32, uint32),
  ...(bool && { bool }),
});

const select: Emit = (_, mask, a, b) => v128.select(mask, a, b);

/** By the type of the last operand. */
const table: { readonly [N in Name]?: ByType } = {
  neg: numbers(plain(f32x4.neg), plain(i32x4.neg)),
  abs: numbers(plain(f32x4.abs), plain(i32x4.abs), plain((x) => x)),
  sign: numbers(
    (b, x) => {
      // Zeros and NaN are their own signs.
      const nonzero = v128.or(f32x4.lt(x, b.float(0)), f32x4.gt(x, b.float(0)));
      return v128.select(nonzero, math.copySign(b, b.float(1), x), x);
    },
    (b, x) => i32x4.minSigned(i32x4.maxSigned(x, b.bits(-1)), b.bits(1)),
    (b, x) => i32x4.minUnsigned(x, b.bits(1)),
  ),
  floor: ofFloat(f32x4.floor),
  ceil: ofFloat(f32x4.ceil),
  round: ofFloat(f32x4.nearest),
  exp: { float32: math.exp },
  expm1: { float32: math.expm1 },
  log: { float32: math.log },
  log1p: { float32: math.log1p },
  sqrt: ofFloat(f32x4.sqrt),
  rsqrt: { float32: (b, x) => f32x4.div(b.float(1), f32x4.sqrt(x)) },
  tanh: { float32: math.tanh },
  logistic: { float32: math.logistic },
  not: bits(plain(v128.not)),
  isFinite: { float32: (b, x) => f32x4.lt(f32x4.abs(x), b.float(Infinity)) },

  add: numbers(plain(f32x4.add), plain(i32x4.add)),
  sub: numbers(plain(f32x4.sub), plain(i32x4.sub)),
  mul: numbers(plain(f32x4.mul), plain(i32x4.mul)),
  div: ofFloat(f32x4.div),
  max: numbers(plain(f32x4.max), plain(i32x4.maxSigned), plain(i32x4.maxUnsigned)),
  min: numbers(plain(f32x4.min), plain(i32x4.minSigned), plain(i32x4.minUnsigned)),
  and: bits(plain(v128.and)),
  or: bits(plain(v128.or)),
  xor: bits(plain(v128.xor)),

  eq: comparison(plain(f32x4.eq), plain(i32x4.eq), plain(i32x4.eq), plain(i32x4.eq)),
  ne: comparison(plain(f32x4.ne), plain(i32x4.ne), plain(i32x4.ne), plain(i32x4.ne)),
  lt: comparison(plain(f32x4.lt), plain(i32x4.ltSigned), plain(i32x4.ltUnsigned)),
  le: comparison(plain(f32x4.le), plain(i32x4.leSigned), plain(i32x4.leUnsigned)),
  gt: comparison(plain(f32x4.gt), plain(i32x4.gtSigned), plain(i32x4.gtUnsigned)),
  ge: comparison(plain(f32x4.ge), plain(i32x4.geSigned), plain(i32x4.geUnsigned)),
  select: { float32: select, int32: select, uint32: select, bool: select },
};

/** From the first type to the second, as `convert` has it. */
const conversions: { readonly [From in DType]?: { readonly [To in DType]?: Emit } } = {
  float32: {
    float32: plain((x) => x),
    int32: plain(i32x4.fromFloatSigned),
    uint32: plain(i32x4.fromFloatUnsigned),
    bool: (b, x) => f32x4.ne(x, b.float(0)),
  },
  int32: fromInteger(plain(f32x4.fromInt32)),
  uint32: fromInteger(plain(f32x4.fromUint32)),
  bool: {
    float32: (b, x) => v128.and(x, b.float(1)),
    int32: plain(i32x4.neg),
    uint32: plain(i32x4.neg),
    bool: plain((x) => x),
  },
};

function fromInteger(float32: Emit): { readonly [To in DType]?: Emit } {
  const same = plain((x) => x);
  return { float32, int32: same, uint32: same, bool: (b, x) => i32x4.ne(x, b.bits(0)) };
}

/**
 * Functions that have no code of their own here, for scalars: they come from outside, in double
 * precision.
 */
export const scalarFunctions: { readonly [name: string]: (x: number, y: number) => number } = {
  ...{ sin: Math.sin, cos: Math.cos, tan: Math.tan },
  ...{ asin: Math.asin, acos: Math.acos, atan: Math.atan, sinh: Math.sinh, cosh: Math.cosh },
  ...{ asinh: Math.asinh, acosh: Math.acosh, atanh: Math.atanh, atan2: Math.atan2 },
  rem: (x, y) => x % y,
  pow: (x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y,
};

/** The emitter for an equation whose operands are all of one shape; undefined if there is none. */
export function emitterOf(equation: Equation, scalar: boolean): Emit | undefined {
  const { primitive, inputs } = equation;
  if (inputs.length === 0) return undefined;
  const { dtype } = inputs.at(-1)!.aval;
  if (isEquation(equation, "convert")) return conversions[dtype]?.[equation.params.dtype];
  const found = table[primitive.name as Name]?.[dtype]; // other names are not in the table
  if (found || !scalar || dtype !== "float32" || !(primitive.name in scalarFunctions)) return found;
  return (b, ...operands) => {
    const doubles = operands.map((x) => f64.promote(f32x4.first(x)));
    return f32x4.splat(f64.demote(b.call(primitive.name, doubles)));
  };
}
