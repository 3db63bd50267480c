/**
 * Hyperparameters that change from step to step: functions from the step count, an int32 scalar, to a
 * float scalar. Names and definitions are optax's, and so are those of the options.
 */
import { ArgumentError, type DType, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  declareOptions,
  finite,
  nonNegative,
  positive,
  requireArgument,
  required,
} from "../options/index.ts";
import type { TensorLike } from "../numpy/promote.ts";

/**
 * A value for every step: `count` is the number of updates before this one, `dtype` (float32 unless
 * given) the float type to compute in.
 */
export type Schedule = (count: TensorLike, dtype?: DType) => Tensor;

/** Always `value`. */
export function constantSchedule(value: number): Schedule {
  requireArgument("optim.constantSchedule", "value", finite, value);
  return (_, dtype = "float32") => np.full([], value, { dtype });
}

/** Options of {@link linearSchedule}. */
export interface LinearScheduleOptions {
  /** The first value. */
  readonly initValue: number;
  /** The last value. */
  readonly endValue: number;
  /** The number of steps the transition takes. */
  readonly transitionSteps: number;
  /** The step at which it begins; 0 unless given. */
  readonly transitionBegin?: number;
}

const linearKinds = {
  initValue: required(finite),
  endValue: required(finite),
  transitionSteps: required(nonNegative),
  transitionBegin: finite,
} as const;
const checkLinear = declareOptions<LinearScheduleOptions>("optim.linearSchedule", [], linearKinds);

/**
 * From `initValue` to `endValue` in equal steps, constant before and after. As in optax, a transition of 0
 * steps never takes place: the value stays `initValue`.
 *
 * ```ts
 * import { optim } from "trilevel";
 * const s = optim.linearSchedule({ initValue: 1, endValue: 0, transitionSteps: 4 });
 * console.assert(await s(1).item() === 0.75 && await s(9).item() === 0);
 * ```
 *
 * @throws ArgumentError when `transitionSteps` is negative.
 */
export function linearSchedule(options: LinearScheduleOptions): Schedule {
  checkLinear(options);
  return polynomialSchedule({ ...options, power: 1 });
}

const checkPolynomial = declareOptions<LinearScheduleOptions & { readonly power: number }>(
  "optim.polynomialSchedule",
  [],
  { ...linearKinds, power: required(finite) },
);

/**
 * From `initValue` to `endValue` as `(init - end) · (1 - t/T)^power + end`, constant before and after. As in
 * optax, a transition of 0 steps never takes place: the value stays `initValue`.
 *
 * @throws ArgumentError when `transitionSteps` is negative.
 */
export function polynomialSchedule(
  options: LinearScheduleOptions & { readonly power: number },
): Schedule {
  checkPolynomial(options);
  const { initValue, endValue, transitionSteps, transitionBegin = 0, power } = options;
  if (transitionSteps === 0 || power === 0) return constantSchedule(initValue);
  const begin = Math.max(transitionBegin, 0);
  return (count, dtype = "float32") => {
    const steps = np.clip(np.subtract(count, begin), 0, transitionSteps);
    const fraction = (n: Tensor) => np.astype(n, dtype).div(transitionSteps);
    const before = np.power(fraction(np.subtract(transitionSteps, steps)), power);
    // 1 - before, without a difference of nearly equal numbers at the beginning.
    const after = power === 1
      ? fraction(steps)
      : np.negative(np.expm1(np.log1p(np.negative(fraction(steps))).mul(power)));
    return before.mul(initValue).add(after.mul(endValue));
  };
}

/** Options of {@link exponentialDecay}. */
export interface ExponentialDecayOptions {
  /** The first value. */
  readonly initValue: number;
  /** In how many steps the value is multiplied by `decayRate` once. */
  readonly transitionSteps: number;
  /** By what it is multiplied. */
  readonly decayRate: number;
  /** The step at which the decay begins; 0 unless given. */
  readonly transitionBegin?: number;
  /** Decay in jumps, once every `transitionSteps`. */
  readonly staircase?: boolean;
  /** The value at which the decay stops. */
  readonly endValue?: number;
}

const decayKinds = {
  transitionSteps: required(nonNegative),
  decayRate: required(nonNegative),
  transitionBegin: finite,
  staircase: boolean,
  endValue: finite,
} as const;
const checkExponential = declareOptions<ExponentialDecayOptions>("optim.exponentialDecay", [], {
  initValue: required(finite),
  ...decayKinds,
});

/**
 * `initValue · decayRate^(t / transitionSteps)`. As in optax, there is no decay when `transitionSteps` or
 * `decayRate` is 0: the value stays `initValue`.
 *
 * @throws ArgumentError when either is negative.
 */
export function exponentialDecay(options: ExponentialDecayOptions): Schedule {
  checkExponential(options);
  const { initValue, transitionSteps, decayRate, transitionBegin = 0, endValue } = options;
  if (transitionSteps === 0 || decayRate === 0) return constantSchedule(initValue);
  return (count, dtype = "float32") => {
    // Before the beginning the exponent is 0, and the value the initial one.
    const steps = np.maximum(np.subtract(count, Math.max(transitionBegin, 0)), 0);
    const passed = options.staircase
      ? np.astype(np.floorDivide(steps, transitionSteps), dtype)
      : np.astype(steps, dtype).div(transitionSteps);
    // The logarithm is taken here: a rate near 1 would lose digits as a float32.
    const value = np.exp(passed.mul(Math.log(decayRate))).mul(initValue);
    if (endValue === undefined) return value;
    return decayRate < 1 ? np.maximum(value, endValue) : np.minimum(value, endValue);
  };
}

/** Options of {@link cosineDecaySchedule}. */
export interface CosineDecayOptions {
  /** The first value. */
  readonly initValue: number;
  /** The step at which the last value is reached. */
  readonly decaySteps: number;
  /** The last value, as a fraction of the first; 0 unless given. */
  readonly alpha?: number;
  /** To which power the cosine is taken; 1 unless given. */
  readonly exponent?: number;
}

const checkCosine = declareOptions<CosineDecayOptions>("optim.cosineDecaySchedule", [], {
  initValue: required(finite),
  decaySteps: required(positive),
  alpha: finite,
  exponent: finite,
});

/** `initValue · ((1 - α) · (½ (1 + cos(π t/T)))^exponent + α)` (Loshchilov & Hutter, 2017). */
export function cosineDecaySchedule(options: CosineDecayOptions): Schedule {
  checkCosine(options);
  const { initValue, decaySteps, alpha = 0, exponent = 1 } = options;
  return (count, dtype = "float32") => {
    // ½ (1 + cos πt/T) = sin² ½π(T - t)/T, which does not lose its digits towards the end.
    const left = np.astype(np.subtract(decaySteps, np.minimum(count, decaySteps)), dtype);
    const cosine = np.square(np.sin(left.mul(Math.PI / 2 / decaySteps)));
    return np.power(cosine, exponent).mul(1 - alpha).add(alpha).mul(initValue);
  };
}

/** Throws unless the names of a dictionary are numbers of steps, and its values finite numbers. */
export function requireSteps(name: string, given: { readonly [step: number]: number }): void {
  for (const [step, scale] of Object.entries(given)) {
    if (/^\d+$/.test(step) && Number.isFinite(scale)) continue;
    throw new ArgumentError(
      `${name}: the dictionary has the entry ${step}: ${scale}`,
      "its keys are whole numbers of steps, its values numbers: { 100: 0.5 }",
    );
  }
}

/**
 * `initValue`, multiplied by a factor at each boundary that has been reached.
 *
 * ```ts
 * import { optim } from "trilevel";
 * const s = optim.piecewiseConstantSchedule(1, { 10: 0.5, 20: 0.5 });
 * console.assert(await s(9).item() === 1 && await s(25).item() === 0.25);
 * ```
 */
export function piecewiseConstantSchedule(
  initValue: number,
  boundariesAndScales: { readonly [step: number]: number },
): Schedule {
  requireSteps("optim.piecewiseConstantSchedule", boundariesAndScales);
  return (count, dtype = "float32") =>
    Object.entries(boundariesAndScales).reduce(
      (value, [step, scale]) =>
        np.where(np.greaterEqual(count, Number(step)), value.mul(scale), value),
      np.full([], initValue, { dtype }),
    );
}

/**
 * One schedule after another: `boundaries[i]` is the step at which `schedules[i + 1]` takes over, with
 * a count that starts from 0 there.
 *
 * @throws ArgumentError unless there is one boundary between every two schedules.
 */
export function joinSchedules(
  schedules: readonly Schedule[],
  boundaries: readonly number[],
): Schedule {
  const [first, ...rest] = schedules;
  if (!first || rest.length !== boundaries.length) {
    throw new ArgumentError(
      `joinSchedules: ${boundaries.length} boundaries do not separate ${schedules.length} schedules`,
      "give one boundary between every two schedules",
    );
  }
  return (count, dtype = "float32") =>
    rest.reduce((value, schedule, i) => {
      const boundary = boundaries[i]!;
      const later = schedule(np.subtract(count, boundary), dtype);
      return np.where(np.less(count, boundary), value, later);
    }, first(count, dtype));
}

/** The product of schedules at every step: a warm-up of a decay, say. */
export function multiplySchedules(...schedules: readonly Schedule[]): Schedule {
  return (count, dtype = "float32") =>
    schedules.reduce((product, s) => product.mul(s(count, dtype)), np.ones([], { dtype }));
}

/** Options common to schedules that begin with a warm-up. */
export interface WarmupOptions {
  /** The value at step 0. */
  readonly initValue: number;
  /** The value at the end of the warm-up. */
  readonly peakValue: number;
  /** The number of steps the warm-up takes. */
  readonly warmupSteps: number;
}

const warmupKinds = {
  initValue: required(finite),
  peakValue: required(finite),
  warmupSteps: required(nonNegative),
} as const;
const checkWarmup = declareOptions<WarmupOptions>("optim.warmupConstantSchedule", [], warmupKinds);

/**
 * A linear warm-up, then `peakValue` for ever; without steps of warm-up, `peakValue` from the first step on
 * (optax stays at `initValue` then, here alone).
 *
 * @throws ArgumentError when `warmupSteps` is negative.
 */
export function warmupConstantSchedule(options: WarmupOptions): Schedule {
  checkWarmup(options);
  return warmedUp(options, constantSchedule(options.peakValue));
}

/** A linear warm-up, then another schedule, which counts from its end. */
function warmedUp({ initValue, peakValue, warmupSteps }: WarmupOptions, then: Schedule): Schedule {
  const warmup = { initValue, endValue: peakValue, transitionSteps: warmupSteps };
  return joinSchedules([linearSchedule(warmup), then], [warmupSteps]);
}

/** Options of {@link warmupCosineDecaySchedule}. */
export interface WarmupCosineDecayOptions extends WarmupOptions {
  /** The step at which the last value is reached, counted from the start of the warm-up. */
  readonly decaySteps: number;
  /** The last value; 0 unless given. */
  readonly endValue?: number;
  /** To which power the cosine is taken; 1 unless given. */
  readonly exponent?: number;
}

const checkWarmupCosine = declareOptions<WarmupCosineDecayOptions>(
  "optim.warmupCosineDecaySchedule",
  [],
  { ...warmupKinds, decaySteps: required(positive), endValue: finite, exponent: finite },
);

/**
 * A linear warm-up, then a cosine decay to `endValue` (0 unless given) at step `decaySteps`, which
 * counts the warm-up.
 */
export function warmupCosineDecaySchedule(options: WarmupCosineDecayOptions): Schedule {
  checkWarmupCosine(options);
  const { peakValue, warmupSteps, decaySteps, endValue = 0, exponent = 1 } = options;
  const alpha = peakValue === 0 ? 0 : endValue / peakValue;
  const decay = { initValue: peakValue, decaySteps: decaySteps - warmupSteps, alpha, exponent };
  return warmedUp(options, cosineDecaySchedule(decay));
}

/** Options of {@link warmupExponentialDecaySchedule}. */
export type WarmupExponentialDecayOptions =
  & WarmupOptions
  & Omit<ExponentialDecayOptions, "initValue">;

const checkWarmupExponential = declareOptions<WarmupExponentialDecayOptions>(
  "optim.warmupExponentialDecaySchedule",
  [],
  { ...warmupKinds, ...decayKinds },
);

/** A linear warm-up, then an {@link exponentialDecay} whose steps count from its end. */
export function warmupExponentialDecaySchedule(options: WarmupExponentialDecayOptions): Schedule {
  checkWarmupExponential(options);
  const { initValue: _, peakValue, warmupSteps: __, ...decay } = options;
  return warmedUp(options, exponentialDecay({ ...decay, initValue: peakValue }));
}
