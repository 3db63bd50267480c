/** Conjugate gradients on the normal equations. */
import { whileLoop } from "../../control/index.ts";
import type { Tensor } from "../../core/tensor.ts";
import { count, declareOptions, nonNegative } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { linearTranspose } from "../../transforms/linearize.ts";
import { chooseRows, inner, like, rowNorm, safeDivide, scaleRows } from "../rows.ts";
import type { LinearSolver } from "../solver.ts";
import { type LinearOptions, linearSolver } from "./solver.ts";

const checkOptions = declareOptions<LinearOptions>("normalCg", [], {
  rtol: nonNegative,
  maxSteps: count,
});

/**
 * Conjugate gradients on Aᵀ A x = Aᵀ b (CGNR; Hestenes & Stiefel, 1952): for any matrix, and for a singular one
 * it gives a least-squares solution. Its rate depends on the square of A's condition number.
 */
export function normalCg(options: LinearOptions = {}): LinearSolver {
  checkOptions(options);
  return linearSolver("normalCg", options, (multiply, b, { tolerance, maxSteps }) => {
    const batch = b.shape[0]!;
    const transposed = (y: Tensor) => linearTranspose(multiply, b)(y)[0];
    const rounds = Math.max(1, Math.ceil(maxSteps / 2)); // each applies A and Aᵀ
    const axpy = (y: Tensor, a: Tensor, x: Tensor) => lax.add(y, scaleRows(a, x));
    const s0 = transposed(b);
    const found = whileLoop(
      ({ done, round }) =>
        lax.and(
          lax.not(lax.reduceAnd(done, [0])),
          lax.lt(round, like(round, rounds)),
        ),
      (c) => {
        const image = multiply(c.p);
        const alpha = safeDivide(c.gamma, inner(image, image));
        const x = axpy(c.x, alpha, c.p);
        const r = axpy(c.r, lax.neg(alpha), image);
        const s = transposed(r);
        const gamma = inner(s, s);
        const p = axpy(s, safeDivide(gamma, c.gamma), c.p);
        const active = lax.not(c.done);
        const keep = (after: Tensor, before: Tensor) => chooseRows(active, after, before);
        // At a least-squares solution Aᵀ r vanishes although r does not.
        const size = rowNorm(r);
        const flat = lax.le(lax.sqrt(gamma), like(gamma, tolerance * tolerance));
        return {
          x: keep(x, c.x),
          r: keep(r, c.r),
          p: keep(p, c.p),
          gamma: lax.select(active, gamma, c.gamma),
          steps: lax.add(c.steps, lax.mul(lax.convert(active, "int32"), like(c.steps, 2))),
          done: lax.or(c.done, lax.or(lax.le(size, like(size, tolerance)), flat)),
          round: lax.add(c.round, like(c.round, 1)),
        };
      },
      {
        x: like(b, 0),
        r: b,
        p: s0,
        gamma: inner(s0, s0),
        steps: lax.full([batch], 0, "int32"),
        done: lax.le(rowNorm(b), lax.full([batch], 0, b.dtype)),
        round: lax.full([], 0, "int32"),
      },
      { maxSteps: rounds },
    );
    return { x: found.x, steps: found.steps };
  });
}
