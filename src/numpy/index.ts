/**
 * The array language: what users write, with the names and meanings of NumPy and JAX. Options come
 * last, as an object. Functions take tensors, numbers and booleans; they promote element types by JAX's
 * rules and broadcast shapes. Importing it gives tensors their methods.
 *
 * For small bundles write `import * as np from "trilevel/numpy"`: bundlers then leave out the functions that a program
 * does not use. The `np` of `"trilevel"` is one object, which esbuild keeps as a whole.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2], [3, 4]]);
 * const y = np.sum(x.mul(2).add(np.matmul(x, x)), { axis: -1, keepdims: true });
 * console.assert(y.shape.join() === "2,1");
 * ```
 *
 * @module
 */
import "./methods.ts";
import "./traps.ts";

export * from "./arithmetic.ts";
export * from "./bits.ts";
export * from "./calculus.ts";
export {
  angle,
  type AngleOptions,
  type Complex,
  type ComplexLike,
  conj,
  conjugate,
  type Conjugation,
  imag,
  iscomplex,
  iscomplexobj,
  isreal,
  isrealobj,
  real,
} from "./complex.ts";
export * from "./constants.ts";
export {
  convGeneralDilated,
  type ConvOptions,
  convTranspose,
  type ConvTransposeOptions,
  type DimensionNumbers,
  type Padding,
  type PerAxis,
} from "./conv.ts";
export * from "./creation.ts";
export * from "./cumulative.ts";
export * from "./diagonals.ts";
export * from "./einsum.ts";
export * from "./elementwise.ts";
export * as fft from "./fft.ts";
export * from "./floatParts.ts";
export * from "./functional.ts";
export * from "./grids.ts";
export * from "./histograms.ts";
export { type Index, type OutOfBounds, slice } from "./indexing.ts";
export * from "./blocks.ts";
export * from "./joining.ts";
export * as linalg from "./linalg.ts";
export * from "./logic.ts";
export * from "./nans.ts";
export { pad, type PadMode, type PadOptions, type PadWidth } from "./padding.ts";
export * from "./placing.ts";
export * from "./polynomials.ts";
export * from "./pooling.ts";
export * from "./slidingWindows.ts";
export * from "./products.ts";
export * from "./quantiles.ts";
export {
  all,
  amax,
  amin,
  any,
  argmax,
  argmin,
  type ArgOptions,
  average,
  countNonzero,
  type InitialOptions,
  type InitialReduction,
  logsumexp,
  max,
  mean,
  min,
  prod,
  ptp,
  type ReduceOptions,
  type Reduction,
  type SelectiveReduction,
  std,
  sum,
  variance,
  variance as var,
  type VarianceOptions,
  type WhereOptions,
} from "./reductions.ts";
export * from "./roots.ts";
export * from "./searching.ts";
export * from "./sets.ts";
export * from "./shape.ts";
export * from "./signals.ts";
export * from "./sorting.ts";
export * from "./spaces.ts";
export * from "./special.ts";
export * from "./statistics.ts";
export { dynamicSlice, oneHot, take, takeAlongAxis, type TakeOptions } from "./taking.ts";
export * from "./updates.ts";
export * from "./windows.ts";
export type { Axes, TensorLike } from "./promote.ts";
export type { TensorMethods } from "./methods.ts";
