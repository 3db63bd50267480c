/** The chaining of transformations. */
import { ArgumentError } from "../public.ts";
import { describeTree } from "../options/index.ts";
import { requireStates } from "./checks.ts";
import { type GradientTransformation, stateless, type StateOf } from "./transformation.ts";
import { zerosLike } from "./leaves.ts";

/**
 * Transformations applied one after another; the state is the list of their states.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.chain(optim.clip(1), optim.scale(-0.1));
 * const [u] = optimizer.update(np.array([5, -0.5]), optimizer.init(np.zeros([2])));
 * console.assert(Math.abs((await u.data())[0]! + 0.1) < 1e-6);
 * ```
 *
 * @throws ArgumentError for what is no transformation; TreeError, from `update`, unless there is a state
 * for each.
 */
export function chain<const T extends readonly GradientTransformation[]>(
  ...transformations: T
): GradientTransformation<{ -readonly [I in keyof T]: StateOf<T[I]> }> {
  const wrong = transformations.findIndex((t) => typeof t?.update !== "function");
  if (wrong >= 0) {
    throw new ArgumentError(
      `optim.chain: part ${wrong} is ${describeTree(transformations[wrong])}`,
      "give transformations one by one: optim.chain(optim.clip(1), optim.adam(1e-3)), or optim.chain(...list)",
    );
  }
  type States = { -readonly [I in keyof T]: StateOf<T[I]> };
  return {
    // One state for each transformation, in order: what a mapped tuple type says.
    init: (params) => transformations.map((t) => t.init(params)) as States,
    update(updates, states, params, extra) {
      requireStates("chain", states, transformations.length);
      let current = updates;
      const next = transformations.map((t, i) => {
        const [updated, state] = t.update(current, states[i], params, extra);
        current = updated;
        return state;
      });
      return [current, next as States];
    },
  };
}

/** Updates as they are. */
export function identity(): GradientTransformation<null> {
  return stateless((updates) => updates);
}

/** Updates replaced by zeros: freezes what it is applied to, by {@link perSubtree} say. */
export function setToZero(): GradientTransformation<null> {
  return stateless((updates) => zerosLike(updates));
}
