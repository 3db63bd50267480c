/** Instructions whose indices are data: gather, scatter, sort. */
import { DTypeError, ShapeError } from "../core/errors.ts";
import { LinearInput, type NoParams, type Params, type Primitive } from "../core/program.ts";
import { type Aval, aval, formatAval, sameShape, type Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { eq, select } from "./elementwise.ts";
import { assertSame } from "./rules.ts";
import {
  broadcast,
  broadcastBatch,
  elementwiseBatch,
  full,
  fullLike,
  instantiate,
  reshape,
} from "./broadcast.ts";
import { concatenate, iota, transpose } from "./shape.ts";

/** Splits indices `[…, k]` into what they range over, and `k`, the axes they index. */
function indexShape(name: string, x: Aval, indices: Aval): { outer: Shape; depth: number } {
  const depth = indices.shape.at(-1);
  if (indices.dtype !== "int32" || depth === undefined || depth > x.shape.length) {
    throw new ShapeError(
      `${name}: indices ${formatAval(indices)} do not fit ${formatAval(x)}`,
      "indices are int32 of shape […, k], with one entry for each of the first k axes",
    );
  }
  return { outer: indices.shape.slice(0, -1), depth };
}

/** Axis 0 moved to `to`, or back. */
function moveFirst(x: Tensor, to: number): Tensor {
  const rest = x.shape.map((_, i) => i).slice(1);
  return transpose(x, [...rest.slice(0, to), 0, ...rest.slice(to)]);
}
function moveToFirst(x: Tensor, from: number): Tensor {
  return transpose(x, [from, ...x.shape.map((_, i) => i).filter((i) => i !== from)]);
}

/** Indices with the batch element's own number in front. */
function withBatchIndex(indices: Tensor): Tensor {
  const column = iota([...indices.shape.slice(0, -1), 1], "int32", 0);
  return concatenate([column, indices], indices.ndim - 1);
}

/**
 * `y[i…, rest…] = x[indices[i…, 0], …, indices[i…, k-1], rest…]`. Indices must be in range:
 * the array language sees to that.
 */
const gatherPrimitive: Primitive = {
  name: "gather",
  abstractEval([x, indices]) {
    const { outer, depth } = indexShape("gather", x, indices);
    return [aval([...outer, ...x.shape.slice(depth)], x.dtype)];
  },
  jvp: ([x, indices], [dx]) => ({
    outputs: [gather(x, indices)],
    tangents: [dx && gather(dx, indices)],
  }),
  transpose([ct], [x, indices]) {
    if (!ct) return [null, null];
    return [scatter(fullLike(x as LinearInput, 0), indices as Tensor, ct, "add"), null];
  },
  batch([x, indices], [xBatched, indicesBatched]) {
    if (xBatched && indicesBatched) return { outputs: [gather(x, withBatchIndex(indices))] };
    if (!xBatched) return { outputs: [gather(x, indices)] };
    const depth = indices.shape.at(-1)!;
    return { outputs: [moveToFirst(gather(moveFirst(x, depth), indices), indices.ndim - 1)] };
  },
};

/** Parameters of `scatter`: whether updates are added to what is there, or replace it. */
export interface ScatterParams extends Params {
  readonly mode: "add" | "set";
}

/** `x` with `updates` put at `indices`, laid out as `gather` reads. */
const scatterPrimitive: Primitive<ScatterParams> = {
  name: "scatter",
  abstractEval([x, indices, updates], { mode }) {
    const { outer, depth } = indexShape("scatter", x, indices);
    const expected = [...outer, ...x.shape.slice(depth)];
    if (!sameShape(updates.shape, expected) || updates.dtype !== x.dtype) {
      throw new ShapeError(
        `scatter: updates ${formatAval(updates)} do not fit ${formatAval(x)} at ${
          formatAval(indices)
        }`,
        `give updates of type ${formatAval(aval(expected, x.dtype))}`,
      );
    }
    if (mode === "add" && x.dtype === "bool") {
      throw new DTypeError(`scatter cannot add to ${formatAval(x)}`, "use mode set, or integers");
    }
    return [aval(x.shape, x.dtype)];
  },
  jvp: ([x, indices, updates], [dx, , du], { mode }) => ({
    outputs: [scatter(x, indices, updates, mode)],
    tangents: [
      dx || du ? scatter(instantiate(dx, x), indices, instantiate(du, updates), mode) : null,
    ],
  }),
  transpose([ct], [x, at, updates], { mode }) {
    if (!ct) return [null, null, null];
    const indices = at as Tensor; // integers are never linear
    const taken = gather(ct, indices);
    const isUnknown = updates instanceof LinearInput;
    if (mode === "add") {
      return [x instanceof LinearInput ? ct : null, null, isUnknown ? taken : null];
    }
    return [
      x instanceof LinearInput ? scatter(ct, indices, fullLike(taken, 0), "set") : null,
      null,
      isUnknown ? select(winners(ct.shape, indices, taken), taken, fullLike(taken, 0)) : null,
    ];
  },
  batch([x, indices, updates], [xBatched, indicesBatched, updatesBatched], { mode }, { size }) {
    const operand = xBatched ? x : broadcastBatch(x, size);
    const at = indicesBatched ? indices : broadcastBatch(indices, size);
    const values = updatesBatched ? updates : broadcastBatch(updates, size);
    return { outputs: [scatter(operand, withBatchIndex(at), values, mode)] };
  },
};

/** True at the one update that was kept where several meet in one place. */
function winners(shape: Shape, indices: Tensor, updates: Tensor): Tensor {
  const outer = indices.shape.slice(0, -1);
  const depth = indices.shape.at(-1)!;
  const count = outer.reduce((a, b) => a * b, 1);
  const number = reshape(iota([count], "int32", 0), outer);
  const places = full(shape.slice(0, depth), -1, "int32");
  const kept = gather(scatter(places, indices, number, "set"), indices);
  return broadcast(eq(kept, number), updates.shape, outer.map((_, i) => i));
}

/**
 * Sorts along the last axis by the first operand, ascending, NaN last, equal keys in their order;
 * the other operands move along.
 */
const sortPrimitive: Primitive = {
  name: "sort",
  abstractEval(inputs) {
    assertSame("sort", inputs.map((x) => ({ ...x, dtype: "int32" as const })));
    if (inputs[0]!.shape.length === 0) {
      throw new ShapeError("sort: expected at least one axis, got a scalar", "give a vector");
    }
    return inputs.map((x) => aval(x.shape, x.dtype));
  },
  jvp(primals, tangents) {
    const [keys] = primals;
    const order = iota(keys.shape, "int32", keys.ndim - 1);
    const sorted = sort(...primals, order);
    const from = alongLast(sorted.at(-1)!);
    return {
      outputs: sorted.slice(0, -1),
      tangents: tangents.map((t) => t && gather(t, from)),
    };
  },
  transpose: null,
  batch: elementwiseBatch(() => sortPrimitive),
};

/** Full indices from indices along the last axis. */
export function alongLast(last: Tensor): Tensor {
  const columns = last.shape.map((_, axis) =>
    reshape(axis === last.ndim - 1 ? last : iota(last.shape, "int32", axis), [...last.shape, 1])
  );
  return concatenate(columns, last.ndim);
}

/** The indexing family, by name. */
export const indexingPrimitives = {
  gather: gatherPrimitive,
  scatter: scatterPrimitive,
  sort: sortPrimitive,
} as const;

/** Elements, or whole sub-tensors, at indices `[…, k]`. */
export function gather(x: Tensor, indices: Tensor): Tensor {
  return bind<NoParams>(gatherPrimitive, [x, indices], {})[0];
}

/** The tensor with updates put in at indices `[…, k]`. */
export function scatter(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  mode: ScatterParams["mode"],
): Tensor {
  return bind(scatterPrimitive, [x, indices, updates], { mode })[0];
}

/** The operands ordered along the last axis by the first. */
export function sort(...operands: readonly Tensor[]): Tensor[] {
  return [...bind<NoParams>(sortPrimitive, operands, {})];
}
