/** Newton's method. */
import { declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { linearize } from "../transforms/linearize.ts";
import { linearSolve } from "../transforms/linearSolve.ts";
import { gmres } from "./linear/gmres.ts";
import { type FixedPointSolver, type LinearSolver, linearSolverKind } from "./solver.ts";

/** Options of `newton`. */
export interface NewtonOptions {
  /** The linear solver for the step. Default `gmres()`. */
  linear?: LinearSolver;
}

const checkOptions = declareOptions<NewtonOptions>("newton", [], { linear: linearSolverKind });

/**
 * Newton's method for z = f(z): z⁺ = z + (I - J)⁻¹ (f(z) - z), with J = ∂f/∂z applied, never formed.
 * It converges quadratically near a fixed point, also where plain iteration moves away from it.
 *
 * ```ts
 * import { fixedPointIteration, newton, np, type Tensor } from "trilevel";
 * // Plain iteration moves away from the fixed point of 2 - 3z.
 * const solve = fixedPointIteration((z: Tensor) => z.mul(-3).add(2), { solver: newton() });
 * console.assert(Math.abs(await solve(np.array(5)).value.item() - 0.5) < 1e-5);
 * ```
 */
export function newton(options: NewtonOptions = {}): FixedPointSolver<null> {
  checkOptions(options);
  const { linear = gmres() } = options;
  return {
    kind: "fixedPoint",
    name: "newton",
    returns: "best",
    init: () => null,
    next(z, f, _, map) {
      const [, derivative] = linearize(map, z);
      const step = linearSolve(
        (v) => lax.sub(v, derivative(v)),
        lax.sub(f, z),
        (multiply, b) => linear.solve(multiply, b).x,
      );
      return { z: lax.add(z, step), state: null };
    },
  };
}
