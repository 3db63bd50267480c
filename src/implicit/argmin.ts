/** `argmin`: an inner minimization as a differentiable function. */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";
import { tensorLeaves } from "../core/function.ts";
import type { Tensor } from "../core/tensor.ts";
import { leaves, unflatten } from "../core/tree.ts";
import { count, declareOptions, positive } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { descent, optimizerKind } from "../solvers/descent.ts";
import type { Extra, GradientTransformation } from "../solvers/optimizer.ts";
import { Packing } from "../solvers/packing.ts";
import type { FixedPointSolver } from "../solvers/solver.ts";
import { type FixedPointOptions, type FixedPointResult, sharedOptions } from "./options.ts";
import { asOneProgram, checked, type InnerOptions, solution } from "./fixedPointSolution.ts";
import { grad } from "../transforms/grad.ts";

/** Options of `argmin`: those of `fixedPointIteration`, and an optimizer or a solver. */
export type ArgminOptions = ArgminWay & ArgminLimits;

/** Options that say how the minimum is found. */
export type ArgminWay = {
  /**
   * The method of descent: any optimizer of `optim`. It sees z as it is given, without leaves that are not float, and with
   * `batchAxis` one sample at a time, without its axis. What it closes over (a learning rate) does not move the
   * minimum, and has a derivative of 0 but through `unrolled` or `truncated` steps.
   */
  optimizer: GradientTransformation;
  solver?: undefined;
} | {
  /** A solver for the fixed point of z - α∇h(z), as `newton({ linear: cg() })`. */
  solver: FixedPointSolver;
  optimizer?: undefined;
};

/** When to stop, what to return, and how it is differentiated. */
export interface ArgminLimits
  extends Omit<FixedPointOptions<false>, "solver" | "maxSteps" | "hasAux" | "finalStep"> {
  /** The most updates. Default 100. */
  steps?: number;
  /**
   * α in the step z - α∇h(z) that the adjoint (and a `solver`) looks at. It does not matter to `implicit`;
   * approximations (`oneStep`, `neumann`, `phantom`) want it below 2 over the largest curvature. Default 1.
   */
  stepSize?: number;
}

// Each may be left out if the other is given, which the types of a declaration cannot express.
type Either = ArgminLimits & {
  optimizer?: GradientTransformation | undefined;
  solver?: FixedPointSolver | undefined;
};

const checkOptions = declareOptions<Either>("argmin", ["objective"], {
  optimizer: optimizerKind,
  steps: count,
  stepSize: positive,
  ...sharedOptions,
});

/**
 * The function `(z0, ...args) => { value, aux, stats }` that minimizes `objective(z, ...args)` in z, from z0: Eq. 4
 * of nested optimization, z*(θ) = argmin_z h(z, θ), as a layer. At the minimum ∇_z h = 0, so it is the fixed
 * point of z - α∇_z h(z, θ) and is differentiated as one; with `implicit()` that is
 * dz* = -(∂²h/∂z²)⁻¹ (∂²h/∂z∂θ) dθ. `stats.residual` is α‖∇_z h‖ at the value. With `unrolled()` the derivative is
 * that of the optimizer's steps.
 *
 * A sample ends where its gradient is within the tolerance, regardless of the velocity of its optimizer; where the
 * steps run out the value is that after the last update (with `best`, the iterate with the smallest gradient that
 * was seen). With `atol: 0, rtol: 0` exactly `steps` updates are made.
 *
 * For samples that stop on their own (`batchAxis`), the objective is the sum over samples. Leaves of z that are not
 * float are constants.
 *
 * ```ts
 * import { argmin, grad, np, optim, type Tensor } from "trilevel";
 * // argmin_z ½(z - a)² + ½z² = a/2
 * const h = (z: Tensor, a: Tensor) => np.square(z.sub(a)).add(np.square(z)).mul(0.5).sum();
 * const solve = argmin(h, { optimizer: optim.sgd(0.4), steps: 50 });
 * const slope = grad((a: Tensor) => solve(np.array(0), a).value)(np.array(3));
 * console.assert(Math.abs(await slope.item() - 0.5) < 1e-4);
 * ```
 *
 * @throws ArgumentError for bad options, and unless there is either an optimizer or a solver.
 */
export function argmin<Z, A extends unknown[]>(
  objective: (z: Z, ...args: A) => Tensor,
  options: ArgminOptions,
): (z0: Z, ...args: A) => FixedPointResult<Z, null> {
  checkOptions(options);
  const { optimizer, solver, steps = 100, stepSize = 1, ...others }: Either = { ...options };
  requireOne(optimizer, solver);
  const way = solver && { solver };
  const own = checked({ ...others, ...way, maxSteps: steps, name: "argmin" });
  const step = (z: Z, ...args: A) => {
    const [all, structure] = tensorLeaves(z, "argmin: z");
    const at = (floats: readonly Tensor[]): Z => {
      let next = 0;
      return unflatten(structure, all.map((x) => isFloat(x.dtype) ? floats[next++]! : x));
    };
    const floats = all.filter((x) => isFloat(x.dtype));
    const slopes = grad((xs: readonly Tensor[]) => objective(at(xs), ...args))(floats);
    const change = slopes.map((g) => lax.mul(g, lax.fullLike(g, -stepSize)));
    return [at(floats.map((x, i) => lax.add(x, change[i]!))), change] as const;
  };
  return asOneProgram("argmin", (z0: Z, ...args: A) => {
    const inner: InnerOptions = { ...own, hasAux: true, auxIsChange: true };
    if (optimizer) {
      const value = (z: Z) => objective(z, ...args);
      inner.solver = solverOf(optimizer, z0, value, stepSize, others.batchAxis);
    }
    // The aux is taken by the solver, and null to the caller.
    return solution(step, z0, args, inner) as FixedPointResult<Z, null>;
  });
}

function requireOne(optimizer: unknown, solver: unknown): void {
  if ((optimizer === undefined) !== (solver === undefined)) return;
  throw new ArgumentError(
    optimizer === undefined
      ? "argmin: `optimizer` is missing: it must be an optimizer, or `solver` a fixed-point solver"
      : "argmin: both `optimizer` and `solver` are given",
    "write for example argmin(objective, { optimizer: optim.sgd(0.1) })",
  );
}

/** The optimizer as a solver, for a z like this. */
function solverOf<Z>(
  optimizer: GradientTransformation,
  z0: Z,
  value: (z: Z) => Tensor,
  stepSize: number,
  batchAxis: ArgminOptions["batchAxis"],
): FixedPointSolver {
  const [start, structure] = tensorLeaves(z0, "argmin: z0");
  const packing = new Packing("argmin", start.map((x) => x.aval), structure, batchAxis);
  const whole = (params: unknown): Z => {
    const floats = leaves(params as Tensor[]); // z0's own tree, without its other leaves
    let next = 0;
    return unflatten(structure, start.map((x) => isFloat(x.dtype) ? floats[next++]! : x));
  };
  const valueFn = (params: unknown) => value(whole(params));
  const together = (): never => {
    throw new ArgumentError(
      "argmin: the optimizer asks for the loss of one sample, but the objective is the sum over batchAxis",
      "leave batchAxis out and map over samples: vmap(argmin(objective, { optimizer }))",
    );
  };
  // The loss is computed only on request.
  const extra = (params: unknown): Extra =>
    batchAxis === undefined
      ? {
        get value() {
          return valueFn(params);
        },
        get grad() {
          return grad(valueFn)(params);
        },
        valueFn,
      }
      : {
        get value() {
          return together();
        },
        valueFn: together,
      };
  return descent(optimizer, { structure, packing, stepSize, extra }) as FixedPointSolver;
}
