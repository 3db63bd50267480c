/** Solvers for fixed points and linear systems. */
export { anderson, type AndersonOptions } from "./anderson.ts";
export { broyden, type BroydenOptions } from "./broyden.ts";
export { forward, type ForwardOptions } from "./forward.ts";
export { FixedPointStatus } from "./iterate.ts";
export { newton, type NewtonOptions } from "./newton.ts";
export type { BatchAxis } from "./packing.ts";
export type { Norm } from "./rows.ts";
export type { FixedPointSolver, LinearSolver, LinearStats, RowMap } from "./solver.ts";
export { bicgstab } from "./linear/bicgstab.ts";
export { cg } from "./linear/cg.ts";
export { dense } from "./linear/dense.ts";
export { gmres, type GmresOptions } from "./linear/gmres.ts";
export { neumannSeries, type NeumannSeriesOptions } from "./linear/neumannSeries.ts";
export { normalCg } from "./linear/normalCg.ts";
export type { LinearOptions } from "./linear/solver.ts";
