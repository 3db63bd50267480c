/**
 * Softmax: a call with a derivative of its own, which needs the result alone and not the pieces it is made of.
 */
import type { Params, Primitive, Program } from "../core/program.ts";
import { type Aval, aval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind, traceClosed } from "../core/trace.ts";
import { div, exp, mul, sub } from "./elementwise.ts";
import { reduceMax } from "./reduce.ts";
import { broadcast, reduceSum } from "./broadcast.ts";
import { checkAxes, requireDType } from "./rules.ts";

/** Parameters of `softmax`: the axes that are normalized together, and how, for the operand's type. */
interface SoftmaxParams extends Params {
  readonly axes: readonly number[];
  readonly program: Program;
}

const softmaxPrimitive: Primitive<SoftmaxParams> = {
  name: "softmax",
  abstractEval([x], { axes }) {
    requireDType("softmax", x, (d) => d === "float32" || d === "float64", "floats");
    checkAxes("softmax", x.shape, axes);
    return [aval(x.shape, x.dtype)];
  },
  /** y (ẋ - Σ y ẋ) */
  jvp([x], [dx], { axes }) {
    const y = softmax(x, axes);
    if (!dx) return { outputs: [y], tangents: [null] };
    const mean = repeat(reduceSum(mul(y, dx), axes), y, axes);
    return { outputs: [y], tangents: [mul(y, sub(dx, mean))] };
  },
  transpose: null,
  batch: ([x], _, { axes }) => ({ outputs: [softmax(x, axes.map((a) => a + 1))] }),
  inline: ({ program }) => program,
};

/** Repeats a reduced tensor along the axes that vanished. */
function repeat(y: Tensor, like: Tensor, axes: readonly number[]): Tensor {
  return broadcast(y, like.shape, like.shape.map((_, a) => a).filter((a) => !axes.includes(a)));
}

/** eˣ / Σ eˣ, shifted by the maximum, so that nothing overflows. */
function compute(x: Aval, axes: readonly number[]): Program {
  return traceClosed((t) => {
    const weights = exp(sub(t, repeat(reduceMax(t, axes), t, axes)));
    return [div(weights, repeat(reduceSum(weights, axes), t, axes))];
  }, [x]);
}

/** eˣ / Σ eˣ along some axes. */
export function softmax(x: Tensor, axes: readonly number[]): Tensor {
  if (x.size === 0) return x;
  return bind(softmaxPrimitive, [x], { axes, program: compute(x.aval, axes) })[0];
}
