/** Divergences between distributions. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import { axes, declareOptions } from "../../options/index.ts";
import type { ClassAxis } from "./classification.ts";

const operands = ["logPredictions", "targets"] as const;
const checkKl = declareOptions<ClassAxis>("nn.losses.klDivergence", operands, { axis: axes });
const checkLogKl = declareOptions<ClassAxis>(
  "nn.losses.klDivergenceWithLogTargets",
  ["logPredictions", "logTargets"],
  { axis: axes },
);
const checkGeneralized = declareOptions<ClassAxis>(
  "nn.losses.generalizedKlDivergence",
  operands,
  { axis: axes },
);

/**
 * `Σ t (log t - log p)`, the divergence of predictions, given as logarithms, from a distribution `t` (Kullback
 * & Leibler, 1951). Where `t` is 0 its term is 0, unless the prediction is NaN or 0.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const kl = nn.losses.klDivergence(np.log(np.array([0.5, 0.5])), np.array([1, 0]));
 * console.assert(Math.abs(await kl.item() - Math.LN2) < 1e-6);
 * ```
 */
export function klDivergence(
  logPredictions: Tensor,
  targets: Tensor,
  options: ClassAxis = {},
): Tensor {
  checkKl(options);
  const { axis = -1 } = options;
  const none = np.equal(targets, 0);
  const logTargets = np.where(none, 0, np.log(np.where(none, 1, targets)));
  return np.sum(targets.mul(logTargets.sub(logPredictions)), { axis });
}

/**
 * {@link klDivergence} with targets given as logarithms too.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const log = np.log(np.array([0.25, 0.75]));
 * console.assert(await nn.losses.klDivergenceWithLogTargets(log, log).item() === 0);
 * ```
 */
export function klDivergenceWithLogTargets(
  logPredictions: Tensor,
  logTargets: Tensor,
  options: ClassAxis = {},
): Tensor {
  checkLogKl(options);
  const { axis = -1 } = options;
  return np.sum(np.exp(logTargets).mul(logTargets.sub(logPredictions)), { axis });
}

/**
 * `Σ t (log t - log p) + p - t`, which is convex and least at `p = t` for measures that do not sum to 1, too.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const kl = nn.losses.generalizedKlDivergence(np.log(np.array([2, 3])), np.array([2, 3]));
 * console.assert(Math.abs(await kl.item()) < 1e-6);
 * ```
 */
export function generalizedKlDivergence(
  logPredictions: Tensor,
  targets: Tensor,
  options: ClassAxis = {},
): Tensor {
  checkGeneralized(options);
  const { axis = -1 } = options;
  const surplus = np.sum(np.exp(logPredictions).sub(targets), { axis });
  return klDivergence(logPredictions, targets, options).add(surplus);
}

/** Another name of {@link generalizedKlDivergence}. */
export const convexKlDivergence: typeof generalizedKlDivergence = generalizedKlDivergence;
