/** Optimizers as types: what `argmin` descends by, and what everything in `optim` is. */
import type { Tensor } from "../core/tensor.ts";

/** A hyperparameter: a number, or a scalar tensor (see `injectHyperparams`). */
export type Scalar = number | Tensor;

/** Further values that an update may use. */
export interface Extra {
  /** The loss, a float scalar: `reduceOnPlateau` watches it, and line searches start from it. */
  readonly value?: Tensor | undefined;
  /** The gradient of the loss, where updates are no longer the gradient: line searches need it. */
  readonly grad?: unknown;
  /** The loss as a function of the parameters, which line searches try. */
  // A method, so that a function of one kind of tree is a function of trees.
  valueFn?(params: unknown): Tensor;
}

/**
 * A gradient transformation, as in optax: `init` makes its state for these parameters, `update` maps
 * gradients (or the updates of the transformation before) to updates of the same structure, and gives
 * the next state. States are trees of tensors, and both functions are pure: they run under `jit`, with
 * the state donated, under `vmap` and `grad`.
 *
 * ```ts
 * import { grad, jit, np, optim, type Tensor } from "trilevel";
 * const loss = (p: { x: Tensor }) => np.sum(np.square(p.x.sub(3)));
 * const optimizer = optim.adam(0.1);
 * const step = jit((p: { x: Tensor }, s: ReturnType<typeof optimizer.init>) => {
 *   const [updates, next] = optimizer.update(grad(loss)(p), s, p);
 *   return [optim.applyUpdates(p, updates), next] as const;
 * }, { donate: [0, 1] });
 * let params = { x: np.zeros([2]) };
 * let state = optimizer.init(params);
 * for (let i = 0; i < 100; i++) [params, state] = step(params, state);
 * console.assert(Math.abs((await params.x.data())[0]! - 3) < 0.1);
 * ```
 */
// Methods, not function-typed properties: their parameters are compared bivariantly, so that a
// transformation of any state is a GradientTransformation<unknown>.
export interface GradientTransformation<State = unknown> {
  /** The state before the first update. */
  init(params: unknown): State;
  /** Updates and the next state. Some transformations need `params`, some need `extra`. */
  update<U>(updates: U, state: State, params?: NoInfer<U>, extra?: Extra): [U, State];
}

/** The state of a transformation. */
export type StateOf<T> = T extends GradientTransformation<infer State> ? State : never;
