/**
 * `fixedPointIteration`: z with z = step(z, …), as a differentiable function of everything else. Any solver
 * goes with any adjoint: the solver finds the point, the adjoint says how it moves.
 */
import { isFloat } from "../core/dtype.ts";
import type { HostCallback } from "../core/effects.ts";
import { BackendError, DTypeError, ShapeError, TreeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { backendOf, compileCached } from "../core/execute.ts";
import { inlineCalls } from "../core/inline.ts";
import { formatAval, formatProgram, type Program } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import { assertSameStructure, type Structure, unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { forward } from "../solvers/forward.ts";
import { iterate, type Iterated } from "../solvers/iterate.ts";
import { type Norm, Packing } from "../solvers/rows.ts";
import { type FixedPointSolver, solverKind } from "../solvers/solver.ts";
import { type Adjoint, adjointKind, implicit } from "./adjoint.ts";
import { customJvp } from "./customJvp.ts";
import { type AnyFunction, tensorLeaves, traceLeaves } from "../core/function.ts";
import { boolean, count, declareOptions, integer, nonNegative, oneOf } from "../options/index.ts";
import { jvp } from "./jvp.ts";
import { linearize } from "./linearize.ts";

/** Options of `fixedPointIteration`. */
export interface FixedPointOptions<HasAux extends boolean = false> {
  /** How to find the point. Default `forward()`. */
  solver?: FixedPointSolver;
  /** How to differentiate it. Default `implicit()`. */
  adjoint?: Adjoint;
  /** The most applications of `step`. Default 100. */
  maxSteps?: number;
  /** Stop where ‖f(z) - z‖ ≤ atol + rtol ‖f(z)‖. Defaults 1e-6 and 1e-5 (1e-10 and 1e-9 in float64). */
  atol?: number;
  /** See `atol`. */
  rtol?: number;
  /** How to measure a sample. Default "l2". */
  norm?: Norm;
  /** The axis of every leaf of z that counts samples, each of which stops on its own. Default: none. */
  batchAxis?: number;
  /** Return the iterate with the smallest residual when the limit is hit. Default: all but `forward`. */
  best?: boolean;
  /** `step` returns `[z, aux]`; aux is that of a step from the solution. Default false. */
  hasAux?: HasAux;
  /** Return step(z) of the solution z, and differentiate at z: one application more. Default false. */
  finalStep?: boolean;
  /** The derivative in z0: zero, as that of a fixed point is, or passed straight through. */
  initGrad?: "zero" | "straightThrough";
  /** Whether reading the results rejects when some sample has not converged. Default "status". */
  onFail?: "status" | "throw";
}

/** How an iteration went: scalars, or one entry per sample with `batchAxis`. */
export interface FixedPointStats {
  /** Applications of `step`, int32. */
  readonly steps: Tensor;
  /** ‖f(z) - z‖ where the value was taken. */
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

// A step's leaves as a program: constants it captured, z, arguments; gives z, then aux.
interface Step {
  readonly program: Program;
  readonly zCount: number;
  readonly aux: Structure;
}

/** What `fixedPointIteration` and `argmin` share. */
export const sharedOptions = {
  adjoint: adjointKind,
  atol: nonNegative,
  rtol: nonNegative,
  norm: oneOf("l2", "rms", "max"),
  batchAxis: integer,
  best: boolean,
  initGrad: oneOf("zero", "straightThrough"),
  onFail: oneOf("status", "throw"),
} as const;

const checkOptions = declareOptions<FixedPointOptions<boolean>>("fixedPointIteration", ["step"], {
  solver: solverKind,
  maxSteps: count,
  hasAux: boolean,
  finalStep: boolean,
  ...sharedOptions,
});

/**
 * The function `(z0, ...args) => { value, aux, stats }` that finds z = step(z, ...args) from z0. z and the
 * arguments are trees; `step` may close over tensors of outer transformations, which get their derivatives. Leaves
 * of z that are not float are carried along by the last step and never differentiated.
 *
 * `forward()` with N steps that does not converge returns f applied N times, and so equals a written-out
 * loop; other solvers return their best iterate. The value for `maxSteps: 0` is z0. Adjoints other than
 * `unrolled` differentiate as if the value were a fixed point, also where it is none: see `stats.converged`.
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
  const { maxSteps = 100 } = options;
  const run = (z0: Z, ...args: A) => solveOnce(step, z0, args, { ...options, maxSteps });
  return (z0, ...args) => {
    if (currentTrace()) return run(z0, ...args);
    // Outside of a trace, the whole becomes one program: nothing in between stays alive, and a check that
    // fails (`onFail`) fails all results.
    const trees = [z0, ...args];
    const flat = trees.map((tree, i) => tensorLeaves(tree, `fixedPointIteration: argument ${i}`));
    const leaves = flat.flatMap(([xs]) => xs);
    const structures = flat.map(([, s]) => s);
    const avals = leaves.map((x) => x.aval);
    const call = (...given: unknown[]) => run(...given as [Z, ...A]);
    const whole = traceLeaves(call, structures, avals, "fixedPointIteration");
    const inputs = [...whole.captured, ...leaves];
    // Without calls, whose rules are new functions each time, equal iterations have equal texts.
    const program = inlineCalls(whole.program);
    const compiled = compileCached(formatProgram(program), () => program, backendOf(inputs));
    return unflatten(whole.output, compiled.run(inputs));
  };
}

function solveOnce<Z>(
  step: AnyFunction,
  z0: Z,
  args: readonly unknown[],
  options: FixedPointOptions<boolean> & { maxSteps: number },
): FixedPointResult<Z, unknown> {
  const { adjoint = implicit(), hasAux = false, initGrad = "zero" } = options;
  const [start, zStructure] = tensorLeaves(z0, "fixedPointIteration: z0");
  const flat = args.map((arg, i) => tensorLeaves(arg, `fixedPointIteration: argument ${i + 1}`));
  const argLeaves = flat.flatMap(([xs]) => xs);
  const structures = [zStructure, ...flat.map(([, s]) => s)];
  const avals = [...start, ...argLeaves].map((x) => ({ ...x.aval, weak: false }));
  const traced = traceLeaves(step, structures, avals, "fixedPointIteration: step");
  const described = describeStep(traced, zStructure, start, hasAux);
  const z = start.map((x) => lax.convert(x, x.dtype));
  // Everything that the step depends on: what it closes over, and its arguments.
  const theta = [...traced.captured, ...argLeaves.map((x) => lax.convert(x, x.dtype))];
  const apply = (zs: readonly Tensor[], th: readonly Tensor[]) => {
    const captured = th.slice(0, traced.captured.length);
    return evaluate(described.program, [...captured, ...zs, ...th.slice(captured.length)]);
  };
  const solve = (zs: Tensor[], th: Tensor[]) => search(described, apply, zs, th, options);
  let found: Solution;
  if (adjoint.kind === "unrolled") found = solve(z, theta);
  else {
    const differentiable: (zs: Tensor[], th: Tensor[]) => Solution = customJvp(
      solve,
      ([zs, th], [dzs, dth]) => {
        // The function itself, so that higher derivatives see the solution move.
        const result = differentiable(zs, th);
        const moved = solutionTangent(described, apply, result.point, th, dth, adjoint, options);
        const start = initGrad === "straightThrough" ? dzs : dzs.map(() => null);
        const tangent = moved.map((t, i) => {
          const s = start[i] ?? null;
          return t && s ? lax.add(t, s) : t;
        });
        const none = Object.fromEntries(Object.keys(result.stats).map((key) => [key, null]));
        // `null` is a symbolic zero, which the types of values do not know.
        return [result, { value: tangent, point: tangent, stats: none } as never] as const;
      },
    );
    found = differentiable(z, theta);
  }
  const stats = options.batchAxis === undefined ? squeeze(found.stats) : found.stats;
  if (options.onFail === "throw") throwUnlessConverged(found.stats.status);
  const aux = hasAux ? apply(found.point, theta).slice(described.zCount) : [];
  return {
    value: unflatten<Z>(zStructure, found.value),
    aux: hasAux ? unflatten(described.aux, aux) : null,
    stats,
  };
}

/** The leaves of what is returned and of where it was differentiated: the same, but with `finalStep`. */
type Solution = { value: Tensor[]; point: Tensor[]; stats: FixedPointStats };

/** Runs the solver on the float leaves, as rows. */
function search(
  { zCount }: Step,
  apply: (zs: readonly Tensor[], th: readonly Tensor[]) => Tensor[],
  zs: readonly Tensor[],
  th: readonly Tensor[],
  options: FixedPointOptions<boolean> & { maxSteps: number },
): Solution {
  const { solver = forward(), adjoint = implicit(), maxSteps, finalStep = false } = options;
  const packing = new Packing(zs.map((x) => x.aval), options.batchAxis);
  const double = packing.dtype === "float64";
  const map = (rows: Tensor) =>
    packing.pack(apply(merge(zs, packing.unpack(rows)), th).slice(0, zCount));
  const found: Iterated = iterate(solver, map, packing.pack(zs), {
    maxSteps,
    atol: options.atol ?? (double ? 1e-10 : 1e-6),
    rtol: options.rtol ?? (double ? 1e-9 : 1e-5),
    norm: options.norm ?? "l2",
    best: options.best ?? solver.returns === "measured",
    unroll: adjoint.kind !== "unrolled" ? "no" : adjoint.checkpoint ? "checkpoint" : "store",
  });
  const { value, ...stats } = found;
  const point = merge(zs, packing.unpack(value));
  return {
    value: finalStep ? apply(point, th).slice(0, zCount) : point,
    point,
    stats: stats as never,
  };
}

/** How the solution moves when θ does, leaf by leaf; `null` for leaves that are not float. */
function solutionTangent(
  { zCount }: Step,
  apply: (zs: readonly Tensor[], th: readonly Tensor[]) => Tensor[],
  point: readonly Tensor[],
  th: readonly Tensor[],
  dth: readonly (Tensor | null)[],
  adjoint: Extract<Adjoint, { kind: "atSolution" }>,
  options: FixedPointOptions<boolean>,
): (Tensor | null)[] {
  const packing = new Packing(point.map((x) => x.aval), options.batchAxis);
  const inTheta = (...t: Tensor[]) => packing.pack(apply(point, t).slice(0, zCount));
  const [, b] = jvp(inTheta, [...th], [...dth]);
  const inZ = (rows: Tensor) =>
    packing.pack(apply(merge(point, packing.unpack(rows)), th).slice(0, zCount));
  const [, jacobian] = linearize(inZ, packing.pack(point));
  const moved = packing.unpack(adjoint.tangent((u) => jacobian(u), b));
  let next = 0;
  return point.map((x) => isFloat(x.dtype) ? moved[next++]! : null);
}

/** The leaves with the float ones replaced. */
function merge(leaves: readonly Tensor[], floats: readonly Tensor[]): Tensor[] {
  let next = 0;
  return leaves.map((x) => isFloat(x.dtype) ? floats[next++]! : x);
}

function squeeze(stats: FixedPointStats): FixedPointStats {
  const entries = Object.entries(stats).map(([key, x]) =>
    [key, lax.reshape(x, x.shape.slice(0, -1))] as const
  );
  return Object.fromEntries(entries) as { [key: string]: Tensor } as FixedPointStats;
}

function describeStep(
  traced: { program: Program; captured: readonly Tensor[]; output: Structure },
  zStructure: Structure,
  start: readonly Tensor[],
  hasAux: boolean,
): Step {
  const { program, output } = traced;
  if (hasAux && !(output.kind === "array" && output.children.length === 2)) {
    throw new TreeError("fixedPointIteration: step does not return a pair", "return [z, aux]");
  }
  const zOut = hasAux && output.kind === "array" ? output.children[0]! : output;
  const aux = hasAux && output.kind === "array" ? output.children[1]! : { kind: "null" } as const;
  assertSameStructure(zStructure, zOut, "fixedPointIteration: z and step(z)");
  start.forEach((x, i) => {
    const after = program.outputs[i]!.aval;
    const sameShape = after.shape.join() === x.shape.join();
    if (after.dtype === x.dtype && sameShape) return;
    const Misfit = sameShape ? DTypeError : ShapeError;
    throw new Misfit(
      `fixedPointIteration: z is ${formatAval(x.aval)}, step(z) ${formatAval(after)}`,
      "step must give a tree of the shapes and element types it takes",
    );
  });
  return { program, zCount: start.length, aux };
}

function throwUnlessConverged(status: Tensor): void {
  lax.callback([status], refuseFailures, true);
}

// One function for all iterations, so that equal programs stay equal.
const refuseFailures: HostCallback = ([values]) => {
  const failed = [...values!].filter((v) => v !== 0).length;
  if (failed === 0) return;
  throw new BackendError(
    `fixedPointIteration: ${failed} of ${values!.length} samples did not converge`,
    'raise maxSteps, damp the solver, loosen the tolerance, or read stats with onFail: "status"',
  );
};
