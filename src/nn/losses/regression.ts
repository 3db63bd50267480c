/** Losses of numbers: element by element, and angles between vectors. */
import { ShapeError, type Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import {
  axes,
  declareOptions,
  describeTree,
  finite,
  nonNegative,
  positive,
} from "../../options/index.ts";

/** `predictions - targets`, or the predictions where they are errors already; of one shape. */
function errors(name: string, predictions: Tensor, targets: Tensor | undefined): Tensor {
  if (targets === undefined) return predictions;
  if (targets.shape.join() === predictions.shape.join()) return predictions.sub(targets);
  throw new ShapeError(
    `nn.losses.${name}: the predictions are ${describeTree(predictions)}, the targets ${
      describeTree(targets)
    }`,
    "give targets of the same shape: targets.reshape(predictions.shape)",
  );
}

/**
 * `(p - t)²` of each element; `p²` without targets.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.losses.squaredError(np.array(5), np.array(2)).item() === 9);
 * ```
 *
 * @throws ShapeError for shapes that differ.
 */
export function squaredError(predictions: Tensor, targets?: Tensor): Tensor {
  return np.square(errors("squaredError", predictions, targets));
}

/**
 * `½ (p - t)²` of each element, whose derivative is `p - t`; `½ p²` without targets.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.losses.l2Loss(np.array(5), np.array(3)).item() === 2);
 * ```
 *
 * @throws ShapeError for shapes that differ.
 */
export function l2Loss(predictions: Tensor, targets?: Tensor): Tensor {
  return np.square(errors("l2Loss", predictions, targets)).mul(0.5);
}

const checkHuber = declareOptions<{ readonly delta?: number }>(
  "nn.losses.huberLoss",
  ["predictions", "targets"],
  { delta: positive },
);

/**
 * Huber's loss (1964) of each element: `½ d²` for errors `d = p - t` up to `delta` (1 unless given),
 * `delta (|d| - ½ delta)` above. `nn.huber` is its mean.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.losses.huberLoss(np.array(3), np.array(0)).item() === 2.5);
 * ```
 *
 * @throws ShapeError for shapes that differ.
 */
export function huberLoss(
  predictions: Tensor,
  targets?: Tensor,
  options: { readonly delta?: number } = {},
): Tensor {
  checkHuber(options);
  const { delta = 1 } = options;
  const error = np.abs(errors("huberLoss", predictions, targets));
  const quadratic = np.minimum(error, delta);
  return quadratic.mul(quadratic).mul(0.5).add(error.sub(quadratic).mul(delta));
}

/**
 * `log cosh(p - t)` of each element: about `½ d²` near 0 and `|d| - log 2` far from it (Chen et al., 2019).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(Math.abs(await nn.losses.logCosh(np.array(1)).item() - Math.log(Math.cosh(1))) < 1e-6);
 * ```
 *
 * @throws ShapeError for shapes that differ.
 */
export function logCosh(predictions: Tensor, targets?: Tensor): Tensor {
  const error = errors("logCosh", predictions, targets);
  // log cosh d = ½ log1p(sinh² d), which keeps its digits near 0; far from it the sum of exponentials does.
  const small = np.less(np.abs(error), 1);
  const near = np.log1p(np.square(np.sinh(np.where(small, error, 0)))).mul(0.5);
  const size = np.abs(np.where(small, 1, error));
  const far = size.add(np.log1p(np.exp(size.mul(-2)))).sub(Math.LN2);
  return np.where(small, near, far);
}

/** Options of {@link cosineSimilarity} and {@link cosineDistance}. */
export interface CosineOptions {
  /** The least squared length that is divided by; 0 unless given, where zeros give NaN. */
  readonly epsilon?: number;
  /** The axis of vectors, or several; the last unless given. */
  readonly axis?: number | readonly number[];
}

const cosineKinds = { epsilon: nonNegative, axis: axes } as const;
const operands = ["predictions", "targets"] as const;
const checkSimilarity = declareOptions<CosineOptions>(
  "nn.losses.cosineSimilarity",
  operands,
  cosineKinds,
);
const checkDistance = declareOptions<CosineOptions>(
  "nn.losses.cosineDistance",
  operands,
  cosineKinds,
);

/**
 * The cosine `p·t / (|p| |t|)` of the angle between vectors, along an axis: 1 for the same direction, -1 for
 * the opposite.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const cosine = nn.losses.cosineSimilarity(np.array([1, 0]), np.array([1, 1]));
 * console.assert(Math.abs(await cosine.item() - Math.SQRT1_2) < 1e-6);
 * ```
 */
export function cosineSimilarity(
  predictions: Tensor,
  targets: Tensor,
  options: CosineOptions = {},
): Tensor {
  checkSimilarity(options);
  const { epsilon = 0, axis = -1 } = options;
  const unit = (x: Tensor) => {
    const square = np.sum(np.square(x), { axis, keepdims: true });
    return x.div(np.sqrt(np.maximum(square, epsilon)));
  };
  return np.sum(unit(predictions).mul(unit(targets)), { axis });
}

/**
 * `1 - cosine`: 0 for the same direction, 2 for the opposite.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const distance = nn.losses.cosineDistance(np.array([2, 0]), np.array([0, 3]));
 * console.assert(await distance.item() === 1);
 * ```
 */
export function cosineDistance(
  predictions: Tensor,
  targets: Tensor,
  options: CosineOptions = {},
): Tensor {
  checkDistance(options);
  return np.subtract(1, cosineSimilarity(predictions, targets, options));
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletOptions {
  /** By how much negatives should be farther than positives; 1. */
  readonly margin?: number;
  /** The power of the norm; 2. */
  readonly normDegree?: number;
  /** Added under the root; 1e-6. */
  readonly eps?: number;
  /** The axis of vectors; the last unless given. */
  readonly axis?: number | readonly number[];
}

const checkTriplet = declareOptions<TripletOptions>(
  "nn.losses.tripletMarginLoss",
  ["anchors", "positives", "negatives"],
  { margin: finite, normDegree: positive, eps: nonNegative, axis: axes },
);

/**
 * `max(0, d(anchor, positive) - d(anchor, negative) + margin)`, with the distance
 * `d(x, y) = (Σ |x - y|ᵖ + eps)^(1/p)` (Schroff et al., 2015).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const [a, p, n] = [np.array([0]), np.array([0]), np.array([9])];
 * console.assert(await nn.losses.tripletMarginLoss(a, p, n).item() === 0);
 * ```
 */
export function tripletMarginLoss(
  anchors: Tensor,
  positives: Tensor,
  negatives: Tensor,
  options: TripletOptions = {},
): Tensor {
  checkTriplet(options);
  const { margin = 1, normDegree = 2, eps = 1e-6, axis = -1 } = options;
  const distance = (x: Tensor) => {
    const powers = np.power(np.abs(anchors.sub(x)), normDegree);
    return np.power(np.sum(powers, { axis }).add(eps), 1 / normDegree);
  };
  return np.maximum(distance(positives).sub(distance(negatives)).add(margin), 0);
}
