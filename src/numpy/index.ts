/**
 * The array language: what users write, with the names and meanings of NumPy and JAX. Options come
 * last, as an object. Functions take tensors, numbers and booleans; they promote element types by JAX's
 * rules and broadcast shapes. Importing it gives tensors their methods.
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
export { type Index, type OutOfBounds, slice } from "./indexing.ts";
export * from "./joining.ts";
export * as linalg from "./linalg.ts";
export * from "./logic.ts";
export * from "./pooling.ts";
export * from "./products.ts";
export * from "./reductions.ts";
export * from "./shape.ts";
export { variance as var } from "./reductions.ts";
export * from "./sorting.ts";
export * from "./special.ts";
export { dynamicSlice, oneHot, take, takeAlongAxis, type TakeOptions } from "./taking.ts";
export * from "./updates.ts";
export type { Axes, TensorLike } from "./promote.ts";
export type { TensorMethods } from "./methods.ts";
