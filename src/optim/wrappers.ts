/** Small ways of making a transformation of another, or of a function. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { callable, requireArgument, size } from "../options/index.ts";
import { requireGradients, requireState, requireTransformation } from "./checks.ts";
import { increment, mapLeaves, tensors, withLeaves, zeroCount, zerosLike } from "./leaves.ts";
import { type GradientTransformation, stateless } from "./transformation.ts";

/**
 * A transformation without state from a function of each update and its parameter (undefined where `update` is not
 * given the parameters).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const halves = optim.statelessWithTreeMap((u) => u.mul(0.5));
 * const [u] = halves.update({ w: np.array(3) }, null);
 * console.assert(await u.w.item() === 1.5);
 * ```
 */
export function statelessWithTreeMap(
  f: (update: Tensor, parameter: Tensor | undefined) => Tensor,
): GradientTransformation<null> {
  const aFunction = callable<typeof f>("(u) => u.mul(0.5)");
  requireArgument("optim.statelessWithTreeMap", "f", aFunction, f);
  return stateless((updates, params) =>
    params === undefined
      ? mapLeaves((u) => f(u, undefined), updates)
      : mapLeaves((u, p) => f(u, p), updates, params)
  );
}

/**
 * Applies `inner` to all parameters as one vector: one large operation for each of its own instead of many small ones.
 * All must have one element type.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.flatten(optim.adam(0.1));
 * const p = { w: np.ones([2, 3]), b: np.ones([3]) };
 * const [u] = optimizer.update(p, optimizer.init(p), p);
 * console.assert(u.w.shape.join() === "2,3");
 * ```
 */
export function flatten<Inner>(
  inner: GradientTransformation<Inner>,
): GradientTransformation<Inner> {
  requireTransformation("flatten", inner);
  const flat = (of: unknown) => np.concatenate(tensors(of).map((x) => np.ravel(x)));
  return {
    init: (params) => inner.init(flat(params)),
    update(updates, state, params, extra) {
      const own = params === undefined ? undefined : flat(params);
      const [found, next] = inner.update(flat(updates), state, own, extra);
      let start = 0;
      const parts = tensors(updates).map((u) => {
        const part = np.slice(found, [start, start += u.size]);
        return np.reshape(part, u.shape);
      });
      return [withLeaves(updates, parts), next];
    },
  };
}

/** States of transformations by their names. */
export type NamedStates = { readonly [name: string]: unknown };

/**
 * `chain` of transformations with names; the state is an object of their states.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.namedChain(["limit", optim.clip(1)], ["adam", optim.scaleByAdam()]);
 * console.assert(Object.keys(optimizer.init(np.zeros([1]))).join() === "limit,adam");
 * ```
 *
 * @throws ArgumentError for two of one name.
 */
export function namedChain(
  ...parts: readonly (readonly [name: string, transformation: GradientTransformation])[]
): GradientTransformation<NamedStates> {
  const names = parts.map(([name, transformation]) => {
    requireTransformation("namedChain", transformation);
    return name;
  });
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    throw new ArgumentError(
      `optim.namedChain: two transformations are named ${twice}`,
      "give each a name of its own",
    );
  }
  return {
    init: (params) => Object.fromEntries(parts.map(([name, t]) => [name, t.init(params)])),
    update(updates, state, params, extra) {
      requireState("namedChain", state, names);
      let current = updates;
      const next = parts.map(([name, t]) => {
        const [updated, own] = t.update(current, state[name], params, extra);
        current = updated;
        return [name, own];
      });
      return [current, Object.fromEntries(next)];
    },
  };
}

/** The state of {@link applyEvery}. */
export interface ApplyEveryState {
  /** The number of updates in the sum, int32. */
  readonly count: Tensor;
  /** Their sum. */
  readonly gradAcc: unknown;
}

/**
 * Sums `every` updates and lets the sum through; those between are zeros. `multiSteps` takes the mean of gradients
 * instead, and leaves the inner state as it is in between.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const sums = optim.applyEvery(2);
 * let state = sums.init(np.zeros([1])), u = np.zeros([1]);
 * for (const expected of [0, 7]) {
 *   [u, state] = sums.update(np.array([expected === 0 ? 3 : 4]), state);
 *   console.assert(await u.item() === expected);
 * }
 * ```
 */
export function applyEvery(every: number): GradientTransformation<ApplyEveryState> {
  requireArgument("optim.applyEvery", "every", size, every);
  return {
    init: (params) => ({ count: zeroCount(), gradAcc: zerosLike(params) }),
    update(updates, state) {
      requireState("applyEvery", state, ["count", "gradAcc"]);
      requireGradients("applyEvery", updates, state.gradAcc);
      const first = np.equal(state.count, 0);
      const gradAcc = mapLeaves(
        (g, sum) => np.where(first, g, sum.add(g)),
        updates,
        state.gradAcc,
      );
      const count = increment(state.count);
      const full = np.equal(count, every);
      return [mapLeaves((sum) => np.where(full, sum, 0), gradAcc), {
        count: np.where(full, zeroCount(), count),
        gradAcc,
      }];
    },
  };
}
