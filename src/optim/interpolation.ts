/** Schedules through several points, and warm restarts. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  declareOptions,
  finite,
  fraction,
  oneOf,
  positive,
  requireArgument,
  required,
  size,
} from "../options/index.ts";
import {
  constantSchedule,
  joinSchedules,
  requireSteps,
  type Schedule,
  type WarmupCosineDecayOptions,
  warmupCosineDecaySchedule,
} from "./schedules.ts";

/**
 * From value to value, each multiplied by the scale of the boundary that it is reached at: along lines, or half waves
 * of a cosine.
 *
 * ```ts
 * import { optim } from "trilevel";
 * const s = optim.piecewiseInterpolateSchedule("linear", 1, { 10: 3, 20: 0 });
 * console.assert(await s(5).item() === 2 && await s(15).item() === 1.5);
 * ```
 *
 * @throws ArgumentError for a negative scale.
 */
export function piecewiseInterpolateSchedule(
  interpolateType: "linear" | "cosine",
  initValue: number,
  boundariesAndScales: { readonly [step: number]: number } = {},
): Schedule {
  const name = "optim.piecewiseInterpolateSchedule";
  requireArgument(name, "interpolateType", oneOf("linear", "cosine"), interpolateType);
  requireArgument(name, "initValue", finite, initValue, ['"linear"']);
  requireSteps(name, boundariesAndScales);
  const pieces = Object.entries(boundariesAndScales).map(([step, scale]) => ({
    step: Number(step),
    scale,
  })).sort((a, b) => a.step - b.step);
  const wrong = pieces.find(({ scale }) => !(scale >= 0));
  if (wrong !== undefined) {
    throw new ArgumentError(
      `${name}: the scale at step ${wrong.step} is ${wrong.scale}`,
      "give scales of 0 or more",
    );
  }
  let [value, from] = [initValue, 0];
  const intervals = pieces.map(({ step, scale }) => {
    const interval = { from, to: step, start: value, end: value * scale };
    [value, from] = [interval.end, step];
    return interval;
  });
  const last = value;
  if (intervals.length === 0) return constantSchedule(initValue);
  // The weight of an end, from integers, so that neither loses digits near the other.
  const weight = (part: Tensor) =>
    interpolateType === "linear" ? part : np.square(np.sin(part.mul(Math.PI / 2)));
  return (count, dtype = "float32") =>
    intervals.reduceRight((later, { from, to, start, end }) => {
      const part = (steps: Tensor) => weight(np.astype(steps, dtype).div(Math.max(to - from, 1)));
      const inside = part(np.subtract(to, count)).mul(start)
        .add(part(np.subtract(count, from)).mul(end));
      return np.where(np.less(count, to), inside, later);
    }, np.full([], last, { dtype }));
}

/** Options of {@link cosineOnecycleSchedule}. */
export interface OnecycleOptions {
  /** The number of steps the cycle takes. */
  readonly transitionSteps: number;
  /** The largest value. */
  readonly peakValue: number;
  /** The fraction of steps after which it is reached; 0.3. */
  readonly pctStart?: number;
  /** The number of times smaller the first value is; 25. */
  readonly divFactor?: number;
  /** The number of times smaller than the first the last value is; 1e4. */
  readonly finalDivFactor?: number;
}

/** Options of {@link linearOnecycleSchedule}. */
export interface LinearOnecycleOptions extends OnecycleOptions {
  /** The fraction of steps after which the value is the first again; 0.85. */
  readonly pctFinal?: number;
}

const onecycleKinds = {
  transitionSteps: required(size),
  peakValue: required(finite),
  pctStart: fraction,
  divFactor: positive,
  finalDivFactor: positive,
} as const;
const checkCosine = declareOptions<OnecycleOptions>(
  "optim.cosineOnecycleSchedule",
  [],
  onecycleKinds,
);
const checkLinear = declareOptions<LinearOnecycleOptions>("optim.linearOnecycleSchedule", [], {
  ...onecycleKinds,
  pctFinal: fraction,
});

/**
 * Up to the peak and down to next to nothing along half waves of a cosine (Smith & Topin, 2019); PyTorch's default.
 *
 * ```ts
 * import { optim } from "trilevel";
 * const s = optim.cosineOnecycleSchedule({ transitionSteps: 100, peakValue: 1 });
 * console.assert(await s(30).item() === 1 && Math.abs(await s(0).item() - 1 / 25) < 1e-6);
 * ```
 */
export function cosineOnecycleSchedule(options: OnecycleOptions): Schedule {
  checkCosine(options);
  const { transitionSteps, peakValue, pctStart = 0.3 } = options;
  const { divFactor = 25, finalDivFactor = 1e4 } = options;
  return piecewiseInterpolateSchedule("cosine", peakValue / divFactor, {
    [Math.trunc(pctStart * transitionSteps)]: divFactor,
    [transitionSteps]: 1 / (divFactor * finalDivFactor),
  });
}

/**
 * Up to the peak, down to the first value, and down to next to nothing, along lines (Smith & Topin, 2019).
 *
 * ```ts
 * import { optim } from "trilevel";
 * const s = optim.linearOnecycleSchedule({ transitionSteps: 100, peakValue: 1 });
 * console.assert(await s(30).item() === 1 && Math.abs(await s(85).item() - 1 / 25) < 1e-6);
 * ```
 */
export function linearOnecycleSchedule(options: LinearOnecycleOptions): Schedule {
  checkLinear(options);
  const { transitionSteps, peakValue, pctStart = 0.3, pctFinal = 0.85 } = options;
  const { divFactor = 25, finalDivFactor = 1e4 } = options;
  return piecewiseInterpolateSchedule("linear", peakValue / divFactor, {
    [Math.trunc(pctStart * transitionSteps)]: divFactor,
    [Math.trunc(pctFinal * transitionSteps)]: 1 / divFactor,
    [transitionSteps]: 1 / finalDivFactor,
  });
}

/**
 * Cosine decays with warm-up one after another: warm restarts (Loshchilov & Hutter, 2017). Each counts from its own
 * beginning, and ends after its `decaySteps`.
 *
 * ```ts
 * import { optim } from "trilevel";
 * const cycle = { initValue: 0, peakValue: 1, warmupSteps: 2, decaySteps: 10 };
 * const s = optim.sgdrSchedule([cycle, { ...cycle, peakValue: 0.5 }]);
 * console.assert(await s(2).item() === 1 && await s(12).item() === 0.5);
 * ```
 *
 * @throws ArgumentError without any.
 */
export function sgdrSchedule(cycles: readonly WarmupCosineDecayOptions[]): Schedule {
  const schedules = cycles.map((cycle) => warmupCosineDecaySchedule(cycle));
  let step = 0;
  const ends = cycles.map(({ decaySteps }) => step += decaySteps);
  return joinSchedules(schedules, ends.slice(0, -1));
}
