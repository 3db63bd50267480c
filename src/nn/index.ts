/** Neural networks: layers as pure functions over trees of parameters. */
export type { Activation, Layer, ParamsOf } from "./layer.ts";
/** The initializers of PyTorch, Keras and JAX. */
export * as initializers from "./initializers.ts";
export type { Initializer } from "./initializers.ts";
export {
  elu,
  gelu,
  leakyRelu,
  logSoftmax,
  relu,
  sigmoid,
  silu,
  softmax,
  type SoftmaxOptions,
  softplus,
  tanh,
} from "./activations.ts";
export {
  celu,
  hardSigmoid,
  hardSilu,
  hardSwish,
  hardTanh,
  relu6,
  selu,
  softSign,
  sparsePlus,
  sparseSigmoid,
  squareplus,
  swish,
} from "./piecewise.ts";
export {
  glu,
  log1mexp,
  logmeanexp,
  type LogmeanexpOptions,
  logSigmoid,
  mish,
} from "./logarithmic.ts";
export { type InitOptions, linear, type LinearOptions, type LinearParams } from "./linear.ts";
export {
  conv,
  type ConvOptions,
  convTranspose,
  type ConvTransposeOptions,
  type PerAxis,
} from "./conv.ts";
export {
  groupNorm,
  type GroupNormOptions,
  layerNorm,
  type LayerNormOptions,
  type NormOptions,
  type NormParams,
  rmsNorm,
  type RmsNormOptions,
  standardize,
  type StandardizeOptions,
} from "./norm.ts";
export { type BatchNorm, batchNorm, type BatchNormOptions, type BatchStats } from "./batchNorm.ts";
export {
  type CellOptions,
  type CellParams,
  gruCell,
  lstmCell,
  type LstmState,
} from "./recurrent.ts";
export { mlp, type MlpOptions } from "./mlp.ts";
export { sequential, type Stage, type StageParams } from "./sequential.ts";
export {
  attention,
  type AttentionOptions,
  type AttentionParams,
  attentionWeights,
  causalMask,
  multiHeadAttention,
  type MultiHeadOptions,
} from "./attention.ts";
export { dotProductAttention, type DotProductAttentionOptions } from "./dotProductAttention.ts";
export { scaledMatmul } from "./scaledMatmul.ts";
export {
  transformerBlock,
  type TransformerBlockCall,
  type TransformerBlockOptions,
  type TransformerBlockParams,
} from "./transformer.ts";
export { alphaDropout, channelDropout, dropout, pathDropout } from "./dropout.ts";
export { embedding, type EmbeddingOptions, type EmbeddingParams } from "./embedding.ts";
export {
  type Coordinates,
  learnedPosition,
  type LearnedPositionOptions,
  sinusoidalPosition,
  softGrid,
  softPosition,
  type SoftPositionOptions,
} from "./position.ts";
export { pixelShuffle, resize, type ResizeOptions } from "./resample.ts";
export {
  crossEntropy,
  huber,
  type HuberOptions,
  type LossOptions,
  mse,
  oneHot,
} from "./losses/reduced.ts";
/** Losses of each element or sample, with optax's names and meanings. */
export * as losses from "./losses/index.ts";
/** The options of `oneHot`, which are those of `np.zeros`. */
export type { DTypeOptions } from "../numpy/index.ts";
