/** Views of programs and their derivatives, and their export to other runtimes. */
export { checkGrads, type CheckGradsOptions, type DerivativeMode } from "./checkGrads.ts";
export { debug, debugNans, type ShownArray } from "./debug.ts";
export { evalShape, makeProgram, ShapeDType, TracedProgram } from "./evalShape.ts";
export { explain, Explanation, type Stage } from "./explain.ts";
export { toOnnx } from "./toOnnx.ts";
export { toStableHlo } from "./toStableHlo.ts";
