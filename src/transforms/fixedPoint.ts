/**
 * `fixedPointIteration`: z with z = step(z, …), as a differentiable function of everything else. Any solver
 * goes with any adjoint: the solver finds the point, the adjoint says how it moves.
 */
import type { Tensor } from "../core/tensor.ts";
import { boolean, count, declareOptions, nonNegative, oneOf } from "../options/index.ts";
import { type BatchAxis, batchAxisKind } from "../solvers/packing.ts";
import type { Norm } from "../solvers/rows.ts";
import { type FixedPointSolver, solverKind } from "../solvers/solver.ts";
import { type Adjoint, adjointKind } from "./adjoint.ts";
import { asOneProgram, checked, solution } from "./fixedPointSolution.ts";

/** Options of `fixedPointIteration`. */
export interface FixedPointOptions<HasAux extends boolean = false> {
  /** How to find the point. Default `forward()`. */
  solver?: FixedPointSolver;
  /** How to differentiate it. Default `implicit()`. */
  adjoint?: Adjoint;
  /** The most applications of `step`. Default 100. */
  maxSteps?: number;
  /**
   * Stop where ‖f(z) - z‖ ≤ atol + rtol ‖f(z)‖ (and leaves of z that are not float stay the same). Defaults 1e-6 and
   * 1e-5 (1e-10 and 1e-9 in float64). A bound below four roundings of ‖f(z)‖ counts as that. With both
   * 0, `forward` takes `maxSteps` steps, whatever happens: a loop written out, also to derivatives.
   */
  atol?: number;
  /** See `atol`. */
  rtol?: number;
  /** How to measure a sample. Default "l2". */
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
   * What becomes of samples that have not converged: `"status"` leaves it to `stats`; with `"warn"` a line on the console
   * tells of each run, with `"throw"` reading any result rejects. Default "status".
   */
  onFail?: "status" | "warn" | "throw";
}

/**
 * How an iteration went: scalars, or one entry per sample with `batchAxis`. To measure the last iterate takes one more
 * application of `step`, which a compiled function that does not use these leaves out.
 */
export interface FixedPointStats {
  /** Applications of `step` on the way to the value, int32. */
  readonly steps: Tensor;
  /** ‖f(z) - z‖ at the value (at the iterate before, with `finalStep`); infinite if it is not finite. */
  readonly residual: Tensor;
  /** The residual before each step, [maxSteps] (then the samples); infinite for steps not taken. */
  readonly trace: Tensor;
  /** Whether the residual is within the tolerance, bool. */
  readonly converged: Tensor;
  /** Why it ended, int32: see `FixedPointStatus`. */
  readonly status: Tensor;
  /** All of them by name. */
  readonly [key: string]: Tensor;
}

/** What a fixed-point iteration gives. */
export interface FixedPointResult<Z, Aux> {
  /** The solution. */
  readonly value: Z;
  /** With `hasAux`, the step's auxiliary output; else null. */
  readonly aux: Aux;
  /** How the iteration went. */
  readonly stats: FixedPointStats;
}

/** What `fixedPointIteration` and `argmin` share. */
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

const checkOptions = declareOptions<FixedPointOptions<boolean>>("fixedPointIteration", ["step"], {
  maxSteps: count,
  hasAux: boolean,
  finalStep: boolean,
  ...sharedOptions,
});

/**
 * The function `(z0, ...args) => { value, aux, stats }` that finds z = step(z, ...args) from z0. z and the
 * arguments are trees; `step` may close over tensors of outer transformations, which get their derivatives. Leaves
 * of z that are not float (counters, flags, random keys) are carried from step to step beside the others and
 * never differentiated. While they change, z is no fixed point, and the iteration goes on: with a counter or a new
 * key in each step it takes all `maxSteps`.
 *
 * A sample that converges has the iterate that was measured. Where the steps run out, `forward()` returns f
 * applied N times, and so equals a written-out loop; other solvers return their best iterate. The value for
 * `maxSteps: 0` is z0.
 *
 * Adjoints other than `unrolled` and `truncated` differentiate as if the value were a fixed point, also where it is none:
 * see `stats.converged`, or have `onFail: "warn"` tell. `unrolled` differentiates the steps that were taken. From
 * a start that is within the tolerance already no step is taken, and the derivative is 0; with `atol: 0, rtol: 0`
 * all steps are.
 *
 * ```ts
 * import { fixedPointIteration, grad, implicit, np, type Tensor } from "trilevel";
 * // z = cos(a z), and dz/da = -z sin(az) / (1 + a sin(az)).
 * const solve = fixedPointIteration((z: Tensor, a: Tensor) => np.cos(z.mul(a)), {
 *   adjoint: implicit(),
 *   maxSteps: 100,
 * });
 * const slope = grad((a: Tensor) => solve(np.array(0.5), a).value)(np.array(1));
 * console.assert(Math.abs(await slope.item() - -0.29754) < 1e-3);
 * ```
 *
 * @throws TreeError, ShapeError or DTypeError when `step` does not give what it takes; ArgumentError for bad options.
 */
export function fixedPointIteration<Z, A extends unknown[]>(
  step: (z: Z, ...args: A) => Z,
  options?: FixedPointOptions<false>,
): (z0: Z, ...args: A) => FixedPointResult<Z, null>;
/** With `hasAux`, `step` gives `[z, aux]`. */
export function fixedPointIteration<Z, A extends unknown[], Aux>(
  step: (z: Z, ...args: A) => readonly [Z, Aux],
  options: FixedPointOptions<true>,
): (z0: Z, ...args: A) => FixedPointResult<Z, Aux>;
export function fixedPointIteration<Z, A extends unknown[]>(
  step: (z: Z, ...args: A) => unknown,
  options: FixedPointOptions<boolean> = {},
): (z0: Z, ...args: A) => FixedPointResult<Z, unknown> {
  checkOptions(options);
  const own = checked({ ...options, name: "fixedPointIteration" });
  return asOneProgram(own.name, (z0: Z, ...args: A) => solution(step, z0, args, own));
}
