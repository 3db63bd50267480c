/** The common part of linear solvers: scaling, the true residual, and the statistics of a solve. */
import type { Tensor } from "../../core/tensor.ts";
import * as lax from "../../primitives/index.ts";
import { like, rowNorm, safeDivide, scaleRows } from "../rows.ts";
import type { LinearSolver, RowMap } from "../solver.ts";

/** Options of iterative linear solvers. */
export interface LinearOptions {
  /** Stop at ‖b - A x‖ ≤ rtol ‖b‖. Default 1e-6 (1e-12 in float64). */
  rtol?: number;
  /** The most applications of the matrix. Default 100. */
  maxSteps?: number;
}

/** An algorithm, for right-hand sides of length 1 (or 0). */
export type LinearAlgorithm = (
  multiply: RowMap,
  b: Tensor,
  limits: { tolerance: number; maxSteps: number },
) => { x: Tensor; steps: Tensor };

/**
 * A solver from an algorithm. Right-hand sides are scaled to length 1 first, so that cotangents of 1e-30 are
 * solved as well as any; the reported residual is computed from the solution and not taken from the recurrence.
 */
export function linearSolver(
  name: string,
  { rtol, maxSteps = 100 }: LinearOptions,
  algorithm: LinearAlgorithm,
): LinearSolver {
  return {
    kind: "linear",
    name,
    solve(multiply, b) {
      const tolerance = rtol ?? (b.dtype === "float64" ? 1e-12 : 1e-6);
      const size = rowNorm(b);
      const unit = scaleRows(safeDivide(like(size, 1), size), b);
      const { x, steps } = algorithm(multiply, unit, { tolerance, maxSteps });
      const residual = rowNorm(lax.sub(unit, multiply(x)));
      // A hundred times the tolerance is rounding; more is a failure.
      const converged = lax.le(residual, like(residual, 100 * tolerance));
      return { x: scaleRows(size, x), stats: { steps, residual, converged } };
    },
  };
}
