/** Losses of each element or sample, with optax's names and meanings: none is averaged. */
export {
  type ClassAxis,
  type FocalOptions,
  hingeLoss,
  perceptronLoss,
  polyLossCrossEntropy,
  type PolyOptions,
  safeSoftmaxCrossEntropy,
  sigmoidBinaryCrossEntropy,
  sigmoidFocalLoss,
  smoothLabels,
  softmaxCrossEntropy,
  softmaxCrossEntropyWithIntegerLabels,
} from "./classification.ts";
export { ntxent } from "./contrastive.ts";
export { ctcLoss, ctcLossWithForwardProbs, type CtcOptions } from "./ctc.ts";
export {
  convexKlDivergence,
  generalizedKlDivergence,
  klDivergence,
  klDivergenceWithLogTargets,
} from "./divergence.ts";
export {
  cosineDistance,
  type CosineOptions,
  cosineSimilarity,
  huberLoss,
  l2Loss,
  logCosh,
  squaredError,
  tripletMarginLoss,
  type TripletOptions,
} from "./regression.ts";
