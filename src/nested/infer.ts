/** `infer`: solves a level for one datum or one batch, in any way and with any derivative. */
import { scan } from "../control/index.ts";
import { ArgumentError, type Tensor } from "../public.ts";
import { leaves, type Tree } from "../tree.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  count,
  declareOptions,
  integer,
  nonNegative,
  oneOf,
  required,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { type FixedPointSolver, FixedPointStatus, forward } from "../solvers/index.ts";
import { solverKind } from "../solvers/solver.ts";
import { adjointKind } from "../implicit/options.ts";
import {
  type Adjoint,
  fixedPointIteration,
  type FixedPointOptions,
  type FixedPointStats,
  unrolled,
} from "../implicit/index.ts";
import { checkpoint, stopGradient } from "../transforms/index.ts";
import { type At, cutWhere, type Level, mapLeaves, splitStep } from "./level.ts";

/** Options of {@link infer}. */
export interface InferOptions<Collect extends "last" | "all" = "last" | "all"> {
  /** The number of steps; with tolerances, the most. */
  readonly steps: number;
  /** The solver that finds the point. Default `forward()`: λ_{t+1} = step(λ_t). */
  readonly solver?: FixedPointSolver;
  /** The adjoint that differentiates the result. Default `unrolled()`: through every step. */
  readonly adjoint?: Adjoint;
  /** The iterates that the outer objective may see: the last one (the default), or all of them. */
  readonly collect?: Collect;
  /**
   * The random key of step t: `"fresh"` folds t in, `"fixed"` gives every step the same key, and t = 0, so that every step
   * is the same map, as a fixed point needs. Default: `"fixed"` where a fixed point is sought (by the adjoint, by a solver
   * other than `forward()`, or by a tolerance), else `"fresh"`.
   */
  readonly noise?: "fresh" | "fixed";
  /** Tolerances at which samples stop before `steps`, as in `fixedPointIteration`. Defaults 0 and 0: all steps are taken. */
  readonly atol?: number;
  /** See `atol`. */
  readonly rtol?: number;
  /** The axis of every leaf of λ that counts samples, which then have statistics (and stop) on their own. */
  readonly batchAxis?: number;
  /** Return one more step from the solution and differentiate that, as in `fixedPointIteration`. Default false. */
  readonly finalStep?: boolean;
  /** The derivative in the first λ, as in `fixedPointIteration`. Default "zero". */
  readonly initGrad?: NonNullable<FixedPointOptions["initGrad"]>;
}

/** The result of {@link infer}. */
export interface Inferred<Z, Y, Collect extends "last" | "all" = "last"> {
  /** The last iterate, or the solver's solution. */
  readonly value: Z;
  /** With `collect: "all"` the iterates λ₁ … λ_T on a new first axis of every leaf; else null. */
  readonly each: Collect extends "all" ? Z : null;
  /** The outputs y of the steps: on a new first axis with `collect: "all"`, else that of a step from the value. */
  readonly ys: Y;
  /** Statistics of the iteration, as those of `fixedPointIteration`; for each sample with `batchAxis`. */
  readonly stats: FixedPointStats;
}

/** The kinds of the options, which `sequence` and `minimise` share. */
export const inferOptions = {
  steps: required(count),
  solver: solverKind,
  adjoint: adjointKind,
  collect: oneOf("last", "all"),
  noise: oneOf("fresh", "fixed"),
  atol: nonNegative,
  rtol: nonNegative,
  batchAxis: integer,
  finalStep: boolean,
  initGrad: oneOf("zero", "straightThrough", "throughLastStep"),
} as const;

const checkOptions = declareOptions<InferOptions>("infer", ["level"], inferOptions);

/**
 * The function `(w, x, key) => { value, each, ys, stats }` that iterates a level for a datum x from `init(w, x, key)`.
 *
 * Vanilla and implicit systems differ by the adjoint alone: `unrolled()` differentiates all steps, `truncated({ steps })`
 * cuts the carry every few steps, `oneStep()`, `neumann`, `phantom` and `implicit` differentiate the fixed point. An outer
 * objective on all iterates (`collect: "all"`) goes with `unrolled()` and with `truncated`, where each iterate trains
 * the last applications of the step before it: `truncated({ steps: 1 })` is how iterative amortized inference is trained.
 *
 * ```ts
 * import { grad, infer, type Level, np, oneStep, random, type Tensor } from "trilevel";
 * // Babylonian square roots: λ ← (λ + x/λ)/2 has the fixed point √x.
 * const level: Level<null, Tensor, Tensor> = {
 *   init: (_, x) => np.onesLike(x),
 *   step: (_, z, x) => z.add(x.div(z)).mul(0.5),
 * };
 * const root = infer(level, { steps: 20, adjoint: oneStep() });
 * const slope = grad((x: Tensor) => root(null, x, random.key(0)).value);
 * console.assert(Math.abs(await slope(np.array(4)).item() - 0.25) < 1e-6);
 * ```
 *
 * @throws ArgumentError for options that contradict each other; TreeError, ShapeError or DTypeError when a step changes
 * the tree of λ.
 */
export function infer<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  options: InferOptions<"last">,
): (w: W, x: X, key: Tensor) => Inferred<Z, Y, "last">;
/** With `collect: "all"`, all iterates. */
export function infer<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  options: InferOptions<"all"> & { readonly collect: "all" },
): (w: W, x: X, key: Tensor) => Inferred<Z, Y, "all">;
export function infer<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  options: InferOptions,
): (w: W, x: X, key: Tensor) => Inferred<Z, Y, "last" | "all"> {
  checkOptions(options);
  const { collect = "last" } = options;
  const adjoint = ofAllSteps(options) ? unrolled() : options.adjoint ?? unrolled();
  const { noise = defaultNoise({ ...options, adjoint }) } = options;
  const own: Own = { ...options, adjoint, noise };
  refuseContradictions(own);
  return collect === "all" ? allIterates(level, own) : lastIterate(level, own);
}

/** True if the adjoint cuts nothing, because the iteration has no more steps than it keeps. */
function ofAllSteps({ adjoint, steps, atol = 0, rtol = 0 }: InferOptions): boolean {
  return adjoint?.kind === "truncated" && adjoint.steps >= steps && atol === 0 && rtol === 0;
}

/** The noise of an iteration whose options do not name it. */
export function defaultNoise(
  { adjoint, solver, atol = 0, rtol = 0 }: Pick<
    InferOptions,
    "adjoint" | "solver" | "atol" | "rtol"
  >,
): "fresh" | "fixed" {
  const fixedPoint = adjoint?.kind === "atSolution" || isOther(solver) || atol > 0 || rtol > 0;
  return fixedPoint ? "fixed" : "fresh";
}

/** True for a solver that does not simply repeat the step. */
function isOther(solver: FixedPointSolver | undefined): boolean {
  return solver !== undefined && solver.name !== forward().name;
}

/** Options whose defaults are filled in. */
interface Own extends InferOptions {
  readonly adjoint: Adjoint;
  readonly noise: "fresh" | "fixed";
}

function refuseContradictions({ adjoint, noise, collect, solver, atol, rtol, ...rest }: Own): void {
  const refuse = (message: string, hint: string): never => {
    throw new ArgumentError(`infer: ${message}`, hint);
  };
  const ownSolver = isOther(solver) ? solver : undefined;
  const stops = Boolean(atol) || Boolean(rtol);
  if (collect === "all") {
    if (adjoint.kind === "atSolution") {
      refuse(
        `collect: "all" cannot be combined with the adjoint ${adjoint.name}, which differentiates one point, the last iterate`,
        "give unrolled(), or truncated({ steps: 1 }), by which each iterate trains the one step that led to it",
      );
    }
    if (ownSolver) {
      refuse(
        `collect: "all" cannot be combined with the solver ${ownSolver.name}, whose iterates are not those of the level's step`,
        'leave the solver out, or give collect: "last"',
      );
    }
    if (stops || rest.finalStep || rest.initGrad) {
      refuse(
        'collect: "all" cannot be combined with atol, rtol, finalStep or initGrad, which are about one solution',
        "leave them out: all steps are taken, and each iterate has the derivative of its own steps",
      );
    }
  }
  if (noise === "fixed") return;
  if (adjoint.kind === "atSolution" || ownSolver) {
    refuse(
      `noise: "fresh" cannot be combined with ${
        ownSolver ? `the solver ${ownSolver.name}` : `the adjoint ${adjoint.name}`
      }: a fixed point needs the same map in every step`,
      'give noise: "fixed", or the solver forward() and the adjoint unrolled() or truncated({ steps })',
    );
  }
  if (stops) {
    refuse(
      'noise: "fresh" cannot be combined with a tolerance: with new noise in each step no iterate stays the same',
      'give noise: "fixed", or leave atol and rtol out',
    );
  }
}

/** The place of step t. The key is made only when it is read. */
export function at(t: Tensor, key: Tensor): At {
  return {
    t,
    get key() {
      return random.foldIn(key, t.add(1));
    },
  };
}

const zero = () => np.array(0, { dtype: "int32" });

function lastIterate<W, X, Z, Y>(level: Level<W, X, Z, Y>, own: Own) {
  const { steps, solver = forward(), adjoint, batchAxis, atol = 0, rtol = 0 } = own;
  const shared = {
    solver,
    adjoint,
    maxSteps: steps,
    atol,
    rtol,
    hasAux: true,
    ...own.finalStep !== undefined && { finalStep: own.finalStep },
    ...own.initGrad !== undefined && { initGrad: own.initGrad },
  } as const;
  return (w: W, x: X, key: Tensor): Inferred<Z, Y, "last"> => {
    const z0 = level.init(w, x, key);
    const move = (z: Z, t: Tensor) => splitStep(z, level.step(w, z, x, at(t, key)));
    if (own.noise === "fixed") {
      const solve = fixedPointIteration((z: Z) => move(z, zero()), {
        ...shared,
        ...batchAxis !== undefined && { batchAxis },
      });
      const { value, aux, stats } = solve(z0);
      return { value, each: null, ys: aux as Y, stats }; // null where Y is
    }
    const solve = fixedPointIteration(({ z, t }: { z: Z; t: Tensor }) => {
      const [next, y] = move(z, t);
      return [{ z: next, t: t.add(1) }, y] as const;
    }, {
      ...shared,
      // The counter is one for all samples.
      ...batchAxis !== undefined && { batchAxis: { z: batchAxis, t: null } },
    });
    const { value, aux, stats } = solve({ z: z0, t: zero() });
    return { value: value.z, each: null, ys: aux as Y, stats };
  };
}

function allIterates<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  { steps, adjoint, noise, batchAxis }: Own,
) {
  return (w: W, x: X, key: Tensor): Inferred<Z, Y, "all"> => {
    const body = ([z, t]: readonly [Z, Tensor], _: null) => {
      const from = adjoint.kind === "truncated" ? cut(z, t, steps, adjoint.steps) : z;
      const place = at(noise === "fixed" ? zero() : t, key);
      const [next, y] = splitStep(z, level.step(w, from, x, place));
      return [[next, t.add(1)], [next, y]] as const;
    };
    const stored = adjoint.kind === "unrolled" && adjoint.checkpoint ? checkpoint(body) : body;
    const z0 = level.init(w, x, key);
    const [[value], [each, ys]] = scan(stored, [z0, zero()] as const, null, { length: steps });
    const trace = distances(z0, each, batchAxis);
    // One more step, which compiled functions leave out when the residual is not read.
    const beyond = level.step(
      w,
      value,
      x,
      at(noise === "fixed" ? zero() : np.array(steps, { dtype: "int32" }), key),
    );
    const onTop = mapLeaves((leaf) => np.expandDims(leaf, 0), splitStep(value, beyond)[0]);
    const residual = np.squeeze(distances(value, onTop, batchAxis), 0);
    const atRest = np.equal(residual, 0);
    const unsettled = np.where(
      np.isfinite(residual),
      FixedPointStatus.maxSteps,
      FixedPointStatus.diverged,
    );
    const stats: FixedPointStats = {
      steps: np.full(residual.shape, steps, { dtype: "int32" }),
      trace,
      residual,
      converged: atRest,
      status: np.where(atRest, FixedPointStatus.converged, unsettled).astype("int32"),
    };
    return { value, each, ys: ys as Y, stats }; // null where Y is
  };
}

/** λ_t, constant to the steps that follow where the carry is cut: at T - k, T - 2k, … */
function cut<Z>(z: Z, t: Tensor, steps: number, every: number): Z {
  if (every === 1) return mapLeaves(stopGradient, z);
  return cutWhere(np.equal(np.mod(np.subtract(steps, t), every), 0), z);
}

/** ‖λ_{t+1} - λ_t‖ for t = 0 … T - 1 over the leaves that are float, for each sample where an axis counts them. */
function distances(first: unknown, each: unknown, batchAxis: number | undefined): Tensor {
  const starts = leaves(first as Tree<Tensor>); // iterates are trees of tensors
  const squares = leaves(each as Tree<Tensor>).flatMap((after, i) => {
    if (after.dtype !== "float32" && after.dtype !== "float64") return [];
    const start = np.expandDims(starts[i]!, 0);
    const before = np.concatenate([start, np.slice(after, [0, -1])]);
    const samples = batchAxis === undefined
      ? 0
      : 1 + (batchAxis + start.ndim - 1) % (start.ndim - 1);
    const axis = after.shape.map((_, k) => k).filter((k) => k !== 0 && k !== samples);
    return [np.sum(np.square(stopGradient(after.sub(before))), { axis })];
  });
  return np.sqrt(squares.reduce((sum, square) => sum.add(square), np.array(0)));
}
