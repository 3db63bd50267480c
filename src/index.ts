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
export * from "./public.ts";
export type { Cost } from "./compiler/cost.ts";
export type {
  Backend,
  DeviceBuffer,
  Executable,
  HostCall,
  HostResults,
} from "./runtime/backend.ts";
export type {
  Equation,
  HostFunction,
  LinearInput,
  MappedAxis,
  NoParams,
  Operands,
  Params,
  Pass,
  Primitive,
  Program,
  Stepping,
  Tangents,
} from "./core/program.ts";
export { openOnnxWeb } from "./backends/openOnnxWeb.ts";
export { limitsOf, openWebGpu } from "./backends/openWebGpu.ts";
export type { Target } from "./backends/webgpu/target.ts";
/** Pytrees: what to do with nested arrays and objects of tensors. */
export * as tree from "./tree.ts";
export type { MapTree, Tree } from "./tree.ts";

/** The array language. */
export * as np from "./numpy/index.ts";
/** Random numbers from explicit keys. */
export * as random from "./random/index.ts";

export * from "./control/index.ts";
export * from "./transforms/index.ts";
export * from "./solvers/index.ts";
export * from "./implicit/index.ts";
export * from "./inspect/index.ts";
/** The solvers by one name: `solvers.anderson()` is `anderson()`. */
export * as solvers from "./solvers/index.ts";
/** The adjoints by one name: `adjoints.oneStep()` is `oneStep()`. */
export * as adjoints from "./implicit/adjoint.ts";
export * from "./nested/index.ts";

/** Layers as pure functions over parameters. */
export * as nn from "./nn/index.ts";
/** Gradient transformations, in optax's shape. */
export * as optim from "./optim/index.ts";
/** Scores of segmentations, reconstructions and predicted sets. */
export * as metrics from "./metrics/index.ts";
