/** Calculus on samples: interpolation, differences, sums in place of derivatives and integrals. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  axes,
  axis,
  declareOptions,
  either,
  listOf,
  oneOf,
  positive,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { cumsum, diff } from "./cumulative.ts";
import { divide, mod, multiply, subtract } from "./elementwise.ts";
import { where } from "./logic.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import {
  asTensor,
  type Axes,
  axesOf,
  axisOf,
  floatTensor,
  promote,
  type TensorLike,
  toFloat,
} from "./promote.ts";
import { sum } from "./reductions.ts";
import { searchsorted } from "./sorting.ts";

const c = lax.fullLike;

/** The values of {@link interp} outside of the points. */
export interface InterpOptions {
  /** Below the first point: its value unless given, another one, or `"extrapolate"` the first line. */
  readonly left?: TensorLike | "extrapolate" | undefined;
  /** Above the last point: its value unless given, another one, or `"extrapolate"` the last line. */
  readonly right?: TensorLike | "extrapolate" | undefined;
  /** The length after which everything repeats; then points need not be sorted, and nothing is outside. */
  readonly period?: number | undefined;
}

/**
 * Linear interpolation between points `(xs, ys)`, whose `xs` increase, at each element of `x`. By bisection.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [xs, ys] = [np.array([0, 1, 3]), np.array([0, 10, 30])];
 * console.assert(String(await np.interp(np.array([0.5, 2, 9]), xs, ys).data()) === "5,20,30");
 * console.assert(await np.interp(9, xs, ys, { right: "extrapolate" }).item() === 90);
 * ```
 *
 * @throws ShapeError unless points are given by two vectors of one size.
 */
export const interp: (
  x: TensorLike,
  xs: TensorLike,
  ys: TensorLike,
  options?: InterpOptions,
) => Tensor = managed(
  (x, xs, ys, { left, right, period } = {}) => {
    const [t, a] = promote("interp", [x, xs], toFloat) as [Tensor, Tensor]; // two in, two out
    const b = floatTensor("interp", ys);
    if (a.ndim !== 1 || b.ndim !== 1 || a.size !== b.size || a.size === 0) {
      throw new ShapeError(
        `interp: expected two vectors of one size, got ${formatAval(a.aval)} and ${
          formatAval(b.aval)
        }`,
        "give a point and its value for each, at least one",
      );
    }
    if (period === undefined) return between(t, a, b, left, right);
    const [turned, values] = around(a, b, period);
    return between(mod(t, period), turned, values, "extrapolate", "extrapolate");
  },
  declareOptions("np.interp", ["x", "xs", "ys"], {
    left: either(tensorLike, oneOf("extrapolate")),
    right: either(tensorLike, oneOf("extrapolate")),
    period: positive,
  }),
);

/** Points of one period in order, with the last before and the first behind them. */
function around(xs: Tensor, ys: Tensor, period: number): [xs: Tensor, ys: Tensor] {
  const [sorted, order] = lax.sort(mod(xs, period), lax.iota(xs.shape, "int32", 0));
  const values = lax.gather(ys, lax.reshape(order!, [ys.size, 1]));
  const n = xs.size;
  const ends = (t: Tensor) => [stretchOf(t, 0, n - 1, n), stretchOf(t, 0, 0, 1)] as const;
  const [last, first] = ends(sorted!);
  const width = c(last, period);
  const [lastValue, firstValue] = ends(values);
  return [
    lax.concatenate([lax.sub(last, width), sorted!, lax.add(first, width)], 0),
    lax.concatenate([lastValue, values, firstValue], 0),
  ];
}

function between(
  x: Tensor,
  xs: Tensor,
  ys: Tensor,
  left: InterpOptions["left"],
  right: InterpOptions["right"],
): Tensor {
  const n = xs.size;
  const first = (t: Tensor) => lax.reshape(stretchOf(t, 0, 0, 1), []);
  const last = (t: Tensor) => lax.reshape(stretchOf(t, 0, n - 1, n), []);
  const found = searchsorted(xs, x, { side: "right" });
  const upper = lax.max(lax.min(found, c(found, n - 1)), c(found, Math.min(1, n - 1)));
  const lower = lax.max(lax.sub(upper, c(upper, 1)), c(upper, 0));
  const pick = (t: Tensor, at: Tensor) => lax.gather(t, lax.reshape(at, [...at.shape, 1]));
  const [x0, y0] = [pick(xs, lower), pick(ys, lower)];
  const width = lax.sub(pick(xs, upper), x0);
  // Points at one place have no line between them; nothing may be divided by 0 there.
  const flat = lax.eq(width, c(width, 0));
  const share = lax.div(lax.sub(x, x0), lax.select(flat, c(width, 1), width));
  const rise = lax.sub(pick(ys, upper), y0);
  let y = where(flat, y0, y0.add(multiply(share, rise)));
  if (left !== "extrapolate") {
    y = where(lax.lt(x, lax.broadcast(first(xs), x.shape, [])), left ?? first(ys), y);
  }
  if (right !== "extrapolate") {
    y = where(lax.gt(x, lax.broadcast(last(xs), x.shape, [])), right ?? last(ys), y);
  }
  return y;
}

/** Options of {@link gradient}. */
export interface GradientOptions {
  /** An axis, or several; all unless given. */
  readonly axis?: Axes;
  /** The distance of samples, or a vector of their places; one for all axes (1 unless given), or one for each. */
  readonly spacing?: TensorLike | readonly TensorLike[] | undefined;
}

/**
 * Slopes of a sampled function along axes, by differences of second order; of first order at the ends. A list with
 * one tensor for each axis. (The exact derivative of a function is `grad`.)
 *
 * ```ts
 * import { np } from "trilevel";
 * const [slope] = np.gradient(np.array([1, 4, 9, 16]));
 * console.assert(String(await slope!.data()) === "3,4,6,7");
 * ```
 *
 * @throws ShapeError for fewer than two samples; ArgumentError unless there is one spacing, or one for each axis.
 */
export const gradient: (y: TensorLike, options?: GradientOptions) => Tensor[] = managed(
  (y, { axis, spacing = 1 } = {}) => {
    const t = floatTensor("gradient", y);
    const along = axesOf("gradient", axis, t.ndim);
    const given = typeof spacing === "object" && "length" in spacing ? spacing : [spacing];
    if (given.length !== 1 && given.length !== along.length) {
      throw new ArgumentError(
        `gradient: expected one spacing for each of ${along.length} axes, got ${given.length}`,
        "give one for all axes, or one for each",
      );
    }
    return along.map((axis, i) => slopes(t, axis, given[given.length === 1 ? 0 : i]!));
  },
  declareOptions("np.gradient", ["y"], {
    axis: axes,
    spacing: either(tensorLike, listOf(tensorLike)),
  }),
);

function slopes(y: Tensor, axis: number, spacing: TensorLike): Tensor {
  const n = y.shape[axis]!;
  const h = floatTensor("gradient", spacing);
  if (n < 2 || h.ndim > 1 || h.ndim === 1 && h.size !== n) {
    throw new ShapeError(
      `gradient: axis ${axis} of ${formatAval(y.aval)} does not go with the spacing ${
        formatAval(h.aval)
      }`,
      "give at least two samples, and one distance, or a place for each of them",
    );
  }
  const part = (from: number, to: number) => stretchOf(y, axis, from, to);
  const first = subtract(part(1, 2), part(0, 1));
  const last = subtract(part(n - 1, n), part(n - 2, n - 1));
  if (h.ndim === 0) {
    const inner = subtract(part(2, Math.max(n, 2)), part(0, n - 2)).mul(0.5);
    return lax.concatenate([first, inner, last].map((d) => divide(d, h)), axis);
  }
  const places = lax.reshape(h, y.shape.map((_, i) => i === axis ? n : 1));
  const steps = subtract(stretchOf(places, axis, 1, n), stretchOf(places, axis, 0, n - 1));
  const [before, behind] = [stretchOf(steps, axis, 0, n - 2), stretchOf(steps, axis, 1, n - 1)];
  const both = before.add(behind);
  // The slope of the parabola through three points.
  const inner = [
    multiply(divide(behind.neg(), before.mul(both)), part(0, n - 2)),
    multiply(divide(behind.sub(before), before.mul(behind)), part(1, n - 1)),
    multiply(divide(before, behind.mul(both)), part(2, n)),
  ].reduce((a, b) => a.add(b));
  return lax.concatenate([
    divide(first, stretchOf(steps, axis, 0, 1)),
    inner,
    divide(last, stretchOf(steps, axis, n - 2, n - 1)),
  ], axis);
}

/** The positions of the samples of {@link trapezoid}. */
export interface TrapezoidOptions {
  /** Their places; a vector, or as many as samples. */
  readonly x?: TensorLike | undefined;
  /** The distance between them, without `x`; 1 unless given. */
  readonly dx?: TensorLike | undefined;
  /** Along which axis; the last unless given. */
  readonly axis?: number | undefined;
}

/**
 * The integral of a sampled function by the trapezoidal rule, `Σ ½ (yᵢ + yᵢ₊₁) Δxᵢ`.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(await np.trapezoid(np.array([1, 2, 3])).item() === 4);
 * console.assert(await np.trapezoid(np.array([1, 2, 3]), { x: np.array([4, 6, 8]) }).item() === 8);
 * ```
 */
export const trapezoid: (y: TensorLike, options?: TrapezoidOptions) => Tensor = managed(
  (y, { x, dx = 1, axis = -1 } = {}) => {
    const t = floatTensor("trapezoid", y);
    const along = axisOf("trapezoid", axis, t.ndim);
    const n = t.shape[along]!;
    const last = (s: Tensor) => {
      const rest = s.shape.map((_, i) => i).filter((i) => i !== along);
      return lax.transpose(s, [...rest, along]);
    };
    const values = last(t);
    const at = t.ndim - 1;
    const pairs = stretchOf(values, at, Math.min(1, n), n)
      .add(stretchOf(values, at, 0, Math.max(0, n - 1)));
    const places = x === undefined ? undefined : floatTensor("trapezoid", x);
    const step = places === undefined ? dx : places.ndim === 1 ? diff(places) : diff(last(places));
    return sum(multiply(pairs, step), { axis: -1 }).mul(0.5);
  },
  declareOptions("np.trapezoid", ["y"], { axis, x: tensorLike, dx: tensorLike }),
);

/** The values that {@link ediff1d} puts around the differences. */
export interface EdiffOptions {
  /** Behind the last. */
  readonly toEnd?: TensorLike | undefined;
  /** Before the first. */
  readonly toBegin?: TensorLike | undefined;
}

/** Differences of neighbours in the flattened tensor, with other numbers before and behind, in its type. */
export const ediff1d: (x: TensorLike, options?: EdiffOptions) => Tensor = managed(
  (x, { toEnd, toBegin } = {}) => {
    const t = asTensor(x);
    const d = diff(lax.reshape(t, [t.size]));
    const side = (given: TensorLike | undefined) => {
      if (given === undefined) return [];
      const part = asTensor(given);
      return [lax.reshape(lax.convert(part, d.dtype), [part.size])];
    };
    return lax.concatenate([...side(toBegin), d, ...side(toEnd)], 0);
  },
  declareOptions("np.ediff1d", ["x"], { toEnd: tensorLike, toBegin: tensorLike }),
);

/** Options of {@link unwrap}. */
export interface UnwrapOptions {
  /** The length of a turn; 2π unless given. */
  readonly period?: number | undefined;
  /** Smaller steps are left alone; half a period unless given. */
  readonly discont?: number | undefined;
  /** Along which axis; the last unless given. */
  readonly axis?: number | undefined;
}

/**
 * Angles without jumps: where neighbours are more than half a period apart, whole periods are added.
 *
 * ```ts
 * import { np } from "trilevel";
 * const degrees = np.unwrap(np.array([170, -170, -150]), { period: 360 });
 * console.assert(String(await degrees.data()) === "170,190,210");
 * ```
 */
export const unwrap: (x: TensorLike, options?: UnwrapOptions) => Tensor = managed(
  (x, { period = 2 * Math.PI, discont = period / 2, axis = -1 } = {}) => {
    const [t] = promote("unwrap", [x, period]) as [Tensor, Tensor]; // two in, two out
    const along = axisOf("unwrap", axis, t.ndim);
    if (t.shape[along] === 0) return t;
    const whole = t.dtype === "int32" || t.dtype === "uint32";
    const half = whole ? Math.floor(period / 2) : period / 2;
    const steps = diff(t, { axis: along });
    const near = subtract(mod(steps.add(half), period), half);
    // Half a turn is kept in its direction.
    const kept = where(lax.and(near.equal(-half), steps.greater(0)), half, near);
    const added = where(steps.abs().less(discont), 0, subtract(kept, steps));
    const rest = stretchOf(t, along, 1, t.shape[along]!).add(cumsum(added, { axis: along }));
    return lax.concatenate([stretchOf(t, along, 0, 1), rest], along);
  },
  declareOptions("np.unwrap", ["x"], { axis, period: positive, discont: positive }),
);
