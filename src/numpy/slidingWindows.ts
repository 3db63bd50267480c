/** Windows that move over all axes of a tensor: reductions of any kind, and the windows themselves as channels. */
import { ShapeError } from "../core/errors.ts";
import { formatAval, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import {
  convGeneralDilated,
  type ConvOptions,
  layoutKind,
  type Padding,
  padding,
  paddingOf,
  type PerAxis,
  perAxis,
  perSpaceAxis,
} from "./conv.ts";
import { eye } from "./creation.ts";
import { managed } from "./managed.ts";
import { asTensor, promote, type TensorLike } from "./promote.ts";
import { tile } from "./joining.ts";

/** Size, strides, padding and dilation of a window over all axes. */
export interface ReduceWindowOptions {
  /** Distance between windows, along each axis; 1 unless given. */
  readonly strides?: PerAxis | undefined;
  /** Copies of `init` around the input; `"VALID"`, none, unless given. */
  readonly padding?: Padding | undefined;
  /** Distance between the input's elements, with copies of `init` between; 1 unless given. */
  readonly baseDilation?: PerAxis | undefined;
  /** Distance between the elements of a window; 1 unless given. */
  readonly windowDilation?: PerAxis | undefined;
}

/**
 * Each window's elements combined with each other and `init`: `jax.lax.reduce_window`. `window` has the size along each
 * axis of x, those of batch and channels too (1, as a rule). `combine` works element by element, and is associative and
 * commutative, with `init` as its neutral element.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([1, 2, 3, 4, 5]);
 * console.assert(String(await np.reduceWindow(x, 0, np.add, [3]).data()) === "6,9,12");
 * const y = np.reduceWindow(x, -Infinity, np.maximum, [2], { strides: 2, padding: "SAME" });
 * console.assert(String(await y.data()) === "2,4,5");
 * ```
 *
 * @throws ShapeError when the window does not have as many axes as x.
 */
export const reduceWindow: (
  x: TensorLike,
  init: TensorLike,
  combine: (a: Tensor, b: Tensor) => Tensor,
  window: readonly number[],
  options?: ReduceWindowOptions,
) => Tensor = managed(
  (x, init, combine, window, options = {}) => {
    const [t, start] = promote("reduceWindow", [x, init]) as [Tensor, Tensor]; // two in, two out
    const rank = t.ndim;
    if (window.length !== rank || start.ndim !== 0) {
      throw new ShapeError(
        `reduceWindow: the window (${window.join(", ")}) does not fit ${
          formatAval(t.aval)
        }, or init is not a scalar: ${formatAval(start.aval)}`,
        "give the size of the window along each axis, and a scalar to start from",
      );
    }
    const per = (value: PerAxis | undefined, what: string) =>
      perAxis("reduceWindow", what, value ?? 1, rank);
    const sizes = perAxis("reduceWindow", "the window", window, rank);
    const steps = per(options.strides, "strides");
    const gaps = per(options.windowDilation, "windowDilation");
    const between = per(options.baseDilation, "baseDilation");
    const dilated = t.shape.map((n, i) => n === 0 ? 0 : (n - 1) * between[i]! + 1);
    const reach = sizes.map((n, i) => (n - 1) * gaps[i]! + 1);
    const pads = paddingOf(
      "reduceWindow",
      options.padding ?? "VALID",
      dilated,
      reach,
      steps,
    );
    const padded = lax.pad(t, {
      low: pads.map(([low]) => low),
      high: pads.map(([, high]) => high),
      interior: between.map((d) => d - 1),
    }, start);
    const reduced = sizes.reduceRight((y, size, axis) => {
      const count = Math.max(0, Math.floor((y.shape[axis]! - reach[axis]!) / steps[axis]!) + 1);
      const at = (k: number) => {
        const first = k * gaps[axis]!;
        return lax.slice(y, {
          start: y.shape.map((_, a) => a === axis && count > 0 ? first : 0),
          limit: y.shape.map((n, a) =>
            a !== axis ? n : count === 0 ? 0 : first + (count - 1) * steps[axis]! + 1
          ),
          strides: y.shape.map((_, a) => a === axis ? steps[axis]! : 1),
        });
      };
      return Array.from({ length: size }, (_, k) => at(k)).reduce((a, b) => combine(a, b));
    }, padded);
    return combine(lax.broadcast(start, reduced.shape, []), reduced);
  },
  declareOptions("np.reduceWindow", ["x", "init", "combine", "window"], {
    strides: perSpaceAxis,
    padding,
    baseDilation: perSpaceAxis,
    windowDilation: perSpaceAxis,
  }),
);

/**
 * The windows that a filter of this shape would see, as channels: `jax.lax.conv_general_dilated_patches`. All elements of
 * the first input channel's window come first, then those of the second's, and so on. The layouts' filter is not used.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[[1], [2], [3], [4]]]); // one signal of one channel
 * const y = np.convGeneralDilatedPatches(x, [2]);
 * console.assert(y.shape.join() === "1,3,2");
 * console.assert(String(await y.data()) === "1,2,2,3,3,4");
 * ```
 *
 * @throws as {@link convGeneralDilated}.
 */
export const convGeneralDilatedPatches: (
  x: TensorLike,
  filterShape: readonly number[],
  options?: Omit<ConvOptions, "groups">,
) => Tensor = managed(
  (x, filterShape, options = {}) => {
    const t = asTensor(x);
    const [input, , output] = options.dimensionNumbers ??
      (t.ndim === 3 ? ["NWC", "WIO", "NWC"] : ["NHWC", "HWIO", "NHWC"]);
    const space = [...input].filter((c) => c !== "N" && c !== "C").join("");
    const channels = t.shape[input.indexOf("C")] ?? 1;
    const size = sizeOf(filterShape);
    const one = lax.reshape(eye(size, size, { dtype: t.dtype }), [...filterShape, 1, size]);
    const filter = tile(one, [...filterShape.map(() => 1), 1, channels]);
    return convGeneralDilated(t, filter, {
      ...options,
      groups: channels,
      dimensionNumbers: [input, `${space}IO`, output],
    });
  },
  declareOptions("np.convGeneralDilatedPatches", ["x", "filterShape"], {
    strides: perSpaceAxis,
    padding,
    lhsDilation: perSpaceAxis,
    rhsDilation: perSpaceAxis,
    dimensionNumbers: layoutKind,
  }),
);
