/** The frequencies that the elements of a transform belong to, and the order in which they are shown. */
import type { DType } from "../../core/dtype.ts";
import type { Tensor } from "../../core/tensor.ts";
import {
  axes as axesKind,
  declareOptions,
  finite,
  floatType,
  requireArgument,
  size,
} from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { type Complex, type ComplexLike, isPair } from "../complex.ts";
import { managed } from "../managed.ts";
import { asTensor, type Axes, axesOf, type TensorLike } from "../promote.ts";
import { stretchOf } from "../parts.ts";

/** The distance of samples. */
export interface FrequencyOptions {
  /** The distance of two samples; 1 unless given. Frequencies are in cycles per unit of it. */
  readonly d?: number | undefined;
  /** The element type; `"float32"` unless given. */
  readonly dtype?: DType | undefined;
}

const frequencies = (
  name: string,
  places: (n: number, i: Tensor) => Tensor,
  count: (n: number) => number,
) =>
  managed(
    (n: number, { d = 1, dtype = "float32" }: FrequencyOptions = {}): Tensor => {
      requireArgument(`np.fft.${name}`, "n", size, n);
      const i = places(n, lax.iota([count(n)], "int32", 0));
      const x = lax.convert(i, dtype);
      return lax.div(x, lax.fullLike(x, n * d));
    },
    declareOptions<FrequencyOptions>(`np.fft.${name}`, ["n"], { d: finite, dtype: floatType }),
  );

/** The frequencies of a transform of n samples. */
export type Frequencies = (n: number, options?: FrequencyOptions) => Tensor;

/**
 * The frequencies of the elements of `fft`, in cycles per unit: `0, 1, …, -2, -1` over `n d`.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.fft.fftfreq(4, { d: 0.25 }).data()) === "0,1,-2,-1");
 * console.assert(String(await np.fft.rfftfreq(4, { d: 0.25 }).data()) === "0,1,2");
 * ```
 */
export const fftfreq: Frequencies = frequencies(
  "fftfreq",
  (n, i) => {
    const behind = lax.ge(i, lax.fullLike(i, Math.ceil(n / 2)));
    return lax.select(behind, lax.sub(i, lax.fullLike(i, n)), i);
  },
  (n) => n,
);

/** The frequencies of the elements of `rfft`: `0, 1, …, ⌊n/2⌋` over `n d`. */
export const rfftfreq: Frequencies = frequencies(
  "rfftfreq",
  (_, i) => i,
  (n) => Math.floor(n / 2) + 1,
);

/** The axes that are shifted. */
export interface ShiftOptions {
  /** An axis, or several; all unless given. */
  readonly axes?: Axes;
}

/** From tensors to tensors, and from complex numbers to complex ones. */
export type Shift = <Z extends ComplexLike>(
  z: Z,
  options?: ShiftOptions,
) => Z extends TensorLike ? Tensor : Complex;

/** Elements moved along axes, by an amount that depends on their sizes; those that leave come in again. */
const shifted = (name: string, amount: (n: number) => number): Shift => {
  const shift = managed((z: ComplexLike, { axes }: ShiftOptions = {}): Tensor | Complex => {
    const one = (x: TensorLike) => {
      const t = asTensor(x);
      return axesOf(name, axes, t.ndim).reduce((y, axis) => {
        const n = y.shape[axis]!;
        const at = n - amount(n);
        if (at >= n) return y;
        return lax.concatenate([stretchOf(y, axis, at, n), stretchOf(y, axis, 0, at)], axis);
      }, t);
    };
    return isPair(name, z) ? { re: one(z.re), im: one(z.im) } : one(z);
  }, declareOptions<ShiftOptions>(`np.${name}`, ["x"], { axes: axesKind }));
  return shift as Shift; // of a pair a pair, of a tensor a tensor
};

/**
 * Elements in the order of their frequencies, from the most negative: frequency 0 is moved to the middle.
 *
 * ```ts
 * import { np } from "trilevel";
 * const ordered = np.fft.fftshift(np.fft.fftfreq(5, { d: 0.2 }));
 * console.assert(String(await np.round(ordered).data()) === "-2,-1,0,1,2");
 * ```
 */
export const fftshift: Shift = shifted("fft.fftshift", (n) => Math.floor(n / 2));
/** The inverse of {@link fftshift}. */
export const ifftshift: Shift = shifted("fft.ifftshift", (n) => Math.ceil(n / 2));
