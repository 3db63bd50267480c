/** GMRES: for any matrix. */
import { whileLoop } from "../../control/index.ts";
import type { Tensor } from "../../core/tensor.ts";
import { count, declareOptions, nonNegative, size } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import {
  chooseRows,
  combine,
  inner,
  like,
  modulo,
  perRow,
  products,
  rowNorm,
  safeDivide,
  scaleRows,
  store,
} from "../rows.ts";
import type { LinearSolver } from "../solver.ts";
import { type LinearOptions, linearSolver } from "./solver.ts";

/** Options of `gmres`. */
export interface GmresOptions extends LinearOptions {
  /** Directions kept before a restart; costs 3·restart·n per sample. Default 20. */
  restart?: number;
}

const checkOptions = declareOptions<GmresOptions>("gmres", [], {
  restart: size,
  rtol: nonNegative,
  maxSteps: count,
});

/**
 * The generalized minimal residual method (Saad & Schultz, 1986), restarted: for any nonsingular matrix. Each
 * step minimizes ‖b - A x‖ over the Krylov space so far.
 *
 * Instead of a Hessenberg matrix to be solved at the end, it keeps for every basis vector v the direction p
 * with A p = q, the q being orthonormal: then x and the residual are up to date after each step, and each sample
 * can stop on its own.
 *
 * ```ts
 * import { gmres, linearSolve, np, type Tensor } from "trilevel";
 * const matrix = np.array([[1, 2], [-2, 1]]);
 * const { solve } = gmres();
 * const x = linearSolve(
 *   (v: Tensor) => np.matmul(v, matrix.T), // on rows
 *   np.array([[5, 0]]),
 *   (multiply, b) => solve(multiply, b).x,
 * );
 * console.assert(Math.abs((await x.data())[1]! - 2) < 1e-4);
 * ```
 */
export function gmres(options: GmresOptions = {}): LinearSolver {
  checkOptions(options);
  const { restart = 20, ...limits } = options;
  return linearSolver("gmres", limits, (multiply, b, { tolerance, maxSteps }) => {
    const [batch, n] = b.shape as readonly [number, number];
    const keep = Math.max(1, Math.min(restart, n, maxSteps));
    const none = lax.full([batch, keep, n], 0, b.dtype);
    const eps = b.dtype === "float64" ? 1e-14 : 1e-6;
    const found = whileLoop(
      ({ done, step }) =>
        lax.and(
          lax.not(lax.reduceAnd(done, [0])),
          lax.lt(step, like(step, maxSteps)),
        ),
      (s) => {
        const place = modulo(s.step, keep);
        const fresh = lax.eq(place, like(place, 0));
        const clear = (x: Tensor) => lax.select(lax.broadcast(fresh, x.shape, []), like(x, 0), x);
        const [basis, directions, images] = [clear(s.basis), clear(s.directions), clear(s.images)];
        const start = scaleRows(safeDivide(like(s.size, 1), rowNorm(s.residual)), s.residual);
        const v = lax.select(lax.broadcast(fresh, start.shape, []), start, s.v);
        const w = multiply(v);
        const bases = store(basis, place, v);

        // The next basis vector: w made orthogonal to those before, twice, against rounding.
        const once = lax.sub(w, combine(products(bases, w), bases));
        const twice = lax.sub(once, combine(products(bases, once), bases));
        const length = rowNorm(twice);
        const exhausted = lax.le(length, lax.mul(rowNorm(w), like(length, eps)));
        const unit = scaleRows(
          lax.select(exhausted, like(length, 0), safeDivide(like(length, 1), length)),
          twice,
        );

        // The direction p with A p = q, where q is w made orthogonal to the images before.
        const c1 = products(images, w);
        const q1 = lax.sub(w, combine(c1, images));
        const c2 = products(images, q1);
        const q2 = lax.sub(q1, combine(c2, images));
        const rho = rowNorm(q2);
        const dependent = lax.le(rho, lax.mul(rowNorm(w), like(rho, eps)));
        const inverse = lax.select(dependent, like(rho, 0), safeDivide(like(rho, 1), rho));
        const q = scaleRows(inverse, q2);
        const p = scaleRows(inverse, lax.sub(v, combine(lax.add(c1, c2), directions)));
        const along = inner(q, s.residual);
        const active = lax.not(s.done);
        const x = lax.add(s.x, scaleRows(along, p));
        const residual = lax.sub(s.residual, scaleRows(along, q));
        const size = rowNorm(residual);
        return {
          x: chooseRows(active, x, s.x),
          residual: chooseRows(active, residual, s.residual),
          v: unit,
          basis: bases,
          directions: store(directions, place, p),
          images: store(images, place, q),
          size: lax.select(active, size, s.size),
          steps: lax.add(s.steps, lax.convert(active, "int32")),
          done: lax.or(s.done, lax.le(size, like(size, tolerance))),
          step: lax.add(s.step, like(s.step, 1)),
        };
      },
      {
        x: like(b, 0),
        residual: b,
        v: like(b, 0),
        basis: none,
        directions: none,
        images: none,
        size: rowNorm(b),
        steps: lax.full([batch], 0, "int32"),
        done: lax.le(rowNorm(b), perRow(lax.full([], 0, b.dtype), [batch])),
        step: lax.full([], 0, "int32"),
      },
      { maxSteps },
    );
    return { x: found.x, steps: found.steps };
  });
}
