/** Weights that follow others: target networks, Lookahead, and averages that need no schedule. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  declareOptions,
  describeTree,
  fraction,
  nonNegative,
  requireArgument,
  required as requiredOption,
  scalarOf,
  size,
} from "../options/index.ts";
import { requireState, requireTransformation } from "./checks.ts";
import {
  floatType,
  increment,
  mapLeaves,
  oneMinus,
  required,
  select,
  zeroCount,
} from "./leaves.ts";
import { type LearningRate, requireRate } from "./scale.ts";
import type { Extra, GradientTransformation, Scalar } from "./transformation.ts";

/**
 * `stepSize · new + (1 - stepSize) · old` of each leaf: slowly moving targets (Polyak averaging).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const target = optim.incrementalUpdate({ w: np.array(10) }, { w: np.array(0) }, 0.1);
 * console.assert(Math.abs(await target.w.item() - 1) < 1e-6);
 * ```
 *
 * @throws TreeError for trees of other structures.
 */
export function incrementalUpdate<P>(newTensors: P, oldTensors: NoInfer<P>, stepSize: Scalar): P {
  const before = ["newTensors", "oldTensors"];
  requireArgument("optim.incrementalUpdate", "stepSize", scalarOf(fraction), stepSize, before);
  const rest = oneMinus(stepSize);
  return mapLeaves((a, b) => a.mul(stepSize).add(b.mul(rest)), newTensors, oldTensors);
}

/**
 * The new tree at every `updatePeriod`-th step, the old one between.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const step = np.array(4, { dtype: "int32" });
 * console.assert(await optim.periodicUpdate(np.array(1), np.array(0), step, 2).item() === 1);
 * console.assert(await optim.periodicUpdate(np.array(1), np.array(0), step, 3).item() === 0);
 * ```
 *
 * @throws TreeError for trees of other structures.
 */
export function periodicUpdate<P>(
  newTensors: P,
  oldTensors: NoInfer<P>,
  steps: Tensor,
  updatePeriod: number,
): P {
  const before = ["newTensors", "oldTensors", "steps"];
  requireArgument("optim.periodicUpdate", "updatePeriod", size, updatePeriod, before);
  return select(np.equal(np.mod(steps, updatePeriod), 0), newTensors, oldTensors);
}

/** Both sets of weights that {@link lookahead} moves. */
export type LookaheadParams<P> = {
  /** The weights that the optimizer moves, of which gradients are taken. */
  readonly fast: P;
  /** The weights that follow them. */
  readonly slow: P;
};

/** The state of {@link lookahead}. */
export interface LookaheadState<Inner> {
  /** The state of the fast weights' optimizer. */
  readonly fastState: Inner;
  /** The number of updates since both were alike, int32. */
  readonly stepsSinceSync: Tensor;
}

/** A transformation from gradients of fast weights to updates of both. */
export interface Lookahead<Inner> {
  /** The state before the first update. */
  init(params: LookaheadParams<unknown>): LookaheadState<Inner>;
  /** Updates of both, and the next state. */
  update<P>(
    updates: P,
    state: LookaheadState<Inner>,
    params: LookaheadParams<NoInfer<P>>,
    extra?: Extra,
  ): [LookaheadParams<P>, LookaheadState<Inner>];
}

/** Options of {@link lookahead}. */
export interface LookaheadOptions {
  /** After how many steps slow weights follow. */
  readonly syncPeriod: number;
  /** The fraction of the distance to the fast weights that slow weights move. */
  readonly slowStepSize: Scalar;
  /** If true, the optimizer is then initialized again. Default false. */
  readonly resetState?: boolean;
}

const checkLookahead = declareOptions<LookaheadOptions>("optim.lookahead", ["optim.adam(1e-3)"], {
  syncPeriod: requiredOption(size),
  slowStepSize: requiredOption(scalarOf(fraction)),
  resetState: boolean,
});

/**
 * Lookahead (Zhang et al., 2019): fast weights take `syncPeriod` steps of an optimizer, then slow ones go
 * `slowStepSize` of the way to them, where both meet. Gradients are of `params.fast`; updates are of both.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.lookahead(optim.sgd(1), { syncPeriod: 1, slowStepSize: 0.5 });
 * const params = { fast: np.zeros([1]), slow: np.zeros([1]) };
 * const [u] = optimizer.update(np.array([-4]), optimizer.init(params), params);
 * console.assert(await u.fast.item() === 2 && await u.slow.item() === 2);
 * ```
 *
 * @throws ArgumentError unless parameters are fast and slow ones.
 */
export function lookahead<Inner>(
  fastOptimizer: GradientTransformation<Inner>,
  options: LookaheadOptions,
): Lookahead<Inner> {
  requireTransformation("lookahead", fastOptimizer);
  checkLookahead(options);
  const { syncPeriod, slowStepSize, resetState = false } = options;
  const requireBoth = (params: unknown) => {
    const { fast, slow } = Object(params) as { fast?: unknown; slow?: unknown };
    if (fast !== undefined && slow !== undefined) return;
    throw new ArgumentError(
      `optim.lookahead: the parameters are ${describeTree(params)}, not { fast, slow }`,
      "begin with { fast: params, slow: params }",
    );
  };
  return {
    init(params) {
      requireBoth(params);
      return { fastState: fastOptimizer.init(params.fast), stepsSinceSync: zeroCount() };
    },
    update(updates, state, params, extra) {
      requireState("lookahead", state, ["fastState", "stepsSinceSync"]);
      requireBoth(params);
      const { fast, slow } = params;
      const [moved, fastState] = fastOptimizer.update(updates, state.fastState, fast, extra);
      const steps = increment(state.stepsSinceSync);
      const meet = np.equal(steps, syncPeriod);
      const ahead = mapLeaves((f, u, s) => f.add(u).sub(s), fast, moved, slow);
      const back = oneMinus(slowStepSize);
      return [{
        fast: mapLeaves((u, d) => np.where(meet, u.sub(d.mul(back)), u), moved, ahead),
        slow: mapLeaves((d) => np.where(meet, d.mul(slowStepSize), 0), ahead),
      }, {
        fastState: resetState ? select(meet, fastOptimizer.init(fast), fastState) : fastState,
        stepsSinceSync: np.where(meet, zeroCount(), steps),
      }];
    },
  };
}

/** The state of {@link scheduleFree}. */
export interface ScheduleFreeState<Inner> {
  /** The weight of the average in the point at which gradients are taken. */
  readonly b1: Tensor;
  /** The sum of weights so far. */
  readonly weightSum: Tensor;
  /** The number of the next step, int32; it begins with 1. */
  readonly stepCount: Tensor;
  /** The largest learning rate so far. */
  readonly maxLr: Tensor;
  /** The state of the inner optimizer. */
  readonly inner: Inner;
  /** The weights that the optimizer moves. */
  readonly z: unknown;
}

/** Options of {@link scheduleFree}. */
export interface ScheduleFreeOptions {
  /** The weight of the average in the point at which gradients are taken; 0.9. */
  readonly b1?: number;
  /** The power of the largest learning rate that weights an iterate; 2. */
  readonly weightLrPower?: number;
}

const checkScheduleFree = declareOptions<ScheduleFreeOptions>(
  "optim.scheduleFree",
  ["optim.sgd(0.1)", "0.1"],
  { b1: fraction, weightLrPower: nonNegative },
);

/**
 * Schedule-free learning (Defazio et al., 2024): the optimizer, without momentum of its own, moves `z`; `x` is the
 * weighted mean of all `z`, and gradients are taken at `y = b1 x + (1 - b1) z`, which are the parameters. The learning
 * rate is that of the optimizer, whose square weights the mean. Evaluate at {@link scheduleFreeEvalParams}.
 *
 * ```ts
 * import { grad, np, optim, type Tensor } from "trilevel";
 * const optimizer = optim.scheduleFree(optim.sgd(0.5), 0.5);
 * let y = np.array([4]), state = optimizer.init(y);
 * for (let i = 0; i < 60; i++) {
 *   const [u, next] = optimizer.update(grad((x: Tensor) => np.sum(np.square(x)))(y), state, y);
 *   [y, state] = [optim.applyUpdates(y, u), next];
 * }
 * const x = optim.scheduleFreeEvalParams(state, y);
 * console.assert(Math.abs(await x.item()) < 0.2);
 * ```
 *
 * `update` needs the parameters.
 */
export function scheduleFree<Inner>(
  inner: GradientTransformation<Inner>,
  learningRate: LearningRate,
  options: ScheduleFreeOptions = {},
): GradientTransformation<ScheduleFreeState<Inner>> {
  requireTransformation("scheduleFree", inner);
  requireRate("scheduleFree", learningRate);
  checkScheduleFree(options);
  const { b1 = 0.9, weightLrPower = 2 } = options;
  return {
    init(params) {
      const dtype = floatType(params);
      return {
        b1: np.full([], b1, { dtype }),
        weightSum: np.zeros([], { dtype }),
        stepCount: increment(zeroCount()),
        maxLr: np.zeros([], { dtype }),
        inner: inner.init(params),
        z: mapLeaves((p) => np.copy(p), params),
      };
    },
    update(updates, state, given, extra) {
      const params = required(given, "scheduleFree");
      const fields = ["b1", "weightSum", "stepCount", "maxLr", "inner", "z"];
      requireState("scheduleFree", state, fields);
      const rate = typeof learningRate === "function"
        ? learningRate(state.stepCount, state.maxLr.dtype)
        : learningRate;
      const maxLr = np.astype(np.maximum(state.maxLr, rate), state.maxLr.dtype);
      const weight = np.power(maxLr, weightLrPower);
      const weightSum = state.weightSum.add(weight);
      // Without a weight so far the mean stays; NaN stays NaN.
      const none = np.equal(weightSum, 0);
      const share = np.where(none, 0, weight.div(np.where(none, 1, weightSum)));
      const [moved, next] = inner.update(updates, state.inner, params, extra);
      const z = mapLeaves((z, u) => np.astype(z.add(u), z.dtype), state.z, moved);
      const x = evaluated(params, state.z, state.b1);
      const change = mapLeaves(
        (y, x, z) => {
          const mean = x.add(z.sub(x).mul(np.astype(share, x.dtype)));
          return mean.mul(b1).add(z.mul(1 - b1)).sub(y);
        },
        params,
        x,
        z,
      );
      return [change, {
        b1: state.b1,
        weightSum,
        stepCount: increment(state.stepCount),
        maxLr,
        inner: next,
        z,
      }];
    },
  };
}

/** `x = (y - (1 - b1) z) / b1`. */
function evaluated<P>(params: P, z: unknown, b1: Tensor): P {
  return mapLeaves((y, z) => y.sub(z.mul(np.subtract(1, b1))).div(b1), params, z);
}

/**
 * The mean weights of {@link scheduleFree}, at which a model is evaluated, from its state and the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.scheduleFree(optim.sgd(1), 1);
 * const y = np.array([4]);
 * console.assert(Math.abs(await optim.scheduleFreeEvalParams(optimizer.init(y), y).item() - 4) < 1e-5);
 * ```
 */
export function scheduleFreeEvalParams<P>(state: ScheduleFreeState<unknown>, params: P): P {
  requireState("scheduleFreeEvalParams", state, ["b1", "z"]);
  return evaluated(params, state.z, state.b1);
}
