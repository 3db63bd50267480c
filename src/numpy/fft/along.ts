/** Transforms along axes of complex and of real numbers, scaled; what all functions of `np.fft` come down to. */
import { ArgumentError, ShapeError } from "../../core/errors.ts";
import { sizeOf } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as lax from "../../primitives/index.ts";
import { type Complex, type ComplexLike, isPair, partsOf } from "../complex.ts";
import { padAfter, stretchOf } from "../parts.ts";
import { axesOf, axisOf } from "../promote.ts";
import { type Sign, transform } from "./transform.ts";

/** The direction that divides by the number of elements: the inverse, each (by its root), or the other. */
export type Norm = "backward" | "ortho" | "forward";

/** Along which axis a transform runs. */
export interface FftOptions {
  /** The length: elements are cut off, or zeros added, at the end. That of the axis unless given. */
  readonly n?: number | undefined;
  /** The axis; the last one unless given. */
  readonly axis?: number | undefined;
  /**
   * The transform that divides by n: `"backward"` (the default) the inverse, `"forward"` the other; with `"ortho"` both
   * divide by √n.
   */
  readonly norm?: Norm | undefined;
}

/** Along which axes a transform runs. */
export interface FftnOptions {
  /** The lengths, one for each axis: elements are cut off, or zeros added, at the end. */
  readonly s?: readonly number[] | undefined;
  /** The axes; unless given, the last ones: as many as there are lengths, else all (of 2-D transforms, two). */
  readonly axes?: readonly number[] | undefined;
  /** The transform that divides by the number of elements; see {@link FftOptions}. */
  readonly norm?: Norm | undefined;
}

/** Numbers stacked by their parts, [1 or 2, …], and axes along which they are transformed. */
interface Task {
  readonly x: Tensor;
  /** Axes of the numbers, the parts' not counted. */
  readonly axes: readonly number[];
  readonly sign: Sign;
}

const stacked = (name: string, z: ComplexLike): Tensor => {
  const parts = partsOf(name, z);
  return lax.concatenate(parts.map((part) => lax.reshape(part, [1, ...part.shape])), 0);
};

const unstacked = (x: Tensor): Complex => {
  const [re, im] = [0, 1].map((i) => lax.reshape(stretchOf(x, 0, i, i + 1), x.shape.slice(1)));
  return { re: re!, im: im! };
};

/** As many elements along an axis as wanted: the first ones, or zeros behind them. */
function fitted(x: Tensor, axis: number, length: number): Tensor {
  const n = x.shape[axis]!;
  return n < length ? padAfter(x, axis, length) : stretchOf(x, axis, 0, length);
}

/** The transform of numbers [parts, …]; of a last axis only the first `kept` elements, if given. */
function transformed({ x, axes, sign }: Task, kept?: number): Tensor {
  const moving = axes.map((a) => a + 1);
  const lines = x.shape.map((_, i) => i).slice(1).filter((i) => !moving.includes(i));
  if (x.size === 0) {
    const last = axes.at(-1)! + 1;
    return lax.full([2, ...x.shape.with(last, kept ?? x.shape[last]!).slice(1)], 0, x.dtype);
  }
  let y = lax.transpose(x, [0, ...lines, ...moving]);
  // Each transform brings its axis to the front, so that the last of those that are left is next.
  const sizes: number[] = [];
  for (const i of moving.toReversed()) {
    const n = x.shape[i]!;
    y = transform(lax.reshape(y, [y.shape[0]!, y.size / y.shape[0]! / n, n]), sign);
    if (sizes.length === 0 && kept !== undefined) y = stretchOf(y, 1, 0, kept);
    sizes.unshift(y.shape[1]!);
  }
  const front = lax.reshape(y, [2, ...sizes, ...lines.map((i) => x.shape[i]!)]);
  const order = [0, ...moving, ...lines];
  return lax.transpose(front, order.map((_, i) => order.indexOf(i)));
}

/** The transform of Hermitian numbers along an axis, given the first half of them: its real parts. */
function ofHalf({ x, axes: [axis], sign }: Task, n: number): Tensor {
  const along = axis! + 1;
  const half = fitted(x, along, Math.floor(n / 2) + 1);
  const both = half.shape[0] === 2 ? half : lax.concatenate([half, lax.fullLike(half, 0)], 0);
  // The other half has the conjugates of elements n - h, …, 1, in this order.
  const mirrored = lax.reverse(stretchOf(both, along, 1, n - half.shape[along]! + 1), [along]);
  const conjugates = lax.concatenate([
    stretchOf(mirrored, 0, 0, 1),
    lax.neg(stretchOf(mirrored, 0, 1, 2)),
  ], 0);
  const whole = lax.concatenate([both, conjugates], along);
  return stretchOf(transformed({ x: whole, axes: [axis!], sign }), 0, 0, 1);
}

/** The numbers divided by what a norm says, if a transform of this direction divides at all. */
function scaled(x: Tensor, count: number, norm: Norm, divides: Norm): Tensor {
  if (norm !== "ortho" && norm !== divides) return x;
  return lax.mul(x, lax.fullLike(x, norm === "ortho" ? 1 / Math.sqrt(count) : 1 / count));
}

const dividing = (sign: Sign): Norm => sign === 1 ? "backward" : "forward";

/** The axes and lengths that options name. */
function placesOf(
  name: string,
  x: Tensor,
  { s, axes }: FftnOptions,
  otherwise?: readonly number[],
): { readonly axes: number[]; readonly lengths: (number | undefined)[] } {
  const rank = x.ndim - 1;
  const last = s && Array.from({ length: s.length }, (_, i) => i - s.length);
  const list = axes ?? otherwise ?? last ?? Array.from({ length: rank }, (_, i) => i);
  if (s && s.length !== list.length) {
    throw new ArgumentError(
      `${name}: expected one length for each of ${list.length} axes, got ${s.length}`,
      "give one for each",
    );
  }
  const found = list.map((axis) => axisOf(name, axis, rank));
  axesOf(name, found, rank); // refuses an axis that is named twice
  found.forEach((axis, i) => {
    if (x.shape[axis + 1]! > 0 || s?.[i] !== undefined) return;
    throw new ShapeError(
      `${name}: axis ${axis} has no elements`,
      "give the length of the transform, or a tensor with elements",
    );
  });
  return { axes: found, lengths: found.map((_, i) => s?.[i]) };
}

/** A transform from complex numbers to complex ones. */
export function complexTransform(
  name: string,
  sign: Sign,
  z: ComplexLike,
  options: FftnOptions,
  otherwise?: readonly number[],
): Complex {
  let x = stacked(name, z);
  const { axes, lengths } = placesOf(name, x, options, otherwise);
  axes.forEach((axis, i) => x = fitted(x, axis + 1, lengths[i] ?? x.shape[axis + 1]!));
  const count = sizeOf(axes.map((axis) => x.shape[axis + 1]!));
  const y = axes.length > 0 ? transformed({ x, axes, sign }) : fitted(x, 0, 2);
  return unstacked(scaled(y, count, options.norm ?? "backward", dividing(sign)));
}

/** A transform of real numbers: the first half along the last axis, which says all. */
export function realTransform(
  name: string,
  x: ComplexLike,
  options: FftnOptions,
  otherwise?: readonly number[],
): Complex {
  requireReal(name, x);
  let t = stacked(name, x);
  const { axes, lengths } = placesOf(name, t, options, otherwise);
  requireAxes(name, axes);
  axes.forEach((axis, i) => t = fitted(t, axis + 1, lengths[i] ?? t.shape[axis + 1]!));
  const sizes = axes.map((axis) => t.shape[axis + 1]!);
  const y = transformed({ x: t, axes, sign: -1 }, Math.floor(sizes.at(-1)! / 2) + 1);
  return unstacked(scaled(y, sizeOf(sizes), options.norm ?? "backward", "forward"));
}

/** The inverse of {@link realTransform}, or (`sign` -1) a transform that is real. */
export function toReal(
  name: string,
  sign: Sign,
  z: ComplexLike,
  options: FftnOptions,
  otherwise?: readonly number[],
): Tensor {
  let x = stacked(name, z);
  const { axes, lengths } = placesOf(name, x, options, otherwise);
  requireAxes(name, axes);
  const last = axes.at(-1)!;
  const others = axes.slice(0, -1);
  others.forEach((axis, i) => x = fitted(x, axis + 1, lengths[i] ?? x.shape[axis + 1]!));
  const n = lengths.at(-1) ?? 2 * (x.shape[last + 1]! - 1);
  if (n < 1) {
    throw new ShapeError(
      `${name}: one element would make a result of length 0`,
      "give the length: 1",
    );
  }
  // Elements that are cut off the last axis need not be transformed.
  const half = fitted(x, last + 1, Math.min(x.shape[last + 1]!, Math.floor(n / 2) + 1));
  const inner = others.length > 0 ? transformed({ x: half, axes: others, sign }) : half;
  const y = ofHalf({ x: inner, axes: [last], sign }, n);
  const count = n * sizeOf(others.map((axis) => x.shape[axis + 1]!));
  const real = lax.reshape(y, y.shape.slice(1));
  return scaled(real, count, options.norm ?? "backward", dividing(sign));
}

function requireReal(name: string, x: ComplexLike): void {
  if (!isPair(name, x)) return;
  throw new ArgumentError(
    `${name}: expected real numbers, got complex ones`,
    "give the real part, or use np.fft.fft",
  );
}

function requireAxes(name: string, axes: readonly number[]): void {
  if (axes.length > 0) return;
  throw new ArgumentError(
    `${name}: the list of axes is empty`,
    "give at least one axis",
  );
}
