/** Moving averages of updates, or of weights. */
import type { Tensor } from "../public.ts";
import { boolean, declareOptions, fraction, requireArgument, scalarOf } from "../options/index.ts";
import { requireGradients, requireState } from "./checks.ts";
import { increment, mapLeaves, movingAverage, unbiased, zeroCount, zerosLike } from "./leaves.ts";
import type { GradientTransformation, Scalar } from "./transformation.ts";

/** The state of {@link ema}. */
export interface EmaState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The moving average, which starts from 0. */
  readonly ema: unknown;
}

const checkOptions = declareOptions<{ readonly debias?: boolean }>("optim.ema", ["0.9"], {
  debias: boolean,
});

/**
 * The moving average `a ← decay · a + (1 - decay) · x` of what it is given: in a chain that of the
 * gradients; given the weights after each step, that of the weights (Polyak & Juditsky, 1992).
 * `debias` (true unless given) divides by the weight `1 - decayᵗ` that has come in so far.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const average = optim.ema(0.9);
 * let state = average.init({ w: np.zeros([1]) });
 * let mean = { w: np.zeros([1]) };
 * for (const w of [1, 1, 1]) [mean, state] = average.update({ w: np.array([w]) }, state);
 * console.assert(Math.abs(await mean.w.item() - 1) < 1e-6);   // what the model is evaluated with
 * ```
 */
export function ema(
  decay: Scalar,
  options: { readonly debias?: boolean } = {},
): GradientTransformation<EmaState> {
  requireArgument("optim.ema", "decay", scalarOf(fraction), decay);
  checkOptions(options);
  const { debias = true } = options;
  return {
    init: (params) => ({ count: zeroCount(), ema: zerosLike(params) }),
    update(updates, state) {
      requireState("ema", state, ["count", "ema"]);
      requireGradients("ema", updates, state.ema);
      const average = mapLeaves((x, a) => movingAverage(x, a!, decay), updates, state.ema);
      const count = increment(state.count);
      const given = debias ? mapLeaves((a) => unbiased(a, decay, count), average) : average;
      return [given, { count, ema: average }];
    },
  };
}
