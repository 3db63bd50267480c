/** More ways to put tensors together and to take them apart. */
import { checkDType, type DType, promoteTypes as meetOf } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, type Shape, sizeOf } from "../core/aval.ts";
import { Tensor } from "../core/tensor.ts";
import { axis, declareOperands, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { arraySplit, type AxisOption, concatenate, split } from "./joining.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import {
  asTensor,
  axisOf,
  broadcastShapes,
  cast,
  promote,
  shapeOf,
  stretch,
  type TensorLike,
} from "./promote.ts";
import { atleast1d, atleast3d, moveaxis } from "./shape.ts";

/** Vectors as columns of a matrix; matrices beside them keep their columns. */
export const columnStack: (xs: readonly TensorLike[]) => Tensor = managed(
  (xs) => {
    const columns = xs.map((x) => {
      const t = asTensor(x);
      return t.ndim < 2 ? lax.reshape(t, [t.size, 1]) : t;
    });
    return concatenate(columns, { axis: 1 });
  },
  declareOperands("np.columnStack", ["xs"]),
);

/** Tensors along the third axis; vectors become `1 × n × 1`, matrices `m × n × 1`. */
export const dstack: (xs: readonly TensorLike[]) => Tensor = managed(
  (xs) => concatenate(xs.map(atleast3d), { axis: 2 }),
  declareOperands("np.dstack", ["xs"]),
);

/** Blocks of a {@link block}: a tensor, or a list of blocks. */
export type Blocks = TensorLike | readonly Blocks[];

/**
 * A tensor made of blocks: the innermost lists are put together along the last axis, those around them along the one
 * before, and so on.
 *
 * ```ts
 * import { np } from "trilevel";
 * const m = np.block([[np.eye(2), np.zeros([2, 1])], [np.ones([1, 3])]]);
 * console.assert(String(await m.data()) === "1,0,0,0,1,0,1,1,1");
 * ```
 *
 * @throws ShapeError when blocks do not fit; ArgumentError unless lists are equally deep.
 */
export const block: (blocks: Blocks) => Tensor = managed((blocks) => {
  const depth = depthOf(blocks);
  const leaves = (part: Blocks): TensorLike[] => isList(part) ? part.flatMap(leaves) : [part];
  const rank = Math.max(depth, ...leaves(blocks).map((x) => asTensor(x).ndim));
  const join = (part: Blocks, level: number): Tensor => {
    if (isList(part)) {
      return concatenate(part.map((p) => join(p, level - 1)), { axis: rank - level });
    }
    const t = asTensor(part);
    return lax.reshape(t, [...Array<number>(rank - t.ndim).fill(1), ...t.shape]);
  };
  return join(blocks, depth);
}, declareOperands("np.block", ["blocks"]));

const isList = (blocks: Blocks): blocks is readonly Blocks[] => Array.isArray(blocks);

function depthOf(blocks: Blocks): number {
  if (!isList(blocks)) return 0;
  const depths = new Set(blocks.map(depthOf));
  if (depths.size === 1) return 1 + [...depths][0]!;
  throw new ArgumentError(
    depths.size === 0 ? "block: a list is empty" : "block: lists are not equally deep",
    "give lists of blocks that are equally deep: [[a, b], [c, d]]",
  );
}

/** Parts along one axis, for tensors with enough of them. */
const splitAlong = (
  name: string,
  axis: number,
): (x: TensorLike, parts: number | readonly number[]) => Tensor[] =>
  managed((x, parts) => {
    const t = asTensor(x);
    if (t.ndim <= axis) {
      throw new ShapeError(
        `${name}: expected at least ${axis + 1} axes, got ${formatAval(t.aval)}`,
        "reshape it, or split along another axis",
      );
    }
    return split(t, parts, { axis });
  }, declareOperands(`np.${name}`, ["x", "parts"]));

/** `split` along the first axis of at least two. */
export const vsplit: (x: TensorLike, parts: number | readonly number[]) => Tensor[] = managed(
  (x, parts) => {
    const t = asTensor(x);
    if (t.ndim < 2) {
      throw new ShapeError(
        `vsplit: expected at least 2 axes, got ${formatAval(t.aval)}`,
        "reshape it, or use np.split",
      );
    }
    return split(t, parts);
  },
  declareOperands("np.vsplit", ["x", "parts"]),
);
/** `split` along the second axis; of a vector along its only one. */
export const hsplit: (x: TensorLike, parts: number | readonly number[]) => Tensor[] = managed(
  (x, parts) => {
    const t = atleast1d(x);
    return split(t, parts, { axis: t.ndim === 1 ? 0 : 1 });
  },
  declareOperands("np.hsplit", ["x", "parts"]),
);
/** `split` along the third axis. */
export const dsplit: (x: TensorLike, parts: number | readonly number[]) => Tensor[] = splitAlong(
  "dsplit",
  2,
);

/** The sub-tensors along an axis (the first unless given), as a list. */
export const unstack: (x: TensorLike, options?: AxisOption) => Tensor[] = managed(
  (x, { axis = 0 } = {}) => {
    const t = asTensor(x);
    const along = axisOf("unstack", axis, t.ndim);
    const size = t.shape[along]!;
    if (size === 0) return [];
    const shape = t.shape.filter((_, i) => i !== along);
    return arraySplit(t, size, { axis: along }).map((part) => lax.reshape(part, shape));
  },
  declareOptions("np.unstack", ["x"], { axis }),
);

/** The axis along which a function works; without it the tensor is flattened. */
export interface FlatAxisOption {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
}

const flattened = (x: TensorLike, axis: number | undefined) => {
  const t = asTensor(x);
  return axis === undefined ? lax.reshape(t, [t.size]) : t;
};

/** Values behind the elements along an axis; all flattened unless an axis is given. */
export const append: (x: TensorLike, values: TensorLike, options?: FlatAxisOption) => Tensor =
  managed(
    (x, values, { axis } = {}) =>
      concatenate([flattened(x, axis), flattened(values, axis)], { axis: axis ?? 0 }),
    declareOptions("np.append", ["x", "values"], { axis }),
  );

/** Places counted from the start. */
function placesOf(name: string, at: number | readonly number[], size: number): number[] {
  return [at].flat().map((i) => {
    const place = i < 0 ? i + size : i;
    if (Number.isInteger(i) && place >= 0 && place <= size) return place;
    throw new ShapeError(
      `${name}: index ${i} is out of range for an axis of size ${size}`,
      `give a whole number from ${-size} to ${size}`,
    );
  });
}

/**
 * Values put in before the elements at static places, all counted in the tensor as it was; flattened unless an axis
 * is given.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([1, 2, 3]);
 * console.assert(String(await np.insert(x, 1, 9).data()) === "1,9,2,3");
 * console.assert(String(await np.insert(x, [0, 3], np.array([8, 9])).data()) === "8,1,2,3,9");
 * console.assert(String(await np.delete(x, [0, -1]).data()) === "2");
 * ```
 *
 * @throws ShapeError for places outside.
 */
export const insert: (
  x: TensorLike,
  at: number | readonly number[],
  values: TensorLike,
  options?: FlatAxisOption,
) => Tensor = managed(
  (x, at, values, { axis } = {}) => {
    const t = flattened(x, axis);
    const along = axisOf("insert", axis ?? 0, t.ndim);
    const size = t.shape[along]!;
    const places = placesOf("insert", at, size);
    const given = cast("insert", values, { dtype: t.dtype, weak: false });
    const alone = typeof at === "number";
    // As NumPy: at one place whole sub-tensors may go in, whose axes are then counted from the first.
    const moved = alone && given.ndim > 0 && t.ndim > 1 && given.ndim === t.ndim - 1
      ? lax.reshape(given, [...given.shape.slice(0, along), 1, ...given.shape.slice(along)])
      : given;
    const wide = alone
      ? Math.max(1, moved.ndim === t.ndim ? moved.shape[along]! : 1)
      : places.length;
    const shape = t.shape.map((n, i) => i === along ? wide : n);
    const new_ = stretch("insert", moved, shape);
    const targets = alone ? Array<number>(wide).fill(places[0]!) : places;
    const order = targets.map((place, i) => ({ place, i })).sort((a, b) =>
      a.place - b.place || a.i - b.i
    );
    const pieces: Tensor[] = [];
    let from = 0;
    for (const { place, i } of order) {
      pieces.push(stretchOf(t, along, from, place), stretchOf(new_, along, i, i + 1));
      from = place;
    }
    pieces.push(stretchOf(t, along, from, size));
    return lax.concatenate(pieces.filter((p) => p.shape[along]! > 0), along);
  },
  declareOptions("np.insert", ["x", "at", "values"], { axis }),
);

/**
 * The tensor without the elements at static places; flattened unless an axis is given. Also exported as `np.delete`, a name
 * that JavaScript reserves among named imports.
 */
export const deleteAt: (
  x: TensorLike,
  at: number | readonly number[],
  options?: FlatAxisOption,
) => Tensor = managed(
  (x, at, { axis } = {}) => {
    const t = flattened(x, axis);
    const along = axisOf("delete", axis ?? 0, t.ndim);
    const size = t.shape[along]!;
    const gone = new Set(placesOf("delete", at, size));
    if (gone.has(size)) {
      throw new ShapeError(
        `delete: index ${size} is out of range for ${size} elements`,
        `give at most ${size - 1}`,
      );
    }
    const cuts = [-1, ...[...gone].sort((a, b) => a - b), size];
    const pieces = cuts.slice(1).map((end, i) => stretchOf(t, along, cuts[i]! + 1, end));
    const some = pieces.filter((p) => p.shape[along]! > 0);
    return some.length === 0 ? stretchOf(t, along, 0, 0) : lax.concatenate(some, along);
  },
  declareOptions("np.delete", ["x", "at"], { axis }),
);
export { deleteAt as delete };

/** The flattened tensor, repeated as often as needed, in another shape; zeros if it has no elements. */
export const resize: (x: TensorLike, shape: Shape | number) => Tensor = managed((x, shape) => {
  const t = flattened(x, undefined);
  const target = shapeOf("resize", shape);
  const size = sizeOf(target);
  if (t.size === 0 || size === 0) return lax.full(target, 0, t.dtype);
  const times = Math.ceil(size / t.size);
  const rows = lax.broadcast(t, [times, t.size], [1]);
  return lax.reshape(stretchOf(lax.reshape(rows, [times * t.size]), 0, 0, size), target);
}, declareOperands("np.resize", ["x", "shape"]));

/** An axis moved before another, which is counted where it was; the first unless given. */
export const rollaxis: (x: TensorLike, axis: number, start?: number) => Tensor = managed(
  (x, axis, start = 0) => {
    const t = asTensor(x);
    const from = axisOf("rollaxis", axis, t.ndim);
    const to = start === t.ndim ? start : axisOf("rollaxis", start, t.ndim);
    return moveaxis(t, from, from < to ? to - 1 : to);
  },
  declareOperands("np.rollaxis", ["x", "axis", "start"]),
);

/** The shape that several shapes are broadcast to. @throws ShapeError when they do not fit. */
function broadcastShapesOf(...shapes: readonly (Shape | number)[]): Shape {
  return broadcastShapes("broadcastShapes", shapes.map((s) => shapeOf("broadcastShapes", s)));
}
export { broadcastShapesOf as broadcastShapes };

/** The number of axes. */
export const ndim = (x: TensorLike): number => asTensor(x).ndim;
/** The sizes of all axes. */
export const shape = (x: TensorLike): Shape => asTensor(x).shape;
/** The number of elements, of all axes or of one. */
export function size(x: TensorLike, axis?: number): number {
  const t = asTensor(x);
  return axis === undefined ? t.size : t.shape[axisOf("size", axis, t.ndim)]!;
}

/** The element type in which values meet; see `np.add`. */
export function resultType(...xs: readonly TensorLike[]): Tensor["dtype"] {
  return promote("resultType", xs)[0]?.dtype ?? "float32";
}

/**
 * The element type in which tensors of two element types meet.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(np.promoteTypes("int32", "float32") === "float32");
 * ```
 */
export function promoteTypes(a: DType, b: DType): DType {
  [a, b].forEach(checkDType);
  return meetOf({ dtype: a, weak: false }, { dtype: b, weak: false }).dtype;
}

/** True of numbers and booleans, and of tensors without axes. */
export const isscalar = (x: unknown): boolean =>
  x instanceof Tensor ? x.ndim === 0 : typeof x === "number" || typeof x === "boolean";
