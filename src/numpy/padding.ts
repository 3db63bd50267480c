/** Padding: elements added around a tensor. */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  count,
  declareOptions,
  either,
  type Kind,
  listOf,
  oneOf,
  pairOf,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { repeatEach, stretchOf } from "./parts.ts";
import { asTensor, axesOf, cast, checkCount, stretch, type TensorLike } from "./promote.ts";
import { median } from "./quantiles.ts";
import { max, mean, min } from "./reductions.ts";

/** The number of elements {@link pad} adds: to all sides, to both sides of all axes, or axis by axis. */
export type PadWidth = number | readonly [number, number] | readonly (readonly [number, number])[];

const widthKind: Kind<PadWidth> = either(
  either(count, pairOf(count)),
  listOf(pairOf(count)),
);

const statistics = { maximum: max, minimum: min, mean, median } as const;

/** Options of {@link pad}. */
export interface PadOptions {
  /**
   * `"constant"` (the default): `constantValues`; `"edge"`: the outermost element; `"reflect"`: what
   * lies behind the outermost; `"symmetric"`: with it; `"wrap"`: from the other end; `"maximum"`, `"minimum"`, `"mean"`
   * and `"median"`: of the elements along the axis; `"linear_ramp"`: a straight line from `endValues` to the outermost
   * element; `"empty"`: zeros, which NumPy leaves open.
   */
  readonly mode?: PadMode | undefined;
  /** The value that `"constant"` adds; 0 unless given. A pair [2] differs by sides, a matrix [axes, 2] by axes too. */
  readonly constantValues?: TensorLike | undefined;
  /** The values with which `"linear_ramp"` ends, in the form of `constantValues`; 0 unless given. */
  readonly endValues?: TensorLike | undefined;
  /** The number of elements at each end from which `"maximum"` and the like are computed, as a width; all unless given. */
  readonly statLength?: PadWidth | undefined;
}

/** The rule for the values of a padding; see {@link PadOptions}. */
export type PadMode =
  | "constant"
  | "edge"
  | "reflect"
  | "symmetric"
  | "wrap"
  | "maximum"
  | "minimum"
  | "mean"
  | "median"
  | "linear_ramp"
  | "empty";

/**
 * Elements added around.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([1, 2, 3]);
 * console.assert(String(await np.pad(x, [1, 2]).data()) === "0,1,2,3,0,0");
 * console.assert(String(await np.pad(x, 2, { mode: "reflect" }).data()) === "3,2,1,2,3,2,1");
 * console.assert(String(await np.pad(x, 2, { mode: "linear_ramp" }).data()) === "0,0.5,1,2,3,1.5,0");
 * console.assert(np.pad(np.zeros([2, 3]), [[1, 1], [0, 2]]).shape.join() === "4,5");
 * ```
 */
export const pad: (x: TensorLike, width: PadWidth, options?: PadOptions) => Tensor = managed(
  (x, width, { mode = "constant", constantValues = 0, endValues = 0, statLength } = {}) => {
    const t = asTensor(x);
    const widths = t.shape.map((_, i) => widthOf("widths", width, i, t));
    const low = widths.map(([n]) => checkCount("pad", "a width", n));
    const high = widths.map(([, n]) => checkCount("pad", "a width", n));
    if (mode === "constant" || mode === "empty") {
      const value = asTensor(mode === "empty" ? 0 : constantValues);
      const add = (y: Tensor, before: readonly number[], after: readonly number[], by: Tensor) =>
        lax.pad(y, { low: before, high: after, interior: low.map(() => 0) }, by);
      if (value.ndim === 0) return add(t, low, high, cast("pad", value, strong(t)));
      const none = low.map(() => 0);
      return low.reduce<Tensor>((y, n, axis) => {
        const [before, after] = sidesOf(value, axis, t);
        return add(
          add(y, none.with(axis, n), none, before),
          none,
          none.with(axis, high[axis]!),
          after,
        );
      }, t);
    }
    return axesOf("pad", undefined, t.ndim).reduce((y, axis) => {
      const size = y.shape[axis]!;
      const [before, after] = [low[axis]!, high[axis]!];
      if (size === 0 && before + after > 0) {
        throw new ShapeError(
          `pad: ${formatAval(y.aval)} has no elements along axis ${axis} to pad with`,
          'use mode "constant"',
        );
      }
      if (mode === "linear_ramp") {
        const [first, last] = sidesOf(asTensor(endValues), axis, t);
        const down = ramp(stretchOf(y, axis, size - 1, size), axis, last, after);
        return lax.concatenate([
          ramp(stretchOf(y, axis, 0, 1), axis, first, before),
          y,
          lax.reverse(down, [axis]),
        ], axis);
      }
      if (mode in statistics) {
        const reduce = statistics[mode as keyof typeof statistics];
        const lengths = statLength === undefined
          ? [size, size]
          : widthOf("lengths", statLength, axis, t).map((n) => Math.min(n, size));
        if (lengths.includes(0)) {
          throw new ArgumentError("pad: `statLength` is 0", "give 1 or more");
        }
        const found = (part: Tensor) => inTypeOf(t, reduce(part, { axis, keepdims: true }));
        return lax.concatenate([
          repeatEach(found(stretchOf(y, axis, 0, lengths[0]!)), axis, before),
          y,
          repeatEach(found(stretchOf(y, axis, size - lengths[1]!, size)), axis, after),
        ], axis);
      }
      return framed(y, axis, before, after, mode as "edge"); // the modes that are left
    }, t);
  },
  declareOptions("np.pad", ["x", "width"], {
    mode: oneOf(
      "constant",
      "edge",
      "reflect",
      "symmetric",
      "wrap",
      "maximum",
      "minimum",
      "mean",
      "median",
      "linear_ramp",
      "empty",
    ),
    constantValues: tensorLike,
    endValues: tensorLike,
    statLength: widthKind,
  }),
);

const strong = (x: Tensor) => ({ dtype: x.dtype, weak: false });

/** Statistics along an axis, in the type of the tensor: whole numbers are rounded. */
function inTypeOf(x: Tensor, y: Tensor): Tensor {
  return lax.convert(isFloat(x.dtype) || !isFloat(y.dtype) ? y : lax.round(y), x.dtype);
}

/** The values for both sides of an axis: of one for all, of two for all axes, or of two for each. */
function sidesOf(given: Tensor, axis: number, x: Tensor): [before: Tensor, after: Tensor] {
  const all = stretch("pad", cast("pad", given, strong(x)), [x.ndim, 2]);
  const side = (i: number) =>
    lax.reshape(stretchOf(stretchOf(all, 0, axis, axis + 1), 1, i, i + 1), []);
  return [side(0), side(1)];
}

/** Numbers on a straight line from `start` up to an element, which is not among them. */
function ramp(edge: Tensor, axis: number, start: Tensor, count: number): Tensor {
  const shape = edge.shape.with(axis, count);
  const dtype = isFloat(edge.dtype) ? edge.dtype : "float32";
  const place = lax.iota(shape, dtype, axis);
  const part = lax.div(place, lax.fullLike(place, Math.max(1, count)));
  const end = lax.convert(repeatEach(edge, axis, count), dtype);
  const from = lax.broadcast(lax.convert(start, dtype), shape, []);
  const rest = lax.sub(lax.fullLike(part, 1), part);
  const y = lax.add(lax.mul(from, rest), lax.mul(end, part));
  return dtype === edge.dtype ? y : lax.convert(lax.floor(y), edge.dtype);
}

function widthOf(
  what: string,
  width: PadWidth,
  axis: number,
  x: Tensor,
): readonly [number, number] {
  if (typeof width === "number") return [width, width];
  const [first, second] = width;
  if (typeof first === "number" && typeof second === "number") return [first, second];
  const own = width.length === 1 ? first : width[axis];
  if (typeof own === "object" && (width.length === 1 || width.length === x.ndim)) return own;
  throw new ShapeError(
    `pad: ${width.length} pairs of ${what} do not fit ${formatAval(x.aval)}`,
    "give a number, a pair, or one pair for each axis",
  );
}

/** Padding by pieces of the tensor itself, as many as are needed on each side. */
function framed(
  x: Tensor,
  axis: number,
  low: number,
  high: number,
  mode: "edge" | "reflect" | "symmetric" | "wrap",
): Tensor {
  const size = x.shape[axis]!;
  if (mode === "edge") {
    return lax.concatenate([
      repeatEach(stretchOf(x, axis, 0, 1), axis, low),
      x,
      repeatEach(stretchOf(x, axis, size - 1, size), axis, high),
    ], axis);
  }
  if (mode === "reflect" && size === 1) return framed(x, axis, low, high, "edge");
  // The endless row that is cut out of: pieces of one period, every other one turned around.
  const skip = mode === "reflect" ? 1 : 0;
  const turned = mode === "wrap" ? x : lax.reverse(x, [axis]);
  const period = size - skip;
  const before = Math.ceil(low / period);
  const after = Math.ceil(high / period);
  const piece = (i: number) => i % 2 === 0 ? x : turned;
  const left = Array.from(
    { length: before },
    (_, i) => stretchOf(piece(before - i), axis, 0, period),
  );
  const right = Array.from({ length: after }, (_, i) => stretchOf(piece(i + 1), axis, skip, size));
  const row = lax.concatenate([...left, x, ...right], axis);
  const start = before * period - low;
  return stretchOf(row, axis, start, start + low + size + high);
}
