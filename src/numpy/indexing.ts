/**
 * Reading parts of tensors. An index is written as NumPy writes it in brackets, item by item:
 * a number, a range `[start, stop, step]` whose entries may be left out or null, `":"` or `[]` for a
 * whole axis, `"..."` for as many whole axes as are left, null for a new axis, or an integer tensor.
 */
import type { DType } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { describeValue } from "../core/describeValue.ts";
import { formatAval } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { managed } from "./managed.ts";
import { asTensor, broadcastShapes, stretch, type TensorLike } from "./promote.ts";

/** One item of an index. */
export type Index =
  | number
  | readonly (number | null | undefined)[]
  | ":"
  | "..."
  | null
  | Tensor;

/**
 * The value that an index out of bounds reads: `"clip"` takes the nearest element, `"fill"` a fixed value.
 * Negative indices count from the end first.
 */
export interface OutOfBounds {
  /** The mode; each function says its default. */
  readonly mode?: "clip" | "fill" | undefined;
  /** The value of `"fill"`; NaN unless given, or the smallest int32, the largest uint32, true. */
  readonly fillValue?: TensorLike | undefined;
}

const fillValues: Record<DType, number> = {
  float32: NaN,
  float64: NaN,
  int32: -0x80000000,
  uint32: 0xffffffff,
  bool: 1,
};

/**
 * A part of a tensor, as NumPy's `x[…]`. Several integer tensors are broadcast and read together;
 * an index tensor's value outside of the axis reads the nearest element, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.reshape(np.arange(12), [3, 4]);
 * console.assert(String(await np.slice(x, 1).data()) === "4,5,6,7");               // x[1]
 * console.assert(String(await np.slice(x, [], -1).data()) === "3,7,11");           // x[:, -1]
 * console.assert(String(await np.slice(x, [0, 2], [1, 3]).data()) === "1,2,5,6");  // x[0:2, 1:3]
 * console.assert(String(await np.slice(x, 0, [null, null, -1]).data()) === "3,2,1,0"); // x[0, ::-1]
 * console.assert(np.slice(x, "...", null).shape.join() === "3,4,1");               // x[..., None]
 * const rows = np.array([2, 0], { dtype: "int32" });
 * console.assert(String(await np.slice(x, rows, 1).data()) === "9,1");             // x[rows, 1]
 * ```
 *
 * @throws ShapeError for too many items, and for a number outside of its axis; DTypeError for tensors
 * that are no integers.
 */
export const slice: (x: TensorLike, ...index: readonly Index[]) => Tensor = managed(
  (x, ...index) => read("slice", asTensor(x), index, {}),
);

/** Reads the elements of an index, with a rule for indices that are out of bounds. */
export function read(
  name: string,
  x: Tensor,
  index: readonly Index[],
  { mode = "clip", fillValue }: OutOfBounds,
): Tensor {
  const items = complete(name, x, index);
  const advanced = items.some((item) => item instanceof Tensor);
  const axes: Axis[] = [];
  let axis = 0;
  for (const item of items) {
    if (item === null) axes.push({ kind: "new" });
    else axes.push(place(name, x, item, axis++, advanced));
  }
  const boxed = box(x, axes.filter((a) => a.kind !== "new"));
  const picks = axes.flatMap((a, position) => a.kind === "pick" ? [{ ...a, position }] : []);
  if (picks.length === 0) {
    // The axes that numbers pick have size 1 now, and vanish.
    let next = 0;
    const sizes = axes.flatMap((a) => {
      if (a.kind === "new") return [1];
      const size = boxed.shape[next++]!;
      return a.kind === "number" ? [] : [size];
    });
    return lax.reshape(boxed, sizes);
  }
  const outer = broadcastShapes(name, picks.map((p) => p.indices.shape));
  const indices = picks.map((p) => stretch(name, p.indices, outer));
  const gathered = gather(boxed, picks.map((p) => p.axis), indices, mode, fillValue);
  // Index tensors side by side put their axes where they stand; otherwise these come first.
  const together = picks.every((p, i) => p.position === picks[0]!.position + i);
  const first = together ? picks[0]!.position : 0;
  const before = axes.slice(0, first).filter((a) => a.kind === "range").length;
  const rest = gathered.shape.slice(outer.length);
  const order = [
    ...rest.map((_, i) => outer.length + i).slice(0, before),
    ...outer.map((_, i) => i),
    ...rest.map((_, i) => outer.length + i).slice(before),
  ];
  const moved = lax.transpose(gathered, order);
  const sizes = rest.slice();
  const others = axes.filter((a) => a.kind !== "pick");
  const layout = (part: readonly Axis[]) => part.map((a) => a.kind === "new" ? 1 : sizes.shift()!);
  const start = layout(others.slice(0, first));
  return lax.reshape(moved, [...start, ...outer, ...layout(others.slice(first))]);
}

/** The treatment of one axis. */
type Axis =
  | { readonly kind: "new" }
  | { readonly kind: "number"; readonly start: number; readonly count: 1; readonly step: 1 }
  | {
    readonly kind: "range";
    readonly start: number;
    readonly count: number;
    readonly step: number;
  }
  | { readonly kind: "pick"; readonly axis: number; readonly indices: Tensor };

/** The index with one item for each axis. */
export function complete(
  name: string,
  x: Tensor,
  index: readonly Index[],
): Exclude<Index, "..." | ":">[] {
  const named = index.filter((item) => item !== null && item !== "...").length;
  const dots = index.filter((item) => item === "...").length;
  if (named > x.ndim || dots > 1) {
    throw new ShapeError(
      `${name}: ${named} indices${dots > 1 ? " and two ellipses" : ""} do not fit ${
        formatAval(x.aval)
      }`,
      `give at most ${x.ndim} indices and one "..."`,
    );
  }
  const all = dots === 1 ? index : [...index, "..." as const];
  return all.flatMap((item) =>
    item === "..." ? Array.from({ length: x.ndim - named }, () => []) : item === ":" ? [[]] : [item]
  );
}

function place(
  name: string,
  x: Tensor,
  item: Exclude<Index, "..." | ":" | null>,
  axis: number,
  advanced: boolean,
): Axis {
  const size = x.shape[axis]!;
  if (item instanceof Tensor) {
    if (item.dtype === "int32") return { kind: "pick", axis, indices: item };
    if (item.dtype === "uint32") return { kind: "pick", axis, indices: lax.convert(item, "int32") };
    throw new DTypeError(
      `${name}: an index is ${formatAval(item.aval)}`,
      item.dtype === "bool"
        ? "the number of elements that a mask selects is not known in advance: use np.where, or at(x, mask).set"
        : 'indices are integers: convert with astype("int32")',
    );
  }
  if (typeof item === "number") {
    const found = item < 0 ? item + size : item;
    if (!Number.isInteger(item) || found < 0 || found >= size) {
      throw new ShapeError(
        `${name}: index ${item} is out of range for axis ${axis} of ${formatAval(x.aval)}`,
        size === 0 ? "the axis is empty" : `give a whole number from ${-size} to ${size - 1}`,
      );
    }
    // Beside index tensors a number is one of them.
    if (advanced) return { kind: "pick", axis, indices: literal(found, "int32") };
    return { kind: "number", start: found, count: 1, step: 1 };
  }
  if (!Array.isArray(item)) {
    throw new ArgumentError(
      `${name}: an index is ${describeValue(item)}`,
      'give a number, [start, stop, step], ":", "...", null or an integer tensor',
    );
  }
  return { kind: "range", ...range(name, item, size) };
}

/** Python's ranges: bounds outside of the axis are moved to its ends. */
function range(name: string, item: readonly (number | null | undefined)[], size: number) {
  const step = item[2] ?? 1;
  if (
    item.length > 3 || step === 0 ||
    item.some((n) => n !== null && n !== undefined && !Number.isInteger(n))
  ) {
    throw new ArgumentError(
      `${name}: [${item.join(", ")}] is not a range`,
      "give [start, stop, step] of whole numbers, the step not 0; indices go into a tensor",
    );
  }
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const bound = (n: number | null | undefined, otherwise: number) =>
    n === null || n === undefined
      ? otherwise
      : Math.min(Math.max(n < 0 ? n + size : n, lowest), highest);
  const start = bound(item[0], step > 0 ? 0 : size - 1);
  const stop = bound(item[1], step > 0 ? size : -1);
  return { start, step, count: Math.max(0, Math.ceil((stop - start) / step)) };
}

/** The box that ranges and numbers cut out. */
function box(x: Tensor, axes: readonly Axis[]): Tensor {
  const bounds = axes.map((a, i) => {
    if (a.kind === "pick" || a.kind === "new") return { start: 0, limit: x.shape[i]!, stride: 1 };
    if (a.count === 0) return { start: 0, limit: 0, stride: 1 };
    const last = a.start + (a.count - 1) * a.step;
    const [start, end] = a.step > 0 ? [a.start, last] : [last, a.start];
    return { start, limit: end + 1, stride: Math.abs(a.step) };
  });
  const cut = lax.slice(x, {
    start: bounds.map((b) => b.start),
    limit: bounds.map((b) => b.limit),
    strides: bounds.map((b) => b.stride),
  });
  return lax.reverse(cut, axes.flatMap((a, i) => a.kind === "range" && a.step < 0 ? [i] : []));
}

/** Elements at indices (of one shape) along some axes; the indices' axes come first. */
export function gather(
  x: Tensor,
  axes: readonly number[],
  indices: readonly Tensor[],
  mode: "clip" | "fill",
  fillValue: TensorLike | undefined,
): Tensor {
  const outer = indices[0]!.shape;
  const sizes = axes.map((axis) => x.shape[axis]!);
  const rest = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const fill = fillOf(x.dtype, fillValue);
  if (sizes.includes(0)) {
    const shape = [...outer, ...rest.map((i) => x.shape[i]!)];
    if (shape.includes(0)) return lax.full(shape, 0, x.dtype);
    if (mode === "fill") return lax.broadcast(fill, shape, []);
    throw new ShapeError(
      `${formatAval(x.aval)} is empty, so that no index is in range`,
      "check its size first",
    );
  }
  const counted = indices.map((index, i) => fromStart(index, sizes[i]!));
  const clipped = counted.map((index, i) =>
    lax.min(lax.max(index, lax.fullLike(index, 0)), lax.fullLike(index, sizes[i]! - 1))
  );
  const columns = clipped.map((index) => lax.reshape(index, [...outer, 1]));
  const values = lax.gather(
    lax.transpose(x, [...axes, ...rest]),
    lax.concatenate(columns, outer.length),
  );
  if (mode === "clip") return values;
  const inside = counted.map((index, i) => lax.eq(index, clipped[i]!)).reduce(lax.and);
  return lax.select(
    lax.broadcast(inside, values.shape, outer.map((_, i) => i)),
    values,
    lax.broadcast(fill, values.shape, []),
  );
}

function fillOf(dtype: DType, value: TensorLike | undefined): Tensor {
  return value === undefined
    ? literal(fillValues[dtype], dtype)
    : lax.convert(asTensor(value), dtype);
}

/** Negative indices counted from the start. */
export function fromStart(index: Tensor, size: number): Tensor {
  const negative = lax.lt(index, lax.fullLike(index, 0));
  return lax.select(negative, lax.add(index, lax.fullLike(index, size)), index);
}
