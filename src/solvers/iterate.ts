/**
 * The loop around every fixed-point solver: measures residuals, stops each sample on its own, keeps its best
 * iterate, and reports statistics, which always belong to the value that is returned.
 */
import { scan, whileLoop } from "../control/index.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Tree } from "../core/tree.ts";
import * as lax from "../primitives/index.ts";
import { checkpoint } from "../transforms/checkpoint.ts";
import { detached, stopGradient } from "../transforms/stopGradient.ts";
import { chooseRows, like, type Norm, rowNorm } from "./rows.ts";
import type { FixedPointSolver } from "./solver.ts";

/** The reasons why a fixed-point iteration ends, by the numbers in `stats.status`. */
export const FixedPointStatus = {
  /** The residual is within the tolerance. */
  converged: 0,
  /** The limit of steps was reached before. */
  maxSteps: 1,
  /** The residual became infinite or NaN; the value is the best finite iterate before. */
  diverged: 2,
} as const;

/** An iterate: rows, and the leaves that are carried beside them. */
export type Point = { readonly rows: Tensor; readonly carried: readonly Tensor[] };

/** The map on whole iterates. */
export interface PointMap {
  /** The next point, and f(z) - z where the map knows it more precisely than as a difference. */
  (z: Point): Point & { readonly change?: Tensor };
}

/** The part of `Packing` that separates carried leaves by sample. */
export interface Carrier {
  choose(condition: Tensor, a: readonly Tensor[], b: readonly Tensor[]): Tensor[];
  same(a: readonly Tensor[], b: readonly Tensor[]): Tensor;
}

/** When to stop, and what to return. */
export interface IterateOptions {
  readonly maxSteps: number;
  readonly atol: number;
  readonly rtol: number;
  readonly norm: Norm;
  /** Return the iterate of the smallest residual, not the last. */
  readonly best: boolean;
  /** The way in which the loop is differentiated: not at all, stored, computed again, or the last steps only. */
  readonly unroll: "no" | "store" | "checkpoint" | { readonly last: number };
  /** For the last steps only: hands the derivative of where they begin on to the start. */
  readonly passStart?: boolean;
}

/** The outcome, one entry per row. */
export interface Iterated {
  readonly point: Point;
  readonly stats: {
    readonly steps: Tensor;
    readonly residual: Tensor;
    readonly trace: Tensor;
    readonly converged: Tensor;
    readonly status: Tensor;
    readonly [key: string]: Tensor;
  };
}

// A type, not an interface: only those are trees to the type system.
type Loop = {
  readonly z: Point;
  readonly state: Tree<Tensor>;
  /** The best point so far; null where the last one is returned. */
  readonly best: Point | null;
  readonly residual: Tensor;
  readonly trace: Tensor;
  readonly steps: Tensor;
  readonly done: Tensor;
  readonly status: Tensor;
  readonly k: Tensor;
};

// As many steps as slot attention takes: so few are not worth asking after each whether all rows are done.
const fewSteps = 16;

/** Applies the solver's rule until every row is done. */
export function iterate(
  solver: FixedPointSolver,
  map: PointMap,
  z0: Point,
  carrier: Carrier,
  options: IterateOptions,
): Iterated {
  const { maxSteps, best, unroll } = options;
  const batch = z0.rows.shape[0]!;
  const infinite = lax.full([batch], Infinity, z0.rows.dtype);
  const status = (x: number) => lax.full([batch], x, "int32");
  const start: Loop = {
    z: z0,
    state: solver.init(z0.rows),
    best: best ? z0 : null,
    residual: infinite,
    trace: lax.full([maxSteps, batch], Infinity, z0.rows.dtype),
    steps: status(0),
    done: lax.full([batch], 0, "bool"),
    status: status(FixedPointStatus.maxSteps),
    k: lax.full([], 0, "int32"),
  };
  const choose = (condition: Tensor, a: Point, b: Point): Point => ({
    rows: chooseRows(condition, a.rows, b.rows),
    carried: carrier.choose(condition, a.carried, b.carried),
  });
  // Without a tolerance the last iterate is the one after all steps, at rest or not: its derivative, too, is then
  // that of a loop written out.
  const fixed = options.atol === 0 && options.rtol === 0;

  const advance = (s: Loop, allSteps: boolean): Loop => {
    const image = map(s.z);
    const { change, residual, within, finite } = look(s.z, image, carrier, options);
    const mapHere = (rows: Tensor) => map({ rows, carried: s.z.carried }).rows;
    const next = solver.next(s.z.rows, image.rows, s.state, mapHere, change);
    // If the next iterate is not the image, it has not been checked yet that it is finite.
    const sound = best || next.z === image.rows
      ? finite
      : lax.and(finite, lax.finite(lax.reduceSum(stopGradient(next.z), [1])));
    const ended = allSteps ? lax.not(sound) : lax.or(within, lax.not(sound));
    const active = lax.not(s.done);
    const better = lax.and(finite, lax.or(within, lax.lt(residual, s.residual)));
    const told = best ? lax.and(active, better) : active;
    const here = lax.eq(
      lax.iota(s.trace.shape, "int32", 0),
      lax.broadcast(s.k, s.trace.shape, []),
    );
    const shown = lax.broadcast(lax.select(active, residual, infinite), s.trace.shape, [1]);
    const now = lax.select(
      sound,
      allSteps ? s.status : lax.select(within, status(FixedPointStatus.converged), s.status),
      status(FixedPointStatus.diverged),
    );
    return {
      z: choose(
        lax.and(active, lax.not(ended)),
        { rows: next.z, carried: image.carried },
        s.z,
      ),
      state: next.state,
      best: s.best && choose(told, s.z, s.best),
      residual: lax.select(told, lax.select(finite, residual, infinite), s.residual),
      trace: lax.select(here, shown, s.trace),
      steps: lax.add(s.steps, lax.convert(active, "int32")),
      done: lax.or(s.done, ended),
      status: lax.select(active, now, s.status),
      k: lax.add(s.k, like(s.k, 1)),
    };
  };

  const run = (from: Loop, length: number, how: "no" | "store" | "checkpoint", all: boolean) => {
    if (length === 0) return from;
    const body = (s: Loop) => advance(s, all);
    if (how === "no" && !all && !(fixed && length <= fewSteps)) {
      const going = (s: Loop) => lax.not(lax.reduceAnd(s.done, [0]));
      return whileLoop(going, body, from, { maxSteps: length });
    }
    const step = how === "checkpoint" ? checkpoint(body) : body;
    return scan((s: Loop) => [step(s), null] as const, from, null, { length })[0];
  };

  /** The last steps only: what came before is constant, and samples that have converged go on. */
  const runLast = (steps: number): Loop => {
    const length = Math.min(steps, maxSteps);
    const before = detached((s: Loop) => run(s, maxSteps - length, "no", fixed && !best), start);
    const diverged = lax.eq(before.status, status(FixedPointStatus.diverged));
    const { rows } = before.z;
    const through = options.passStart
      ? lax.add(rows, lax.sub(z0.rows, stopGradient(z0.rows)))
      : rows;
    return run(
      {
        ...before,
        z: { ...before.z, rows: through },
        done: diverged,
        status: lax.select(diverged, before.status, status(FixedPointStatus.maxSteps)),
      },
      length,
      "store",
      true,
    );
  };

  /** Measures where the steps ran out: the last iterate has not been looked at. */
  const measured = (end: Loop): Loop =>
    detached((s: Loop) => {
      const { residual, within, finite } = look(s.z, map(s.z), carrier, options);
      const now = lax.select(within, status(FixedPointStatus.converged), s.status);
      const seen = lax.select(finite, now, status(FixedPointStatus.diverged));
      return {
        ...s,
        residual: lax.select(s.done, s.residual, lax.select(finite, residual, infinite)),
        status: lax.select(s.done, s.status, seen),
      };
    }, end);

  const end = typeof unroll === "object"
    ? runLast(unroll.last)
    : run(start, maxSteps, unroll, fixed && !best);
  const { residual, trace, steps, status: how } = best || maxSteps === 0 ? end : measured(end);
  const converged = lax.eq(how, status(FixedPointStatus.converged));
  return {
    point: end.best ?? end.z,
    stats: { steps, residual, trace, converged, status: how },
  };
}

/** The distance of a point from its image. Neither stop tests nor statistics are differentiated. */
function look(
  z: Point,
  image: ReturnType<PointMap>,
  carrier: Carrier,
  { atol, rtol, norm }: IterateOptions,
) {
  const change = image.change ?? lax.sub(image.rows, z.rows);
  const seen = stopGradient(change);
  const residual = rowNorm(seen, norm);
  // If only rest and NaN count, a plain sum shows both, and is cheaper than a norm that is not read.
  const fixed = atol === 0 && rtol === 0;
  const measure = fixed ? lax.reduceSum(lax.abs(seen), [1]) : residual;
  // Below a few roundings of f(z), a residual is chance.
  const rounding = 4 * (z.rows.dtype === "float64" ? 2 ** -52 : 2 ** -23);
  const bound = fixed ? like(measure, 0) : lax.add(
    lax.mul(rowNorm(stopGradient(image.rows), norm), like(residual, Math.max(rtol, rounding))),
    like(residual, atol),
  );
  const finite = lax.finite(measure);
  const small = lax.and(finite, lax.le(measure, bound));
  const within = z.carried.length === 0
    ? small
    : lax.and(small, carrier.same(z.carried, image.carried));
  return { change, residual, within, finite };
}
