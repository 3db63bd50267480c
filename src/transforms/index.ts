/** Transformations: functions of functions, one file each. */
export {
  type Adjoint,
  implicit,
  type ImplicitOptions,
  neumann,
  oneStep,
  phantom,
  type SolveStats,
  truncated,
  unrolled,
} from "./adjoint.ts";
export { argmin, type ArgminLimits, type ArgminOptions, type ArgminWay } from "./argmin.ts";
export { checkpoint, type CheckpointOptions, savePolicies, type SavePolicy } from "./checkpoint.ts";
export { checkGrads, type CheckGradsOptions, type DerivativeMode } from "./checkGrads.ts";
export { customJvp } from "./customJvp.ts";
export { customVjp, type Perturbed, type PerturbedTensor } from "./customVjp.ts";
export { debug, debugNans, type ShownArray } from "./debug.ts";
export { evalShape, makeProgram, ShapeDType, TracedProgram } from "./evalShape.ts";
export { explain, Explanation, type Stage } from "./explain.ts";
export {
  fixedPointIteration,
  type FixedPointOptions,
  type FixedPointResult,
  type FixedPointStats,
} from "./fixedPoint.ts";
export { type Aux, grad, type Gradients, type GradOptions, valueAndGrad } from "./grad.ts";
export { hessian, hvp, jacfwd, type Jacobian, type JacobianOptions, jacrev } from "./jacobian.ts";
export {
  jacobianPenalty,
  jacobianSpectralNorm,
  jacobianSpectralRadius,
  type PowerOptions,
  relativeResidual,
} from "./jacobianNorms.ts";
export { jit, type JitOptions } from "./jit.ts";
export { jvp, type Optional } from "./jvp.ts";
export { linearize, linearTranspose } from "./linearize.ts";
export { linearSolve, type SolveWith } from "./linearSolve.ts";
export { stopGradient } from "./stopGradient.ts";
export { toOnnx } from "./toOnnx.ts";
export { vjp } from "./vjp.ts";
export { type Axes, vmap, type VmapOptions } from "./vmap.ts";
