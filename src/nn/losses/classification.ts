/** Losses of classes: one loss for each sample, without a reduction. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import {
  axes,
  axis as axisKind,
  declareOptions,
  finite,
  fraction,
  nonNegative,
  requireArgument,
} from "../../options/index.ts";
import { logSigmoid } from "../logarithmic.ts";
import { crossEntropy } from "./reduced.ts";

/** The axis, or axes, of classes. */
export interface ClassAxis {
  /** An axis, or several; the last unless given. */
  readonly axis?: number | readonly number[];
}

const checkSoftmax = declareOptions<ClassAxis>(
  "nn.losses.softmaxCrossEntropy",
  ["logits", "labels"],
  { axis: axes },
);

/**
 * `-Σ labels · log softmax(logits)` for labels that are distributions. A class of probability 0 whose logit is
 * -∞ costs NaN, as in optax; see {@link safeSoftmaxCrossEntropy}.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const loss = nn.losses.softmaxCrossEntropy(np.zeros([4]), np.array([0, 1, 0, 0]));
 * console.assert(Math.abs(await loss.item() - Math.log(4)) < 1e-6);
 * ```
 */
export function softmaxCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: ClassAxis = {},
): Tensor {
  checkSoftmax(options);
  const { axis = -1 } = options;
  return np.negative(np.sum(labels.mul(np.logSoftmax(logits, { axis })), { axis }));
}

/**
 * {@link softmaxCrossEntropy} over the last axis in which a class of probability 0 costs nothing, even if its
 * logit is -∞.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const logits = np.array([0, -Infinity, 0]);
 * const loss = nn.losses.safeSoftmaxCrossEntropy(logits, np.array([1, 0, 0]));
 * console.assert(Math.abs(await loss.item() - Math.LN2) < 1e-6);
 * ```
 */
export function safeSoftmaxCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return crossEntropy(logits, labels, { reduction: "none" });
}

const checkInteger = declareOptions<{ readonly axis?: number }>(
  "nn.losses.softmaxCrossEntropyWithIntegerLabels",
  ["logits", "labels"],
  { axis: axisKind },
);

/**
 * `log Σ e^logits - logits[label]`: int32 labels without the axis of classes. A label that is no class costs
 * NaN (optax counts negative ones from the end).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const label = np.array(2, { dtype: "int32" });
 * const loss = nn.losses.softmaxCrossEntropyWithIntegerLabels(np.zeros([4]), label);
 * console.assert(Math.abs(await loss.item() - Math.log(4)) < 1e-6);
 * ```
 */
export function softmaxCrossEntropyWithIntegerLabels(
  logits: Tensor,
  labels: Tensor,
  options: { readonly axis?: number } = {},
): Tensor {
  checkInteger(options);
  const { axis = -1 } = options;
  return crossEntropy(np.moveaxis(logits, axis, -1), labels, { reduction: "none" });
}

/** Labels in the logits' element type, which integers and booleans may be given for. */
const like = (labels: Tensor, logits: Tensor) => np.astype(labels, logits.dtype);

/**
 * `-y log σ(x) - (1 - y) log σ(-x)` of each element, for labels `y` from 0 to 1: classes that do not exclude
 * each other.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const loss = nn.losses.sigmoidBinaryCrossEntropy(np.array([1000, 0]), np.array([1, 0]));
 * console.assert(Math.abs(await np.sum(loss).item() - Math.LN2) < 1e-6);
 * ```
 */
export function sigmoidBinaryCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const y = like(labels, logits);
  const cost = y.mul(logSigmoid(logits))
    .add(np.subtract(1, y).mul(logSigmoid(np.negative(logits))));
  return np.negative(cost);
}

/** Options of {@link sigmoidFocalLoss}. */
export interface FocalOptions {
  /** The weight of positive labels; negative ones have 1 less it. No weights unless given. */
  readonly alpha?: number;
  /** The exponent by which elements that are right already are discounted; 2. */
  readonly gamma?: number;
}

const checkFocal = declareOptions<FocalOptions>(
  "nn.losses.sigmoidFocalLoss",
  ["logits", "labels"],
  { alpha: fraction, gamma: nonNegative },
);

/**
 * `(1 - pₜ)^γ` times the binary cross-entropy of each element, with `pₜ` the probability of its label (Lin et
 * al., 2017). The power is taken of logarithms, so that it neither underflows nor has infinite derivatives.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const loss = nn.losses.sigmoidFocalLoss(np.array(0), np.array(1));
 * console.assert(Math.abs(await loss.item() - Math.LN2 / 4) < 1e-6);
 * ```
 */
export function sigmoidFocalLoss(
  logits: Tensor,
  labels: Tensor,
  options: FocalOptions = {},
): Tensor {
  checkFocal(options);
  const { alpha, gamma = 2 } = options;
  const y = like(labels, logits);
  // 1 - pₜ = (1 - y) σ(x) + y σ(-x), of which one term is 0 for labels 0 and 1.
  const wrong = np.logaddexp(
    logSigmoid(logits).add(np.log(np.subtract(1, y))),
    logSigmoid(np.negative(logits)).add(np.log(y)),
  );
  const loss = sigmoidBinaryCrossEntropy(logits, y).mul(np.exp(wrong.mul(gamma)));
  if (alpha === undefined) return loss;
  return loss.mul(y.mul(alpha).add(np.subtract(1, y).mul(1 - alpha)));
}

/**
 * `max(0, 1 - x y)` of each element, for labels `y` of -1 and 1: support vector machines (Cortes & Vapnik, 1995).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.losses.hingeLoss(np.array(0.5), np.array(-1)).item() === 1.5);
 * ```
 */
export function hingeLoss(predictorOutputs: Tensor, targets: Tensor): Tensor {
  return np.maximum(np.subtract(1, predictorOutputs.mul(targets)), 0);
}

/**
 * `max(0, -x y)` of each element, for labels `y` of -1 and 1 (Rosenblatt, 1958).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.losses.perceptronLoss(np.array(0.5), np.array(-1)).item() === 0.5);
 * ```
 */
export function perceptronLoss(predictorOutputs: Tensor, targets: Tensor): Tensor {
  return np.maximum(np.negative(predictorOutputs.mul(targets)), 0);
}

/** Options of {@link polyLossCrossEntropy}. */
export interface PolyOptions extends ClassAxis {
  /** The weight of the first term of the polynomial; 2. */
  readonly epsilon?: number;
}

const checkPoly = declareOptions<PolyOptions>(
  "nn.losses.polyLossCrossEntropy",
  ["logits", "labels"],
  { epsilon: finite, axis: axes },
);

/**
 * Cross-entropy with the first term of its series in `1 - pₜ` reweighted:
 * `softmaxCrossEntropy + ε Σ labels (1 - softmax(logits))` (Leng et al., 2022).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const loss = nn.losses.polyLossCrossEntropy(np.zeros([2]), np.array([1, 0]), { epsilon: 1 });
 * console.assert(Math.abs(await loss.item() - Math.LN2 - 0.5) < 1e-6);
 * ```
 */
export function polyLossCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: PolyOptions = {},
): Tensor {
  checkPoly(options);
  const { axis = -1, epsilon = 2 } = options;
  const missed = labels.mul(np.subtract(1, np.softmax(logits, { axis })));
  return softmaxCrossEntropy(logits, labels, { axis }).add(np.sum(missed, { axis }).mul(epsilon));
}

const checkSmooth = declareOptions<{ readonly axis?: number }>(
  "nn.losses.smoothLabels",
  ["labels", "alpha"],
  { axis: axisKind },
);

/**
 * `(1 - α) labels + α / classes`: certainty that is not meant is taken from labels (Szegedy et al., 2016).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const soft = nn.losses.smoothLabels(np.array([1, 0]), 0.5);
 * console.assert(String(await soft.data()) === "0.75,0.25");
 * ```
 */
export function smoothLabels(
  labels: Tensor,
  alpha: number,
  options: { readonly axis?: number } = {},
): Tensor {
  requireArgument("nn.losses.smoothLabels", "alpha", fraction, alpha, ["labels"]);
  checkSmooth(options);
  return labels.mul(1 - alpha).add(alpha / labels.shape.at(options.axis ?? -1)!);
}
