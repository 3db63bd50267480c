/** Conjugate gradients: for symmetric positive definite matrices. */
import { whileLoop } from "../../control/index.ts";
import type { Tensor } from "../../core/tensor.ts";
import { count, declareOptions, nonNegative } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { chooseRows, inner, like, rowNorm, safeDivide, scaleRows } from "../rows.ts";
import type { LinearSolver } from "../solver.ts";
import { type LinearOptions, linearSolver } from "./solver.ts";

const checkOptions = declareOptions<LinearOptions>("cg", [], {
  rtol: nonNegative,
  maxSteps: count,
});

/**
 * The conjugate gradient method (Hestenes & Stiefel, 1952), for symmetric positive definite matrices: one application of
 * the matrix per step, four vectors of memory. I - J is such a matrix where the step descends, J = I - α∇²h, at a
 * minimum, as in `argmin`; for a learned step it is not, and `gmres()` is the one to take. A matrix that is not
 * positive along a direction ends the sample there: see the residual.
 *
 * ```ts
 * import { argmin, cg, grad, implicit, np, optim, type Tensor } from "trilevel";
 * const h = (z: Tensor, a: Tensor) => np.square(z.sub(a)).add(np.square(z)).sum();
 * const solve = argmin(h, { optimizer: optim.sgd(0.2), adjoint: implicit({ linear: cg() }) });
 * const slope = grad((a: Tensor) => solve(np.zeros([2]), a).value.sum())(np.array([3, 1]));
 * console.assert(Math.abs((await slope.data())[0]! - 0.5) < 1e-4);
 * ```
 */
export function cg(options: LinearOptions = {}): LinearSolver {
  checkOptions(options);
  return linearSolver("cg", options, (multiply, b, { tolerance, maxSteps }) => {
    const batch = b.shape[0]!;
    const axpy = (y: Tensor, a: Tensor, x: Tensor) => lax.add(y, scaleRows(a, x));
    const squared = inner(b, b);
    const found = whileLoop(
      ({ done, step }) =>
        lax.and(lax.not(lax.reduceAnd(done, [0])), lax.lt(step, like(step, maxSteps))),
      (c) => {
        const image = multiply(c.p);
        const curvature = inner(c.p, image);
        const positive = lax.gt(curvature, like(curvature, 0));
        const alpha = safeDivide(c.gamma, curvature);
        const x = axpy(c.x, alpha, c.p);
        const r = axpy(c.r, lax.neg(alpha), image);
        const gamma = inner(r, r);
        const p = axpy(r, safeDivide(gamma, c.gamma), c.p);
        const active = lax.not(c.done);
        const move = lax.and(active, positive);
        const size = rowNorm(r);
        return {
          x: chooseRows(move, x, c.x),
          r: chooseRows(move, r, c.r),
          p: chooseRows(move, p, c.p),
          gamma: lax.select(move, gamma, c.gamma),
          steps: lax.add(c.steps, lax.convert(active, "int32")),
          done: lax.or(c.done, lax.or(lax.not(positive), lax.le(size, like(size, tolerance)))),
          step: lax.add(c.step, like(c.step, 1)),
        };
      },
      {
        x: like(b, 0),
        r: b,
        p: b,
        gamma: squared,
        steps: lax.full([batch], 0, "int32"),
        done: lax.le(rowNorm(b), lax.full([batch], 0, b.dtype)),
        step: lax.full([], 0, "int32"),
      },
      { maxSteps },
    );
    return { x: found.x, steps: found.steps };
  });
}
