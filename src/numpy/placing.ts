/** Tensors that differ from another where a mask, numbers of places, or a diagonal say so. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, type Shape, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, declareOperands, declareOptions, integer, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { diag } from "./diagonals.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import {
  align,
  asTensor,
  axisOf,
  broadcastShapes,
  cast,
  stretch,
  type TensorLike,
  truth,
} from "./promote.ts";
import { integers } from "./taking.ts";
import { at } from "./updates.ts";

const c = lax.fullLike;

/** As many first elements of an endless repetition of a vector. */
function repeated(name: string, values: TensorLike, dtype: Tensor["dtype"], size: number): Tensor {
  const given = cast(name, values, { dtype, weak: false });
  const n = given.size;
  if (n === 0 && size > 0) {
    throw new ShapeError(
      `${name}: expected one value or more, got none`,
      "give a tensor with elements",
    );
  }
  if (size === 0) return lax.full([0], 0, dtype);
  const times = Math.ceil(size / n);
  const rows = lax.broadcast(lax.reshape(given, [n]), [times, n], [1]);
  return stretchOf(lax.reshape(rows, [times * n]), 0, 0, size);
}

/**
 * The tensor with values where a mask is true, one after the other, repeated if there are too few. (NumPy changes the
 * tensor itself.)
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.arange(4);
 * const y = np.place(x, np.greater(x, 0), np.array([8, 9], { dtype: "int32" }));
 * console.assert(String(await y.data()) === "0,8,9,8");
 * ```
 */
export const place: (x: TensorLike, mask: TensorLike, values: TensorLike) => Tensor = managed(
  (x, mask, values) => {
    const t = asTensor(x);
    const chosen = truth(mask);
    if (chosen.size !== t.size) {
      throw new ShapeError(
        `place: the mask ${formatAval(chosen.aval)} does not fit ${formatAval(t.aval)}`,
        "give a mask of the tensor's size",
      );
    }
    const flat = lax.reshape(chosen, [t.size]);
    const all = repeated("place", values, t.dtype, t.size);
    if (t.size === 0) return t;
    const number = lax.sub(
      lax.cumsum(lax.convert(flat, "int32"), 0),
      lax.full([t.size], 1, "int32"),
    );
    const index = lax.max(number, c(number, 0));
    const taken = lax.gather(all, lax.reshape(index, [t.size, 1]));
    return lax.reshape(lax.select(flat, taken, lax.reshape(t, [t.size])), t.shape);
  },
  declareOperands("np.place", ["x", "mask", "values"]),
);

/** The treatment of indices that are out of bounds. */
export interface PutOptions {
  /** `"clip"` moves them to the nearest place, `"wrap"` counts them around; they are dropped unless given. */
  readonly mode?: "clip" | "wrap" | undefined;
}

/**
 * The tensor with values at numbered places of its flattened form; values are repeated if there are too few.
 *
 * ```ts
 * import { np } from "trilevel";
 * const y = np.put(np.zeros([2, 2]), np.array([0, 3], { dtype: "int32" }), np.array([5, 7]));
 * console.assert(String(await y.data()) === "5,0,0,7");
 * ```
 */
export const put: (
  x: TensorLike,
  numbers: TensorLike,
  values: TensorLike,
  options?: PutOptions,
) => Tensor = managed(
  (x, numbers, values, { mode } = {}) => {
    const t = asTensor(x);
    const given = integers("put", numbers);
    let places = lax.reshape(given, [given.size]);
    const size = c(places, Math.max(1, t.size));
    if (mode === "wrap") places = lax.rem(lax.add(lax.rem(places, size), size), size);
    if (mode === "clip") places = lax.max(lax.min(places, lax.sub(size, c(size, 1))), c(size, 0));
    const all = repeated("put", values, t.dtype, places.size);
    return lax.reshape(at(lax.reshape(t, [t.size]), places).set(all), t.shape);
  },
  declareOptions("np.put", ["x", "numbers", "values"], { mode: oneOf("clip", "wrap") }),
);

/**
 * The tensor with values where indices name places along an axis (the last unless given), as `takeAlongAxis` reads
 * them; those outside are dropped.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[10, 30, 20]]);
 * const largest = np.argmax(x, { axis: 1, keepdims: true });
 * console.assert(String(await np.putAlongAxis(x, largest, 0).data()) === "10,0,20");
 * ```
 */
export const putAlongAxis: (
  x: TensorLike,
  indices: TensorLike,
  values: TensorLike,
  options?: { readonly axis?: number },
) => Tensor = managed(
  (x, indices, values, { axis = -1 } = {}) => {
    const t = asTensor(x);
    const where = integers("putAlongAxis", indices);
    const along = axisOf("putAlongAxis", axis, t.ndim);
    if (where.ndim !== t.ndim) {
      throw new ShapeError(
        `putAlongAxis: indices ${formatAval(where.aval)} do not fit ${formatAval(t.aval)}`,
        "give indices with as many axes as the tensor: np.expandDims",
      );
    }
    const shape: Shape = broadcastShapes("putAlongAxis", [
      where.shape,
      t.shape.map((n, i) => i === along ? 1 : n),
    ]);
    const picks = shape.map((_, i) =>
      i === along ? stretch("putAlongAxis", where, shape) : lax.iota(shape, "int32", i)
    );
    return at(t, ...picks).set(values);
  },
  declareOptions("np.putAlongAxis", ["x", "indices", "values"], { axis }),
);

/** The tensor with values on its main diagonal, where all indices are equal; repeated if there are too few. */
export const fillDiagonal: (x: TensorLike, values: TensorLike) => Tensor = managed(
  (x, values) => {
    const t = asTensor(x);
    const square = t.shape.every((n) => n === t.shape[0]);
    if (t.ndim < 2 || t.ndim > 2 && !square) {
      throw new ShapeError(
        `fillDiagonal: expected a matrix, or axes of one size, got ${formatAval(t.aval)}`,
        "reshape it, or fill the diagonals of its matrices by vmap",
      );
    }
    if (t.size === 0) return t;
    const strides = t.shape.map((_, i) => sizeOf(t.shape.slice(i + 1)));
    const step = strides.reduce((a, b) => a + b, 0);
    const end = t.ndim === 2 ? Math.min(t.size, t.shape[1]! * t.shape[1]!) : t.size;
    const n = Math.ceil(end / step);
    const number = lax.iota([n], "int32", 0);
    const places = lax.mul(number, c(number, step));
    const all = repeated("fillDiagonal", values, t.dtype, n);
    return lax.reshape(at(lax.reshape(t, [t.size]), places).set(all), t.shape);
  },
  declareOperands("np.fillDiagonal", ["x", "values"]),
);

/**
 * For each place one of several tensors, by its number; all are broadcast to one shape. Numbers outside are moved to
 * the nearest (`"clip"`, unless given) or counted around.
 */
export const choose: (
  numbers: TensorLike,
  choices: readonly TensorLike[],
  options?: PutOptions,
) => Tensor = managed(
  (numbers, choices, { mode = "clip" } = {}) => {
    const index = integers("choose", numbers);
    const n = choices.length;
    if (n === 0) {
      throw new ArgumentError("choose: the list of choices is empty", "give at least one tensor");
    }
    const tensors = align("choose", choices);
    const shape = broadcastShapes("choose", [index.shape, tensors[0]!.shape]);
    const size = c(index, n);
    const inside = mode === "wrap"
      ? lax.rem(lax.add(lax.rem(index, size), size), size)
      : lax.max(lax.min(index, c(index, n - 1)), c(index, 0));
    const spread = stretch("choose", inside, shape);
    return tensors.map((t) => stretch("choose", t, shape))
      .reduce((y, t, i) => lax.select(lax.eq(spread, c(spread, i)), t, y));
  },
  declareOptions("np.choose", ["numbers", "choices"], { mode: oneOf("clip", "wrap") }),
);

/** The flattened tensor as a diagonal of a matrix of zeros: the main one, or the k-th above it. */
export const diagflat: (x: TensorLike, options?: { readonly k?: number }) => Tensor = managed(
  (x, { k = 0 } = {}) => {
    const t = asTensor(x);
    return diag(lax.reshape(t, [t.size]), { k });
  },
  declareOptions("np.diagflat", ["x"], { k: integer }),
);
