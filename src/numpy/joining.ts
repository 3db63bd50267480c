/** Tensors put together, taken apart, repeated and moved around. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axes, axis, declareOperands, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { repeatEach, stretchOf } from "./parts.ts";
import { asTensor, axisOf, checkCount, promote, type TensorLike } from "./promote.ts";
import { atleast1d, atleast2d, expandDims } from "./shape.ts";

/** Along which axis tensors are put together or taken apart. */
export interface AxisOption {
  /** The first unless given. */
  readonly axis?: number | undefined;
}

function several(name: string, xs: readonly TensorLike[]): Tensor[] {
  if (xs.length > 0) return promote(name, xs);
  throw new ArgumentError(
    `${name}: expected one tensor or more, got none`,
    "give a list of tensors",
  );
}

/**
 * Tensors one after the other along an axis; other sizes must agree.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.concatenate([np.zeros([2, 3]), np.ones([1, 3])]);
 * console.assert(x.shape.join() === "3,3");
 * ```
 *
 * @throws ShapeError naming the shapes.
 */
export const concatenate: (xs: readonly TensorLike[], options?: AxisOption) => Tensor = managed(
  (xs, { axis = 0 } = {}) => {
    const tensors = several("concatenate", xs);
    const rank = tensors[0]!.ndim;
    const along = axisOf("concatenate", axis, rank);
    const fits = tensors.every((x) =>
      x.ndim === rank && x.shape.every((n, i) => i === along || n === tensors[0]!.shape[i])
    );
    if (!fits) {
      throw new ShapeError(
        `concatenate: shapes do not fit along axis ${along}: ${
          tensors.map((x) => formatAval(x.aval)).join(", ")
        }`,
        "all sizes but that of the axis must agree",
      );
    }
    return lax.concatenate(tensors, along);
  },
  declareOptions("np.concatenate", ["xs"], { axis }),
);
/** Same as {@link concatenate}. */
export const concat: typeof concatenate = concatenate;

/**
 * Tensors of one shape along a new axis.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(np.stack([np.zeros(3), np.ones(3)], { axis: -1 }).shape.join() === "3,2");
 * ```
 */
export const stack: (xs: readonly TensorLike[], options?: AxisOption) => Tensor = managed(
  (xs, { axis = 0 } = {}) => {
    const tensors = several("stack", xs);
    const shape = tensors[0]!.shape;
    if (tensors.some((x) => x.shape.join() !== shape.join())) {
      throw new ShapeError(
        `stack: shapes differ: ${tensors.map((x) => formatAval(x.aval)).join(", ")}`,
        "all shapes must be the same",
      );
    }
    const along = axisOf("stack", axis, shape.length + 1);
    return lax.concatenate(tensors.map((x) => expandDims(x, along)), along);
  },
  declareOptions("np.stack", ["xs"], { axis }),
);

/** Tensors along the first axis; vectors become rows. */
export const vstack: (xs: readonly TensorLike[]) => Tensor = managed(
  (xs) => concatenate(several("vstack", xs).map(atleast2d)),
  declareOperands("np.vstack", ["xs"]),
);
/** Tensors along the second axis; vectors along their only one. */
export const hstack: (xs: readonly TensorLike[]) => Tensor = managed((xs) => {
  const tensors = several("hstack", xs).map(atleast1d);
  return concatenate(tensors, { axis: tensors[0]!.ndim === 1 ? 0 : 1 });
}, declareOperands("np.hstack", ["xs"]));

/**
 * A tensor in parts along an axis: a number of equal ones, or cut before each of some indices.
 *
 * ```ts
 * import { np } from "trilevel";
 * const parts = np.split(np.arange(6), 3);
 * console.assert(parts.length === 3 && String(await parts[2]!.data()) === "4,5");
 * console.assert(np.split(np.arange(6), [1, 4]).map((x) => x.size).join() === "1,3,2");
 * ```
 *
 * @throws ShapeError when the axis cannot be cut into equal parts; see {@link arraySplit}.
 */
export const split: (
  x: TensorLike,
  parts: number | readonly number[],
  options?: AxisOption,
) => Tensor[] = managed(
  (x, parts, { axis = 0 } = {}) => {
    const t = asTensor(x);
    const along = axisOf("split", axis, t.ndim);
    const size = t.shape[along]!;
    if (typeof parts === "number" && size % checkParts(parts) !== 0) {
      throw new ShapeError(
        `split: axis ${along} of ${formatAval(t.aval)} cannot be split into ${parts} equal parts`,
        "give a number that divides the size, or use arraySplit",
      );
    }
    return arraySplit(t, parts, { axis: along });
  },
  declareOptions("np.split", ["x", "parts"], { axis }),
);

/** As {@link split}, but the first parts are one longer when the size cannot be divided. */
export const arraySplit: typeof split = managed(
  (x, parts, { axis = 0 } = {}) => {
    const t = asTensor(x);
    const along = axisOf("arraySplit", axis, t.ndim);
    const size = t.shape[along]!;
    const cuts = typeof parts === "number" ? evenCuts(size, checkParts(parts)) : parts;
    const bounds = [0, ...cuts.map((i) => Math.min(Math.max(i < 0 ? i + size : i, 0), size)), size];
    return bounds.slice(1).map((end, i) => stretchOf(t, along, Math.min(bounds[i]!, end), end));
  },
  declareOptions("np.arraySplit", ["x", "parts"], { axis }),
);

function checkParts(parts: number): number {
  if (Number.isInteger(parts) && parts > 0) return parts;
  throw new ArgumentError(
    `split: the number of parts is ${parts}`,
    "give a whole number, 1 or more",
  );
}

function evenCuts(size: number, parts: number): number[] {
  const [each, longer] = [Math.floor(size / parts), size % parts];
  return Array.from({ length: parts - 1 }, (_, i) => (i + 1) * each + Math.min(i + 1, longer));
}

/** Options of {@link repeat}. */
export interface RepeatOptions {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
}

/**
 * Each element several times in a row: as often as `count` says, or each its own number of times.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.repeat(np.array([1, 2]), 2).data()) === "1,1,2,2");
 * console.assert(String(await np.repeat(np.array([1, 2]), [1, 3]).data()) === "1,2,2,2");
 * ```
 */
export const repeat: (
  x: TensorLike,
  count: number | readonly number[],
  options?: RepeatOptions,
) => Tensor = managed(
  (x, count, { axis } = {}) => {
    const t = axis === undefined ? lax.reshape(asTensor(x), [asTensor(x).size]) : asTensor(x);
    const along = axisOf("repeat", axis ?? 0, t.ndim);
    const size = t.shape[along]!;
    if (typeof count === "number") {
      return repeatEach(t, along, checkCount("repeat", "count", count));
    }
    if (count.length !== size) {
      throw new ShapeError(
        `repeat: ${count.length} counts do not fit axis ${along} of ${formatAval(t.aval)}`,
        `give one count, or ${size}`,
      );
    }
    const parts = count.flatMap((n, i) =>
      checkCount("repeat", "a count", n) === 0
        ? []
        : [repeatEach(stretchOf(t, along, i, i + 1), along, n)]
    );
    return parts.length === 0 ? stretchOf(t, along, 0, 0) : lax.concatenate(parts, along);
  },
  declareOptions("np.repeat", ["x", "count"], { axis }),
);

/**
 * The whole tensor several times along its axes; numbers are counted from the last axis.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.tile(np.array([1, 2]), 2).data()) === "1,2,1,2");
 * ```
 */
export const tile: (x: TensorLike, counts: number | readonly number[]) => Tensor = managed(
  (x, counts) => {
    const t = asTensor(x);
    const list = [counts].flat().map((n) => checkCount("tile", "a count", n));
    const rank = Math.max(t.ndim, list.length);
    const sizes = [...Array<number>(rank - t.ndim).fill(1), ...t.shape];
    const times = [...Array<number>(rank - list.length).fill(1), ...list];
    const doubled = sizes.flatMap((n, i) => [times[i]!, n]);
    const axes = sizes.map((_, i) => 2 * i + 1);
    return lax.reshape(
      lax.broadcast(lax.reshape(t, sizes), doubled, axes),
      sizes.map((n, i) => n * times[i]!),
    );
  },
  declareOperands("np.tile", ["x", "counts"]),
);

/**
 * Elements moved along axes; what leaves at one end comes in at the other. Without axes, along the
 * flattened tensor.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.roll(np.arange(4), 1).data()) === "3,0,1,2");
 * ```
 */
export const roll: (
  x: TensorLike,
  by: number | readonly number[],
  options?: { readonly axis?: number | readonly number[] | undefined },
) => Tensor = managed(
  (x, by, { axis } = {}) => {
    const t = asTensor(x);
    const shifts = [by].flat();
    if (axis === undefined) {
      const total = shifts.reduce((a, b) => a + b, 0);
      return lax.reshape(rollAlong(lax.reshape(t, [t.size]), 0, total), t.shape);
    }
    const axes = [axis].flat();
    const pairs = Array.from(
      { length: Math.max(axes.length, shifts.length) },
      (_, i) => [axes[axes.length === 1 ? 0 : i], shifts[shifts.length === 1 ? 0 : i]] as const,
    );
    return pairs.reduce((y, [a, n]) => {
      if (a === undefined || n === undefined) {
        throw new ArgumentError(
          `roll: expected one shift for each axis, got shifts (${shifts.join(", ")}) and axes (${
            axes.join(", ")
          })`,
          "give one number for each axis",
        );
      }
      return rollAlong(y, axisOf("roll", a, t.ndim), n);
    }, t);
  },
  declareOptions("np.roll", ["x", "by"], { axis: axes }),
);

function rollAlong(x: Tensor, axis: number, by: number): Tensor {
  const size = x.shape[axis]!;
  if (!Number.isInteger(by)) {
    throw new ArgumentError(
      `roll: the shift is ${by}`,
      "give a whole number",
    );
  }
  const shift = size === 0 ? 0 : ((by % size) + size) % size;
  if (shift === 0) return x;
  const cut = size - shift;
  return lax.concatenate([stretchOf(x, axis, cut, size), stretchOf(x, axis, 0, cut)], axis);
}
