/** The same elements in another shape or order of axes. Negative axes count from the end. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, type Shape, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  axis,
  declareOperands,
  declareOptions,
  integer,
  pairOf,
  requireArgument,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import {
  asTensor,
  axesOf,
  axisOf,
  broadcastShapes,
  shapeOf,
  stretch,
  type TensorLike,
} from "./promote.ts";

/**
 * The same elements in row-major order in another shape; one size may be -1, and is found out.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(np.reshape(np.arange(6), [2, -1]).shape.join() === "2,3");
 * ```
 *
 * @throws ShapeError when the numbers of elements differ.
 */
export const reshape: (x: TensorLike, shape: Shape | number) => Tensor = managed((x, shape) => {
  const t = asTensor(x);
  const list = typeof shape === "number" ? [shape] : shape;
  const known = sizeOf(shapeOf("reshape", list.filter((n) => n !== -1)));
  const unknown = list.filter((n) => n === -1).length;
  const missing = t.size / known;
  if (unknown === 0 ? known === t.size : unknown === 1 && known > 0 && Number.isInteger(missing)) {
    return lax.reshape(t, list.map((n) => n === -1 ? missing : n));
  }
  throw new ShapeError(
    `reshape: ${formatAval(t.aval)} has ${t.size} elements, which does not fit [${
      list.join(", ")
    }]`,
    "give a list of sizes, as x.reshape([2, -1]), whose product is the number of elements; one may be -1, which " +
      "is then found",
  );
}, declareOperands("np.reshape", ["x", "[2, -1]"]));

/** One axis of all elements, in row-major order. */
export const ravel: (x: TensorLike) => Tensor = managed((x) => {
  const t = asTensor(x);
  return lax.reshape(t, [t.size]);
}, declareOperands("np.ravel", ["x"]));

/**
 * Axes in another order: axis `i` of the result is axis `axes[i]` of the tensor; all turned around
 * unless given.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.zeros([2, 3, 4]);
 * console.assert(np.transpose(x).shape.join() === "4,3,2");
 * console.assert(np.transpose(x, [0, 2, 1]).shape.join() === "2,4,3");
 * ```
 */
export const transpose: (x: TensorLike, axes?: readonly number[]) => Tensor = managed((x, axes) => {
  const t = asTensor(x);
  if (axes === undefined) return lax.transpose(t, t.shape.map((_, i) => t.ndim - 1 - i));
  if (axes.length !== t.ndim) {
    throw new ShapeError(
      `transpose: axes (${axes.join(", ")}) do not fit ${formatAval(t.aval)}`,
      `name each of the ${t.ndim} axes once`,
    );
  }
  return lax.transpose(t, axes.map((axis) => axisOf("transpose", axis, t.ndim)));
}, declareOperands("np.transpose", ["x", "axes"]));
/** Same as {@link transpose}. */
export const permuteDims: typeof transpose = transpose;

/** The last two axes exchanged. */
export const matrixTranspose: (x: TensorLike) => Tensor = managed(
  (x) => swapaxes(x, -1, -2),
  declareOperands("np.matrixTranspose", ["x"]),
);

/** Two axes exchanged. */
export const swapaxes: (x: TensorLike, first: number, second: number) => Tensor = managed(
  (x, first, second) => {
    const t = asTensor(x);
    const a = axisOf("swapaxes", first, t.ndim);
    const b = axisOf("swapaxes", second, t.ndim);
    return lax.transpose(t, t.shape.map((_, i) => i === a ? b : i === b ? a : i));
  },
  declareOperands("np.swapaxes", ["x", "first", "second"]),
);

/** Axes moved to other places; the others keep their order. */
export const moveaxis: (
  x: TensorLike,
  source: number | readonly number[],
  destination: number | readonly number[],
) => Tensor = managed((x, source, destination) => {
  const t = asTensor(x);
  const from = [source].flat().map((axis) => axisOf("moveaxis", axis, t.ndim));
  const to = [destination].flat().map((axis) => axisOf("moveaxis", axis, t.ndim));
  if (from.length !== to.length || new Set(to).size !== to.length) {
    throw new ArgumentError(
      `moveaxis: expected as many distinct destinations as sources, got (${from.join(", ")}) and (${
        to.join(", ")
      })`,
      "name each destination once: np.moveaxis(x, [0, 1], [1, 0])",
    );
  }
  const rest = t.shape.map((_, i) => i).filter((i) => !from.includes(i));
  return lax.transpose(
    t,
    t.shape.map((_, i) => to.includes(i) ? from[to.indexOf(i)]! : rest.shift()!),
  );
}, declareOperands("np.moveaxis", ["x", "source", "destination"]));

/** New axes of size 1 at these places of the result. */
export const expandDims: (x: TensorLike, axis: number | readonly number[]) => Tensor = managed(
  (x, axis) => {
    const t = asTensor(x);
    const list = [axis].flat();
    const places = axesOf("expandDims", list, t.ndim + list.length);
    const sizes = [...t.shape];
    for (const place of places) sizes.splice(place, 0, 1);
    return lax.reshape(t, sizes);
  },
  declareOperands("np.expandDims", ["x", "axis"]),
);

/** Axes of size 1 taken away: all of them unless given. @throws ShapeError for other sizes. */
export const squeeze: (x: TensorLike, axis?: number | readonly number[]) => Tensor = managed(
  (x, axis) => {
    const t = asTensor(x);
    const axes = axis === undefined
      ? t.shape.flatMap((n, i) => n === 1 ? [i] : [])
      : axesOf("squeeze", axis, t.ndim);
    const wrong = axes.find((i) => t.shape[i] !== 1);
    if (wrong !== undefined) {
      throw new ShapeError(
        `squeeze: axis ${wrong} of ${formatAval(t.aval)} has size ${t.shape[wrong]}`,
        "only axes of size 1 can be taken away: slice or reduce the axis first",
      );
    }
    return lax.reshape(t, t.shape.filter((_, i) => !axes.includes(i)));
  },
  declareOperands("np.squeeze", ["x", "axis"]),
);

/**
 * A tensor repeated along axes of size 1 and new leading axes to fill a shape.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(np.broadcastTo(np.array([1, 2]), [3, 2]).shape.join() === "3,2");
 * ```
 */
export const broadcastTo: (x: TensorLike, shape: Shape | number) => Tensor = managed(
  (x, shape) => stretch("broadcastTo", asTensor(x), shapeOf("broadcastTo", shape)),
  declareOperands("np.broadcastTo", ["x", "shape"]),
);

/** Tensors broadcast to the shape in which they meet, each in its own type. */
export const broadcastArrays: (...xs: readonly TensorLike[]) => Tensor[] = managed((...xs) => {
  const tensors = xs.map(asTensor);
  const shape = broadcastShapes("broadcastArrays", tensors.map((x) => x.shape));
  return tensors.map((x) => stretch("broadcastArrays", x, shape));
});

/** A scalar as one element of one axis; others as they are. */
export const atleast1d: (x: TensorLike) => Tensor = managed((x) => {
  const t = asTensor(x);
  return t.ndim >= 1 ? t : lax.reshape(t, [1]);
}, declareOperands("np.atleast1d", ["x"]));
/** Leading axes of size 1 added until there are two. */
export const atleast2d: (x: TensorLike) => Tensor = managed((x) => {
  const t = asTensor(x);
  return t.ndim >= 2 ? t : lax.reshape(t, [1, t.size]);
}, declareOperands("np.atleast2d", ["x"]));
/** Axes of size 1 added until there are three: `n` becomes `1 × n × 1`, `m × n` becomes `m × n × 1`. */
export const atleast3d: (x: TensorLike) => Tensor = managed((x) => {
  const t = asTensor(x);
  if (t.ndim >= 3) return t;
  return lax.reshape(t, t.ndim === 2 ? [...t.shape, 1] : [1, t.size, 1]);
}, declareOperands("np.atleast3d", ["x"]));

/**
 * Elements in reverse order along axes: all of them unless given.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.flip(np.arange(3)).data()) === "2,1,0");
 * ```
 */
export const flip: (x: TensorLike, axis?: number | readonly number[]) => Tensor = managed(
  (x, axis) => {
    const t = asTensor(x);
    return lax.reverse(t, axesOf("flip", axis, t.ndim));
  },
  declareOperands("np.flip", ["x", "axis"]),
);
/** Rows in reverse order. */
export const flipud: (x: TensorLike) => Tensor = managed(
  (x) => flip(x, 0),
  declareOperands("np.flipud", ["x"]),
);
/** Columns in reverse order. */
export const fliplr: (x: TensorLike) => Tensor = managed(
  (x) => flip(x, 1),
  declareOperands("np.fliplr", ["x"]),
);

/** A plane of two axes turned by quarters, from the first axis towards the second. */
export const rot90: (
  x: TensorLike,
  quarters?: number,
  options?: { readonly axes?: readonly [number, number] },
) => Tensor = managed(
  (x, quarters = 1, { axes: [first, second] = [0, 1] } = {}) => {
    requireArgument("np.rot90", "quarters", integer, quarters, ["x"]);
    switch (((quarters % 4) + 4) % 4) {
      case 1:
        return flip(swapaxes(x, first, second), first);
      case 2:
        return flip(x, [first, second]);
      case 3:
        return flip(swapaxes(x, first, second), second);
      default:
        return asTensor(x);
    }
  },
  declareOptions("np.rot90", ["x", "quarters"], { axes: pairOf(axis) }),
);
