/**
 * Pooling: windows that move over the spatial axes of `[…batch, …space, channels]`, and leave their
 * largest, smallest or mean element.
 */
import type { DType } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { boolean, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { type Padding, padding, paddingOf, type PerAxis, perAxis, perSpaceAxis } from "./conv.ts";
import { managed } from "./managed.ts";
import { floatTensor, numberTensor, type TensorLike } from "./promote.ts";

/** Strides and padding of a window. */
export interface PoolOptions {
  /** Distance between windows; the window's size unless given, so that they do not overlap. */
  readonly strides?: PerAxis | undefined;
  /** The padding; `"VALID"`, none, unless given. Padding is never the maximum or minimum. */
  readonly padding?: Padding | undefined;
}

/** Pools windows of these sizes, one for each spatial axis. */
export type Pool = (x: TensorLike, window: readonly number[], options?: PoolOptions) => Tensor;

/** Windows combined axis by axis: of each, the first element in row-major order comes first. */
function pooled(
  name: string,
  x: Tensor,
  window: readonly number[],
  { strides = window, padding = "VALID" }: PoolOptions,
  outside: number,
  combine: (first: Tensor, second: Tensor) => Tensor,
): Tensor {
  const rank = window.length;
  const from = x.ndim - 1 - rank;
  if (from < 0) {
    throw new ShapeError(
      `${name}: a window of ${rank} axes does not fit ${formatAval(x.aval)}`,
      "give a tensor […batch, …space, channels]",
    );
  }
  const sizes = perAxis(name, "the window", window, rank);
  const steps = perAxis(name, "strides", strides, rank);
  const pads = paddingOf(name, padding, x.shape.slice(from, -1), sizes, steps);
  const around = (side: 0 | 1) => x.shape.map((_, i) => pads[i - from]?.[side] ?? 0);
  const padded = lax.pad(
    x,
    { low: around(0), high: around(1), interior: x.shape.map(() => 0) },
    literal(outside, x.dtype),
  );
  // The last axis first: among equal elements of a window, the first row's first one is kept.
  return sizes.reduceRight((y, size, i) => {
    const axis = from + i;
    const count = Math.max(0, Math.floor((y.shape[axis]! - size) / steps[i]!) + 1);
    const at = (offset: number) =>
      lax.slice(y, {
        start: y.shape.map((_, a) => a === axis && count > 0 ? offset : 0),
        limit: y.shape.map((n, a) =>
          a !== axis ? n : count === 0 ? 0 : offset + (count - 1) * steps[i]! + 1
        ),
        strides: y.shape.map((_, a) => a === axis ? steps[i]! : 1),
      });
    return Array.from({ length: size }, (_, offset) => at(offset)).reduce(combine);
  }, padded);
}

/** The element that wins by an order: the first of equal ones, and NaN if there is one. */
const winner =
  (order: (x: Tensor, y: Tensor) => Tensor) => (first: Tensor, second: Tensor): Tensor =>
    lax.select(lax.or(order(first, second), lax.ne(first, first)), first, second);

const lowest: Record<DType, number> = {
  float32: -Infinity,
  float64: -Infinity,
  int32: -0x80000000,
  uint32: 0,
  bool: 0,
};
const highest: Record<DType, number> = {
  float32: Infinity,
  float64: Infinity,
  int32: 0x7fffffff,
  uint32: 0xffffffff,
  bool: 1,
};

/**
 * The largest element of each window; of equal ones the first has the derivative, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.reshape(np.arange(16), [1, 4, 4, 1]);
 * console.assert(String(await np.maxPool(x, [2, 2]).data()) === "5,7,13,15");
 * ```
 */
export const maxPool: Pool = managed(
  (x, window, options = {}) => {
    const t = numberTensor("maxPool", x);
    return pooled("maxPool", t, window, options, lowest[t.dtype], winner(lax.ge));
  },
  declareOptions("np.maxPool", ["x", "window"], { strides: perSpaceAxis, padding }),
);

/** The smallest element of each window; of equal ones the first has the derivative. */
export const minPool: Pool = managed(
  (x, window, options = {}) => {
    const t = numberTensor("minPool", x);
    return pooled("minPool", t, window, options, highest[t.dtype], winner(lax.le));
  },
  declareOptions("np.minPool", ["x", "window"], { strides: perSpaceAxis, padding }),
);

/** The mean of each window; padding counts as zeros, unless `countIncludePad` is false. */
export const avgPool: (
  x: TensorLike,
  window: readonly number[],
  options?: PoolOptions & { readonly countIncludePad?: boolean | undefined },
) => Tensor = managed(
  (x, window, { countIncludePad = true, ...options } = {}) => {
    const t = floatTensor("avgPool", x);
    const total = pooled("avgPool", t, window, options, 0, lax.add);
    if (countIncludePad) {
      const size = window.reduce((product, n) => product * n, 1);
      return lax.div(total, lax.fullLike(total, size));
    }
    return lax.div(total, pooled("avgPool", lax.fullLike(t, 1), window, options, 0, lax.add));
  },
  declareOptions("np.avgPool", ["x", "window"], {
    strides: perSpaceAxis,
    padding,
    countIncludePad: boolean,
  }),
);
