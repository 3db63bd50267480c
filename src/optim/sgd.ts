/** Gradient descent, with or without momentum. */
import { boolean, declareOptions, finite, requireArgument, scalarOf } from "../options/index.ts";
import { chain, identity } from "./chain.ts";
import { requireGradients, requireState } from "./checks.ts";
import { mapLeaves, zerosLike } from "./leaves.ts";
import { type CountState, type LearningRate, requireRate, scaleByLearningRate } from "./scale.ts";
import type { GradientTransformation, Scalar } from "./transformation.ts";

/** The state of {@link trace}. */
export interface TraceState {
  /** The decaying sum of past updates, like the parameters. */
  readonly trace: unknown;
}

/** Options of {@link trace}. */
export interface TraceOptions {
  /** Look one step ahead (Nesterov, 1983); false unless given. */
  readonly nesterov?: boolean;
}

const checkTrace = declareOptions<TraceOptions>("optim.trace", ["0.9"], { nesterov: boolean });

/**
 * Momentum: `t ← g + decay · t` is the update; with `nesterov`, `g + decay · t` of the new `t`
 * (Sutskever et al., 2013).
 */
export function trace(
  decay: Scalar,
  options: TraceOptions = {},
): GradientTransformation<TraceState> {
  requireArgument("optim.trace", "decay", scalarOf(finite), decay);
  checkTrace(options);
  const { nesterov = false } = options;
  return {
    init: (params) => ({ trace: zerosLike(params) }),
    update(updates, state) {
      requireState("trace", state, ["trace"]);
      requireGradients("trace", updates, state.trace);
      const moved = mapLeaves((g, t) => g.add(t.mul(decay)), updates, state.trace);
      const ahead = () => mapLeaves((g, t) => g.add(t.mul(decay)), updates, moved);
      return [nesterov ? ahead() : moved, { trace: moved }];
    },
  };
}

/** Options of {@link sgd}. */
export interface SgdOptions extends TraceOptions {
  /** The fraction of the trace that is kept; no momentum by default. */
  readonly momentum?: Scalar;
}

const checkSgd = declareOptions<SgdOptions>("optim.sgd", ["0.1"], {
  momentum: scalarOf(finite),
  nesterov: boolean,
});

/**
 * Stochastic gradient descent.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.sgd(0.5, { momentum: 0.9 });
 * const [u] = optimizer.update(np.array([2]), optimizer.init(np.zeros([1])));
 * console.assert((await u.data())[0] === -1);
 * ```
 */
export function sgd(
  learningRate: LearningRate,
  options: SgdOptions = {},
): GradientTransformation<[TraceState | null, CountState | null]> {
  requireRate("sgd", learningRate);
  checkSgd(options);
  const { momentum: decay, ...rest } = options;
  const first: GradientTransformation<TraceState | null> = decay === undefined
    ? identity()
    : trace(decay, rest);
  return chain(first, scaleByLearningRate(learningRate));
}
