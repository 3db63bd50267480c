/**
 * The inverse error function: a call, because its derivative should be the function's own and not
 * its approximation's.
 */
import type { Params, Primitive, Program } from "../core/program.ts";
import { aval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind, traceClosed } from "../core/trace.ts";
import {
  abs,
  add,
  div,
  eq,
  erf,
  exp,
  log1p,
  lt,
  mul,
  neg,
  select,
  sqrt,
  sub,
} from "./elementwise.ts";
import { fullLike } from "./broadcast.ts";
import { requireDType } from "./rules.ts";

/** Parameters of `erfInv`: the approximation, for the operand's shape and type. */
interface ErfInvParams extends Params {
  readonly program: Program;
}

const erfInvPrimitive: Primitive<ErfInvParams> = {
  name: "erfInv",
  abstractEval([x]) {
    requireDType("erfInv", x, (d) => d === "float32" || d === "float64", "floats");
    return [aval(x.shape, x.dtype)];
  },
  /** √π/2 e^(y²) */
  jvp([x], [dx]) {
    const y = erfInv(x);
    const slope = mul(fullLike(y, Math.sqrt(Math.PI) / 2), exp(mul(y, y)));
    return { outputs: [y], tangents: [dx && mul(dx, slope)] };
  },
  transpose: null,
  batch: ([x]) => ({ outputs: [erfInv(x)] }),
  inline: ({ program }) => program,
};

// M. Giles, "Approximating the erfinv function" (2010), as XLA has it: polynomials in w = -log(1 - x²),
// near the middle and in the tails.
const middle = [
  2.81022636e-08,
  3.43273939e-07,
  -3.5233877e-06,
  -4.39150654e-06,
  0.00021858087,
  -0.00125372503,
  -0.00417768164,
  0.246640727,
  1.50140941,
];
const tails = [
  -0.000200214257,
  0.000100950558,
  0.00134934322,
  -0.00367342844,
  0.00573950773,
  -0.0076224613,
  0.00943887047,
  1.00167406,
  2.83297682,
];

function giles(x: Tensor): Tensor {
  const c = (value: number) => fullLike(x, value);
  const w = neg(log1p(neg(mul(x, x))));
  const inMiddle = lt(w, c(5));
  const t = select(inMiddle, sub(w, c(2.5)), sub(sqrt(w), c(3)));
  const p = middle.map((m, i) => select(inMiddle, c(m), c(tails[i]!)))
    .reduce((sum, coefficient) => add(coefficient, mul(sum, t)));
  let y = mul(p, x);
  if (x.dtype === "float64") {
    // The polynomials are good to 7 digits: Newton's method gives the others.
    for (let i = 0; i < 2; i++) {
      const slope = mul(c(2 / Math.sqrt(Math.PI)), exp(neg(mul(y, y))));
      y = sub(y, div(sub(erf(y), x), slope));
    }
  }
  return select(eq(abs(x), c(1)), mul(x, c(Infinity)), y);
}

/** The inverse error function; ±Infinity at ±1, NaN beyond. */
export function erfInv(x: Tensor): Tensor {
  const program = traceClosed((input) => [giles(input!)], [x.aval]);
  return bind(erfInvPrimitive, [x], { program })[0];
}
