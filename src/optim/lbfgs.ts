/** L-BFGS: steps scaled by an inverse Hessian that is estimated from past gradients. */
import { scan } from "../control/index.ts";
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { boolean, declareOptions, type Kind, madeBy, size } from "../options/index.ts";
import { chain } from "./chain.ts";
import { requireGradients, requireState } from "./checks.ts";
import { floatType, increment, mapLeaves, required, vdot, zeroCount, zerosLike } from "./leaves.ts";
import { type CountState, type LearningRate, scale, scaleByLearningRate } from "./scale.ts";
import type { GradientTransformation } from "./transformation.ts";
import { scaleByZoomLinesearch } from "./zoomLinesearch.ts";

/** Options of {@link scaleByLbfgs}. */
export interface ScaleByLbfgsOptions {
  /** The number of differences to remember; 10. */
  readonly memorySize?: number;
  /** True if the first approximation of the Hessian is γ⁻¹I, with γ from the last difference, instead of I; true. */
  readonly scaleInitPrecond?: boolean;
}

/** The state of {@link scaleByLbfgs}. */
export interface LbfgsState {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The parameters of the last update. */
  readonly params: unknown;
  /** Its gradients. */
  readonly updates: unknown;
  /** The last differences of parameters s, each leaf with the memory as a new first axis. */
  readonly diffParamsMemory: unknown;
  /** The last differences of gradients y, likewise. */
  readonly diffUpdatesMemory: unknown;
  /** ρ = 1 / yᵀs of each, [memorySize]. */
  readonly weightsMemory: Tensor;
}

const fields: readonly (keyof LbfgsState)[] = [
  "count",
  "params",
  "updates",
  "diffParamsMemory",
  "diffUpdatesMemory",
  "weightsMemory",
];

const checkScale = declareOptions<ScaleByLbfgsOptions>("optim.scaleByLbfgs", [], {
  memorySize: size,
  scaleInitPrecond: boolean,
});

/**
 * The gradient times an approximate inverse Hessian, by the two loops of Nocedal & Wright (Alg. 7.4) over the last m
 * differences s of parameters and y of gradients, ρ = 1 / yᵀs:
 *
 *     P ← γ I,   P ← (I - ρ s yᵀ) P (I - ρ y sᵀ) + ρ s sᵀ   from the oldest to the newest,   γ = yᵀs / yᵀy
 *
 * The first step has γ = min(1, 1/‖g‖), as in optax. A difference with yᵀs ≤ 0, where the loss is not convex, is passed
 * over, and γ is that of the first step: optax keeps it, and P is then no longer positive, so that P g need not
 * be a direction of descent. `update` needs the parameters. It does not descend by itself: see
 * {@link lbfgs}.
 */
export function scaleByLbfgs(
  options: ScaleByLbfgsOptions = {},
): GradientTransformation<LbfgsState> {
  checkScale(options);
  const { memorySize = 10, scaleInitPrecond = true } = options;
  const places = () => np.arange(memorySize, { dtype: "int32" });
  const stacked = (of: unknown) =>
    mapLeaves((x) => np.zeros([memorySize, ...x.shape], { dtype: x.dtype }), of);
  return {
    init: (params) => ({
      count: zeroCount(),
      params: zerosLike(params),
      updates: zerosLike(params),
      diffParamsMemory: stacked(params),
      diffUpdatesMemory: stacked(params),
      weightsMemory: np.zeros([memorySize], { dtype: floatType(params) }),
    }),
    update(updates, state, given) {
      const params = required(given, "scaleByLbfgs");
      requireState("scaleByLbfgs", state, fields);
      requireGradients("scaleByLbfgs", updates, state.updates);
      const started = np.greater(state.count, 0);
      const changed = (now: unknown, before: unknown) =>
        mapLeaves((x, y) => np.where(started, x.sub(y), 0).astype(x.dtype), now, before);
      const s = changed(params, state.params);
      const y = changed(updates, state.updates);
      const along = vdot(y, s);
      const convex = np.greater(along, 0);
      const weight = np.where(convex, np.divide(1, np.where(convex, along, 1)), 0);
      const last = np.remainder(state.count.add(memorySize - 1), memorySize);
      const remember = (memory: unknown, entry: unknown) =>
        mapLeaves(
          (all, one) => {
            const here = np.equal(places(), last).reshape([memorySize, ...one.shape.map(() => 1)]);
            return np.where(here, np.expandDims(one, 0), all);
          },
          memory,
          entry,
        );
      const memory: Memory = {
        s: remember(state.diffParamsMemory, s),
        y: remember(state.diffUpdatesMemory, y),
        weight: np.where(np.equal(places(), last), weight, state.weightsMemory),
      };
      const gamma = scaleInitPrecond
        ? np.where(convex, ratio(along, vdot(y, y)), cappedInverse(updates))
        : undefined;
      const order = np.remainder(state.count.add(places()), memorySize);
      return [precondition(updates, memory, order, gamma), {
        count: increment(state.count),
        params,
        updates,
        diffParamsMemory: memory.s,
        diffUpdatesMemory: memory.y,
        weightsMemory: memory.weight,
      }];
    },
  };
}

/** Differences of parameters and of gradients, and their weights. */
type Memory = { readonly s: unknown; readonly y: unknown; readonly weight: Tensor };

/** P g, with the differences in this order, the oldest first. */
function precondition<U>(g: U, memory: Memory, order: Tensor, gamma: Tensor | undefined): U {
  const at = (i: Tensor) => {
    const one = <T>(of: T): T => mapLeaves((x) => np.take(x, i, { axis: 0, mode: "clip" }), of);
    return one(memory);
  };
  const plus = (q: unknown, factor: Tensor, direction: unknown) =>
    mapLeaves((x, d) => x.add(d.mul(np.astype(factor, x.dtype))), q, direction);
  // Trees stay trees of g's structure.
  const [q, alphas] = scan(
    (q: unknown, i: Tensor) => {
      const { s, y, weight } = at(i);
      const alpha = weight.mul(vdot(s, q));
      return [plus(q, np.negative(alpha), y), alpha] as const;
    },
    g as unknown,
    order as unknown as Tensor,
    { reverse: true },
  ) as unknown as [unknown, Tensor];
  const scaled = gamma ? mapLeaves((x) => x.mul(np.astype(gamma, x.dtype)), q) : q;
  const [direction] = scan(
    (r: unknown, [i, alpha]: readonly [Tensor, Tensor]) => {
      const { s, y, weight } = at(i);
      const beta = weight.mul(vdot(y, r));
      return [plus(r, alpha.sub(beta), s), null] as const;
    },
    scaled,
    [order, alphas] as const,
  );
  return direction as U;
}

function ratio(a: Tensor, b: Tensor): Tensor {
  const positive = np.greater(b, 0);
  return np.where(positive, a.div(np.where(positive, b, 1)), 1);
}

/** min(1, 1/‖g‖). */
function cappedInverse(g: unknown): Tensor {
  const length = np.sqrt(vdot(g, g));
  return np.divide(1, np.maximum(length, 1));
}

/** Options of {@link lbfgs}. */
export interface LbfgsOptions extends ScaleByLbfgsOptions {
  /** Finds the length of a step; `scaleByZoomLinesearch` unless given, as in optax. `optim.identity()` for none. */
  readonly linesearch?: GradientTransformation;
}

/** A quasi-Newton step has the right length by itself near a minimum: 1 is tried first. */
const fromWholeSteps = { maxLinesearchSteps: 20, initialGuessStrategy: "one" } as const;

const linesearchKind: Kind<GradientTransformation> = madeBy(
  "a transformation",
  { scaleByZoomLinesearch: "optim.scaleByZoomLinesearch({ maxLinesearchSteps: 20 })" },
  ({ init, update }) => typeof init === "function" && typeof update === "function",
);

const checkLbfgs = declareOptions<LbfgsOptions>("optim.lbfgs", ["null"], {
  memorySize: size,
  scaleInitPrecond: boolean,
  linesearch: linesearchKind,
});

/**
 * L-BFGS (Liu & Nocedal, 1989) with a line search: for smooth losses of which whole gradients are known, not samples
 * of them. Without a learning rate (null, or left out) it steps along -P g, and the line search says how far; it needs
 * the loss, its gradient and the function: `update(gradients, state, params, { value, grad, valueFn })`,
 * which `argmin` and `minimise` give by themselves. Defaults are optax's, its zoom line search among them.
 *
 * ```ts
 * import { argmin, np, optim, type Tensor } from "trilevel";
 * // Rosenbrock's valley, whose minimum is (1, 1).
 * const valley = (z: Tensor) => {
 *   const [x, y] = [np.slice(z, 0), np.slice(z, 1)];
 *   return np.square(np.subtract(1, x)).add(np.square(y.sub(np.square(x))).mul(100));
 * };
 * const { value } = argmin(valley, { optimizer: optim.lbfgs(), steps: 60 })(np.array([-1.2, 1]));
 * console.assert(Math.abs((await value.data())[0]! - 1) < 1e-2);
 * ```
 */
export function lbfgs(
  learningRate: LearningRate | null = null,
  options: LbfgsOptions = {},
): GradientTransformation<[LbfgsState, CountState | null, unknown]> {
  checkLbfgs(options);
  const { linesearch: search, ...memory } = options;
  const linesearch = search ?? scaleByZoomLinesearch(fromWholeSteps);
  const descend: GradientTransformation<CountState | null> = learningRate === null
    ? scale(-1)
    : scaleByLearningRate(learningRate);
  return chain(scaleByLbfgs(memory), descend, linesearch);
}
