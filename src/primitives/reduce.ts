/** Instructions that reduce or accumulate along axes. */
import { ShapeError } from "../core/errors.ts";
import type { Params, Primitive } from "../core/program.ts";
import { aval, formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { convert, div, eq, mul } from "./elementwise.ts";
import { checkAxes, requireDType, zeroJvp } from "./rules.ts";
import { expand, linearJvp, reduceSum, reduceSumPrimitive } from "./broadcast.ts";
import { applyReduction, keptAxes, type ReduceParams, reduction } from "./reduction.ts";

/** Parameters of instructions along one axis. */
export interface AxisParams extends Params {
  readonly axis: number;
}

/** ẏ = the mean of ẋ over the elements that attain the extremum, as in JAX. */
const extremumRules = (self: () => Primitive<ReduceParams>) => ({
  jvp: (([x], [dx], params) => {
    const [y] = bind(self(), [x], params);
    if (!dx) return { outputs: [y], tangents: [null] };
    const attained = convert(eq(x, expand(y, x.shape, params.axes)), x.dtype);
    const total = reduceSum(mul(dx, attained), params.axes);
    return { outputs: [y], tangents: [div(total, reduceSum(attained, params.axes))] };
  }) satisfies Primitive<ReduceParams>["jvp"],
  transpose: null,
});

const noDerivative = (self: () => Primitive<ReduceParams>) => ({
  jvp: zeroJvp(self),
  transpose: null,
});

function argReduction(name: string): Primitive<AxisParams> {
  const self: Primitive<AxisParams> = {
    name,
    abstractEval([x], { axis }) {
      checkAxes(name, x.shape, [axis]);
      requireDType(name, x, (d) => d !== "bool", "numbers");
      if (x.shape[axis] === 0) {
        throw new ShapeError(
          `${name}: expected one element or more, got ${formatAval(x)}`,
          "check the size first",
        );
      }
      return [aval(keptAxes(x.shape.length, [axis]).map((i) => x.shape[i]!), "int32")];
    },
    jvp: zeroJvp(() => self),
    transpose: null,
    batch: ([x], _, { axis }) => ({ outputs: bind(self, [x], { axis: axis + 1 }) }),
  };
  return self;
}

/** Parameters of `cumsum`. */
export interface CumulativeParams extends AxisParams {
  /** From the last element to the first. */
  readonly reverse: boolean;
}

const cumsumPrimitive: Primitive<CumulativeParams> = {
  name: "cumsum",
  keepsWholes: true,
  abstractEval([x], { axis }) {
    checkAxes("cumsum", x.shape, [axis]);
    requireDType("cumsum", x, (d) => d !== "bool", "numbers");
    return [aval(x.shape, x.dtype)];
  },
  jvp: linearJvp(() => cumsumPrimitive),
  transpose: ([ct], _, { axis, reverse }) => [ct && cumsum(ct, axis, !reverse)],
  batch: ([x], _, { axis, reverse }) => ({ outputs: [cumsum(x, axis + 1, reverse)] }),
};

/** The reduction family, by name. */
export const reducePrimitives = {
  reduceSum: reduceSumPrimitive,
  /** NaN if any element is. */
  reduceMax: reduction("reduceMax", "number", extremumRules, true),
  reduceMin: reduction("reduceMin", "number", extremumRules, true),
  reduceAnd: reduction("reduceAnd", "bool", noDerivative),
  reduceOr: reduction("reduceOr", "bool", noDerivative),
  /** The first index of the largest element; the first NaN, if there is one. */
  argMax: argReduction("argMax"),
  argMin: argReduction("argMin"),
  cumsum: cumsumPrimitive,
} as const;

export const reduceMax = applyReduction(reducePrimitives.reduceMax);
export const reduceMin = applyReduction(reducePrimitives.reduceMin);
export const reduceAnd = applyReduction(reducePrimitives.reduceAnd);
export const reduceOr = applyReduction(reducePrimitives.reduceOr);

/** Index of the largest element along an axis, int32. */
export function argMax(x: Tensor, axis: number): Tensor {
  return bind(reducePrimitives.argMax, [x], { axis })[0];
}

/** Index of the smallest element along an axis, int32. */
export function argMin(x: Tensor, axis: number): Tensor {
  return bind(reducePrimitives.argMin, [x], { axis })[0];
}

/** Running sums along an axis. */
export function cumsum(x: Tensor, axis: number, reverse = false): Tensor {
  return bind(cumsumPrimitive, [x], { axis, reverse })[0];
}
