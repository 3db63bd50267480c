/** Functions that are defined by equations (fixed points, minima), and how they are differentiated. */
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
export { fixedPointIteration } from "./fixedPoint.ts";
export type { FixedPointOptions, FixedPointResult, FixedPointStats } from "./options.ts";
export {
  jacobianPenalty,
  jacobianSpectralNorm,
  jacobianSpectralRadius,
  type PowerOptions,
  relativeResidual,
} from "./jacobianNorms.ts";
