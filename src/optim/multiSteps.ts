/** Gradient accumulation: a large batch in small pieces. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { callable, declareOptions, requireArgument, size } from "../options/index.ts";
import { requireGradients, requireState } from "./checks.ts";
import type { ShouldSkip } from "./conditional.ts";
import { increment, mapLeaves, select, zeroCount, zerosLike } from "./leaves.ts";
import type { GradientTransformation } from "./transformation.ts";

/** The state of {@link multiSteps}. */
export interface MultiStepsState<Inner> {
  /** The number of gradients in the mean, int32. */
  readonly miniStep: Tensor;
  /** The number of updates made, int32. */
  readonly gradientStep: Tensor;
  /** The state of the inner transformation. */
  readonly inner: Inner;
  /** The mean of the gradients since the last update. */
  readonly accumulated: unknown;
}

/** Options of {@link multiSteps}. */
export interface MultiStepsOptions {
  /** Says which gradients are left out, such as `skipNotFinite`; none unless given. */
  readonly shouldSkip?: ShouldSkip;
}

const checkOptions = declareOptions<MultiStepsOptions>(
  "optim.multiSteps",
  ["optim.adam(1e-3)", "4"],
  { shouldSkip: callable("optim.skipNotFinite") },
);

/**
 * Applies `inner` to the mean of every `every` gradients; the updates between are zeros.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.multiSteps(optim.sgd(1), 2);
 * let state = optimizer.init(np.zeros([1])), u = np.zeros([1]);
 * [u, state] = optimizer.update(np.array([1]), state);
 * console.assert(Math.abs(await u.item()) === 0);
 * [u, state] = optimizer.update(np.array([3]), state);
 * console.assert(await u.item() === -2);
 * ```
 *
 * @throws ArgumentError unless `every` is a whole number above 0.
 */
export function multiSteps<Inner>(
  inner: GradientTransformation<Inner>,
  every: number,
  options: MultiStepsOptions = {},
): GradientTransformation<MultiStepsState<Inner>> {
  requireArgument("optim.multiSteps", "every", size, every, ["optimizer"]);
  checkOptions(options);
  const { shouldSkip } = options;
  return {
    init: (params) => ({
      miniStep: zeroCount(),
      gradientStep: zeroCount(),
      inner: inner.init(params),
      accumulated: zerosLike(params),
    }),
    update(updates, state, params, extra) {
      requireState("multiSteps", state, ["miniStep", "gradientStep", "inner", "accumulated"]);
      requireGradients("multiSteps", updates, state.accumulated);
      const count = increment(state.miniStep);
      const mean = mapLeaves(
        (g, m) => m.add(g.sub(m).div(np.astype(count, g.dtype))),
        updates,
        state.accumulated,
      );
      const [found, next] = inner.update(mean, state.inner, params, extra);
      // Both branches are computed, and one is selected: a batch of optimizers may disagree.
      const emit = np.greaterEqual(count, every);
      const zeros = zerosLike(found);
      const accumulation: MultiStepsState<Inner> = {
        miniStep: np.where(emit, zeroCount(), count),
        gradientStep: np.where(emit, increment(state.gradientStep), state.gradientStep),
        inner: select(emit, next, state.inner),
        accumulated: select(emit, zerosLike(mean), mean),
      };
      const moved = select(emit, found, zeros);
      if (shouldSkip === undefined) return [moved, accumulation];
      const skip = shouldSkip(updates, state.gradientStep, params);
      return [select(skip, zeros, moved), select(skip, state, accumulation)];
    },
  };
}
