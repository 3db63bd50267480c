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

export { Tensor } from "./core/tensor.ts";
export type { DType, TypedArray } from "./core/dtype.ts";
export { backend, type BackendName, setBackend } from "./core/backend.ts";
export { fromTfjs, toTfjs } from "./backends/webgpu/tfjs.ts";
export * from "./core/errors.ts";
export { dispose, memory, scope } from "./core/memory.ts";
export * as tree from "./core/tree.ts";
export type { MapTree, Tree } from "./core/tree.ts";

export * as np from "./numpy/index.ts";
export * as random from "./random/index.ts";

export * from "./control/index.ts";
export * from "./transforms/index.ts";
export * from "./solvers/index.ts";

export * as nn from "./nn/index.ts";
export * as optim from "./optim/index.ts";
export * as metrics from "./metrics/index.ts";
