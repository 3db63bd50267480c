/**
 * Trilevel: transformations of functions of tensors, for nested optimization.
 *
 * ```ts
 * import { grad, jit, np, type Tensor } from "trilevel";
 * const loss = (w: Tensor, x: Tensor) => np.mean(np.square(np.tanh(np.matmul(x, w)).sub(1)));
 * const slope = jit(grad(loss));
 * console.assert(slope(np.ones([3]), np.ones([8, 3])).shape[0] === 3);
 * ```
 *
 * @module
 */
import "./backends/index.ts";

export { type NestedArray, Tensor } from "./core/tensor.ts";
export type { DType, Typed, TypedArray } from "./core/dtype.ts";
export type { Atom, Aval, Equation, Literal, Program, Shape, Var } from "./core/program.ts";
export type { NoParams, Params, Primitive, Row, Tangents, Unknown } from "./core/primitive.ts";
export type { CallSite } from "./core/errors.ts";
export type { Cost } from "./compiler/cost.ts";
export { backend, type BackendName, setBackend } from "./core/backend.ts";
export type { Backend, DeviceBuffer, Executable, Passes } from "./core/backend.ts";
export { limitsOf, openWebGpu } from "./backends/webgpu/index.ts";
export type { Target } from "./backends/webgpu/target.ts";
export { fromTfjs, type TfTensor, toTfjs } from "./backends/webgpu/tfjs.ts";
export * from "./core/errors.ts";
export { dispose, memory, type MemoryUse, scope } from "./core/memory.ts";
/** Pytrees: what to do with nested arrays and objects of tensors. */
export * as tree from "./tree.ts";
export type { MapTree, Tree } from "./core/tree.ts";

/** The array language. */
export * as np from "./numpy/index.ts";
/** Random numbers from explicit keys. */
export * as random from "./random/index.ts";

export * from "./control/index.ts";
export * from "./transforms/index.ts";
export * from "./solvers/index.ts";
export * from "./nested/index.ts";

/** Layers as pure functions over parameters. */
export * as nn from "./nn/index.ts";
/** Gradient transformations, in optax's shape. */
export * as optim from "./optim/index.ts";
/** Scores of segmentations, reconstructions and predicted sets. */
export * as metrics from "./metrics/index.ts";
