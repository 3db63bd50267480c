/**
 * Operations between the elements of a batch, which name its axis. Batching along that axis replaces them by
 * operations on the whole batch (a sum over elements is a sum along axis 0); batching along any other leaves them.
 * So none is left when a program is compiled.
 *
 * As functions of all elements together they are linear, but for the extremum and the index. Their transposes are JAX's:
 *
 *     psum ↔ psum    allGather ↔ psumScatter    allToAll ↔ allToAll    ppermute ↔ ppermute of the inverse
 */
import type { MappedAxis, Params, Primitive } from "../../core/program.ts";
import { aval } from "../../core/aval.ts";
import { literal, type Tensor } from "../../core/tensor.ts";
import { bind } from "../../core/trace.ts";
import { broadcast, broadcastBatch, full, reduceSum } from "../broadcast.ts";
import { convert, div, eq, mul } from "../elementwise.ts";
import { reduceMax, reduceMin } from "../reduce.ts";
import { unaryLinearJvp, zeroJvp } from "../rules.ts";
import { concatenate, iota, slice, transpose } from "../shape.ts";

/** Parameters of operations between elements: the axis, and the number of its elements. */
export interface CollectiveParams extends Params {
  readonly axisName: string;
  readonly size: number;
}

/** The first two axes exchanged. */
function swapFirst(x: Tensor): Tensor {
  return transpose(x, x.shape.map((_, i) => i < 2 ? 1 - i : i));
}

type BatchResult = ReturnType<Primitive["batch"]>;

/**
 * Batching along the operation's own axis, or along another. `own` gets the operand, whether it has the batch as axis
 * 0, and gives the result; `other` gives the result for operands with one more axis in front.
 */
function batchBy<P extends CollectiveParams>(
  own: (x: Tensor, batched: boolean, params: P) => BatchResult,
  other: (x: Tensor, params: P) => Tensor,
): Primitive<P>["batch"] {
  return ([x], [batched], params: P, axis: MappedAxis) =>
    params.axisName === axis.name
      ? own(x, batched, params)
      : { outputs: [other(x, params)], batched: [true] };
}

const alongAxis = ({ axisName }: CollectiveParams) => axisName;

const once = (x: Tensor): BatchResult => ({ outputs: [x], batched: [false] });
const each = (x: Tensor): BatchResult => ({ outputs: [x], batched: [true] });

/** All elements' x together when all have the same. */
const times = (x: Tensor, size: number) =>
  mul(x, broadcast(literal(size, x.dtype, x.aval.weak), x.shape, []));

const psumPrimitive: Primitive<CollectiveParams> = {
  name: "psum",
  keepsWholes: true,
  alongAxis,
  abstractEval: ([x]) => [aval(x.shape, x.dtype)],
  jvp: unaryLinearJvp(() => psumPrimitive),
  transpose: ([ct], _, params) => [ct && psum(ct, params)],
  batch: batchBy(
    (x, batched, { size }) => once(batched ? reduceSum(x, [0]) : times(x, size)),
    (x, params) => psum(x, params),
  ),
};

/** ẏ = the mean of ẋ over the elements that attain the extremum. */
function extremum(
  name: "pmax" | "pmin",
  reduce: (x: Tensor, axes: readonly number[]) => Tensor,
): Primitive<CollectiveParams> {
  const self: Primitive<CollectiveParams> = {
    name,
    keepsWholes: true,
    alongAxis,
    abstractEval: ([x]) => [aval(x.shape, x.dtype)],
    jvp([x], [dx], params) {
      const [y] = bind(self, [x], params);
      if (!dx) return { outputs: [y], tangents: [null] };
      const attained = convert(eq(x, y), x.dtype);
      return {
        outputs: [y],
        tangents: [div(psum(mul(dx, attained), params), psum(attained, params))],
      };
    },
    transpose: null,
    batch: batchBy(
      (x, batched) => once(batched ? reduce(x, [0]) : x),
      (x, params) => bind(self, [x], params)[0],
    ),
  };
  return self;
}

const pmaxPrimitive = extremum("pmax", reduceMax);
const pminPrimitive = extremum("pmin", reduceMin);

/** y[j] = the x of element j, in every element. */
const allGatherPrimitive: Primitive<CollectiveParams> = {
  name: "allGather",
  keepsWholes: true,
  alongAxis,
  abstractEval: ([x], { size }) => [aval([size, ...x.shape], x.dtype)],
  jvp: unaryLinearJvp(() => allGatherPrimitive),
  transpose: ([ct], _, params) => [ct && psumScatter(ct, params)],
  batch: batchBy(
    (x, batched, { size }) => once(batched ? x : broadcastBatch(x, size)),
    (x, params) => swapFirst(allGather(x, params)),
  ),
};

/** y of element i = the sum of x[i] over the elements. */
const psumScatterPrimitive: Primitive<CollectiveParams> = {
  name: "psumScatter",
  keepsWholes: true,
  alongAxis,
  abstractEval: ([x]) => [aval(x.shape.slice(1), x.dtype)],
  jvp: unaryLinearJvp(() => psumScatterPrimitive),
  transpose: ([ct], _, params) => [ct && allGather(ct, params)],
  batch: batchBy(
    (x, batched, { size }) => each(batched ? reduceSum(x, [0]) : times(x, size)),
    (x, params) => psumScatter(swapFirst(x), params),
  ),
};

/** y[j] of element i = x[i] of element j: its own inverse, and its own transpose. */
const allToAllPrimitive: Primitive<CollectiveParams> = {
  name: "allToAll",
  keepsWholes: true,
  alongAxis,
  abstractEval: ([x]) => [aval(x.shape, x.dtype)],
  jvp: unaryLinearJvp(() => allToAllPrimitive),
  transpose: ([ct], _, params) => [ct && allToAll(ct, params)],
  batch: batchBy(
    (x, batched, { size }) => each(swapFirst(batched ? x : broadcastBatch(x, size))),
    (x, params) => swapFirst(allToAll(swapFirst(x), params)),
  ),
};

/** Parameters of `ppermute`: for each element, the one whose value it gets; -1 for none, which gives zeros. */
export interface PermuteParams extends CollectiveParams {
  readonly sources: readonly number[];
}

const ppermutePrimitive: Primitive<PermuteParams> = {
  name: "ppermute",
  keepsWholes: true,
  alongAxis,
  abstractEval: ([x]) => [aval(x.shape, x.dtype)],
  jvp: unaryLinearJvp(() => ppermutePrimitive),
  transpose: ([ct], _, { sources, ...params }) => [
    ct && ppermute(ct, { ...params, sources: sources.map((_, i) => sources.indexOf(i)) }),
  ],
  batch: batchBy(
    (x, batched, { sources, size }) => each(rows(batched ? x : broadcastBatch(x, size), sources)),
    (x, params) => ppermute(x, params),
  ),
};

/** Rows of a tensor in another order, zeros for -1. Neighbours stay together: a rotation is two pieces. */
function rows(x: Tensor, sources: readonly number[]): Tensor {
  const runs: { from: number; count: number }[] = [];
  for (const from of sources) {
    const last = runs.at(-1);
    const follows = last &&
      (from < 0 ? last.from < 0 : last.from >= 0 && from === last.from + last.count);
    if (follows) last.count++;
    else runs.push({ from, count: 1 });
  }
  const pieces = runs.map(({ from, count }) =>
    from < 0 ? full([count, ...x.shape.slice(1)], 0, x.dtype) : slice(x, {
      start: x.shape.map((_, i) => i === 0 ? from : 0),
      limit: x.shape.map((n, i) => i === 0 ? from + count : n),
      strides: x.shape.map(() => 1),
    })
  );
  return pieces.length === 0 ? x : concatenate(pieces, 0);
}

const axisIndexPrimitive: Primitive<CollectiveParams> = {
  name: "axisIndex",
  alongAxis,
  abstractEval: () => [aval([], "int32")],
  jvp: zeroJvp(() => axisIndexPrimitive),
  transpose: null,
  batch: (_inputs, _batched, { size }) => each(iota([size], "int32", 0)),
};

/** The sum over the elements. */
export const psum = apply(psumPrimitive);
/** The largest over the elements. */
export const pmax = apply(pmaxPrimitive);
/** The smallest over the elements. */
export const pmin = apply(pminPrimitive);
/** The values of all elements along a new axis 0. */
export const allGather = apply(allGatherPrimitive);
/** The sum over the elements, of which each gets its own row. */
export const psumScatter = apply(psumScatterPrimitive);
/** The rows that all elements have for this one. */
export const allToAll = apply(allToAllPrimitive);
/** The value of another element. */
export const ppermute = apply(ppermutePrimitive);

function apply<P extends CollectiveParams>(
  primitive: Primitive<P>,
): (x: Tensor, params: P) => Tensor {
  return (x, params) => bind(primitive, [x], params)[0];
}

/** The number of this element, int32. */
export function axisIndex(params: CollectiveParams): Tensor {
  return bind(axisIndexPrimitive, [], params)[0];
}
