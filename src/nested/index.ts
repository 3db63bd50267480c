/** Nested optimization: levels, and how they are solved and differentiated. */
export {
  adjointError,
  type AdjointErrorOptions,
  adjointResidual,
  contraction,
  type ContractionOptions,
  objectiveTrace,
} from "./diagnostics.ts";
export { infer, type InferOptions, type Inferred } from "./infer.ts";
export type { At, Level } from "./level.ts";
export { minimise, type MinimiseOptions } from "./minimise.ts";
export { sequence, type SequenceOptions, type Tracked } from "./sequence.ts";
