/** Reading at computed places: along an axis, place by place, and as a box. */
import type { DType } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import { formatAval, type Shape } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import {
  axis,
  declareOperands,
  declareOptions,
  dtype,
  oneOf,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { fromStart, gather, type Index, type OutOfBounds, read } from "./indexing.ts";
import { managed } from "./managed.ts";
import {
  asTensor,
  axisOf,
  broadcastShapes,
  cast,
  checkCount,
  commonType,
  stretch,
  type TensorLike,
} from "./promote.ts";

/** Options of {@link take}. */
export interface TakeOptions {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
  /**
   * Outside of the axis: `"fill"` (the default), `"clip"` to the first or last element, or `"wrap"` around.
   * Negative indices count from the end, but for `"clip"`, which reads the first element, as NumPy and JAX do.
   */
  readonly mode?: "fill" | "clip" | "wrap" | undefined;
  /** The value of `"fill"`; NaN unless given, or the smallest int32, the largest uint32, true. */
  readonly fillValue?: TensorLike | undefined;
}

/** Indices as an int32 tensor. */
export function integers(name: string, indices: TensorLike): Tensor {
  const bare = typeof indices === "number" || (indices instanceof Tensor && indices.aval.whole);
  const t = bare ? cast(name, indices, { dtype: "int32", weak: false }) : asTensor(indices);
  if (t.dtype === "int32") return t;
  if (t.dtype === "uint32") return lax.convert(t, "int32");
  throw new DTypeError(
    `${name}: indices are ${formatAval(t.aval)}`,
    'indices are integers: convert with astype("int32")',
  );
}

/**
 * Elements, or whole sub-tensors, along an axis. What is outside reads NaN, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2], [3, 4], [5, 6]]);
 * const indices = np.array([2, -3], { dtype: "int32" });
 * console.assert(String(await np.take(x, indices, { axis: 0 }).data()) === "5,6,1,2");
 * console.assert(Number.isNaN(await np.take(x, 6).item()));
 * ```
 *
 * @throws DTypeError unless indices are integers.
 */
export const take: (x: TensorLike, indices: TensorLike, options?: TakeOptions) => Tensor = managed(
  (x, indices, { axis, mode = "fill", fillValue } = {}) => {
    const given = asTensor(x);
    const t = axis === undefined ? lax.reshape(given, [given.size]) : given;
    const along = axisOf("take", axis ?? 0, t.ndim);
    const at = integers("take", indices);
    const whole: Index[] = t.shape.slice(0, along).map(() => []);
    if (mode === "fill") return read("take", t, [...whole, at], { mode, fillValue });
    if (mode === "clip") {
      const first = lax.max(at, lax.fullLike(at, 0));
      return read("take", t, [...whole, first], { mode });
    }
    const size = lax.fullLike(at, Math.max(1, t.shape[along]!));
    const wrapped = lax.rem(lax.add(lax.rem(at, size), size), size);
    return read("take", t, [...whole, wrapped], { mode: "clip" });
  },
  declareOptions("np.take", ["x", "indices"], {
    axis,
    mode: oneOf("fill", "clip", "wrap"),
    fillValue: tensorLike,
  }),
);

/**
 * For each place of `indices` the element that it names along an axis (the last unless given), as
 * `argsort` and `argmax` give them; other axes are broadcast. What is outside reads NaN.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[3, 1, 2]]);
 * console.assert(String(await np.takeAlongAxis(x, np.argsort(x)).data()) === "1,2,3");
 * ```
 */
export const takeAlongAxis: (
  x: TensorLike,
  indices: TensorLike,
  options?: OutOfBounds & { readonly axis?: number | undefined },
) => Tensor = managed(
  (x, indices, { axis = -1, mode = "fill", fillValue } = {}) => {
    const t = asTensor(x);
    const at = integers("takeAlongAxis", indices);
    const along = axisOf("takeAlongAxis", axis, t.ndim);
    if (at.ndim !== t.ndim) {
      throw new ShapeError(
        `takeAlongAxis: indices ${formatAval(at.aval)} do not fit ${formatAval(t.aval)}`,
        "give indices with as many axes as the tensor: np.expandDims",
      );
    }
    const but = (shape: Shape) => shape.map((n, i) => i === along ? 1 : n);
    const outer = broadcastShapes("takeAlongAxis", [but(t.shape), but(at.shape)]);
    const shape = outer.map((n, i) => i === along ? at.shape[i]! : n);
    const picks = shape.map((_, i) => {
      if (i === along) return stretch("takeAlongAxis", at, shape);
      return t.shape[i] === 1 ? lax.full(shape, 0, "int32") : lax.iota(shape, "int32", i);
    });
    return gather(t, t.shape.map((_, i) => i), picks, mode, fillValue);
  },
  declareOptions("np.takeAlongAxis", ["x", "indices"], {
    axis,
    mode: oneOf("fill", "clip"),
    fillValue: tensorLike,
  }),
);

/**
 * A box of static size at a computed place; the place is moved so that the box fits, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * const start = np.array(3, { dtype: "int32" });
 * console.assert(String(await np.dynamicSlice(np.arange(5), [start], [3]).data()) === "2,3,4");
 * ```
 */
export const dynamicSlice: (
  x: TensorLike,
  starts: readonly TensorLike[],
  sizes: readonly number[],
) => Tensor = managed((x, starts, sizes) => {
  const t = asTensor(x);
  const fits = starts.length === t.ndim && sizes.length === t.ndim &&
    sizes.every((n, i) => checkCount("dynamicSlice", "a size", n) <= t.shape[i]!);
  if (!fits) {
    throw new ShapeError(
      `dynamicSlice: ${starts.length} starts and sizes [${sizes.join(", ")}] do not fit ` +
        formatAval(t.aval),
      "give one start and one size, not beyond the tensor's, for each axis",
    );
  }
  return sizes.reduce((y, size, axis) => {
    const room = t.shape[axis]! - size;
    if (room === 0) return y;
    const start = clamped(integers("dynamicSlice", starts[axis]!), room, t.shape[axis]!);
    const { source } = start;
    const whole: Index[] = y.shape.slice(0, axis).map(() => []);
    if (source.kind === "literal") {
      return read("dynamicSlice", y, [...whole, [source.value, source.value + size]], {});
    }
    const index = lax.add(lax.iota([size], "int32", 0), stretch("dynamicSlice", start, [size]));
    return read("dynamicSlice", y, [...whole, index], {});
  }, t);
}, declareOperands("np.dynamicSlice", ["x", "starts", "sizes"]));

function clamped(start: Tensor, room: number, size: number): Tensor {
  const { source } = start;
  if (source.kind === "literal") {
    const value = source.value < 0 ? source.value + size : source.value;
    return literal(Math.min(Math.max(value, 0), room), "int32");
  }
  const counted = fromStart(lax.reshape(start, []), size);
  return lax.min(lax.max(counted, literal(0, "int32")), literal(room, "int32"));
}

/**
 * Ones where a class is, zeros elsewhere: indices become vectors along a new axis (the last unless
 * given). An index outside gives zeros only.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.oneHot(np.array([1, 0], { dtype: "int32" }), 3);
 * console.assert(String(await x.data()) === "0,1,0,1,0,0");
 * ```
 */
export const oneHot: (
  indices: TensorLike,
  classes: number,
  options?: { readonly axis?: number; readonly dtype?: DType },
) => Tensor = managed(
  (indices, classes, { axis = -1, dtype = "float32" } = {}) => {
    const t = typeof indices === "number" ? integers("oneHot", indices) : asTensor(indices);
    const along = axisOf("oneHot", axis, t.ndim + 1);
    const shape = t.shape.toSpliced(along, 0, checkCount("oneHot", "the classes", classes));
    const kept = shape.map((_, i) => i).filter((i) => i !== along);
    const type = commonType([t]).dtype === "bool" ? "int32" : t.dtype;
    const value = lax.broadcast(lax.convert(t, type), shape, kept);
    return lax.convert(lax.eq(value, lax.iota(shape, type, along)), dtype);
  },
  declareOptions("np.oneHot", ["indices", "classes"], { axis, dtype }),
);
