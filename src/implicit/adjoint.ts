/**
 * Adjoints: how a fixed point is differentiated. Each turns b = ∂f/∂θ θ̇ into the tangent of the fixed point,
 * using only products with J = ∂f/∂z at it, so that its transpose is the reverse derivative:
 *
 *     ż = f_θ θ̇ + J ż     and so     ż = (I - J)⁻¹ f_θ θ̇,   θ̄ = f_θᵀ (I - J)⁻ᵀ z̄
 *
 * Since the rule is forward and linear, forward mode, reverse mode, Hessians and fixed points inside fixed
 * points all follow from it.
 */
import { foriLoop } from "../control/index.ts";
import type { TypedArray } from "../core/dtype.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  boolean,
  callable,
  declareOperands,
  declareOptions,
  either,
  kind,
  required,
  size,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { gmres } from "../solvers/linear/gmres.ts";
import { linearSolver } from "../solvers/linear/solver.ts";
import { iterate, type Point } from "../solvers/iterate.ts";
import { like } from "../solvers/rows.ts";
import {
  type FixedPointSolver,
  type LinearSolver,
  linearSolverKind,
  type RowMap,
  solverKind,
} from "../solvers/solver.ts";
import { linearSolve } from "../transforms/linearSolve.ts";

/** A way to differentiate a fixed point. */
export type Adjoint =
  | { readonly kind: "unrolled"; readonly name: string; readonly checkpoint: boolean }
  | {
    readonly kind: "truncated";
    readonly name: string;
    /** The number of applications of the step each iterate trains. */
    readonly steps: number;
  }
  | {
    readonly kind: "atSolution";
    readonly name: string;
    /** The tangent of the fixed point, from products with J and b; linear in b. */
    tangent(jacobian: RowMap, b: Tensor): Tensor;
  };

/** The statistics of a backward (or forward) solve, one entry per sample. */
export interface SolveStats {
  /** Applications of I - J. */
  readonly steps: TypedArray;
  /** ‖b - (I - J) u‖ / ‖b‖, computed from the solution. */
  readonly residual: TypedArray;
  /** True if the residual is within (a hundred times) the tolerance; bytes 0 and 1. */
  readonly converged: TypedArray;
}

const checkUnrolled = declareOptions<{ checkpoint?: boolean }>("unrolled", [], {
  checkpoint: boolean,
});

/**
 * Differentiates through every step of the solver: exact for the value that was computed, converged or not.
 * Memory grows with the number of steps; with `checkpoint` only by the iterates, at twice the work.
 *
 * ```ts
 * import { fixedPointIteration, grad, np, type Tensor, unrolled } from "trilevel";
 * // Two steps of z/2 + a from 0 are 3a/2, although the fixed point is 2a.
 * const twice = fixedPointIteration((z: Tensor, a: Tensor) => z.mul(0.5).add(a), {
 *   adjoint: unrolled(),
 *   maxSteps: 2,
 * });
 * console.assert(await grad((a: Tensor) => twice(np.array(0), a).value)(np.array(1)).item() === 1.5);
 * ```
 */
export function unrolled(options: { checkpoint?: boolean } = {}): Adjoint {
  checkUnrolled(options);
  const { checkpoint = false } = options;
  return { kind: "unrolled", name: checkpoint ? "unrolled(checkpoint)" : "unrolled", checkpoint };
}

const checkTruncated = declareOptions<{ steps: number }>("truncated", [], {
  steps: required(size),
});

/**
 * Cuts the derivative of what is carried from step to step every `steps` steps, counted from the end: with T
 * steps, iterate T - k is constant to the last k = `steps` steps, and those are differentiated,
 *
 *     z̄ = ∂L/∂z_T,   z_T = f(… f(stopGradient(z_{T-k}), θ) …, θ)
 *
 * Memory grows with k, not with T. `truncated({ steps: 1 })` is `oneStep()` after T - 1 steps, and with T or more
 * steps it is `unrolled()`. A sample that meets the tolerance before takes its last k steps from there. The solver's
 * rule is differentiated, with its state (momentum, say) constant where the cut is.
 *
 * Where an objective sees all iterates, cuts at T - k, T - 2k, … let each iterate train at most k applications;
 * k = 1 is how iterative amortized inference is trained (Marino et al., 2018).
 *
 * ```ts
 * import { fixedPointIteration, grad, np, type Tensor, truncated } from "trilevel";
 * // Two of nine steps of z/2 + a: (1 + 1/2) a.
 * const solve = fixedPointIteration((z: Tensor, a: Tensor) => z.mul(0.5).add(a), {
 *   adjoint: truncated({ steps: 2 }), maxSteps: 9, atol: 0, rtol: 0,
 * });
 * console.assert(await grad((a: Tensor) => solve(np.array(0), a).value)(np.array(1)).item() === 1.5);
 * ```
 *
 * @throws ArgumentError unless `steps` is a whole number ≥ 1.
 */
export function truncated(options: { steps: number }): Adjoint {
  checkTruncated(options);
  const { steps } = options;
  return { kind: "truncated", name: `truncated(${steps})`, steps };
}

const checkNeumann = declareOptions<{ terms: number }>("neumann", [], { terms: required(size) });

/**
 * The first `terms` terms of the Neumann series: (I - J)⁻¹ ≈ Σ_{i<k} Jⁱ, so ż = Σ_{i<k} Jⁱ f_θ θ̇, which is
 * backpropagation through k steps taken from the detached solution. Its error is Jᵏ times the exact tangent:
 * it needs a contraction.
 *
 * A word on counting: Eq. 3 of "Object Representations as Fixed Points" (Chang et al., 2022) sums i = 0 … T,
 * so that its T = 1 would be I + J, two terms; its text and code mean one term. `terms` counts terms:
 * "first order" is `terms: 1`. (TorchDEQ's `grad` counts likewise; Betty's and TorchOpt's iterations are terms
 * less one.)
 *
 * ```ts
 * import { fixedPointIteration, grad, neumann, np, type Tensor } from "trilevel";
 * // The fixed point is 2a; three terms see (1 + 1/2 + 1/4) a.
 * const solve = fixedPointIteration((z: Tensor, a: Tensor) => z.mul(0.5).add(a), {
 *   adjoint: neumann({ terms: 3 }),
 * });
 * console.assert(await grad((a: Tensor) => solve(np.array(0), a).value)(np.array(1)).item() === 1.75);
 * ```
 *
 * @throws ArgumentError unless `terms` is a whole number ≥ 1.
 */
export function neumann(options: { terms: number }): Adjoint {
  checkNeumann(options);
  const { terms } = options;
  return {
    kind: "atSolution",
    name: terms === 1 ? "oneStep" : `neumann(${terms})`,
    tangent: (jacobian, b) =>
      terms === 1 ? b : foriLoop(0, terms - 1, (_, u) => lax.add(b, jacobian(u)), b),
  };
}

const checkOneStep = declareOperands("oneStep", []);

/**
 * The one-step (first-order, Jacobian-free) approximation: the solution is constant, and one more step from it
 * is differentiated: ż = f_θ θ̇. Constant memory, no solve. It is `neumann({ terms: 1 })`.
 */
export function oneStep(): Adjoint {
  checkOneStep(arguments[0]);
  return neumann({ terms: 1 });
}

const checkPhantom = declareOptions<{ terms: number; damping: number }>("phantom", [], {
  terms: required(size),
  damping: required(
    kind("a number above 0, 1 at most", "0.5", (x) => typeof x === "number" && x > 0 && x <= 1),
  ),
});

/**
 * The phantom gradient (Geng et al., 2021): k damped steps from the detached solution,
 * ż = λ Σ_{i<k} Bⁱ f_θ θ̇ with B = λ J + (1 - λ) I. `phantom({ terms: 1, damping: 1 })` is `oneStep()`.
 *
 * ```ts
 * import { fixedPointIteration, grad, np, phantom, type Tensor } from "trilevel";
 * // J = 1/2, so B = 3/4, and the derivative is (1 + 3/4) / 2.
 * const solve = fixedPointIteration((z: Tensor, a: Tensor) => z.mul(0.5).add(a), {
 *   adjoint: phantom({ terms: 2, damping: 0.5 }),
 * });
 * console.assert(await grad((a: Tensor) => solve(np.array(0), a).value)(np.array(1)).item() === 0.875);
 * ```
 *
 * @throws ArgumentError unless terms ≥ 1 and 0 < damping ≤ 1.
 */
export function phantom(options: { terms: number; damping: number }): Adjoint {
  checkPhantom(options);
  const { terms, damping } = options;
  if (damping === 1) return { ...neumann({ terms }), name: `phantom(${terms}, 1)` };
  return {
    kind: "atSolution",
    name: `phantom(${terms}, ${damping})`,
    tangent: (jacobian, b) => {
      const scaled = lax.mul(b, like(b, damping));
      // ż ← λ (J ż + b) + (1 - λ) ż, from 0
      return foriLoop(0, terms - 1, (_, u) =>
        lax.add(
          lax.add(lax.mul(jacobian(u), like(u, damping)), scaled),
          lax.mul(u, like(u, 1 - damping)),
        ), scaled);
    },
  };
}

/** Options of `implicit`. */
export interface ImplicitOptions {
  /**
   * The solver for (I - J) u = b: a linear solver, or a fixed-point solver for u = b + J u (with `broyden()` it is the
   * adjoint of deep equilibrium models). Default `gmres()`.
   */
  linear?: LinearSolver | FixedPointSolver;
  /**
   * Called with the statistics of each solve, forward or backward. Silent failure of this solve is the most common
   * fault of implicit layers: look here when gradients are strange.
   */
  observe?: ((stats: SolveStats) => void) | undefined;
}

const checkImplicit = declareOptions<ImplicitOptions>("implicit", [], {
  linear: either(linearSolverKind, solverKind),
  observe: callable("(stats) => console.log(stats)"),
});

/**
 * The implicit function theorem: ż = (I - J)⁻¹ f_θ θ̇ by a linear solve, exact at a fixed point no matter which solver
 * found it, in constant memory. Where the iteration has not converged there is no fixed point to
 * differentiate, and the result is not the derivative of any function: see `stats.converged`.
 *
 * ```ts
 * import { debug, fixedPointIteration, grad, implicit, np, type Tensor } from "trilevel";
 * const residuals: number[] = [];
 * const solve = fixedPointIteration((z: Tensor, a: Tensor) => z.mul(0.5).add(a), {
 *   adjoint: implicit({ observe: ({ residual }) => void residuals.push(...residual) }),
 * });
 * const slope = grad((a: Tensor) => solve(np.array(0), a).value)(np.array(1));
 * console.assert(Math.abs(await slope.item() - 2) < 1e-5);
 * await debug.done();
 * console.assert(residuals.length === 1 && residuals[0]! < 1e-5);
 * ```
 */
export function implicit(options: ImplicitOptions = {}): Adjoint {
  checkImplicit(options);
  const { linear = gmres(), observe } = options;
  const solver = linear.kind === "linear" ? linear : asLinear(linear);
  return {
    kind: "atSolution",
    name: `implicit(${solver.name})`,
    tangent: (jacobian, b) =>
      linearSolve((u) => lax.sub(u, jacobian(u)), b, (multiply, rhs) => {
        const { x, stats } = solver.solve(multiply, rhs);
        if (observe) {
          lax.callback(
            [stats.steps, stats.residual, stats.converged],
            ([steps, residual, converged]) =>
              observe({ steps: steps!, residual: residual!, converged: converged! }),
          );
        }
        return x;
      }),
  };
}

/** A fixed-point solver for A u = b, as u = u + (b - A u). */
function asLinear(solver: FixedPointSolver): LinearSolver {
  return linearSolver(solver.name, {}, (multiply, b, { tolerance, maxSteps }) => {
    const map = ({ rows }: Point) => {
      const change = lax.sub(b, multiply(rows));
      return { rows: lax.add(rows, change), carried: [], change };
    };
    const nothing = { choose: () => [], same: () => lax.full([b.shape[0]!], 1, "bool") };
    const { point, stats } = iterate(solver, map, { rows: like(b, 0), carried: [] }, nothing, {
      maxSteps,
      atol: tolerance,
      rtol: 0,
      norm: "l2",
      best: true,
      unroll: "no",
    });
    return { x: point.rows, steps: stats.steps };
  });
}
