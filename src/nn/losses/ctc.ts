/** Connectionist temporal classification: a sequence of labels without times. */
import { requireShape } from "../../options/shapeSpec.ts";
import type { Tensor } from "../../public.ts";
import { scan } from "../../control/index.ts";
import * as np from "../../numpy/index.ts";
import { count, declareOptions, finite } from "../../options/index.ts";

/** Options of {@link ctcLoss}. */
export interface CtcOptions {
  /** The class that stands for no label; 0. */
  readonly blankId?: number;
  /** The number that replaces the logarithm of probability 0; -1e5. */
  readonly logEpsilon?: number;
}

const kinds = { blankId: count, logEpsilon: finite } as const;
const operands = ["logits", "logitPaddings", "labels", "labelPaddings"] as const;
const checkLoss = declareOptions<CtcOptions>("nn.losses.ctcLoss", operands, kinds);
const checkForward = declareOptions<CtcOptions>(
  "nn.losses.ctcLossWithForwardProbs",
  operands,
  kinds,
);

/**
 * `-log Σ p(path)` over all paths that spell the labels (Graves et al., 2006): logits [batch, times, classes] and
 * labels int32 [batch, n] → [batch]. Paddings, [batch, times] and [batch, n], are 1 at the ends that do not
 * count, else 0.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const labels = np.array([[1]], { dtype: "int32" });
 * const loss = nn.losses.ctcLoss(np.zeros([1, 2, 2]), np.zeros([1, 2]), labels, np.zeros([1, 1]));
 * // Of the four paths of two classes, three spell the label: a-, -a and aa.
 * console.assert(Math.abs(await loss.item() + Math.log(3 / 4)) < 1e-4);
 * ```
 *
 * @throws ShapeError when shapes do not belong together.
 */
export function ctcLoss(
  logits: Tensor,
  logitPaddings: Tensor,
  labels: Tensor,
  labelPaddings: Tensor,
  options: CtcOptions = {},
): Tensor {
  checkLoss(options);
  return ctcLossWithForwardProbs(logits, logitPaddings, labels, labelPaddings, options)[0];
}

/**
 * {@link ctcLoss} with the logarithms of forward probabilities: [times, batch, n + 1] of paths that end with a
 * blank after that many labels, and [times, batch, n] of those that end with the label.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const labels = np.array([[1]], { dtype: "int32" });
 * const [loss, blank, emitted] = nn.losses.ctcLossWithForwardProbs(
 *   np.zeros([1, 2, 2]), np.zeros([1, 2]), labels, np.zeros([1, 1]));
 * console.assert(blank.shape.join() === "2,1,2" && emitted.shape.join() === "2,1,1");
 * ```
 *
 * @throws ShapeError when shapes do not belong together.
 */
export function ctcLossWithForwardProbs(
  logits: Tensor,
  logitPaddings: Tensor,
  labels: Tensor,
  labelPaddings: Tensor,
  options: CtcOptions = {},
): [loss: Tensor, blank: Tensor, emitted: Tensor] {
  checkForward(options);
  const { blankId = 0, logEpsilon = -1e5 } = options;
  const hint = "sequences have one length in a batch: pad them, and say by paddings where they end";
  const form = ["batch", "times", "classes"];
  requireShape("nn.losses.ctcLoss: the logits are", logits, form, hint);
  const [batch, times, classes] = logits.shape as [number, number, number];
  requireShape("nn.losses.ctcLoss: the labels are", labels, [batch, "n"], hint);
  const n = labels.shape[1]!;
  const paddings = "nn.losses.ctcLoss: the paddings of";
  requireShape(`${paddings} logits are`, logitPaddings, [batch, times], hint);
  requireShape(`${paddings} labels are`, labelPaddings, [batch, n], hint);

  const { dtype } = logits;
  const logProbabilities = np.logSoftmax(logits);
  const first = (x: Tensor) => np.swapaxes(x, 0, 1); // times before the batch
  const ofBlank = first(np.slice(logProbabilities, ":", ":", [blankId, blankId + 1]));
  const chosen = np.equal(np.expandDims(labels, 2), np.arange(classes));
  const ofLabels = first(np.einsum("btk,bnk->btn", logProbabilities, np.astype(chosen, dtype)));
  // Where a label is its predecessor again, a blank must stand between.
  const again = n === 0 ? np.zeros([batch, 0], { dtype }) : np.pad(
    np.astype(
      np.equal(np.slice(labels, ":", [0, n - 1]), np.slice(labels, ":", [1, n])),
      dtype,
    ),
    [[0, 0], [0, 1]],
  );
  const joined = (blank: Tensor, from: Tensor) =>
    np.concatenate([
      np.slice(blank, ":", [0, 1]),
      np.logaddexp(np.slice(blank, ":", [1, n + 1]), from),
    ], { axis: -1 });
  type Forward = [blank: Tensor, emitted: Tensor];
  const step = ([blank, emitted]: Forward, [label, none, pad]: [Tensor, Tensor, Tensor]) => {
    const before = joined(blank, emitted.add(again.mul(logEpsilon)));
    const nextEmitted = np.logaddexp(
      np.slice(before, ":", [0, n]).add(label),
      emitted.add(label),
    );
    const held = emitted.add(none).add(np.subtract(1, again).mul(logEpsilon));
    const nextBlank = joined(before.add(none), held);
    const padded = np.greater(np.expandDims(pad, 1), 0);
    const next: Forward = [
      np.where(padded, blank, nextBlank),
      np.where(padded, emitted, nextEmitted),
    ];
    return [next, next] as const;
  };
  const start: Forward = [
    np.concatenate([
      np.zeros([batch, 1], { dtype }),
      np.full([batch, n], logEpsilon, { dtype }),
    ], { axis: 1 }),
    np.full([batch, n], logEpsilon, { dtype }),
  ];
  const xs: [Tensor, Tensor, Tensor] = [ofLabels, ofBlank, first(logitPaddings)];
  const [[blank, emitted], [blanks, emissions]] = scan(step, start, xs);
  const last = joined(blank, emitted);
  const lengths = np.sum(np.subtract(1, np.astype(labelPaddings, dtype)), { axis: 1 });
  const end = np.equal(np.arange(n + 1), np.expandDims(np.astype(lengths, "int32"), 1));
  const loss = np.negative(np.sum(np.where(end, last, 0), { axis: 1 }));
  const all = np.concatenate([
    np.slice(blanks, [0, times - 1]),
    np.expandDims(last, 0),
  ], { axis: 0 });
  return [loss, all, emissions];
}
