/** Transformations that apply at some steps only. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { callable, count, nonNegative, requireArgument } from "../options/index.ts";
import { requireState, requireTransformation } from "./checks.ts";
import { globalNorm } from "./apply.ts";
import { increment, select, tensors, zeroCount, zerosLike } from "./leaves.ts";
import type { Extra, GradientTransformation } from "./transformation.ts";

/** The state of {@link applyIfFinite}. */
export interface ApplyIfFiniteState<Inner> {
  /** The number of updates in a row that were not finite, int32. */
  readonly notfiniteCount: Tensor;
  /** True if the last update was finite, a boolean. */
  readonly lastFinite: Tensor;
  /** The total number of updates that were not finite, int32. */
  readonly totalNotfinite: Tensor;
  /** The state of the inner transformation. */
  readonly inner: Inner;
}

/** True if all elements of a tree are finite, a boolean scalar. */
function allFinite(of: unknown): Tensor {
  return tensors(of).map((x) => np.all(np.isfinite(x)))
    .reduce((a, b) => np.logicalAnd(a, b), np.equal(np.zeros([]), 0));
}

/**
 * Applies `inner` to updates that are finite; others become zeros, and its state stays. After more than
 * `maxConsecutiveErrors` of them in a row they go through, so that a model that is broken does not seem to rest.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.applyIfFinite(optim.sgd(1), 1);
 * let state = optimizer.init(np.zeros([1])), u = np.zeros([1]);
 * [u, state] = optimizer.update(np.array([NaN]), state);
 * console.assert(await u.item() === 0);
 * [u, state] = optimizer.update(np.array([NaN]), state);
 * console.assert(Number.isNaN(await u.item()));
 * ```
 */
export function applyIfFinite<Inner>(
  inner: GradientTransformation<Inner>,
  maxConsecutiveErrors: number,
): GradientTransformation<ApplyIfFiniteState<Inner>> {
  requireTransformation("applyIfFinite", inner);
  requireArgument(
    "optim.applyIfFinite",
    "maxConsecutiveErrors",
    count,
    maxConsecutiveErrors,
    ["optimizer"],
  );
  return {
    init: (params) => ({
      notfiniteCount: zeroCount(),
      lastFinite: np.equal(np.zeros([]), 0),
      totalNotfinite: zeroCount(),
      inner: inner.init(params),
    }),
    update(updates, state, params, extra) {
      const fields = ["notfiniteCount", "lastFinite", "totalNotfinite", "inner"];
      requireState("applyIfFinite", state, fields);
      const finite = allFinite(updates);
      const notfiniteCount = np.where(finite, zeroCount(), increment(state.notfiniteCount));
      const apply = np.logicalOr(finite, np.greater(notfiniteCount, maxConsecutiveErrors));
      const [found, next] = inner.update(updates, state.inner, params, extra);
      return [select(apply, found, zerosLike(found)), {
        notfiniteCount,
        lastFinite: finite,
        totalNotfinite: np.where(finite, state.totalNotfinite, increment(state.totalNotfinite)),
        inner: select(apply, next, state.inner),
      }];
    },
  };
}

/** The state of {@link conditionallyTransform} and {@link conditionallyMask}. */
export interface ConditionalState<Inner> {
  /** The number of updates so far, int32. */
  readonly step: Tensor;
  /** The state of the inner transformation. */
  readonly inner: Inner;
}

/** Says at a step, an int32 scalar, whether a transformation applies: a boolean scalar. */
export type Condition = (step: Tensor, extra?: Extra) => Tensor;

function conditional<Inner>(
  name: string,
  inner: GradientTransformation<Inner>,
  shouldTransform: Condition,
  otherwise: <U>(updates: U) => U,
): GradientTransformation<ConditionalState<Inner>> {
  requireTransformation(name, inner);
  const aCondition = callable<Condition>("(step) => np.greater(step, 100)");
  requireArgument(`optim.${name}`, "shouldTransform", aCondition, shouldTransform, ["optimizer"]);
  return {
    init: (params) => ({ step: zeroCount(), inner: inner.init(params) }),
    update(updates, state, params, extra) {
      requireState(name, state, ["step", "inner"]);
      const apply = shouldTransform(state.step, extra);
      // Both are computed, and one is selected: a batch of optimizers may disagree.
      const [found, next] = inner.update(updates, state.inner, params, extra);
      return [select(apply, found, otherwise(updates)), {
        step: increment(state.step),
        inner: select(apply, next, state.inner),
      }];
    },
  };
}

/**
 * Applies `inner` at the steps at which a condition holds; at others updates stay as they are.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const late = optim.conditionallyTransform(optim.clip(1), (step) => np.greaterEqual(step, 1));
 * let state = late.init(np.zeros([1])), u = np.zeros([1]);
 * for (const expected of [5, 1]) {
 *   [u, state] = late.update(np.array([5]), state);
 *   console.assert(await u.item() === expected);
 * }
 * ```
 */
export function conditionallyTransform<Inner>(
  inner: GradientTransformation<Inner>,
  shouldTransform: Condition,
): GradientTransformation<ConditionalState<Inner>> {
  return conditional("conditionallyTransform", inner, shouldTransform, (updates) => updates);
}

/**
 * Applies `inner` at the steps at which a condition holds; at others updates become zeros.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const even = optim.conditionallyMask(optim.sgd(1), (step) => np.equal(np.mod(step, 2), 0));
 * let state = even.init(np.zeros([1])), u = np.zeros([1]);
 * for (const expected of [-5, 0]) {
 *   [u, state] = even.update(np.array([5]), state);
 *   console.assert(await u.item() === expected);
 * }
 * ```
 */
export function conditionallyMask<Inner>(
  inner: GradientTransformation<Inner>,
  shouldTransform: Condition,
): GradientTransformation<ConditionalState<Inner>> {
  return conditional("conditionallyMask", inner, shouldTransform, zerosLike);
}

/** Says whether an accumulation leaves a gradient out, a boolean scalar: see {@link multiSteps}. */
export type ShouldSkip = (gradients: unknown, gradientStep: Tensor, params?: unknown) => Tensor;

/**
 * Leaves out gradients of which an element is NaN or infinite.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * console.assert(await optim.skipNotFinite({ w: np.array([1, NaN]) }).item() === 1);
 * const optimizer = optim.multiSteps(optim.sgd(1), 2, { shouldSkip: optim.skipNotFinite });
 * ```
 */
export function skipNotFinite(gradients: unknown): Tensor {
  return np.logicalNot(allFinite(gradients));
}

/**
 * Leaves out gradients whose squared norm is not below `maxSquaredNorm`.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * console.assert(await optim.skipLargeUpdates(20)(np.array([3, 4])).item() === 1);
 * ```
 */
export function skipLargeUpdates(maxSquaredNorm: number): (gradients: unknown) => Tensor {
  requireArgument("optim.skipLargeUpdates", "maxSquaredNorm", nonNegative, maxSquaredNorm);
  const most = Math.sqrt(maxSquaredNorm);
  return (gradients) => np.logicalNot(np.less(globalNorm(gradients), most));
}
