/** Descent: an optimizer as a fixed-point solver. */
import type { Tensor } from "../core/tensor.ts";
import type { Tree } from "../core/tree.ts";
import { type Kind, madeBy } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { like } from "./rows.ts";
import type { FixedPointSolver } from "./solver.ts";

/** What an optimizer is: optax's pair of functions, of which `optim` has many. */
export interface Optimizer<State> {
  /** The state before the first update. */
  init(params: Tensor): State;
  /** From a gradient to what is added to the parameters. */
  update(gradient: Tensor, state: State, params: Tensor): readonly [update: Tensor, state: State];
}

/** The kind of options that hold an optimizer; its state has a type of its own. */
export const optimizerKind: Kind<Optimizer<never>> = madeBy(
  "an optimizer",
  { sgd: "optim.sgd(0.1)", adam: "optim.adam(0.1)", rmsprop: "optim.rmsprop(0.1)" },
  ({ init, update }) => typeof init === "function" && typeof update === "function",
);

/**
 * The solver of z = z - α∇h(z) that moves by an optimizer's updates: it reads the gradient off the
 * displacement, ∇h = (z - f(z)) / α.
 */
export function descent<State extends Tree<Tensor>>(
  optimizer: Optimizer<State>,
  stepSize: number,
): FixedPointSolver<State> {
  return {
    kind: "fixedPoint",
    name: "descent",
    returns: "next",
    init: (z0) => optimizer.init(z0),
    next(z, f, state) {
      const gradient = lax.mul(lax.sub(z, f), like(z, 1 / stepSize));
      const [update, next] = optimizer.update(gradient, state, z);
      return { z: lax.add(z, update), state: next };
    },
  };
}
