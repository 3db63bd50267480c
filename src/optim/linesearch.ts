/** A line search by backtracking: how far to go along an update; and what line searches share. */
import { whileLoop } from "../control/index.ts";
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  count,
  declareOptions,
  fraction,
  nonNegative,
  positive,
  required as must,
} from "../options/index.ts";
import { requireState } from "./checks.ts";
import { floatType, mapLeaves, required, vdot } from "./leaves.ts";
import type { Extra, GradientTransformation } from "./transformation.ts";

/** Options of {@link scaleByBacktrackingLinesearch}. */
export interface BacktrackingOptions {
  /** The number of times a step may be shortened. */
  readonly maxBacktrackingSteps: number;
  /** c in the condition of sufficient decrease; 1e-4. */
  readonly slopeRtol?: number;
  /** By what a step that does not decrease enough is multiplied; 0.8. */
  readonly decreaseFactor?: number;
  /** The factor between the last step and the first try; 1.5. */
  readonly increaseFactor?: number;
  /** The longest step; 1. */
  readonly maxLearningRate?: number;
  /** By how much the condition may be missed; 0. */
  readonly atol?: number;
  /** See `atol`: relative to the loss; 0. */
  readonly rtol?: number;
}

/** The state of {@link scaleByBacktrackingLinesearch}. */
export interface LinesearchState {
  /** The length of the last step. */
  readonly learningRate: Tensor;
  /** The loss after it. */
  readonly value: Tensor;
  /** The number of lengths that were tried, and the error by which the condition was missed. */
  readonly info: { readonly numLinesearchSteps: Tensor; readonly decreaseError: Tensor };
}

const checkOptions = declareOptions<BacktrackingOptions>(
  "optim.scaleByBacktrackingLinesearch",
  [],
  {
    maxBacktrackingSteps: must(count),
    slopeRtol: nonNegative,
    decreaseFactor: fraction,
    increaseFactor: positive,
    maxLearningRate: positive,
    atol: nonNegative,
    rtol: nonNegative,
  },
);

/**
 * Scales an update u by the first η of η₀, 0.8 η₀, 0.64 η₀ … that decreases the loss enough (Armijo, 1966),
 *
 *     f(w + η u) ≤ (1 + rtol) f(w) + c η ⟨u, ∇f(w)⟩ + atol,   η₀ = min(1.5 η of the step before, maxLearningRate)
 *
 * with optax's names and defaults. Last in a chain, after what makes u a direction of descent. `update` needs
 * the parameters, and `{ value, grad, valueFn }`: the loss, its gradient, and the loss as a function.
 *
 * @throws ArgumentError when `update` is not given them.
 */
export function scaleByBacktrackingLinesearch(
  options: BacktrackingOptions,
): GradientTransformation<LinesearchState> {
  checkOptions(options);
  const {
    maxBacktrackingSteps,
    slopeRtol = 1e-4,
    decreaseFactor = 0.8,
    increaseFactor = 1.5,
    maxLearningRate = 1,
    atol = 0,
    rtol = 0,
  } = options;
  return {
    init: (params) => startState(params, "decreaseError"),
    update(updates, state, given, extra) {
      const name = "scaleByBacktrackingLinesearch";
      const { params, value, grad, valueFn, dtype } = requireLoss(name, state, given, extra);
      const before = np.astype(value, dtype);
      const slope = vdot(updates, grad);
      const found = whileLoop(
        ({ error, tries }) =>
          np.logicalAnd(
            np.logicalNot(np.lessEqual(error, atol)),
            np.lessEqual(tries, maxBacktrackingSteps),
          ),
        ({ rate, tries }) => {
          const next = np.where(np.greater(tries, 0), rate.mul(decreaseFactor), rate);
          const after = np.astype(valueFn(along(params, next, updates)), dtype);
          const missed = after.sub(before.mul(1 + rtol)).sub(next.mul(slopeRtol).mul(slope));
          const error = np.maximum(np.where(np.isnan(missed), Infinity, missed), 0);
          return { rate: next, after, error, tries: tries.add(1) };
        },
        {
          rate: np.minimum(state.learningRate.mul(increaseFactor), maxLearningRate),
          after: before,
          error: np.full([], Infinity, { dtype }),
          tries: np.zeros([], { dtype: "int32" }),
        },
        { maxSteps: maxBacktrackingSteps + 1 },
      );
      // No step at all where none was finite.
      const rate = np.where(np.isinf(found.error), 0, found.rate);
      return [scaled(updates, rate), {
        learningRate: rate,
        value: found.after,
        info: { numLinesearchSteps: found.tries, decreaseError: found.error },
      }];
    },
  };
}

/**
 * The state of a line search before its first step: the length is 1, the loss and the errors of its conditions are
 * infinite.
 */
export function startState<E extends string>(params: unknown, ...errors: readonly E[]) {
  const dtype = floatType(params);
  const infinite = () => np.full([], Infinity, { dtype }); // a tensor each: a state may be donated
  return {
    learningRate: np.ones([], { dtype }),
    value: infinite(),
    info: {
      numLinesearchSteps: np.zeros([], { dtype: "int32" }),
      ...Object.fromEntries(errors.map((name) => [name, infinite()])) as Record<E, Tensor>, // its keys
    },
  };
}

/**
 * The arguments of the update of a line search: the parameters, the loss, its gradient, the loss as a function, and the
 * element type of its state.
 *
 * @throws ArgumentError when one of them is missing.
 */
export function requireLoss(
  name: string,
  state: LinesearchState,
  params: unknown,
  { value, grad, valueFn }: Extra = {},
) {
  requireState(name, state, ["learningRate", "value", "info"]);
  const given = required(params, name);
  if (value === undefined || grad === undefined || valueFn === undefined) {
    throw new ArgumentError(
      `${name} needs the loss, its gradient and the function`,
      "give them: optimizer.update(gradients, state, params, { value, grad: gradients, valueFn: loss })",
    );
  }
  return { params: given, value, grad, valueFn, dtype: state.learningRate.dtype };
}

/** The parameters after a step of this length along an update. */
export function along(params: unknown, length: Tensor, updates: unknown): unknown {
  return mapLeaves((p, u) => p.add(u.mul(np.astype(length, u.dtype))), params, updates);
}

/** An update of this length. */
export function scaled<U>(updates: U, length: Tensor): U {
  return mapLeaves((u) => u.mul(np.astype(length, u.dtype)), updates);
}
