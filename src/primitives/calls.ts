/** Instructions that stand for programs, with derivatives of their own; inlined before compiling. */
export { checkpointCall, type SavePolicy } from "./calls/checkpoint.ts";
export { checkpointName } from "./calls/name.ts";
export { customJvpCall, customVjpCall, lazy } from "./calls/custom.ts";
export { filled, linearCall } from "./calls/linearCall.ts";
export {
  allGather,
  allToAll,
  axisIndex,
  pmax,
  pmin,
  ppermute,
  psum,
  psumScatter,
} from "./calls/collective.ts";
export { linearSolveCall } from "./calls/linearSolve.ts";
