/**
 * `fixedPointIteration`: z with z = step(z, …), as a differentiable function of everything else. Any solver
 * goes with any adjoint: the solver finds the point, the adjoint says how it moves.
 */
import { boolean, count, declareOptions } from "../options/index.ts";
import { asOneProgram, checked, solution } from "./fixedPointSolution.ts";
import { type FixedPointOptions, type FixedPointResult, sharedOptions } from "./options.ts";

const checkOptions = declareOptions<FixedPointOptions<boolean>>("fixedPointIteration", ["step"], {
  maxSteps: count,
  hasAux: boolean,
  finalStep: boolean,
  ...sharedOptions,
});

/**
 * The function `(z0, ...args) => { value, aux, stats }` that finds z = step(z, ...args) from z0. z and the
 * arguments are trees; `step` may close over tensors of outer transformations, which get their derivatives. Leaves
 * of z that are not float (counters, flags, random keys) are carried from step to step along with the others and
 * never differentiated. While they change, z is no fixed point, and the iteration goes on: with a counter or a new
 * key in each step it takes all `maxSteps`.
 *
 * A sample that converges has the iterate that was measured. Where the steps run out, `forward()` returns f
 * applied N times, and so equals a written-out loop; other solvers return their best iterate. The value for
 * `maxSteps: 0` is z0.
 *
 * Adjoints other than `unrolled` and `truncated` differentiate as if the value were a fixed point, even if it is not:
 * see `stats.converged`, or set `onFail: "warn"`. `unrolled` differentiates the steps that were taken. From
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
