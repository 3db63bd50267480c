/**
 * Instructions that move elements without computing: all linear, each the transpose of another.
 * Axes are counted from 0; negative axes are the array language's business.
 */
import type { DType } from "../core/dtype.ts";
import { LinearInput, type Params, type Primitive } from "../core/program.ts";
import { type Aval, aval, type Shape } from "../core/aval.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import {
  broadcast,
  broadcastBatch,
  broadcastPrimitive,
  full,
  fullLike,
  linearJvp,
  reduceSum,
  reshapePrimitive,
} from "./broadcast.ts";
import { mul, select } from "./elementwise.ts";
import { assertSame, checkAxes, refuse } from "./rules.ts";
/** Parameters of `transpose`: axis i of the result is axis `permutation[i]` of the operand. */
export interface TransposeParams extends Params {
  readonly permutation: readonly number[];
}

const transposePrimitive: Primitive<TransposeParams> = {
  name: "transpose",
  keepsWholes: true,
  abstractEval([x], { permutation }) {
    checkAxes("transpose", x.shape, permutation);
    if (permutation.length !== x.shape.length) {
      throw refuse(
        "transpose",
        x,
        `cannot be transposed by (${permutation.join(", ")})`,
        "name every axis once",
      );
    }
    return [aval(permutation.map((a) => x.shape[a]!), x.dtype)];
  },
  jvp: linearJvp(() => transposePrimitive),
  transpose: ([ct], _, { permutation }) => [
    ct && transpose(ct, permutation.map((_, i) => permutation.indexOf(i))),
  ],
  batch: ([x], _, { permutation }) => ({
    outputs: [transpose(x, [0, ...permutation.map((a) => a + 1)])],
  }),
};

/** Parameters of `slice`: from `start` to before `limit` by `strides`, one of each per axis. */
export interface SliceParams extends Params {
  readonly start: readonly number[];
  readonly limit: readonly number[];
  readonly strides: readonly number[];
}

const slicePrimitive: Primitive<SliceParams> = {
  name: "slice",
  keepsWholes: true,
  abstractEval([x], { start, limit, strides }) {
    const rank = x.shape.length;
    const fits = [start, limit, strides].every((p) => p.length === rank) &&
      x.shape.every((n, i) =>
        0 <= start[i]! && start[i]! <= limit[i]! && limit[i]! <= n && strides[i]! >= 1
      );
    if (!fits) {
      throw refuse(
        "slice",
        x,
        `cannot be sliced from (${start.join(", ")}) to (${limit.join(", ")}) by (${
          strides.join(", ")
        })`,
        "keep 0 ≤ start ≤ limit ≤ size and stride ≥ 1 for every axis",
      );
    }
    return [aval(start.map((s, i) => Math.ceil((limit[i]! - s) / strides[i]!)), x.dtype)];
  },
  jvp: linearJvp(() => slicePrimitive),
  transpose([ct], [x], { start, limit, strides }) {
    if (!ct) return [null];
    const from = (x as LinearInput).aval.shape;
    const covered = ct.shape.map((n, i) => n === 0 ? 0 : (n - 1) * strides[i]! + 1);
    return [pad(ct, {
      low: limit.map((_, i) => ct.shape[i] === 0 ? 0 : start[i]!),
      high: from.map((n, i) => ct.shape[i] === 0 ? n : n - start[i]! - covered[i]!),
      interior: strides.map((s) => s - 1),
    })];
  },
  batch: ([x], _, { start, limit, strides }, { size }) => ({
    outputs: [slice(x, {
      start: [0, ...start],
      limit: [size, ...limit],
      strides: [1, ...strides],
    })],
  }),
};

/** Parameters of `pad`: elements added before, after and between, one of each per axis. */
export interface PadParams extends Params {
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
}

/** The second operand, a scalar, is the value that is put in. */
const padPrimitive: Primitive<PadParams> = {
  name: "pad",
  keepsWholes: true,
  abstractEval([x, value], { low, high, interior }) {
    assertSame("pad", [{ ...value, shape: [] }, { ...x, shape: [] }]);
    const rank = x.shape.length;
    if (
      value.shape.length !== 0 || [low, high, interior].some((p) => p.length !== rank) ||
      [...low, ...high, ...interior].some((n) => n < 0)
    ) {
      throw refuse(
        "pad",
        x,
        `cannot be padded by low (${low.join(", ")}), high (${high.join(", ")}), interior (${
          interior.join(", ")
        })`,
        "give one count ≥ 0 for every axis, and a scalar to put in",
      );
    }
    const shape = x.shape.map((n, i) => low[i]! + high[i]! + n + Math.max(0, n - 1) * interior[i]!);
    return [aval(shape, x.dtype)];
  },
  jvp: linearJvp(() => padPrimitive),
  transpose([ct], [x, value], { low, interior }) {
    if (!ct) return [null, null];
    const from = x instanceof LinearInput ? x.aval.shape : x.shape;
    const inside = (g: Tensor) =>
      slice(g, {
        start: low.map((l, i) => Math.min(l, g.shape[i]!)),
        limit: from.map((n, i) =>
          n === 0 ? Math.min(low[i]!, g.shape[i]!) : low[i]! + (n - 1) * (interior[i]! + 1) + 1
        ),
        strides: interior.map((n) => n + 1),
      });
    const all = low.map((_, i) => i);
    // The padding's cotangent is the part that does not go to the operand: masked, not subtracted, so that
    // nothing cancels.
    const outside = () => {
      const mask = pad(fullLike({ aval: aval(from, ct.dtype) }, 0), {
        low,
        interior,
        high: ct.shape.map((n, i) =>
          n - low[i]! - from[i]! - Math.max(0, from[i]! - 1) * interior[i]!
        ),
      }, literal(1, ct.dtype));
      return reduceSum(mul(ct, mask), all);
    };
    return [
      x instanceof LinearInput ? inside(ct) : null,
      value instanceof LinearInput ? outside() : null,
    ];
  },
  batch([x, value], [xBatched, valueBatched], { low, high, interior }, { size }) {
    const operand = xBatched ? x : broadcastBatch(x, size);
    const params = { low: [0, ...low], high: [0, ...high], interior: [0, ...interior] };
    if (!valueBatched) return { outputs: [pad(operand, params, value)] };
    // A value for each element: pad with 0, then put the values where a padded mask says so.
    const padded = pad(operand, params);
    const mask = pad(full(operand.shape, 0, "bool"), params, literal(1, "bool"));
    const values = broadcast(value, padded.shape, [0]);
    return { outputs: [select(mask, values, padded)] };
  },
};

/** Parameters of `concatenate`. */
export interface ConcatenateParams extends Params {
  readonly axis: number;
}

const concatenatePrimitive: Primitive<ConcatenateParams> = {
  name: "concatenate",
  keepsWholes: true,
  abstractEval(inputs, { axis }) {
    const without = (x: Aval) => ({ ...x, shape: x.shape.map((n, i) => i === axis ? 0 : n) });
    const first = inputs[0]!;
    checkAxes("concatenate", first.shape, [axis]);
    assertSame("concatenate", inputs.map(without));
    const total = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return [aval(first.shape.map((n, i) => i === axis ? total : n), first.dtype)];
  },
  jvp: linearJvp(() => concatenatePrimitive),
  transpose([ct], inputs, { axis }) {
    if (!ct) return inputs.map(() => null);
    let offset = 0;
    return inputs.map((x) => {
      const size = (x instanceof LinearInput ? x.aval.shape : x.shape)[axis]!;
      const start = ct.shape.map((_, i) => i === axis ? offset : 0);
      const limit = ct.shape.map((n, i) => i === axis ? offset + size : n);
      offset += size;
      return x instanceof LinearInput
        ? slice(ct, { start, limit, strides: start.map(() => 1) })
        : null;
    });
  },
  batch: (inputs, batched, { axis }, { size }) => ({
    outputs: [
      concatenate(inputs.map((x, i) => batched[i] ? x : broadcastBatch(x, size)), axis + 1),
    ],
  }),
};

/** Parameters of `reverse`: the axes whose order is turned around. */
export interface ReverseParams extends Params {
  readonly axes: readonly number[];
}

const reversePrimitive: Primitive<ReverseParams> = {
  name: "reverse",
  keepsWholes: true,
  abstractEval([x], { axes }) {
    checkAxes("reverse", x.shape, axes);
    return [aval(x.shape, x.dtype)];
  },
  jvp: linearJvp(() => reversePrimitive),
  transpose: ([ct], _, { axes }) => [ct && reverse(ct, axes)],
  batch: ([x], _, { axes }) => ({ outputs: [reverse(x, axes.map((a) => a + 1))] }),
};

/** Parameters of `iota`. */
export interface IotaParams extends Params {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly axis: number;
}

/** Each element is its index along one axis. */
const iotaPrimitive: Primitive<IotaParams> = {
  name: "iota",
  abstractEval(_, { shape, dtype, axis }) {
    checkAxes("iota", shape, [axis]);
    return [aval(shape, dtype)];
  },
  jvp: (_, __, params) => ({ outputs: bind(iotaPrimitive, [], params), tangents: [null] }),
  transpose: null,
  batch: (_, __, params) => ({ outputs: bind(iotaPrimitive, [], params), batched: [false] }),
};

/** The shape family, by name. */
export const shapePrimitives = {
  broadcast: broadcastPrimitive,
  reshape: reshapePrimitive,
  transpose: transposePrimitive,
  slice: slicePrimitive,
  pad: padPrimitive,
  concatenate: concatenatePrimitive,
  reverse: reversePrimitive,
  iota: iotaPrimitive,
} as const;

/** Axes in another order. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const identity = permutation.length === x.ndim && permutation.every((a, i) => a === i);
  return identity ? x : bind(transposePrimitive, [x], { permutation })[0];
}

/** A box of elements, thinned by strides. */
export function slice(x: Tensor, params: SliceParams): Tensor {
  const { start, limit, strides } = params;
  const whole = x.shape.every((n, i) => start[i] === 0 && limit[i] === n && strides[i] === 1) &&
    start.length === x.ndim;
  return whole ? x : bind(slicePrimitive, [x], params)[0];
}

/** Elements added around and between; 0 unless another scalar is given. */
export function pad(x: Tensor, params: PadParams, value = literal(0, x.dtype)): Tensor {
  const { low, high, interior } = params;
  const nothing = [...low, ...high].every((n) => n === 0) &&
    interior.every((n, i) => n === 0 || x.shape[i]! <= 1);
  return nothing ? x : bind(padPrimitive, [x, value], params)[0];
}

/** Tensors one after the other along an axis. */
export function concatenate(xs: readonly Tensor[], axis: number): Tensor {
  return xs.length === 1 ? xs[0]! : bind(concatenatePrimitive, xs, { axis })[0];
}

/** The order of some axes turned around. */
export function reverse(x: Tensor, axes: readonly number[]): Tensor {
  return axes.length === 0 ? x : bind(reversePrimitive, [x], { axes })[0];
}

/** Indices along an axis. */
export function iota(shape: Shape, dtype: DType, axis: number): Tensor {
  return bind(iotaPrimitive, [], { shape, dtype, axis })[0];
}
