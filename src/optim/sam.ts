/** Sharpness-aware minimization: descent by the gradient at a worse place nearby. */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { boolean, declareOptions, size } from "../options/index.ts";
import { requireState, requireTransformation } from "./checks.ts";
import { increment, mapLeaves, required, select, zeroCount } from "./leaves.ts";
import type { GradientTransformation } from "./transformation.ts";

/** The state of {@link sam}. */
export interface SamState<Inner, Adversary> {
  /** The number of updates since the last descent, int32. */
  readonly stepsSinceSync: Tensor;
  /** The state of the optimizer. */
  readonly optState: Inner;
  /** The state of the ascent. */
  readonly advState: Adversary;
  /** The parameters from which the ascent began. */
  readonly cache: unknown;
}

/** Options of {@link sam}. */
export interface SamOptions {
  /** The number of updates one descent takes, all but the last of which climb; 2. */
  readonly syncPeriod?: number;
  /** If true, the ascent starts again from its initial state each time. Default true. */
  readonly resetState?: boolean;
}

const checkOptions = declareOptions<SamOptions>(
  "optim.sam",
  ["optim.adam(1e-3)", "optim.sgd(0.05)"],
  { syncPeriod: size, resetState: boolean },
);

/**
 * SAM (Foret et al., 2021): the first `syncPeriod - 1` updates climb, by the steps of `advOptimizer` reversed, say
 * `chain(normalizeByUpdateNorm(), sgd(ρ))`; the last goes back to where they began and makes a step of `optimizer` with
 * the gradient of the place that was reached. `update` needs the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.sam(optim.sgd(1), optim.sgd(0.5));
 * let x = np.array([1]), state = optimizer.init(x);
 * for (const expected of [2, -3]) { // f(x) = x², whose gradient is 2 x: up to 2, and by its gradient from 1 down
 *   const [u, next] = optimizer.update(x.mul(2), state, x);
 *   [x, state] = [optim.applyUpdates(x, u), next];
 *   console.assert(await x.item() === expected);
 * }
 * ```
 */
export function sam<Inner, Adversary>(
  optimizer: GradientTransformation<Inner>,
  advOptimizer: GradientTransformation<Adversary>,
  options: SamOptions = {},
): GradientTransformation<SamState<Inner, Adversary>> {
  requireTransformation("sam", optimizer);
  requireTransformation("sam", advOptimizer);
  checkOptions(options);
  const { syncPeriod = 2, resetState = true } = options;
  return {
    init: (params) => ({
      stepsSinceSync: zeroCount(),
      optState: optimizer.init(params),
      advState: advOptimizer.init(params),
      cache: mapLeaves((p) => np.copy(p), params),
    }),
    update(updates, state, given, extra) {
      const params = required(given, "sam");
      requireState("sam", state, ["stepsSinceSync", "optState", "advState", "cache"]);
      const steps = increment(state.stepsSinceSync);
      const [first, last] = [np.equal(steps, 1), np.equal(steps, syncPeriod)];
      const [down, advState] = advOptimizer.update(updates, state.advState, params, extra);
      const up = mapLeaves((u) => np.negative(u), down);
      // The descent starts from where the ascent began: with one step in all, here.
      const cache = select(first, params, withStructure(params, state.cache));
      const [step, optState] = optimizer.update(updates, state.optState, cache, extra);
      const back = mapLeaves((start, p, u) => start.sub(p).add(u), cache, params, step);
      return [select(last, back, up), {
        stepsSinceSync: np.where(last, zeroCount(), steps),
        optState: select(last, optState, state.optState),
        advState: select(last, resetState ? advOptimizer.init(params) : state.advState, advState),
        cache,
      }];
    },
  };
}

/** A tree as one of the type of another, whose structure it has. */
function withStructure<P>(like: P, tree: unknown): P {
  return mapLeaves((_, x) => x, like, tree);
}
