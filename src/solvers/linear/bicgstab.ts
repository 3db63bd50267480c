/** BiCGSTAB: for any matrix, in little memory. */
import { whileLoop } from "../../control/index.ts";
import type { Tensor } from "../../core/tensor.ts";
import { count, declareOptions, nonNegative } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { chooseRows, inner, like, rowNorm, safeDivide, scaleRows } from "../rows.ts";
import type { LinearSolver } from "../solver.ts";
import { type LinearOptions, linearSolver } from "./solver.ts";

const checkOptions = declareOptions<LinearOptions>("bicgstab", [], {
  rtol: nonNegative,
  maxSteps: count,
});

/**
 * The stabilized bi-conjugate gradient method (van der Vorst, 1992): for nonsymmetric matrices, with six
 * vectors of memory. A sample whose method breaks down starts it again from its current residual.
 */
export function bicgstab(options: LinearOptions = {}): LinearSolver {
  checkOptions(options);
  return linearSolver("bicgstab", options, (multiply, b, { tolerance, maxSteps }) => {
    const batch = b.shape[0]!;
    const axpy = (y: Tensor, a: Tensor, x: Tensor) => lax.add(y, scaleRows(a, x));
    const rounds = Math.max(1, Math.ceil(maxSteps / 2)); // each applies the matrix twice
    const zero = lax.full([batch], 0, b.dtype);
    const tiny = b.dtype === "float64" ? 1e-28 : 1e-14;
    const found = whileLoop(
      ({ done, round }) =>
        lax.and(
          lax.not(lax.reduceAnd(done, [0])),
          lax.lt(round, like(round, rounds)),
        ),
      (s) => {
        // Breakdown: the shadow residual has lost touch. Take the residual itself, and start over.
        const raw = inner(s.shadow, s.r);
        const lost = lax.le(
          lax.abs(raw),
          lax.mul(lax.mul(rowNorm(s.shadow), rowNorm(s.r)), like(raw, tiny)),
        );
        const shadow = chooseRows(lost, s.r, s.shadow);
        const rho = lax.select(lost, inner(s.r, s.r), raw);
        const beta = lax.select(
          lost,
          like(rho, 0),
          lax.mul(safeDivide(rho, s.rho), safeDivide(s.alpha, s.omega)),
        );
        const p = axpy(s.r, beta, axpy(s.p, lax.neg(s.omega), s.v));
        const v = multiply(p);
        const alpha = safeDivide(rho, inner(shadow, v));
        const h = axpy(s.r, lax.neg(alpha), v);
        const t = multiply(h);
        const omega = safeDivide(inner(t, h), inner(t, t));
        const x = axpy(axpy(s.x, alpha, p), omega, h);
        const r = axpy(h, lax.neg(omega), t);
        const active = lax.not(s.done);
        const size = rowNorm(r);
        const keep = (after: Tensor, before: Tensor) => chooseRows(active, after, before);
        return {
          x: keep(x, s.x),
          r: keep(r, s.r),
          shadow: keep(shadow, s.shadow),
          p: keep(p, s.p),
          v: keep(v, s.v),
          rho: lax.select(active, rho, s.rho),
          alpha: lax.select(active, alpha, s.alpha),
          omega: lax.select(active, omega, s.omega),
          steps: lax.add(s.steps, lax.mul(lax.convert(active, "int32"), like(s.steps, 2))),
          done: lax.or(s.done, lax.le(size, like(size, tolerance))),
          round: lax.add(s.round, like(s.round, 1)),
        };
      },
      {
        x: like(b, 0),
        r: b,
        shadow: b,
        p: like(b, 0),
        v: like(b, 0),
        rho: like(zero, 1),
        alpha: like(zero, 1),
        omega: like(zero, 1),
        steps: lax.full([batch], 0, "int32"),
        done: lax.le(rowNorm(b), zero),
        round: lax.full([], 0, "int32"),
      },
      { maxSteps: rounds },
    );
    return { x: found.x, steps: found.steps };
  });
}
