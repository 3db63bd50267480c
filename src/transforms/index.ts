/** Transformations: functions of functions, one file each. */
export {
  checkpoint,
  checkpointName,
  type CheckpointOptions,
  saveAnyNamesButThese,
  saveAnythingExceptTheseNames,
  saveFromBothPolicies,
  saveOnlyTheseNames,
  savePolicies,
  type SavePolicy,
} from "./checkpoint.ts";
export { customGradient } from "./customGradient.ts";
export { customJvp } from "./customJvp.ts";
export { customVjp, type Perturbed, type PerturbedTensor } from "./customVjp.ts";
export { disableJit } from "./disableJit.ts";
export { errorIf } from "./errorIf.ts";
export { type Aux, grad, type Gradients, type GradOptions, valueAndGrad } from "./grad.ts";
export { hessian, hvp, jacfwd, type Jacobian, type JacobianOptions, jacrev } from "./jacobian.ts";
export { jit, type JitOptions } from "./jit.ts";
export { jvp, type Optional } from "./jvp.ts";
export { linearize, linearTranspose } from "./linearize.ts";
export { linearSolve, type SolveWith } from "./linearSolve.ts";
export type { VmapMethod } from "../primitives/index.ts";
export {
  type HostArray,
  type HostArrayType,
  pureCallback,
  type PureCallbackOptions,
} from "./pureCallback.ts";
export { stopGradient } from "./stopGradient.ts";
export { vjp } from "./vjp.ts";
export { type Axes, vmap, type VmapOptions } from "./vmap.ts";
