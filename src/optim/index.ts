/** Optimizers: pure gradient transformations, in optax's shape. */
export type { Extra, GradientTransformation, Scalar, StateOf } from "./transformation.ts";
export { applyUpdates, globalNorm, infinityNorm } from "./apply.ts";
export { chain, identity, setToZero } from "./chain.ts";
export {
  type CountState,
  type LearningRate,
  scale,
  scaleByLearningRate,
  scaleBySchedule,
} from "./scale.ts";
export {
  constantSchedule,
  type CosineDecayOptions,
  cosineDecaySchedule,
  exponentialDecay,
  type ExponentialDecayOptions,
  joinSchedules,
  linearSchedule,
  type LinearScheduleOptions,
  multiplySchedules,
  piecewiseConstantSchedule,
  polynomialSchedule,
  type Schedule,
  warmupConstantSchedule,
  type WarmupCosineDecayOptions,
  warmupCosineDecaySchedule,
  type WarmupExponentialDecayOptions,
  warmupExponentialDecaySchedule,
  type WarmupOptions,
} from "./schedules.ts";
/** What a schedule takes for a step count. */
export type { TensorLike } from "../numpy/index.ts";
export { sgd, type SgdOptions, trace, type TraceOptions, type TraceState } from "./sgd.ts";
export {
  type RmsOptions,
  rmsprop,
  type RmspropOptions,
  type RmsState,
  scaleByRms,
} from "./rmsprop.ts";
export {
  adam,
  type AdamOptions,
  type AdamState,
  adamw,
  type AdamwOptions,
  scaleByAdam,
} from "./adam.ts";
export {
  lbfgs,
  type LbfgsOptions,
  type LbfgsState,
  scaleByLbfgs,
  type ScaleByLbfgsOptions,
} from "./lbfgs.ts";
export {
  type BacktrackingOptions,
  type LinesearchState,
  scaleByBacktrackingLinesearch,
} from "./linesearch.ts";
export { clip, clipByGlobalNorm, clipByInfinityNorm } from "./clip.ts";
export { addDecayedWeights, type Mask } from "./decay.ts";
export type { Labels, Prefix } from "./labels.ts";
export { type PlateauOptions, type PlateauState, reduceOnPlateau } from "./plateau.ts";
export { ema, type EmaState } from "./ema.ts";
export { multiSteps, type MultiStepsState } from "./multiSteps.ts";
export { type MultiState, multiTransform, perSubtree } from "./multiTransform.ts";
export {
  type Hyperparams,
  type HyperparamValues,
  injectHyperparams,
  type InjectState,
} from "./injectHyperparams.ts";
