/**
 * The solution of a fixed-point problem, inside a trace: the step becomes a program of leaves, the solver looks for
 * the point, and the adjoint says how it moves.
 */
import { type Step as TracedStep, traceStep } from "../control/carry.ts";
import { isFloat } from "../core/dtype.ts";
import { ArgumentError, TreeError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { backendOf } from "../runtime/compiled.ts";
import { compileCached } from "../runtime/execute.ts";
import { type AnyFunction, tensorLeaves, traceFunction, traceLeaves } from "../core/function.ts";
import { inlineCalls } from "../core/inline.ts";
import { formatProgram } from "../core/printer.ts";
import type { Program } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import { assertSameStructure, type Structure, unflatten } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { forward } from "../solvers/forward.ts";
import { iterate, type Point } from "../solvers/iterate.ts";
import { Packing } from "../solvers/packing.ts";
import { type Adjoint, implicit } from "./adjoint.ts";
import { customJvp } from "../transforms/customJvp.ts";
import type { FixedPointOptions, FixedPointResult, FixedPointStats } from "./options.ts";
import { jvp } from "../transforms/jvp.ts";
import { linearize } from "../transforms/linearize.ts";
import { watch } from "./onFail.ts";
import { stopGradient } from "../transforms/stopGradient.ts";

/** Options, checked, and the additional ones of `argmin`. */
export interface InnerOptions extends FixedPointOptions<boolean> {
  /** The name of the function in errors. */
  readonly name: string;
  readonly maxSteps: number;
  /** The step's aux is f(z) - z, more precisely than as a difference. */
  readonly auxIsChange?: boolean;
}

/** The options, if they make sense together. */
export function checked(options: FixedPointOptions<boolean> & { name: string }): InnerOptions {
  const { name, adjoint = implicit(), maxSteps = 100, initGrad } = options;
  if (adjoint.kind === "unrolled" && initGrad !== undefined && initGrad !== "zero") {
    throw new ArgumentError(
      `${name}: initGrad "${initGrad}" cannot be combined with ${adjoint.name}`,
      "leave initGrad out: the start has the derivative that all steps give it",
    );
  }
  if (adjoint.kind === "truncated" && options.best) {
    throw new ArgumentError(
      `${name}: best cannot be combined with ${adjoint.name}`,
      "leave best out: the last iterate is the one that the last steps lead to",
    );
  }
  return { ...options, maxSteps };
}

/**
 * The function as one program where it is called outside of a trace: nothing in between stays alive, and a check
 * that fails (`onFail`) fails all results.
 */
export function asOneProgram<A extends unknown[], R>(
  name: string,
  run: (...args: A) => R,
): (...args: A) => R {
  return (...args) => {
    if (currentTrace()) return run(...args);
    const flat = args.map((tree, i) => tensorLeaves(tree, `${name}: argument ${i}`));
    const leaves = flat.flatMap(([xs]) => xs);
    const structures = flat.map(([, s]) => s);
    const call = (...given: unknown[]) => run(...given as A); // trees of the arguments' own types
    const whole = traceLeaves(call, structures, leaves.map((x) => x.aval), name);
    const inputs = [...whole.captured, ...leaves];
    // Without calls, whose rules are new functions each time, equal iterations have equal texts.
    const program = inlineCalls(whole.program);
    const compiled = compileCached(formatProgram(program), () => program, backendOf(inputs));
    return unflatten(whole.output, compiled.run(inputs));
  };
}

/** One solution, inside a trace. */
export function solution<Z>(
  step: AnyFunction,
  z0: Z,
  args: readonly unknown[],
  options: InnerOptions,
): FixedPointResult<Z, unknown> {
  const { name, adjoint = implicit(), hasAux = false, initGrad = "zero" } = options;
  const [start, zStructure] = tensorLeaves(z0, `${name}: z0`);
  const flat = args.map((arg, i) => tensorLeaves(arg, `${name}: argument ${i + 1}`));
  const argLeaves = flat.flatMap(([xs]) => xs);
  const traced = traceStep(
    step,
    { structure: zStructure, init: start, name, what: "z" },
    { structures: flat.map(([, s]) => s), avals: argLeaves.map((x) => x.aval) },
    (output) =>
      assertSameStructure(zStructure, zOf(name, output, hasAux), `${name}: z and step(z)`),
  );
  const described = describeStep(traced, start.length, hasAux);
  const packing = new Packing(name, traced.carry, zStructure, options.batchAxis);
  const z = start.map((x, i) => lax.convert(x, traced.carry[i]!.dtype));
  // Everything that the step depends on: what it closes over, and its arguments.
  const theta = [...traced.captured, ...argLeaves.map((x) => lax.convert(x, x.dtype))];
  const apply: Apply = (zs, th) => {
    const captured = th.slice(0, traced.captured.length);
    return evaluate(described.program, [...captured, ...zs, ...th.slice(captured.length)]);
  };
  const problem = { packing, apply, count: described.zCount, options };
  const solve = (zs: readonly Tensor[], th: readonly Tensor[]) => search(problem, zs, th);
  const found = adjoint.kind === "atSolution"
    ? solveAtSolution(problem, solve, z, theta, adjoint)
    : straightThrough(solve(z, theta), z, adjoint.kind === "truncated" ? initGrad : "zero");
  const stats = options.batchAxis === undefined ? squeeze(found.stats) : found.stats;
  watch(name, options.onFail, found.stats.status);
  const aux = hasAux && !options.auxIsChange
    ? unflatten(described.aux, apply(found.point, theta).slice(described.zCount))
    : null;
  return { value: unflatten<Z>(zStructure, found.value), aux, stats };
}

/** The step on leaves: of z, and of everything that it depends on. Gives the leaves of z, then those of aux. */
type Apply = (zs: readonly Tensor[], th: readonly Tensor[]) => Tensor[];

/** A fixed-point problem. */
interface Problem {
  readonly packing: Packing;
  readonly apply: Apply;
  /** The number of leaves z has. */
  readonly count: number;
  readonly options: InnerOptions;
}

/** The leaves of what is returned and of where it was differentiated: the same, but with `finalStep`. */
type Solution = { value: Tensor[]; point: Tensor[]; stats: FixedPointStats };

/** Runs the solver on the float leaves, as rows. */
function search(problem: Problem, zs: readonly Tensor[], th: readonly Tensor[]): Solution {
  const { packing, apply, count, options } = problem;
  const { solver = forward(), adjoint = implicit(), maxSteps, finalStep = false } = options;
  const double = packing.dtype === "float64";
  const map = (z: Point) => {
    const leaves = apply(packing.unpack(z.rows, z.carried), th);
    const point = pointOf(packing, leaves.slice(0, count));
    return options.auxIsChange ? { ...point, change: packing.pack(leaves.slice(count)) } : point;
  };
  const { point: found, stats } = iterate(solver, map, pointOf(packing, zs), packing, {
    maxSteps,
    atol: options.atol ?? (double ? 1e-10 : 1e-6),
    rtol: options.rtol ?? (double ? 1e-9 : 1e-5),
    norm: options.norm ?? "l2",
    // The best iterate may be one that no differentiated step has made.
    best: options.best ?? (solver.returns === "best" && adjoint.kind !== "truncated"),
    unroll: unrollingOf(adjoint),
    passStart: options.initGrad === "throughLastStep",
  });
  const point = packing.unpack(found.rows, found.carried);
  return { value: finalStep ? apply(point, th).slice(0, count) : point, point, stats };
}

function pointOf(packing: Packing, leaves: readonly Tensor[]): Point {
  return { rows: packing.pack(leaves), carried: packing.carried(leaves) };
}

function unrollingOf(adjoint: Adjoint) {
  switch (adjoint.kind) {
    case "unrolled":
      return adjoint.checkpoint ? "checkpoint" : "store";
    case "truncated":
      return { last: adjoint.steps };
    case "atSolution":
      return "no";
  }
}

/** The solution with the derivative that the adjoint gives it, however it was found. */
function solveAtSolution(
  problem: Problem,
  solve: (zs: readonly Tensor[], th: readonly Tensor[]) => Solution,
  z: Tensor[],
  theta: Tensor[],
  adjoint: Extract<Adjoint, { kind: "atSolution" }>,
): Solution {
  // Values that the solver closes over, such as a learning rate, do not move the solution: they have no derivative.
  const { program, captured, output } = traceFunction(solve, [z, theta], problem.options.name);
  const differentiable: (zs: Tensor[], th: Tensor[], own: Tensor[]) => Solution = customJvp(
    (zs, th, own) => unflatten(output, evaluate(program, [...own, ...zs, ...th])),
    ([zs, th, own], [dzs, dth]) => {
      // The function itself, so that higher derivatives see the solution move.
      const result = differentiable(zs, th, own);
      const moved = solutionTangent(problem, result.point, th, [dzs, dth], adjoint);
      const none = Object.fromEntries(Object.keys(result.stats).map((key) => [key, null]));
      // `null` is a symbolic zero, which the types of values do not know.
      return [result, { value: moved, point: moved, stats: none } as never] as const;
    },
  );
  return differentiable(z, theta, [...captured]);
}

/** The tangent of the solution from those of θ (and the start), leaf by leaf; `null` for leaves that are not float. */
function solutionTangent(
  { packing, apply, count, options }: Problem,
  point: readonly Tensor[],
  th: readonly Tensor[],
  [dzs, dth]: readonly [readonly (Tensor | null)[], readonly (Tensor | null)[]],
  adjoint: Extract<Adjoint, { kind: "atSolution" }>,
): (Tensor | null)[] {
  const { rows, carried } = pointOf(packing, point);
  const inTheta = (...t: Tensor[]) => packing.pack(apply(point, t).slice(0, count));
  const [, b] = jvp(inTheta, [...th], [...dth]);
  const inZ = (x: Tensor) => packing.pack(apply(packing.unpack(x, carried), th).slice(0, count));
  const [, jacobian] = linearize(inZ, rows);
  const moved = adjoint.tangent((u) => jacobian(u), b);
  const { initGrad = "zero" } = options;
  const start = initGrad === "zero" || dzs.every((d) => d === null)
    ? null
    : packing.pack(point.map((x, i) => dzs[i] ?? lax.fullLike(x, 0)));
  const through = start && initGrad === "throughLastStep" ? jacobian(start) : start;
  return packing.unpack<Tensor | null>(
    through ? lax.add(moved, through) : moved,
    carried.map(() => null),
  );
}

/** The solution, which moves with the start as if it were the start. */
function straightThrough(
  { value, point, stats }: Solution,
  z0: readonly Tensor[],
  initGrad: FixedPointOptions["initGrad"],
): Solution {
  if (initGrad !== "straightThrough") return { value, point, stats };
  const through = (xs: readonly Tensor[]) =>
    xs.map((x, i) => isFloat(x.dtype) ? lax.add(x, lax.sub(z0[i]!, stopGradient(z0[i]!))) : x);
  return { value: through(value), point: through(point), stats };
}

function squeeze(stats: FixedPointStats): FixedPointStats {
  const entries = Object.entries(stats).map(([key, x]) =>
    [key, lax.reshape(x, x.shape.slice(0, -1))] as const
  );
  return Object.fromEntries(entries) as { [key: string]: Tensor } as FixedPointStats;
}

/** A step's leaves as a program: constants it captured, z, arguments; gives z, then aux. */
interface Step {
  readonly program: Program;
  readonly zCount: number;
  readonly aux: Structure;
}

function describeStep({ program, output }: TracedStep, zCount: number, hasAux: boolean): Step {
  const aux = hasAux && output.kind === "array" ? output.children[1]! : { kind: "null" } as const;
  return { program, zCount, aux };
}

/** The structure of z in that of what the step returns. */
function zOf(name: string, output: Structure, hasAux: boolean): Structure {
  if (!hasAux) return output;
  if (output.kind === "array" && output.children.length === 2) return output.children[0]!;
  throw new TreeError(`${name}: step does not return a pair`, "return [z, aux]");
}
