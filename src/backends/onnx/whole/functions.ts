/** Element-wise instructions on vectors of four: those that kernels have, and lane by lane the others. */
import type { DType } from "../../../core/dtype.ts";
import type { Equation } from "../../../core/program.ts";
import { type Body, type Code, f32x4, f64, i32, i32x4 } from "../simd/assembler.ts";
import { emitterOf, scalarFunctions } from "../simd/emit.ts";

/** Code of the result; operands are code that only reads variables. */
export type Emit = (b: Body, ...operands: Code[]) => Code;

/** An operation on two integers. */
type Lane = (b: Body, x: Code, y: Code) => Code;

/** The quotient towards zero; all bits set for a division by 0, as in XLA. No machine may trap. */
const divideSigned: Lane = (b, x, y) => {
  const zero = b.set(b.local("i32"), i32.isZero(y));
  const minus = b.set(b.local("i32"), i32.eq(y, i32.constant(-1)));
  const divisor = i32.select(i32.or(zero, minus), i32.constant(1), y);
  // A quotient by -1 may not fit.
  const quotient = i32.select(minus, i32.sub(i32.constant(0), x), i32.divideSigned(x, divisor));
  return i32.select(zero, i32.constant(-1), quotient);
};
const divideUnsigned: Lane = (b, x, y) => {
  const zero = b.set(b.local("i32"), i32.isZero(y));
  const quotient = i32.divideUnsigned(x, i32.select(zero, i32.constant(1), y));
  return i32.select(zero, i32.constant(-1), quotient);
};
const remainder = (of: (x: Code, y: Code) => Code): Lane => (b, x, y) => {
  const zero = b.set(b.local("i32"), i32.isZero(y));
  return i32.select(zero, x, of(x, i32.select(zero, i32.constant(1), y)));
};

const within = (n: Code): Code => i32.lt(n, i32.constant(32));
const shift = (by: (x: Code, n: Code) => Code): Lane => (_, x, n) =>
  i32.select(within(n), by(x, n), i32.constant(0));
const shiftArithmetic: Lane = (_, x, n) =>
  i32.shiftRightSigned(x, i32.select(within(n), n, i32.constant(31)));

type ByType = { readonly [D in DType]?: Lane };
const both = (lane: Lane): ByType => ({ int32: lane, uint32: lane });

const onIntegers: { readonly [name: string]: ByType } = {
  div: { int32: divideSigned, uint32: divideUnsigned },
  rem: { int32: remainder(i32.remainderSigned), uint32: remainder(i32.remainderUnsigned) },
  shiftLeft: both(shift(i32.shiftLeft)),
  shiftRightLogical: both(shift(i32.shiftRight)),
  shiftRightArithmetic: { int32: shiftArithmetic, uint32: shift(i32.shiftRight) },
};

const lanes = [0, 1, 2, 3];

/** The emitter for an element-wise equation; nothing if there is none. With `single`, all lanes are the same. */
export function functionOf(equation: Equation, single: boolean): Emit | undefined {
  const found = emitterOf(equation, false);
  if (found) return found;
  const { primitive: { name }, inputs } = equation;
  const dtype = inputs.at(-1)?.aval.dtype;
  if (dtype === "float32" && Object.hasOwn(scalarFunctions, name)) {
    return (b, ...operands) => {
      const lane = (l: number) =>
        f64.demote(b.call(name, operands.map((x) => f64.promote(f32x4.lane(x, l)))));
      const first = f32x4.splat(lane(0));
      return single ? first : lanes.slice(1).reduce((x, l) => f32x4.withLane(x, l, lane(l)), first);
    };
  }
  const integer = dtype && Object.hasOwn(onIntegers, name) ? onIntegers[name]![dtype] : undefined;
  if (!integer) return undefined;
  return (b, ...operands) => {
    const lane = (l: number): Code => {
      const [x, y] = operands.map((o) => b.set(b.local("i32"), i32x4.lane(o, l)));
      return b.set(b.local("i32"), integer(b, x!, y!));
    };
    if (single) return i32x4.splat(lane(0));
    const values = lanes.map(lane);
    return values.slice(1).reduce(
      (x, v, l) => i32x4.withLane(x, l + 1, v),
      i32x4.splat(values[0]!),
    );
  };
}

/** The number of instructions that an equation takes for a vector, roughly. */
export function costOf(equation: Equation): number {
  const { name } = equation.primitive;
  if (["exp", "log", "tanh", "logistic", "expm1", "log1p"].includes(name)) return 40;
  return emitterOf(equation, false) ? 1 : 60;
}
