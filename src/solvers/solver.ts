/** The interface of solvers: pure rules for the next iterate, on rows of shape [batch, n]. */
import type { Tensor } from "../core/tensor.ts";
import type { Tree } from "../core/tree.ts";
import { type Kind, madeBy } from "../options/index.ts";

/** The map whose fixed point is sought, on rows. */
export type RowMap = (z: Tensor) => Tensor;

/** A fixed-point solver: from an iterate z and f(z) to the next iterate. */
export interface FixedPointSolver<State extends Tree<Tensor> = Tree<Tensor>> {
  /** Tells it from a linear solver. */
  readonly kind: "fixedPoint";
  /** The name in reports. */
  readonly name: string;
  /**
   * The iterate that is returned when the steps run out: the one with the smallest residual, or the last (as plain iteration
   * does, so that N steps give f applied N times).
   */
  readonly returns: "best" | "last";
  /** The state before the first step. */
  init(z0: Tensor): State;
  /** The next iterate, from one, its image, the map, and f(z) - z where it is known better than the difference. */
  next(
    z: Tensor,
    f: Tensor,
    state: State,
    map: RowMap,
    change?: Tensor,
  ): { z: Tensor; state: State };
}

/** The kind of options that hold a fixed-point solver. */
export const solverKind: Kind<FixedPointSolver> = madeBy(
  "a fixed-point solver",
  { forward: "forward()", anderson: "anderson()", broyden: "broyden()", newton: "newton()" },
  ({ kind }) => kind === "fixedPoint",
);

/** The statistics of a linear solve, one entry per sample. */
export interface LinearStats {
  /** Applications of the matrix, int32. */
  readonly steps: Tensor;
  /** ‖b - A x‖ / ‖b‖, computed from x. */
  readonly residual: Tensor;
  /** True if the residual is within the tolerance. */
  readonly converged: Tensor;
}

/** A linear solver: x with A x = b, where `multiply` applies A to rows. */
export interface LinearSolver {
  /** Tells it from a fixed-point solver. */
  readonly kind: "linear";
  /** The name in reports. */
  readonly name: string;
  /** The solution of A x = b, and how it went. */
  solve(multiply: RowMap, b: Tensor): { x: Tensor; stats: LinearStats };
}

/** The kind of options that hold a linear solver. */
export const linearSolverKind: Kind<LinearSolver> = madeBy(
  "a linear solver",
  {
    gmres: "gmres()",
    bicgstab: "bicgstab()",
    cg: "cg()",
    normalCg: "normalCg()",
    neumannSeries: "neumannSeries()",
    dense: "dense()",
  },
  ({ kind }) => kind === "linear",
);
