/** `argmin`: an inner minimization as a differentiable function. */
import type { Tensor } from "../core/tensor.ts";
import { map, type Tree } from "../core/tree.ts";
import { count, declareOptions, positive, required } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { descent, type Optimizer, optimizerKind } from "../solvers/descent.ts";
import type { FixedPointSolver } from "../solvers/solver.ts";
import {
  fixedPointIteration,
  type FixedPointOptions,
  type FixedPointResult,
  sharedOptions,
} from "./fixedPoint.ts";
import { grad } from "./grad.ts";

export type { Optimizer };

/** Options of `argmin`: those of `fixedPointIteration`, but an optimizer instead of a solver. */
export interface ArgminOptions<State>
  extends Omit<FixedPointOptions<false>, "solver" | "maxSteps" | "hasAux" | "finalStep"> {
  /** How to descend: any optimizer of `optim`. */
  optimizer: Optimizer<State>;
  /** The most updates. Default 100. */
  steps?: number;
  /**
   * α in the step z - α∇h(z) that the adjoint looks at. It does not matter to `implicit`; approximations
   * (`oneStep`, `neumann`, `phantom`) want it below 2 over the largest curvature. Default 1.
   */
  stepSize?: number;
}

const checkOptions = declareOptions<ArgminOptions<never>>("argmin", ["objective"], {
  optimizer: required(optimizerKind),
  steps: count,
  stepSize: positive,
  ...sharedOptions,
});

/**
 * The function `(z0, ...args) => { value, aux, stats }` that minimizes `objective(z, ...args)` in z, from z0: Eq. 4
 * of nested optimization, z*(θ) = argmin_z h(z, θ), as a layer. At the minimum ∇_z h = 0, so it is the fixed
 * point of z - α∇_z h(z, θ) and is differentiated as one; with `implicit()` that is
 * dz* = -(∂²h/∂z²)⁻¹ (∂²h/∂z∂θ) dθ. `stats.residual` is α‖∇_z h‖. With `unrolled()` the derivative is that of
 * the optimizer's steps.
 *
 * For samples that stop on their own (`batchAxis`), the objective is the sum over samples.
 *
 * ```ts
 * import { argmin, grad, np, optim, type Tensor } from "trilevel";
 * // argmin_z ½(z - a)² + ½z² = a/2
 * const h = (z: Tensor, a: Tensor) => np.square(z.sub(a)).add(np.square(z)).mul(0.5).sum();
 * const solve = argmin(h, { optimizer: optim.sgd(0.4), steps: 50 });
 * const slope = grad((a: Tensor) => solve(np.array(0), a).value)(np.array(3));
 * console.assert(Math.abs(await slope.item() - 0.5) < 1e-4);
 * ```
 */
export function argmin<Z, A extends unknown[], State>(
  objective: (z: Z, ...args: A) => Tensor,
  options: ArgminOptions<State>,
): (z0: Z, ...args: A) => FixedPointResult<Z, null> {
  checkOptions(options);
  const { optimizer, steps = 100, stepSize = 1, ...others } = options;
  const gradient = grad<[Z, ...A], Tensor>(objective);
  const step = (z: Z, ...args: A): Z => {
    const down = (x: Tensor, g: Tensor) => lax.sub(x, lax.mul(g, lax.fullLike(g, stepSize)));
    // The gradient has the structure of z, and mapping two such trees gives a third.
    return map(down, z, gradient(z, ...args) as NoInfer<Z>) as Z;
  };
  // An optimizer's state is a tree of tensors: that is what lets it be carried through a loop.
  const solver = descent(optimizer as Optimizer<Tree<Tensor>>, stepSize) as FixedPointSolver;
  return fixedPointIteration(step, { ...others, solver, maxSteps: steps });
}
