/**
 * A line search for the strong Wolfe conditions. It looks for an interval that must hold a good length, by longer and longer
 * steps, and then zooms into it by interpolation (Nocedal & Wright, 2006, Alg. 3.5 and 3.6).
 */
import { whileLoop } from "../control/index.ts";
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  declareOptions,
  nonNegative,
  nullable,
  number,
  oneOf,
  positive,
  required as must,
  size,
} from "../options/index.ts";
import { valueAndGrad } from "../transforms/index.ts";
import { mapLeaves, vdot } from "./leaves.ts";
import { along, requireLoss, scaled, startState } from "./linesearch.ts";
import type { GradientTransformation } from "./transformation.ts";

/** Options of {@link scaleByZoomLinesearch}. */
export interface ZoomOptions {
  /** The number of lengths that may be tried. */
  readonly maxLinesearchSteps: number;
  /** The longest step; no bound unless given. */
  readonly maxLearningRate?: number | null;
  /** The error by which both conditions may be missed; 0. */
  readonly tol?: number;
  /** The factor between one length and the next, while no interval is found; 2. */
  readonly increaseFactor?: number;
  /** c₁ in the condition of sufficient decrease; 1e-4. */
  readonly slopeRtol?: number;
  /** c₂ in the condition on the slope; 0.9. Infinity for no condition. */
  readonly curvRtol?: number;
  /** c₃ in the approximate condition of decrease; 1e-6. Null to do without that condition. */
  readonly approxDecRtol?: number | null;
  /** An interval of this length is searched no further once some step decreases the loss enough; 1e-5. */
  readonly stepsizePrecision?: number;
  /** The first length to try: the one of the step before (`"keep"`, the default), or 1 (`"one"`). */
  readonly initialGuessStrategy?: "keep" | "one";
}

/** The state of {@link scaleByZoomLinesearch}. */
export interface ZoomState {
  /** The length of the last step. */
  readonly learningRate: Tensor;
  /** The loss after it. */
  readonly value: Tensor;
  /** The number of lengths that were tried, and the errors by which the conditions were missed at the last. */
  readonly info: {
    readonly numLinesearchSteps: Tensor;
    readonly decreaseError: Tensor;
    readonly curvatureError: Tensor;
  };
}

const checkOptions = declareOptions<ZoomOptions>("optim.scaleByZoomLinesearch", [], {
  maxLinesearchSteps: must(size),
  maxLearningRate: nullable(positive),
  tol: nonNegative,
  increaseFactor: positive,
  slopeRtol: nonNegative,
  curvRtol: number,
  approxDecRtol: nullable(nonNegative),
  stepsizePrecision: nonNegative,
  initialGuessStrategy: oneOf("keep", "one"),
});

/** A length η with the loss φ(η) = f(w + η u) and its slope φ′(η). */
interface Point {
  readonly at: Tensor;
  readonly value: Tensor;
  readonly slope: Tensor;
}

/** A search under way. */
interface Search {
  readonly tries: Tensor;
  /** True once low and high bound an interval that holds a good length. */
  readonly found: Tensor;
  readonly done: Tensor;
  readonly failed: Tensor;
  /** The length tried last, and by how much it misses the conditions. */
  readonly last: Point;
  readonly decreaseError: Tensor;
  readonly curvatureError: Tensor;
  /** The ends of the interval: the loss is lower at low, which may be the longer step. */
  readonly low: Point;
  readonly high: Point;
  /** A third point, for cubic interpolation. */
  readonly third: Omit<Point, "slope">;
  /** The best length that decreases the loss enough; 0 as long as there is none. */
  readonly safe: Omit<Point, "slope">;
}

/**
 * Scales an update u by a length η at which the loss has decreased enough and its slope along u is small: the strong Wolfe
 * conditions
 *
 *     f(w + η u) ≤ f(w) + c₁ η ⟨u, ∇f(w)⟩ + tol        |⟨u, ∇f(w + η u)⟩| ≤ c₂ |⟨u, ∇f(w)⟩| + tol
 *
 * Close to a minimum, where losses differ by no more than their rounding, the first may be replaced by Hager & Zhang's
 * (2006) ⟨u, ∇f(w + η u)⟩ ≤ (2c₁ - 1) ⟨u, ∇f(w)⟩ + tol, provided that f(w + η u) ≤ f(w) + c₃ |f(w)|. If no length meets
 * both conditions, the step is the best one found that meets the first.
 *
 * Names, defaults and lengths are optax's, whose state also has the gradient at the new point. Last in a chain, after what
 * makes u a direction of descent. `update` needs the parameters, and `{ value, grad, valueFn }`: the loss, its gradient, and
 * the loss as a function. Every length that is tried costs one gradient of it.
 *
 * ```ts
 * import { grad, np, optim, type Tensor } from "trilevel";
 * const optimizer = optim.chain(optim.sgd(1), optim.scaleByZoomLinesearch({ maxLinesearchSteps: 15 }));
 * const loss = (x: Tensor) => np.sum(np.square(x));
 * const x = np.array([1, 2, 3]);
 * const slope = grad(loss)(x);
 * const extra = { value: loss(x), grad: slope, valueFn: loss as (x: unknown) => Tensor };
 * const [updates] = optimizer.update(slope, optimizer.init(x), x, extra);
 * console.assert(await loss(optim.applyUpdates(x, updates)).item() < 1e-9); // the minimum of a quadratic, in one step
 * ```
 *
 * @throws ArgumentError when `update` is not given them.
 */
export function scaleByZoomLinesearch(options: ZoomOptions): GradientTransformation<ZoomState> {
  checkOptions(options);
  const { maxLinesearchSteps, initialGuessStrategy = "keep" } = options;
  const name = "scaleByZoomLinesearch";
  return {
    init: (params) => startState(params, "decreaseError", "curvatureError"),
    update(updates, state, given, extra) {
      const { params, value, grad, valueFn, dtype } = requireLoss(name, state, given, extra);
      const infinite = np.full([], Infinity, { dtype });
      const start: Point = {
        at: np.zeros([], { dtype }),
        value: np.astype(value, dtype),
        slope: np.astype(vdot(updates, grad), dtype),
      };
      const guess = initialGuessStrategy === "one" ? np.ones([], { dtype }) : state.learningRate;
      const lossAndGradient = valueAndGrad(valueFn);
      const pointAt = (at: Tensor): Point => {
        const [value, gradient] = lossAndGradient(along(params, at, updates));
        return {
          at,
          value: np.astype(value, dtype),
          slope: np.astype(vdot(updates, gradient), dtype),
        };
      };
      const no = np.array(false);
      const found = whileLoop(
        ({ done, failed }) => np.logicalNot(np.logicalOr(done, failed)),
        (search) => next(search, start, guess, pointAt, options),
        {
          tries: np.zeros([], { dtype: "int32" }),
          ...{ found: no, done: no, failed: no },
          ...{ last: start, low: start, high: start },
          ...{ third: withoutSlope(start), safe: withoutSlope(start) },
          ...{ decreaseError: infinite, curvatureError: infinite },
        } as Search,
        { maxSteps: maxLinesearchSteps },
      );
      // After a failure: the best length that decreases the loss; no step at all where none was finite.
      const { last, safe, failed, decreaseError, curvatureError } = found;
      const useful = np.logicalOr(np.greater(safe.at, 0), np.isinf(decreaseError));
      const taken = pick(np.logicalAnd(failed, useful), safe, withoutSlope(last));
      return [scaled(updates, taken.at), {
        learningRate: taken.at,
        value: taken.value,
        info: { numLinesearchSteps: found.tries, decreaseError, curvatureError },
      }];
    },
  };
}

/** The search after one more length. */
function next(
  search: Search,
  start: Point,
  guess: Tensor,
  pointAt: (at: Tensor) => Point,
  options: ZoomOptions,
): Search {
  const { maxLinesearchSteps, maxLearningRate, tol = 0, stepsizePrecision = 1e-5 } = options;
  const { tries, found, last, low, high, third, safe } = search;
  const first = np.equal(tries, 0);

  // Without an interval, a longer step than the last; within one, a point between its ends.
  const wanted = np.where(first, guess, last.at.mul(options.increaseFactor ?? 2));
  const [longer, longest] = typeof maxLearningRate === "number"
    ? [np.minimum(wanted, maxLearningRate), np.greaterEqual(wanted, maxLearningRate)]
    : [wanted, np.array(false)];
  const point = pointAt(np.where(found, between(low, high, third), longer));
  const decreaseError = missedDecrease(point, start, options);
  const curvatureError = missedSlope(point, start, options);
  const error = np.maximum(decreaseError, curvatureError);
  const good = np.lessEqual(error, tol);

  const decreases = np.lessEqual(decreaseError, tol);
  const better = np.logicalAnd(
    decreases,
    np.logicalOr(np.logicalNot(found), np.less(point.value, safe.value)),
  );
  const safest = pick(better, withoutSlope(point), safe);

  const higher = np.logicalOr(
    np.greater(decreaseError, 0),
    np.where(
      found,
      np.greaterEqual(point.value, low.value),
      np.logicalAnd(np.greaterEqual(point.value, last.value), np.logicalNot(first)),
    ),
  );
  // Alg. 3.5: an end is found where the loss rises, or its slope does.
  const rising = np.logicalAnd(np.greaterEqual(point.slope, 0), np.logicalNot(higher));
  const opened = {
    low: pick(rising, point, last),
    high: pick(rising, last, point),
    found: np.logicalOr(np.logicalOr(higher, rising), good),
  };
  // Alg. 3.6: the point takes the place of the end beyond which there is nothing lower.
  const turned = np.logicalAnd(
    np.greaterEqual(point.slope.mul(high.at.sub(low.at)), 0),
    np.logicalNot(higher),
  );
  const narrowed = {
    low: pick(higher, low, point),
    high: pick(higher, point, pick(turned, low, high)),
    third: pick(np.logicalOr(higher, turned), withoutSlope(high), withoutSlope(low)),
  };

  const done = np.logicalOr(
    good,
    np.logicalAnd(np.logicalNot(found), np.logicalAnd(longest, np.logicalNot(opened.found))),
  );
  const narrow = np.lessEqual(np.abs(high.at.sub(low.at)), stepsizePrecision);
  const exhausted = np.logicalOr(
    np.greaterEqual(tries.add(1), maxLinesearchSteps),
    np.logicalAnd(found, np.logicalAnd(narrow, np.greater(safest.at, 0))),
  );
  return {
    tries: tries.add(1),
    found: np.logicalOr(found, opened.found),
    done,
    failed: np.logicalAnd(exhausted, np.logicalNot(done)),
    last: point,
    decreaseError,
    curvatureError,
    low: pick(found, narrowed.low, opened.low),
    high: pick(found, narrowed.high, opened.high),
    third: pick(found, narrowed.third, withoutSlope(opened.low)),
    safe: safest,
  };
}

/** The error of the condition of sufficient decrease, 0 where it holds. */
function missedDecrease(
  { at, value, slope }: Point,
  start: Point,
  { slopeRtol = 1e-4, approxDecRtol = 1e-6 }: ZoomOptions,
): Tensor {
  const rise = value.sub(start.value);
  const armijo = rise.sub(start.slope.mul(at).mul(slopeRtol));
  if (approxDecRtol === null) return excess(armijo);
  const flat = slope.sub(start.slope.mul(2 * slopeRtol - 1));
  const near = rise.sub(np.abs(start.value).mul(approxDecRtol));
  return excess(np.minimum(np.maximum(flat, near), armijo));
}

/** The error of the condition on the slope, 0 where it holds. */
function missedSlope({ slope }: Point, start: Point, { curvRtol = 0.9 }: ZoomOptions): Tensor {
  if (curvRtol === Infinity) return np.where(np.isnan(slope), Infinity, np.zerosLike(slope));
  return excess(np.abs(slope).sub(np.abs(start.slope).mul(curvRtol)));
}

/** The part of an error above 0; infinity for NaN. */
function excess(error: Tensor): Tensor {
  return np.where(np.isnan(error), Infinity, np.maximum(error, 0));
}

/** A length between two: by cubic interpolation, else by quadratic, else in the middle. */
function between(low: Point, high: Point, third: Omit<Point, "slope">): Tensor {
  const size = np.abs(high.at.sub(low.at));
  const [left, right] = [np.minimum(low.at, high.at), np.maximum(low.at, high.at)];
  // Neither may come close to an end.
  const inside = ({ at, exists }: Interpolated, margin: number) =>
    np.logicalAnd(
      exists,
      np.logicalAnd(
        np.greater(at, left.add(size.mul(margin))),
        np.less(at, right.sub(size.mul(margin))),
      ),
    );
  const cubic = cubicMinimum(low, high, third);
  const quadratic = quadraticMinimum(low, high);
  const middle = low.at.add(high.at).div(2);
  return np.where(
    inside(cubic, 0.2),
    cubic.at,
    np.where(inside(quadratic, 0.1), quadratic.at, middle),
  );
}

/** The minimum of an interpolation, if it has one. */
interface Interpolated {
  readonly at: Tensor;
  readonly exists: Tensor;
}

/** Of the parabola B (η - a)² + φ′(a) (η - a) + φ(a) through φ(b). */
function quadraticMinimum(a: Point, b: Point): Interpolated {
  const step = b.at.sub(a.at);
  const [curvature, exists] = quotient(
    b.value.sub(a.value).sub(a.slope.mul(step)),
    np.square(step),
  );
  const [change, finite] = quotient(a.slope, curvature.mul(2));
  return { at: a.at.sub(change), exists: np.logicalAnd(exists, finite) };
}

/** Of the cubic A (η - a)³ + B (η - a)² + φ′(a) (η - a) + φ(a) through φ(b) and φ(c). */
function cubicMinimum(a: Point, b: Point, c: Omit<Point, "slope">): Interpolated {
  const [db, dc] = [b.at.sub(a.at), c.at.sub(a.at)];
  const determinant = np.square(db.mul(dc)).mul(db.sub(dc));
  const [fb, fc] = [
    b.value.sub(a.value).sub(a.slope.mul(db)),
    c.value.sub(a.value).sub(a.slope.mul(dc)),
  ];
  const [A, exists] = quotient(np.square(dc).mul(fb).sub(np.square(db).mul(fc)), determinant);
  const [B] = quotient(
    np.square(db).mul(db).mul(fc).sub(np.square(dc).mul(dc).mul(fb)),
    determinant,
  );
  const radicand = np.square(B).sub(A.mul(a.slope).mul(3));
  const real = np.greater(radicand, 0);
  const root = np.sqrt(np.where(real, radicand, 1));
  const [change, finite] = quotient(root.sub(B), A.mul(3));
  return {
    at: a.at.add(change),
    exists: np.logicalAnd(exists, np.logicalAnd(real, finite)),
  };
}

/** x / y and true; 0 and false where y is 0: what is not used may be no source of NaN in derivatives. */
function quotient(x: Tensor, y: Tensor): readonly [Tensor, Tensor] {
  const defined = np.notEqual(y, 0);
  return [np.where(defined, x.div(np.where(defined, y, 1)), 0), defined];
}

function withoutSlope({ at, value }: Omit<Point, "slope">): Omit<Point, "slope"> {
  return { at, value };
}

/** One of two points. */
function pick<P extends Omit<Point, "slope">>(condition: Tensor, a: P, b: P): P {
  return mapLeaves((x, y) => np.where(condition, x, y), a, b);
}
