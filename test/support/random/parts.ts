/** What the instructions of random programs are written with. */
import { type Shape, sizeOf } from "../../../src/core/aval.ts";
import type { Tensor } from "../../../src/core/tensor.ts";
import * as lax from "../../../src/primitives/index.ts";

/** The largest value in a program; larger ones are averaged. */
const largest = 24;

/** From the latest value, another one of the same shape, a constant between -1 and 1, and whole numbers. */
export type Operation = (x: Tensor, y: Tensor, c: number, wholes: Tensor) => Tensor;

/** Instructions by name. */
export type Operations = Readonly<Record<string, Operation>>;

/** A number in the shape and type of a tensor. */
export const fill = (x: Tensor, value: number): Tensor => lax.fullLike(x, value);
/** A multiple. */
export const scaled = (x: Tensor, by: number): Tensor => lax.mul(x, fill(x, by));
/** A sum with a number. */
export const shifted = (x: Tensor, by: number): Tensor => lax.add(x, fill(x, by));
/** All axes. */
export const axesOf = (x: Tensor): number[] => x.shape.map((_, i) => i);
/** At least one axis. */
export const withAxis = (x: Tensor): Tensor => x.ndim === 0 ? lax.reshape(x, [1]) : x;
/** The axis that a constant chooses. */
export const along = (x: Tensor, c: number): number =>
  Math.min(x.ndim - 1, Math.floor((c + 1) / 2 * x.ndim));

/** 0, 1, 2, … in the shape of a tensor. */
export const counter = (x: Tensor, dtype: "int32" | "uint32" = "int32"): Tensor =>
  lax.reshape(lax.iota([x.size], dtype, 0), x.shape);

/** Distances so large that they decide every order. */
export function apart(x: Tensor): Tensor {
  const n = counter(x);
  // A prime larger than every size mixes the places, and no two get the same.
  const mixed = lax.rem(lax.mul(n, fill(n, 29)), fill(n, Math.max(1, x.size)));
  return lax.mul(lax.convert(mixed, x.dtype), fill(x, 8));
}

/** The mean along some axes. */
export function mean(x: Tensor, axes: readonly number[] = axesOf(x)): Tensor {
  const sum = lax.reduceSum(x, axes);
  return scaled(sum, 1 / sizeOf(axes.map((a) => x.shape[a]!)));
}

/** A value's elements in another shape: some of them, or again and again. */
export function inShape(x: Tensor, shape: Shape): Tensor {
  const [from, to] = [x.size, sizeOf(shape)];
  if (from === to) return lax.reshape(x, shape);
  const n = lax.iota([to, 1], "int32", 0);
  const flat = lax.reshape(x, [from]);
  return lax.reshape(lax.gather(flat, lax.rem(n, fill(n, from))), shape);
}

/** A value that is not too large. */
export function limited(x: Tensor): Tensor {
  let y = x;
  while (y.size > largest) y = mean(y, [y.shape.findIndex((n) => n > 1)]);
  return y;
}
