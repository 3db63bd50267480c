/** Optimizers: pure gradient transformations, in optax's shape. */
export type { Extra, GradientTransformation, Scalar, StateOf } from "./transformation.ts";
export { stateless } from "./transformation.ts";
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
/** A step count, as schedules take it. */
export type { TensorLike } from "../numpy/index.ts";
export { sgd, type SgdOptions, trace, type TraceOptions, type TraceState } from "./sgd.ts";
export {
  type RmsOptions,
  rmsprop,
  type RmspropOptions,
  type RmsState,
  scaleByRms,
  scaleByStddev,
} from "./rmsprop.ts";
export {
  adam,
  type AdamOptions,
  type AdamState,
  adamw,
  type AdamwOptions,
  nadam,
  type NadamOptions,
  nadamw,
  type NadamwOptions,
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
export { scaleByZoomLinesearch, type ZoomOptions, type ZoomState } from "./zoomLinesearch.ts";
export { clip, clipByGlobalNorm, clipByInfinityNorm } from "./clip.ts";
export { addDecayedWeights, type DecayOptions, type Mask } from "./decay.ts";
export type { Labels, Prefix } from "./labels.ts";
export { type PlateauOptions, type PlateauState, reduceOnPlateau } from "./plateau.ts";
export { ema, type EmaState } from "./ema.ts";
export { multiSteps, type MultiStepsOptions, type MultiStepsState } from "./multiSteps.ts";
export { type MultiState, multiTransform, perSubtree } from "./multiTransform.ts";
export {
  type Hyperparams,
  type HyperparamValues,
  injectHyperparams,
  type InjectState,
} from "./injectHyperparams.ts";
export {
  adadelta,
  type AdadeltaOptions,
  type AdadeltaState,
  scaleByAdadelta,
} from "./adaptive/adadelta.ts";
export {
  adamax,
  type AdamaxOptions,
  adamaxw,
  type AdamaxwOptions,
  scaleByAdamax,
} from "./adaptive/adamax.ts";
export { adan, type AdanOptions, type AdanState, scaleByAdan } from "./adaptive/adan.ts";
export {
  adafactor,
  type AdafactorOptions,
  type FactoredOptions,
  type FactoredState,
  scaleByFactoredRms,
} from "./adaptive/factored.ts";
export {
  novograd,
  type NovogradOptions,
  type NovogradState,
  scaleByNovograd,
} from "./adaptive/novograd.ts";
export {
  optimisticAdam,
  type OptimisticAdamOptions,
  optimisticAdamV2,
  type OptimisticAdamV2Options,
  optimisticGradientDescent,
  type OptimisticOptions,
  type OptimisticState,
  scaleByOptimisticGradient,
} from "./adaptive/optimistic.ts";
export {
  type DistanceOptions,
  type DistanceState,
  type PolyakOptions,
  polyakSgd,
  type PolyakSgdOptions,
  scaleByDistanceOverGradients,
  scaleByPolyak,
} from "./adaptive/parameterFree.ts";
export { radam, type RadamOptions, scaleByRadam } from "./adaptive/radam.ts";
export {
  adabelief,
  amsgrad,
  type AmsgradOptions,
  type AmsgradState,
  scaleByAmsgrad,
  scaleByBelief,
  scaleByYogi,
  yogi,
  type YogiAliasOptions,
  type YogiOptions,
} from "./adaptive/secondMoments.ts";
export {
  lion,
  type LionOptions,
  type LionState,
  rprop,
  type RpropOptions,
  type RpropState,
  scaleByLion,
  scaleByRprop,
  scaleBySign,
  signSgd,
  signum,
} from "./adaptive/signs.ts";
export {
  adagrad,
  type AdagradOptions,
  type RssState,
  scaleByRss,
  scaleBySm3,
  sm3,
  type Sm3Options,
  type Sm3State,
} from "./adaptive/sums.ts";
export {
  incrementalUpdate,
  type Lookahead,
  lookahead,
  type LookaheadOptions,
  type LookaheadParams,
  type LookaheadState,
  periodicUpdate,
  scheduleFree,
  scheduleFreeEvalParams,
  type ScheduleFreeOptions,
  type ScheduleFreeState,
} from "./averaging.ts";
export {
  applyIfFinite,
  type ApplyIfFiniteState,
  type Condition,
  conditionallyMask,
  conditionallyTransform,
  type ConditionalState,
  type ShouldSkip,
  skipLargeUpdates,
  skipNotFinite,
} from "./conditional.ts";
export { centralize, keepParamsNonnegative, zeroNans, type ZeroNansState } from "./constrain.ts";
export {
  cosineOnecycleSchedule,
  type LinearOnecycleOptions,
  linearOnecycleSchedule,
  type OnecycleOptions,
  piecewiseInterpolateSchedule,
  sgdrSchedule,
} from "./interpolation.ts";
export {
  type InverseRootOptions,
  matrixInversePthRoot,
  nnls,
  powerIteration,
  type PowerIterationOptions,
} from "./linearAlgebra.ts";
export { freeze, masked, type MaskedState, selectiveTransform } from "./masked.ts";
export {
  biasCorrection,
  safeIncrement,
  updateInfinityMoment,
  updateMoment,
  updateMomentPerElemNorm,
} from "./moments.ts";
export {
  type Measure,
  measureWithEma,
  monitor,
  type MonitorState,
  snapshot,
  type SnapshotState,
  type StatefulMeasure,
} from "./monitor.ts";
export { addNoise, type NoiseState, noisySgd, type NoisySgdOptions } from "./noise.ts";
export {
  type AdaptiveClipOptions,
  adaptiveGradClip,
  clipByBlockRms,
  fromage,
  lamb,
  type LambOptions,
  lars,
  type LarsOptions,
  normalizeByUpdateNorm,
  type NormalizeOptions,
  scaleByParamBlockNorm,
  scaleByParamBlockRms,
  scaleByTrustRatio,
  type TrustRatioOptions,
} from "./norms.ts";
export { safeNorm, safeRootMeanSquares, scaleGradient } from "./numerics.ts";
export { perExampleGlobalNormClip, perExampleLayerNormClip } from "./perExample.ts";
export { sam, type SamOptions, type SamState } from "./sam.ts";
export {
  applyEvery,
  type ApplyEveryState,
  flatten,
  namedChain,
  type NamedStates,
  statelessWithTreeMap,
} from "./wrappers.ts";
/** Arithmetic on trees, and looking into states. */
export * as tree from "./treeMath.ts";
/** Nearest points of sets. */
export * as projections from "./projections.ts";
