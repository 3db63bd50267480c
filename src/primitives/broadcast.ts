/**
 * The instructions that fit a tensor to another shape, each with derivatives in terms of the others: the transpose of
 * a broadcast is a sum, and that of a sum is a broadcast. All other families build on them.
 */
import { type Aval, aval, sameShape, type Shape, sizeOf } from "../core/aval.ts";
import type { DType } from "../core/dtype.ts";
import type { LinearInput, Params, Primitive, Tangents } from "../core/program.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { applyReduction, keptAxes, type ReduceParams, reduction } from "./reduction.ts";
import { checkAxes, refuse, unaryLinearJvp } from "./rules.ts";

/** Parameters of `broadcast`: the new shape, and the axes of it that the operand's axes become. */
export interface BroadcastParams extends Params {
  readonly shape: Shape;
  readonly axes: readonly number[];
}

export const broadcastPrimitive: Primitive<BroadcastParams> = {
  name: "broadcast",
  keepsWholes: true,
  isFill: true,
  abstractEval([x], { shape, axes }) {
    checkAxes("broadcast", shape, axes);
    const fits = axes.length === x.shape.length &&
      axes.every((a, i) => x.shape[i] === shape[a] || x.shape[i] === 1) &&
      axes.every((a, i) => i === 0 || axes[i - 1]! < a);
    if (!fits) {
      throw refuse(
        "broadcast",
        x,
        `does not fit into [${shape.join(", ")}] at axes (${axes.join(", ")})`,
        "axes must be of equal size, or of size 1",
      );
    }
    return [aval(shape, x.dtype)];
  },
  jvp: unaryLinearJvp(() => broadcastPrimitive),
  transpose([ct], [x], { shape, axes }) {
    if (!ct) return [null];
    const from = (x as LinearInput).aval.shape;
    const summed = shape.flatMap((n, a) => {
      const i = axes.indexOf(a);
      return i < 0 || (from[i] === 1 && n !== 1) ? [a] : [];
    });
    return [reshape(reduceSum(ct, summed), from)];
  },
  batch: ([x], _, { shape, axes }, { size }) => ({
    outputs: [broadcast(x, [size, ...shape], [0, ...axes.map((a) => a + 1)])],
  }),
};

/** Parameters of `reshape`. */
export interface ReshapeParams extends Params {
  readonly shape: Shape;
}

export const reshapePrimitive: Primitive<ReshapeParams> = {
  name: "reshape",
  keepsWholes: true,
  abstractEval([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw refuse(
        "reshape",
        x,
        `has ${sizeOf(x.shape)} elements, [${shape.join(", ")}] ` +
          `${sizeOf(shape)}`,
        "give a shape of as many elements",
      );
    }
    return [aval(shape, x.dtype)];
  },
  jvp: unaryLinearJvp(() => reshapePrimitive),
  transpose: ([ct], [x]) => [ct && reshape(ct, (x as LinearInput).aval.shape)],
  batch: ([x], _, { shape }, { size }) => ({ outputs: [reshape(x, [size, ...shape])] }),
};

export const reduceSumPrimitive: Primitive<ReduceParams> = reduction(
  "reduceSum",
  "number",
  (self) => ({
    jvp: unaryLinearJvp(self),
    transpose: ([ct], [x], { axes }) => [ct && expand(ct, (x as LinearInput).aval.shape, axes)],
  }),
);

/** The operand's axes become `axes` (increasing) of the new shape; axes of size 1 are stretched. */
export function broadcast(x: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : bind(broadcastPrimitive, [x], { shape, axes })[0];
}

/** The same elements in another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : bind(reshapePrimitive, [x], { shape })[0];
}

/** The sum along these axes. */
export const reduceSum = applyReduction(reduceSumPrimitive);

/** Repeats a reduction's result along the axes that vanished. */
export function expand(y: Tensor, like: readonly number[], axes: readonly number[]): Tensor {
  return broadcast(y, like, keptAxes(like.length, axes));
}

/** The tensor of this shape with one value everywhere. */
export function full(shape: Shape, value: number, dtype: DType): Tensor {
  const scalar = literal(value, dtype);
  return shape.length === 0 ? scalar : broadcast(scalar, shape, []);
}

/** One value everywhere, in the shape and element type of another tensor. */
export function fullLike(x: { readonly aval: Aval }, value: number): Tensor {
  return full(x.aval.shape, value, x.aval.dtype);
}

/** The tangent, with a symbolic zero made real. */
export function instantiate(
  tangent: Tensor | null | undefined,
  x: { readonly aval: Aval },
): Tensor {
  return tangent ?? fullLike(x, 0);
}

/** For a primitive linear in all its inputs together: ẏ = f(ẋ). */
export function linearJvp<P extends Params>(self: () => Primitive<P>): Primitive<P>["jvp"] {
  return (primals, tangents, params): Tangents => ({
    outputs: bind(self(), primals, params),
    tangents: bind(self(), primals.map((x, i) => instantiate(tangents[i], x)), params),
  });
}

/** Batching for element-wise primitives: operands without the batch are broadcast along it. */
export function elementwiseBatch<P extends Params>(
  self: () => Primitive<P>,
): Primitive<P>["batch"] {
  return (inputs, batched, params, { size }) => ({
    outputs: bind(self(), inputs.map((x, i) => batched[i] ? x : broadcastBatch(x, size)), params),
  });
}

/** The tensor repeated along a new axis 0. */
export function broadcastBatch(x: Tensor, size: number): Tensor {
  return broadcast(x, [size, ...x.shape], x.shape.map((_, i) => i + 1));
}
