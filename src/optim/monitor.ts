/** Measurements of updates on their way, kept in the state. */
import type { Tensor } from "../public.ts";
import { boolean, callable, declareOptions, requireArgument, text } from "../options/index.ts";
import { requireState } from "./checks.ts";
import { ema, type EmaState } from "./ema.ts";
import { zerosLike } from "./leaves.ts";
import type { Extra, GradientTransformation } from "./transformation.ts";

/** A measurement: a function of updates to a tree of tensors. */
export type Measure = (updates: unknown) => unknown;

/** A measurement that keeps a state from step to step. */
export interface StatefulMeasure<State = unknown> {
  /** The state before the first update. */
  init(params: unknown): State;
  /** The measurement, and the next state. */
  update(updates: unknown, state: State, params?: unknown, extra?: Extra): [unknown, State];
}

/** The state of {@link snapshot}. */
export interface SnapshotState {
  /** The measurement of the last update, by its name; of zeros before the first. */
  readonly measurements: { readonly [name: string]: unknown };
}

const aMeasure = callable<Measure>("optim.globalNorm");

/**
 * Lets updates through, and keeps a measurement of them.
 *
 * ```ts
 * import { np, optim, type Tensor } from "trilevel";
 * const optimizer = optim.chain(optim.snapshot("norm", optim.globalNorm), optim.sgd(0.1));
 * const [, [{ measurements }]] = optimizer.update(np.array([3, 4]), optimizer.init(np.zeros([2])));
 * console.assert(await (measurements.norm as Tensor).item() === 5);
 * ```
 */
export function snapshot(name: string, measure: Measure): GradientTransformation<SnapshotState> {
  requireArgument("optim.snapshot", "name", text, name);
  requireArgument("optim.snapshot", "measure", aMeasure, measure, ['"norm"']);
  return {
    init: (params) => ({ measurements: { [name]: measure(zerosLike(params)) } }),
    update: (updates) => [updates, { measurements: { [name]: measure(updates) } }],
  };
}

/** The state of {@link monitor}. */
export interface MonitorState extends SnapshotState {
  /** The states of measures that have one, by their names; null for others. */
  readonly measureStates: { readonly [name: string]: unknown };
}

/**
 * Lets updates through, and keeps measurements of them by name: functions, or measures with a state, such as
 * {@link measureWithEma}.
 *
 * ```ts
 * import { np, optim, type Tensor } from "trilevel";
 * const measures = { norm: optim.globalNorm, mean: optim.measureWithEma(optim.globalNorm, 0.9) };
 * const monitor = optim.monitor(measures);
 * const [, { measurements }] = monitor.update(np.array([3, 4]), monitor.init(np.zeros([2])));
 * console.assert(Math.abs(await (measurements.mean as Tensor).item() - 5) < 1e-5);
 * ```
 */
export function monitor(
  measures: { readonly [name: string]: Measure | StatefulMeasure },
): GradientTransformation<MonitorState> {
  const entries = Object.entries(measures).map(([name, measure]): [string, StatefulMeasure] => [
    name,
    typeof measure === "function"
      ? { init: () => null, update: (updates, state) => [measure(updates), state] }
      : measure,
  ]);
  const measured = (
    updates: unknown,
    states: { readonly [name: string]: unknown },
    params?: unknown,
    extra?: Extra,
  ): MonitorState => {
    const results = entries.map(([name, m]) => {
      const [measurement, state] = m.update(updates, states[name], params, extra);
      return { name, measurement, state };
    });
    return {
      measurements: Object.fromEntries(results.map((r) => [r.name, r.measurement])),
      measureStates: Object.fromEntries(results.map((r) => [r.name, r.state])),
    };
  };
  return {
    init(params) {
      const measureStates = Object.fromEntries(entries.map(([n, m]) => [n, m.init(params)]));
      // Measured of zeros, so that states have one structure before and after the first update.
      const { measurements } = measured(zerosLike(params), measureStates, params);
      return { measurements, measureStates };
    },
    update(updates, state, params, extra) {
      requireState("monitor", state, ["measurements", "measureStates"]);
      return [updates, measured(updates, state.measureStates, params, extra)];
    },
  };
}

const checkAverage = declareOptions<{ readonly debias?: boolean }>(
  "optim.measureWithEma",
  ["measure", "0.9"],
  { debias: boolean },
);

/**
 * The moving average of a measurement, for {@link monitor}: see `ema` for its options.
 *
 * ```ts
 * import { np, optim, type Tensor } from "trilevel";
 * const average = optim.measureWithEma(optim.globalNorm, 0.5);
 * const [norm] = average.update(np.array([3, 4]), average.init(np.zeros([2])));
 * console.assert(Math.abs(await (norm as Tensor).item() - 5) < 1e-5);
 * ```
 */
export function measureWithEma(
  measure: Measure,
  decay: number | Tensor,
  options: { readonly debias?: boolean } = {},
): StatefulMeasure<EmaState> {
  requireArgument("optim.measureWithEma", "measure", aMeasure, measure);
  checkAverage(options);
  const average = ema(decay, options);
  return {
    init: (params) => average.init(measure(zerosLike(params))),
    update: (updates, state) => average.update(measure(updates), state),
  };
}
