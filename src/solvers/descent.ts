/** Descent: an optimizer as a fixed-point solver. */
import type { Tensor } from "../core/tensor.ts";
import type { Tree } from "../core/tree.ts";
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
