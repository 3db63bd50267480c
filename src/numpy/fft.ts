/**
 * Discrete Fourier transforms, as `np.fft`: `Xₖ = Σⱼ xⱼ e^(-2πi j k / n)` along one axis or several, and the inverse,
 * in O(n log n) operations for every n, large primes too.
 *
 * Complex numbers are pairs `{ re, im }` of two tensors: transforms give them, and take them where they take real
 * tensors. They are trees, so that `grad`, `vmap` and `jit` take them as they are; the gradient by a pair is the pair of
 * derivatives by both parts.
 *
 * In float32, the error of a transform of length n is at most `2⁻²³ (1 + log₂ n)` of the result, as a vector (in the
 * 2-norm); it is up to four times that if n has a prime factor above 128.
 *
 * ```ts
 * import { np } from "trilevel";
 * const wave = np.cos(np.arange(8).mul(2 * Math.PI / 8));
 * const { re, im } = np.fft.rfft(wave);
 * console.assert(String(await np.round(re).data()) === "0,4,0,0,0");
 * const power = re.mul(re).add(im.mul(im));
 * const same = np.fft.irfft({ re, im });
 * console.assert(power.shape.join() === "5" && await np.allclose(same, wave, { atol: 1e-6 }).item() === 1);
 * ```
 *
 * @module
 */
import type { Tensor } from "../core/tensor.ts";
import { axis, declareOptions, listOf, oneOf, size } from "../options/index.ts";
import { type Complex, type ComplexLike, conj } from "./complex.ts";
import {
  complexTransform,
  type FftnOptions,
  type FftOptions,
  realTransform,
  toReal,
} from "./fft/along.ts";
import { managed } from "./managed.ts";
import type { TensorLike } from "./promote.ts";

export type { FftnOptions, FftOptions, Norm } from "./fft/along.ts";
export {
  fftfreq,
  fftshift,
  type FrequencyOptions,
  ifftshift,
  rfftfreq,
  type Shift,
  type ShiftOptions,
} from "./fft/frequencies.ts";

const norms = oneOf("backward", "ortho", "forward");
const oneKinds = { n: size, axis, norm: norms } as const;
const manyKinds = { s: listOf(size), axes: listOf(axis), norm: norms } as const;

/** From complex or real numbers to complex ones, along one axis. */
export type Fft = (z: ComplexLike, options?: FftOptions) => Complex;
/** From complex or real numbers to complex ones, along several axes. */
export type Fftn = (z: ComplexLike, options?: FftnOptions) => Complex;
/** From real numbers to complex ones, along one axis. */
export type Rfft = (x: TensorLike, options?: FftOptions) => Complex;
/** From real numbers to complex ones, along several axes. */
export type Rfftn = (x: TensorLike, options?: FftnOptions) => Complex;
/** From complex or real numbers to real ones, along one axis. */
export type Irfft = (z: ComplexLike, options?: FftOptions) => Tensor;
/** From complex or real numbers to real ones, along several axes. */
export type Irfftn = (z: ComplexLike, options?: FftnOptions) => Tensor;

const one = ({ n, axis = -1, norm }: FftOptions): FftnOptions => ({
  s: n === undefined ? undefined : [n],
  axes: [axis],
  norm,
});

const alongOne = <R>(name: string, f: (name: string, z: ComplexLike, o: FftnOptions) => R) =>
  managed(
    (z: ComplexLike, options?: FftOptions): R => f(`fft.${name}`, z, one(options ?? {})),
    declareOptions<FftOptions>(`np.fft.${name}`, ["x"], oneKinds),
  );
const alongMany = <R>(
  name: string,
  f: (name: string, z: ComplexLike, o: FftnOptions, otherwise?: readonly number[]) => R,
  otherwise?: readonly number[],
) =>
  managed(
    (z: ComplexLike, options?: FftnOptions): R => f(`fft.${name}`, z, options ?? {}, otherwise),
    declareOptions<FftnOptions>(`np.fft.${name}`, ["x"], manyKinds),
  );

/**
 * The transform along an axis: `Xₖ = Σⱼ xⱼ e^(-2πi j k / n)`.
 *
 * ```ts
 * import { np } from "trilevel";
 * const { re, im } = np.fft.fft(np.array([0, 1, 0, 0]));
 * console.assert(String(await np.round(re).data()) === "1,0,-1,0");
 * console.assert(String(await np.round(im).data()) === "0,-1,0,1");
 * ```
 *
 * @throws ShapeError for an axis that is not there or has no elements.
 */
export const fft: Fft = alongOne(
  "fft",
  (name, z, options) => complexTransform(name, -1, z, options),
);

/** The inverse of {@link fft}: `xⱼ = (1/n) Σₖ Xₖ e^(2πi j k / n)`. */
export const ifft: Fft = alongOne(
  "ifft",
  (name, z, options) => complexTransform(name, 1, z, options),
);

/**
 * The first `⌊n/2⌋ + 1` elements of {@link fft} of real numbers; the others are conjugates of these.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * const energy = (x: Tensor) => {
 *   const { re, im } = np.fft.rfft(x, { norm: "ortho" });
 *   return re.mul(re).add(im.mul(im)).sum();
 * };
 * console.assert(grad(energy)(np.ones([5])).shape.join() === "5");
 * ```
 */
export const rfft: Rfft = alongOne("rfft", realTransform);

/** The inverse of {@link rfft}, of `n` elements; an even number, `2 (h - 1)` of h, unless given. */
export const irfft: Irfft = alongOne("irfft", (name, z, options) => toReal(name, 1, z, options));

/** {@link fft} of numbers of which the second half are conjugates of the first, which is given: it is real. */
export const hfft: Irfft = alongOne(
  "hfft",
  (name, z, options) => toReal(name, -1, z, options),
);

/** The inverse of {@link hfft}: the first half of {@link ifft} of real numbers. */
export const ihfft: Rfft = alongOne("ihfft", (name, x, { norm = "backward", ...options }) => {
  const other = { backward: "forward", ortho: "ortho", forward: "backward" } as const;
  return conj(realTransform(name, x, { ...options, norm: other[norm] }));
});

/**
 * {@link fft} along several axes, all unless given.
 *
 * ```ts
 * import { np } from "trilevel";
 * const spectrum = np.fft.fftn(np.ones([2, 3, 4]));
 * console.assert(Math.abs(await spectrum.re.slice(0, 0, 0).item() - 24) < 1e-4);
 * console.assert(np.fft.rfftn(np.ones([2, 3, 4])).re.shape.join() === "2,3,3");
 * ```
 */
export const fftn: Fftn = alongMany(
  "fftn",
  (name, z, o, axes) => complexTransform(name, -1, z, o, axes),
);
/** The inverse of {@link fftn}. */
export const ifftn: Fftn = alongMany(
  "ifftn",
  (name, z, o, axes) => complexTransform(name, 1, z, o, axes),
);
/** {@link fftn} of real numbers: the first half along the last of the axes, as in {@link rfft}. */
export const rfftn: Rfftn = alongMany("rfftn", realTransform);
/** The inverse of {@link rfftn}. */
export const irfftn: Irfftn = alongMany(
  "irfftn",
  (name, z, o, axes) => toReal(name, 1, z, o, axes),
);

/** {@link fftn} along two axes, the last ones unless given. */
export const fft2: Fftn = alongMany(
  "fft2",
  (name, z, o, axes) => complexTransform(name, -1, z, o, axes),
  [-2, -1],
);
/** The inverse of {@link fft2}. */
export const ifft2: Fftn = alongMany(
  "ifft2",
  (name, z, o, axes) => complexTransform(name, 1, z, o, axes),
  [-2, -1],
);
/** {@link rfftn} along two axes, the last ones unless given. */
export const rfft2: Rfftn = alongMany("rfft2", realTransform, [-2, -1]);
/** The inverse of {@link rfft2}. */
export const irfft2: Irfftn = alongMany(
  "irfft2",
  (name, z, o, axes) => toReal(name, 1, z, o, axes),
  [-2, -1],
);
