/** Models: one file a system, in the notation of its paper. */
export { type Conventions, flax, keras, torch } from "./conventions.ts";
export {
  type Keys,
  type SlotAttention,
  slotAttention,
  type SlotAttentionOptions,
  type SlotAttentionOutput,
  type SlotAttentionParams,
  softAssignment,
  type StartParams,
  weightedMean,
} from "./slotAttention.ts";
export { cnnEncoder, type EncoderOptions, type EncoderParams } from "./encoder.ts";
export {
  broadcastDecoder,
  type BroadcastDecoderOptions,
  type BroadcastDecoderParams,
  composite,
  type Decoded,
  type DecoderOptions,
  pixelDecoder,
  type PixelDecoderOptions,
  type PixelDecoderParams,
} from "./decoder.ts";
export {
  type DiscoveryOptions,
  type DiscoveryOutput,
  type DiscoveryParams,
  type ObjectDiscovery,
  objectDiscovery,
} from "./discovery.ts";
export {
  type Components,
  type NeuralEm,
  neuralEm,
  type NeuralEmLevel,
  type NeuralEmOptions,
  type NeuralEmParams,
  type NoisyImages,
} from "./neuralEm.ts";
export {
  type FramePair,
  type MovingComponents,
  type PredictedFrames,
  type RelationalNeuralEm,
  relationalNeuralEm,
  type RelationalNeuralEmLevel,
  type RelationalNeuralEmOptions,
  type RelationalNeuralEmParams,
  relationalNeuralEmPresets,
} from "./relationalNeuralEm.ts";
export type { FrameParams } from "./parts/frameNetworks.ts";
export type { MessageParams } from "./parts/messages.ts";
export type { NormalizedParams } from "./parts/normalized.ts";
export {
  type BernoulliClusters,
  bernoulliMixture,
  type BernoulliMixtureParams,
  type GaussianClusters,
  gaussianMixture,
  type GaussianMixtureParams,
  type Means,
  type Mixture,
  type MixtureLevel,
  type MixtureOptions,
  softKMeans,
  type SoftKMeansOptions,
  type SoftKMeansParams,
} from "./mixtures.ts";
export {
  type NoisyFrame,
  type NoisyVideos,
  type Parts,
  parts,
  type PartsLevel,
  type PartsOptions,
  type PartsOutput,
  type PartsParams,
  type Posteriors,
} from "./parts.ts";
export {
  type Savi,
  savi,
  type SaviLevel,
  type SaviOptions,
  type SaviOutput,
  type SaviParams,
  type Videos,
} from "./savi.ts";
export { saviOptimizer, saviPresets, type SaviTraining } from "./saviPresets.ts";
export type {
  SlotDecoder,
  SlotDecoderOptions,
  SlotDecoderParams,
  WholeOptions,
} from "./parts/slotDecoder.ts";
export {
  type LatentModel,
  type Vae,
  vae,
  type VaeLevel,
  type VaeOptions,
  type VaeParams,
} from "./vae.ts";
export {
  type StochasticVariationalInference,
  stochasticVariationalInference,
  type StochasticVariationalInferenceLevel,
  type StochasticVariationalInferenceOptions,
} from "./stochasticVariationalInference.ts";
export {
  type InferenceParams,
  type IterativeAmortizedInference,
  iterativeAmortizedInference,
  type IterativeAmortizedInferenceLevel,
  type IterativeAmortizedInferenceOptions,
  type IterativeAmortizedInferenceParams,
  type LevelPosteriors,
} from "./iterativeAmortizedInference.ts";
export { type Encoding, encodings } from "./parts/encodings.ts";
export type { Gaussian } from "./parts/gaussians.ts";
export type { GatedParams } from "./parts/highway.ts";
export type { GenerativeParams, LatentOptions, NetworkParams } from "./parts/latentVariables.ts";
export {
  type MovingSet,
  type MultisetEncoderOptions,
  type MultisetLevel,
  type MultisetOptions,
  type MultisetOutput,
  type MultisetParams,
  type MultisetPrediction,
  multisetPrediction,
  multisetPresets,
} from "./multisetPrediction.ts";
export {
  type Iodine,
  iodine,
  type IodineLevel,
  type IodineOptions,
  type IodineOutput,
  type IodineParams,
  type Refined,
} from "./iodine.ts";
export { iodineOptimizer, iodinePresets, type IodineTraining } from "./iodinePresets.ts";
export type { SlotDrawingOptions } from "./parts/slotDrawing.ts";
export type { SlotRefinerOptions, SlotRefinerParams } from "./parts/slotRefiner.ts";
export { efficientMorl } from "./efficientMorl.ts";
export type {
  EfficientMorl,
  EfficientMorlLevel,
  EfficientMorlOptions,
  EfficientMorlOutput,
  EfficientMorlParams,
  MorlPosteriors,
  MorlSchedule,
  MorlTerms,
  WeighedImages,
} from "./efficientMorlInterface.ts";
export {
  type Curriculum,
  efficientMorlOptimizer,
  efficientMorlPresets,
  type EfficientMorlTraining,
  refinementsAt,
} from "./efficientMorlPresets.ts";
export { type Geco, geco, type GecoOptions, type GecoState } from "./parts/geco.ts";
export type { GridDrawingOptions, GridDrawingParams } from "./parts/gridDrawing.ts";
export type { ResidualParams, SlotHierarchyParams } from "./parts/slotHierarchy.ts";
export { op3 } from "./op3.ts";
export {
  type ActedVideos,
  type Op3,
  type Op3DecoderOptions,
  type Op3EncoderOptions,
  type Op3Level,
  type Op3Options,
  type Op3Output,
  type Op3Params,
  op3Presets,
  type Op3State,
  type Op3Step,
} from "./op3Interface.ts";
export type { PairOfLayers, SlotDynamicsParams } from "./parts/slotDynamics.ts";
export { assignment } from "./assignment.ts";
export {
  type PropertyOptions,
  type PropertyOutput,
  type PropertyParams,
  type PropertyPrediction,
  propertyPrediction,
  setLoss,
} from "./setPrediction.ts";
export { discoveryPresets, paperOptimizer, propertyPresets, type Training } from "./presets.ts";
export {
  type BlockParams,
  type DiscreteVae,
  discreteVae,
  type DiscreteVaeOptions,
  type DiscreteVaeOutput,
  type DiscreteVaeParams,
  type StackParams,
} from "./parts/discreteVae.ts";
export { gumbelSoftmax, type GumbelSoftmaxOptions } from "./parts/gumbelSoftmax.ts";
export type { DictionaryParams } from "./parts/dictionary.ts";
export type { DecoderBlockParams, TransformerDecoderParams } from "./parts/transformerDecoder.ts";
export { slate } from "./slate.ts";
export type {
  Slate,
  SlateCall,
  SlateLevel,
  SlateMemory,
  SlateOptions,
  SlateOutput,
  SlateParams,
  SlateReconstruction,
} from "./slateInterface.ts";
export {
  slateOptimizer,
  slatePresets,
  slateTemperature,
  type SlateTraining,
} from "./slatePresets.ts";
export {
  combineSlots,
  type ConceptLibrary,
  conceptLibrary,
  type ConceptOptions,
  promptSlots,
  removeSlots,
  slotOrder,
  type SlotPick,
} from "./slotEdits.ts";
export { inceptionFeatures, type NamedArrays } from "./inception.ts";
export { randomFeatures, type RandomFeaturesOptions } from "./randomFeatures.ts";
