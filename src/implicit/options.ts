/** Options and results of fixed-point iterations, which `fixedPointIteration` and `argmin` share. */
import type { Tensor } from "../core/tensor.ts";
import { boolean, type Kind, madeBy, nonNegative, oneOf } from "../options/index.ts";
import { type BatchAxis, batchAxisKind } from "../solvers/packing.ts";
import type { Norm } from "../solvers/rows.ts";
import { type FixedPointSolver, solverKind } from "../solvers/solver.ts";
import type { Adjoint } from "./adjoint.ts";

/** The kind of options that hold an adjoint. */
export const adjointKind: Kind<Adjoint> = madeBy(
  "an adjoint",
  {
    implicit: "implicit()",
    oneStep: "oneStep()",
    unrolled: "unrolled()",
    neumann: "neumann({ terms: 3 })",
    phantom: "phantom({ terms: 3, damping: 0.5 })",
    truncated: "truncated({ steps: 1 })",
  },
  ({ kind }) => kind === "unrolled" || kind === "truncated" || kind === "atSolution",
);

/** Options of `fixedPointIteration`. */
export interface FixedPointOptions<HasAux extends boolean = false> {
  /** The solver that finds the point. Default `forward()`. */
  solver?: FixedPointSolver;
  /** The adjoint that differentiates it. Default `implicit()`. */
  adjoint?: Adjoint;
  /** The most applications of `step`. Default 100. */
  maxSteps?: number;
  /**
   * Stop where ‖f(z) - z‖ ≤ atol + rtol ‖f(z)‖ (and leaves of z that are not float stay the same). Defaults 1e-6 and
   * 1e-5 (1e-10 and 1e-9 in float64). A bound below four roundings of ‖f(z)‖ counts as that. With both
   * 0, `forward` always takes `maxSteps` steps: it is the loop written out, for derivatives too.
   */
  atol?: number;
  /** See `atol`. */
  rtol?: number;
  /** The norm in which a sample is measured. Default "l2". */
  norm?: Norm;
  /**
   * The axis of every leaf of z that counts samples, each of which stops on its own. Default: none. It may be a tree of
   * axes that follows the containers of z; a leaf that is not float may have null, and is then one for all samples.
   */
  batchAxis?: BatchAxis;
  /** Return the iterate with the smallest residual when the limit is hit. Default: all solvers but `forward`. */
  best?: boolean;
  /** `step` returns `[z, aux]`; aux is that of a step from the solution. Default false. */
  hasAux?: HasAux;
  /** Return step(z) of the solution z, and differentiate at z: one application more. Default false. */
  finalStep?: boolean;
  /**
   * The derivative in z0 where the adjoint has none (all but `unrolled`), with J = ∂f/∂z at the solution:
   *
   * - `"zero"`, as that of a fixed point is;
   * - `"straightThrough"`: ż = ż₀ + …, so that the start gets the solution's cotangent g itself;
   * - `"throughLastStep"`: ż = J ż₀ + …, so that the start gets Jᵀg. The start is passed straight through to where the
   *   last step begins, z + z₀ - stopGradient(z₀), as BO-QSA does (Jia et al., 2023); with
   *   `truncated({ steps })` to where the last steps begin.
   */
  initGrad?: "zero" | "straightThrough" | "throughLastStep";
  /**
   * The treatment of samples that have not converged: `"status"` reports them in `stats` alone; with `"warn"` a line on the console
   * tells of each run, with `"throw"` reading any result rejects. Default "status".
   */
  onFail?: "status" | "warn" | "throw";
}

/**
 * Statistics of an iteration: scalars, or one entry per sample with `batchAxis`. Measuring the last iterate takes one more
 * application of `step`, which a compiled function that does not use these leaves out.
 */
export interface FixedPointStats {
  /** Applications of `step` on the way to the value, int32. */
  readonly steps: Tensor;
  /** ‖f(z) - z‖ at the value (at the iterate before, with `finalStep`); infinite if it is not finite. */
  readonly residual: Tensor;
  /** The residual before each step, [maxSteps] (then the samples); infinite for steps not taken. */
  readonly trace: Tensor;
  /** True if the residual is within the tolerance, bool. */
  readonly converged: Tensor;
  /** Why it ended, int32: see `FixedPointStatus`. */
  readonly status: Tensor;
  /** All of them by name. */
  readonly [key: string]: Tensor;
}

/** The result of a fixed-point iteration. */
export interface FixedPointResult<Z, Aux> {
  /** The solution. */
  readonly value: Z;
  /** With `hasAux`, the step's auxiliary output; else null. */
  readonly aux: Aux;
  /** Statistics of the iteration. */
  readonly stats: FixedPointStats;
}

/** Options that `fixedPointIteration` and `argmin` share. */
export const sharedOptions = {
  solver: solverKind,
  adjoint: adjointKind,
  atol: nonNegative,
  rtol: nonNegative,
  norm: oneOf("l2", "rms", "max"),
  batchAxis: batchAxisKind,
  best: boolean,
  initGrad: oneOf("zero", "straightThrough", "throughLastStep"),
  onFail: oneOf("status", "warn", "throw"),
} as const;
