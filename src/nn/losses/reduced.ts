/** Losses of whole batches: one number that says how far predictions are from targets. */
import { ShapeError, type Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { checkCount } from "../../numpy/promote.ts";
import {
  declareOptions,
  describeTree,
  dtype as dtypeKind,
  floatType,
  oneOf,
  positive,
} from "../../options/index.ts";

/** The reduction of all elements to one number. */
export interface LossOptions {
  /** `"mean"` (unless given) or `"sum"` of all elements; `"none"` keeps them. */
  readonly reduction?: "mean" | "sum" | "none";
}

const reductionKind = oneOf("mean", "sum", "none");
const operands = ["prediction", "target"] as const;
const checkMse = declareOptions<LossOptions>("nn.mse", operands, { reduction: reductionKind });

function reduced(loss: Tensor, { reduction = "mean" }: LossOptions): Tensor {
  if (reduction === "none") return loss;
  return reduction === "sum" ? np.sum(loss) : np.mean(loss);
}

/** `prediction - target`. Only the target may be stretched: a column and a vector would make a table. */
function errors(
  name: string,
  prediction: Tensor,
  target: Tensor,
  { reduction }: LossOptions,
): Tensor {
  const error = np.subtract(prediction, target);
  if (reduction === "none" || error.shape.join() === prediction.shape.join()) return error;
  const [made, wanted] = [prediction, target].map((x) => describeTree(x));
  throw new ShapeError(
    `${name}: the prediction ${made} and the target ${wanted} give [${
      error.shape.join(", ")
    }] errors`,
    'give a target of the same shape, target.reshape(prediction.shape), or reduction: "none" if pairs are meant',
  );
}

/**
 * The squared error: a prediction and a target of one shape → a scalar, or the shape without a reduction.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.mse(np.array([1, 2]), np.array([1, 4])).item() === 2);
 * ```
 *
 * @throws ShapeError for shapes that differ, unless the target stretches to the prediction's.
 */
export function mse(prediction: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkMse(options);
  return reduced(np.square(errors("nn.mse", prediction, target, options)), options);
}

/** Options of {@link huber}. */
export interface HuberOptions extends LossOptions {
  /** Up to which error the loss is a square; 1 unless given. */
  readonly delta?: number;
}

const checkHuber = declareOptions<HuberOptions>("nn.huber", operands, {
  delta: positive,
  reduction: reductionKind,
});

/**
 * Huber's loss (1964): `½ d²` for errors up to `delta` (1 unless given), `delta (|d| - ½ delta)` above.
 * With `delta` 1 it is PyTorch's `smooth_l1_loss`.
 *
 * @throws ShapeError for shapes that differ, unless the target stretches to the prediction's.
 */
export function huber(
  prediction: Tensor,
  target: Tensor,
  options: HuberOptions = {},
): Tensor {
  checkHuber(options);
  const { delta = 1 } = options;
  const error = np.abs(errors("nn.huber", prediction, target, options));
  // ½ q² + delta (|d| - q) with q the part of |d| up to delta: no branch, and smooth.
  const q = np.minimum(error, delta);
  return reduced(q.mul(q).mul(0.5).add(error.sub(q).mul(delta)), options);
}

const checkCrossEntropy = declareOptions<LossOptions>("nn.crossEntropy", ["logits", "target"], {
  reduction: reductionKind,
});

/**
 * `-Σ target · log softmax(logits)` over the last axis. Targets are int32 labels, without that axis, or
 * distributions (one-hot vectors, say), with it. A label that is no class costs NaN, as in optax, a negative
 * one too, which optax counts from the end. A class of logit -∞ and probability 0 costs nothing.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const logits = np.zeros([1, 4]);
 * const loss = nn.crossEntropy(logits, np.array([2], { dtype: "int32" }));
 * console.assert(Math.abs(await loss.item() - Math.log(4)) < 1e-6);
 * ```
 *
 * @throws ShapeError for targets of other shapes, unless they stretch to the logits'.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkCrossEntropy(options);
  const soft = floatType.accepts(target.dtype);
  const shape = soft ? target.shape : [...target.shape, logits.shape.at(-1)!];
  if (!stretches(shape, logits.shape)) {
    const [made, wanted] = [logits, target].map((x) => describeTree(x));
    const { shape: whole } = logits;
    throw new ShapeError(
      `nn.crossEntropy: the logits are ${made}, the target is ${wanted}`,
      `give int32 labels [${whole.slice(0, -1).join(", ")}], or a distribution [${
        whole.join(", ")
      }]`,
    );
  }
  const logProbabilities = np.logSoftmax(logits);
  const loss = soft ? ofDistribution(logProbabilities, target) : ofLabels(logProbabilities, target);
  return reduced(loss, options);
}

/** Selected, not multiplied by one-hot vectors: 0 · -∞ is NaN. */
function ofLabels(logProbabilities: Tensor, labels: Tensor): Tensor {
  const classes = logProbabilities.shape.at(-1)!;
  const chosen = np.equal(np.expandDims(labels, -1), np.arange(classes));
  const loss = np.negative(np.sum(np.where(chosen, logProbabilities, 0), { axis: -1 }));
  const exists = np.logicalAnd(np.greaterEqual(labels, 0), np.less(labels, classes));
  return np.where(exists, loss, NaN);
}

function ofDistribution(logProbabilities: Tensor, target: Tensor): Tensor {
  const never = np.logicalAnd(np.equal(target, 0), np.equal(logProbabilities, -Infinity));
  const terms = np.where(never, 0, logProbabilities).mul(target);
  return np.negative(np.sum(terms, { axis: -1 }));
}

/** True if a shape is broadcast to another as it is. */
function stretches(from: readonly number[], to: readonly number[]): boolean {
  const more = to.length - from.length;
  return more >= 0 && from.every((n, i) => n === 1 || n === to[i + more]);
}

const checkOneHot = declareOptions<np.DTypeOptions>("nn.oneHot", ["labels", "count"], {
  dtype: dtypeKind,
});

/** Labels as vectors with one 1: int32 […] → […, count]; zeros for labels that are no class. */
export function oneHot(
  labels: Tensor,
  count: number,
  options: np.DTypeOptions = {},
): Tensor {
  checkOneHot(options);
  const { dtype = "float32" } = options;
  checkCount("nn.oneHot", "count", count);
  return np.astype(np.equal(np.expandDims(labels, -1), np.arange(count)), dtype);
}
