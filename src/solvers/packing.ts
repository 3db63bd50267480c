/**
 * Trees as rows: solvers work on one matrix [batch, n], users on their own tree. With a batch axis there is one row
 * per sample, else a single row. Leaves that are not float are not in the rows; they are carried beside them.
 */
import { isFloat } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { type Aval, formatAval, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { broadcastPrefix, leaves, type Structure, type Tree } from "../core/tree.ts";
import { type Kind, kind } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { perRow } from "./rows.ts";

/** The axis that counts samples: one for all leaves, or a tree of axes that follows the containers of z. */
export type BatchAxis = number | null | readonly BatchAxis[] | {
  readonly [key: string]: BatchAxis;
};

/** The kind of options that hold the axis of samples. */
export const batchAxisKind: Kind<BatchAxis> = kind(
  "a whole number, or a tree of whole numbers and null",
  "0",
  (value) => leaves(value as Tree<unknown>).every((axis) => Number.isInteger(axis)), // anything is a tree of unknowns
);

/** The conversion of the leaves of a tree to rows, and of rows to leaves. */
export class Packing {
  readonly batch: number;
  readonly dtype: Aval["dtype"];
  /** For each leaf the axis that counts samples; undefined without a sample axis. */
  readonly axes: readonly (number | undefined)[];
  readonly #avals: readonly Aval[];
  readonly #batched: boolean;

  /** @throws ShapeError when a leaf has no such axis, or another number of samples. */
  constructor(name: string, avals: readonly Aval[], structure: Structure, batchAxis?: BatchAxis) {
    this.#avals = avals;
    this.#batched = batchAxis !== undefined;
    const floats = avals.filter((a) => isFloat(a.dtype));
    this.dtype = floats.some((a) => a.dtype === "float64") ? "float64" : "float32";
    const given = batchAxis === undefined
      ? avals.map(() => null)
      : broadcastPrefix(batchAxis, structure, `${name}: batchAxis`);
    this.axes = given.map((axis, i) => {
      if (axis === null || axis === undefined) return undefined;
      return Number(axis) < 0 ? Number(axis) + avals[i]!.shape.length : Number(axis);
    });
    const sizes = this.axes.flatMap((axis, i) => axis === undefined ? [] : [avals[i]!.shape[axis]]);
    this.batch = this.#batched ? sizes[0] ?? 1 : 1;
    const shared = this.#batched && avals.some((a, i) => isFloat(a.dtype) && given[i] === null);
    if (!shared && sizes.every((n) => n !== undefined && n === this.batch)) return;
    throw new ShapeError(
      `${name}: batchAxis ${JSON.stringify(batchAxis)} does not fit z = (${
        avals.map(formatAval).join(", ")
      })`,
      "every leaf of z needs that axis, of one size; leaves that are not float may do without: give a tree of " +
        "axes, with null for them",
    );
  }

  /** The leaves that are not float. */
  carried(leaves: readonly Tensor[]): Tensor[] {
    return leaves.filter((x) => !isFloat(x.dtype));
  }

  /** Float leaves as rows; others are left out. */
  pack(leaves: readonly Tensor[]): Tensor {
    const axes = this.axes.filter((_, i) => isFloat(this.#avals[i]!.dtype));
    const rows = leaves.filter((x) => isFloat(x.dtype)).map((x, i) => {
      const axis = axes[i];
      const moved = axis === undefined ? x : lax.transpose(x, toFront(x.ndim, axis));
      const shape = [this.batch, x.size / Math.max(1, this.batch)];
      return lax.convert(lax.reshape(moved, shape), this.dtype);
    });
    return rows.length === 0 ? lax.full([this.batch, 0], 0, this.dtype) : lax.concatenate(rows, 1);
  }

  /** Rows, and what is carried beside them, as leaves. */
  unpack<T>(rows: Tensor, carried: readonly T[]): (Tensor | T)[] {
    let [offset, next] = [0, 0];
    return this.#avals.map(({ shape, dtype }, i) => {
      if (!isFloat(dtype)) return carried[next++]!;
      const width = sizeOf(shape) / Math.max(1, this.batch);
      const part = lax.slice(rows, {
        start: [0, offset],
        limit: [this.batch, offset + width],
        strides: [1, 1],
      });
      offset += width;
      const axis = this.axes[i];
      const order = axis === undefined ? shape.map((_, k) => k) : toFront(shape.length, axis);
      const front = lax.reshape(part, order.map((a) => shape[a]!));
      return lax.convert(lax.transpose(front, order.map((_, k) => order.indexOf(k))), dtype);
    });
  }

  /**
   * For each carried leaf, `a` for the samples where the condition holds, else `b`. What all samples share
   * follows whoever goes on.
   */
  choose(condition: Tensor, a: readonly Tensor[], b: readonly Tensor[]): Tensor[] {
    const axes = this.#carriedAxes();
    return a.map((x, i) => {
      const axis = axes[i];
      const anywhere = axis === undefined ? lax.reduceOr(condition, [0]) : condition;
      const here = lax.broadcast(anywhere, x.shape, axis === undefined ? [] : [axis]);
      return lax.select(here, x, b[i]!);
    });
  }

  /** For each sample, whether carried leaves are the same. */
  same(a: readonly Tensor[], b: readonly Tensor[]): Tensor {
    const axes = this.#carriedAxes();
    const parts = a.map((x, i) => {
      const others = x.shape.map((_, k) => k).filter((k) => k !== axes[i]);
      const equal = lax.reduceAnd(lax.eq(x, b[i]!), others);
      return axes[i] === undefined ? lax.broadcast(equal, [this.batch], []) : equal;
    });
    return parts.reduce(lax.and, perRow(lax.full([], 1, "bool"), [this.batch]));
  }

  #carriedAxes(): (number | undefined)[] {
    return this.axes.filter((_, i) => !isFloat(this.#avals[i]!.dtype));
  }
}

function toFront(rank: number, axis: number): number[] {
  return [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
}
