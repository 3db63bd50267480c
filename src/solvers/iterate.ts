/**
 * The loop around every fixed-point solver: measures residuals, stops each sample on its own, keeps its best
 * iterate, and tells what happened.
 */
import { scan, whileLoop } from "../control/index.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Tree } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { checkpoint } from "../transforms/checkpoint.ts";
import { stopGradient } from "../transforms/stopGradient.ts";
import { chooseRows, like, type Norm, rowNorm } from "./rows.ts";
import type { FixedPointSolver, RowMap } from "./solver.ts";

/** How a fixed-point iteration ended, by the numbers in `stats.status`. */
export const FixedPointStatus = {
  /** The residual is within the tolerance. */
  converged: 0,
  /** The limit of steps was reached before. */
  maxSteps: 1,
  /** The residual became infinite or NaN; the value is the best finite iterate before. */
  diverged: 2,
} as const;

/** When to stop, and what to return. */
export interface IterateOptions {
  readonly maxSteps: number;
  readonly atol: number;
  readonly rtol: number;
  readonly norm: Norm;
  /** Return the iterate of the smallest residual, not the last. */
  readonly best: boolean;
  /** How the loop is to be differentiated through: not at all, or stored, or computed again. */
  readonly unroll: "no" | "store" | "checkpoint";
}

/** What came of it, one entry per row. */
export interface Iterated {
  readonly value: Tensor;
  readonly steps: Tensor;
  readonly residual: Tensor;
  readonly trace: Tensor;
  readonly converged: Tensor;
  readonly status: Tensor;
  readonly [key: string]: Tensor;
}

// A type, not an interface: only those are trees to the type system.
type Loop = {
  readonly z: Tensor;
  readonly state: Tree<Tensor>;
  readonly value: Tensor;
  readonly residual: Tensor;
  readonly trace: Tensor;
  readonly steps: Tensor;
  readonly done: Tensor;
  readonly status: Tensor;
  readonly k: Tensor;
};

// As many steps as slot attention takes.
const fewSteps = 16;

/** Applies the solver's rule until every row is done. */
export function iterate(
  solver: FixedPointSolver,
  map: RowMap,
  z0: Tensor,
  options: IterateOptions,
): Iterated {
  const { maxSteps, atol, rtol, norm, best, unroll } = options;
  const batch = z0.shape[0]!;
  const infinite = lax.full([batch], Infinity, z0.dtype);
  const start: Loop = {
    z: z0,
    state: solver.init(z0),
    value: z0,
    residual: infinite,
    trace: lax.full([maxSteps, batch], Infinity, z0.dtype),
    steps: lax.full([batch], 0, "int32"),
    done: lax.full([batch], 0, "bool"),
    status: lax.full([batch], FixedPointStatus.maxSteps, "int32"),
    k: lax.full([], 0, "int32"),
  };
  // Without a tolerance only rows at rest or out of bounds end early: a few steps are not worth asking.
  const fixed = atol === 0 && rtol === 0;
  // The result is where the rows are in the end: one that is done moves no more.
  const last = solver.returns === "next" && !best;
  const step = (s: Loop): Loop => {
    const f = map(s.z);
    // What decides and what is told is not differentiated.
    const [zNow, fNow] = [stopGradient(s.z), stopGradient(f)];
    const change = lax.sub(fNow, zNow);
    const residual = rowNorm(change, norm);
    // Where only rest and NaN count, a plain sum knows both, and is cheaper than a norm that nobody reads.
    const measure = fixed ? lax.reduceSum(lax.abs(change), [1]) : residual;
    const absolute = like(residual, atol);
    const bound = rtol === 0
      ? absolute
      : lax.add(lax.mul(rowNorm(fNow, norm), like(residual, rtol)), absolute);
    const active = lax.not(s.done);
    const finite = lax.finite(measure);
    const within = lax.and(finite, lax.le(measure, bound));
    const proposal = solver.next(s.z, f, s.state, map);
    const candidate = solver.returns === "next" ? proposal.z : s.z;
    const better = lax.or(within, lax.lt(residual, s.residual));
    const take = lax.and(active, best ? lax.and(finite, better) : finite);
    const move = lax.and(active, lax.and(finite, lax.not(within)));
    const number = (x: number) => like(s.status, x);
    const ended = lax.select(
      within,
      number(FixedPointStatus.converged),
      lax.select(finite, s.status, number(FixedPointStatus.diverged)),
    );
    const here = lax.eq(
      lax.iota(s.trace.shape, "int32", 0),
      lax.broadcast(s.k, s.trace.shape, []),
    );
    const shown = lax.select(active, residual, infinite);
    return {
      z: last ? chooseRows(take, proposal.z, s.z) : chooseRows(move, proposal.z, s.z),
      state: proposal.state,
      value: last ? s.value : chooseRows(take, candidate, s.value),
      residual: lax.select(take, residual, s.residual),
      trace: lax.select(here, lax.broadcast(shown, s.trace.shape, [1]), s.trace),
      steps: lax.add(s.steps, lax.convert(active, "int32")),
      done: lax.or(s.done, lax.or(within, lax.not(finite))),
      status: lax.select(active, ended, s.status),
      k: lax.add(s.k, like(s.k, 1)),
    };
  };
  let end: Loop;
  if (maxSteps === 0) end = start;
  else if (unroll === "no" && !(fixed && maxSteps <= fewSteps)) {
    end = whileLoop((s: Loop) => lax.not(lax.reduceAnd(s.done, [0])), step, start, { maxSteps });
  } else {
    const body = unroll === "checkpoint" ? checkpoint(step) : step;
    [end] = scan((s: Loop) => [body(s), null] as const, start, null, { length: maxSteps });
  }
  return {
    value: last ? end.z : end.value,
    steps: end.steps,
    residual: end.residual,
    trace: end.trace,
    converged: lax.eq(end.status, like(end.status, FixedPointStatus.converged)),
    status: end.status,
  };
}
