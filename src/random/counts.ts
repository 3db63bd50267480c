/** Random counts: of events, and of successes. */
import type { DType } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { formatAval, type Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { cast, promote, stretch, type TensorLike, toFloat } from "../numpy/promote.ts";
import { stretchOf } from "../numpy/parts.ts";
import { declareOptions, floatType, integerType } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import type { IntegerOptions } from "./distributions.ts";
import { split } from "./key.ts";
import { keyed } from "./keyed.ts";
import { loop, somewhere } from "./loop.ts";
import { type FloatOptions, sampleShape, unitUniform } from "./uniform.ts";

const c = lax.fullLike;
const plus = (x: Tensor, n: number) => lax.add(x, c(x, n));
const by = (x: Tensor, n: number) => lax.mul(x, c(x, n));
const minus = (n: number, x: Tensor) => lax.sub(c(x, n), x);
const sum = (...terms: readonly Tensor[]) => terms.reduce((a, b) => lax.add(a, b));

/**
 * The number of steps after which a loop ends in any case: that many events of which ten are expected, or that many
 * rejections in a row, are less likely than 2⁻⁶⁴.
 */
const mostSteps = 96;

/** `log k! - (k + ½) log(k + 1) + (k + 1) - ½ log 2π` for k = 0 … 9. */
const tails = [
  0.0810614667953272,
  0.0413406959554092,
  0.0276779256849983,
  0.02079067210376509,
  0.0166446911898211,
  0.0138761288230707,
  0.0118967099458917,
  0.010411265261972,
  0.00925546218271273,
  0.00833056343336287,
];

/** The remainder of Stirling's formula for log k!: a table, and a series from 10 upwards. */
function stirlingTail(k: Tensor): Tensor {
  const next = plus(lax.max(k, c(k, 0)), 1);
  const square = lax.mul(next, next);
  const inner = lax.sub(c(k, 1 / 360), lax.div(c(k, 1 / 1260), square));
  const series = lax.div(lax.sub(c(k, 1 / 12), lax.div(inner, square)), next);
  const place = lax.floor(k);
  return tails.reduce((y, tail, i) => lax.select(lax.eq(place, c(k, i)), c(k, tail), y), series);
}

function logFactorial(k: Tensor): Tensor {
  const next = plus(lax.max(k, c(k, 0)), 1);
  const main = lax.sub(lax.mul(plus(next, -0.5), lax.log(next)), next);
  return sum(main, c(k, Math.log(2 * Math.PI) / 2), stirlingTail(k));
}

/**
 * Poisson: how many events there are when `rate` are expected; int32 unless given. Below a rate of 10 exponential waits
 * are added (Knuth), from there on numbers are transformed and rejected (Hörmann, 1993).
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = random.poisson(random.key(0), 4, [1000]);
 * console.assert(x.dtype === "int32" && Math.abs(await x.mean().item() - 4) < 0.5);
 * ```
 *
 * @throws ShapeError when the rate does not fit the shape; DTypeError when the type is no integer.
 */
export const poisson: (
  key: Tensor,
  rate: TensorLike,
  shape?: Shape | number,
  options?: IntegerOptions,
) => Tensor = keyed((key, rate, shape, { dtype = "int32" } = {}) => {
  const name = "random.poisson";
  const given = lax.stopGradient(cast(name, rate, { dtype: "float32", weak: false }));
  const r = stretch(name, given, sampleShape(name, shape, [given]));
  const small = lax.or(lax.ne(r, r), lax.lt(r, c(r, 10)));
  const few = waits(key, lax.select(small, r, c(r, 0)));
  const many = transformed(key, lax.select(small, c(r, 1e5), r));
  const found = lax.convert(lax.select(small, few, many), dtype);
  return lax.select(lax.eq(r, c(r, 0)), c(found, 0), found);
}, declareOptions("random.poisson", ["key", "rate", "shape"], { dtype: integerType }));

/** The number of exponential waits that fit into a unit of time in which `rate` events are expected. */
function waits(key: Tensor, rate: Tensor): Tensor {
  const [found] = loop(
    [rate],
    [c(rate, 0), key, c(rate, 0)],
    (rate, _, __, log) => somewhere(lax.gt(log!, lax.neg(rate!))),
    (rate, k, key, log) => {
      const [next, now] = split(key!);
      const more = lax.select(lax.gt(log!, lax.neg(rate!)), plus(k!, 1), k!);
      return [more, next, lax.add(log!, lax.log(unitUniform(now, rate!.shape, "float32")))];
    },
    mostSteps,
  );
  return plus(found!, -1);
}

function transformed(key: Tensor, rate: Tensor): Tensor {
  const b = plus(by(lax.sqrt(rate), 2.53), 0.931);
  const a = plus(by(b, 0.02483), -0.059);
  const inverse = plus(lax.div(c(b, 1.1328), plus(b, -3.4)), 1.1239);
  const squeeze = minus(0.9277, lax.div(c(b, 3.6224), plus(b, -2)));
  const [found] = loop(
    [rate, a, b, inverse, squeeze],
    [c(rate, -1), lax.full(rate.shape, 0, "bool"), key],
    (_r, _a, _b, _i, _s, _k, accepted) => somewhere(lax.not(accepted!)),
    (rate, a, b, inverse, squeeze, found, accepted, key) => {
      const [next, k1, k2] = split(key!, 3);
      const u = plus(unitUniform(k1, rate!.shape, "float32"), -0.5);
      const v = unitUniform(k2, rate!.shape, "float32");
      const distance = minus(0.5, lax.abs(u));
      const k = lax.floor(
        plus(sum(lax.mul(lax.add(lax.div(by(a!, 2), distance), b!), u), rate!), 0.43),
      );
      const width = lax.add(lax.div(a!, lax.mul(distance, distance)), b!);
      const s = lax.log(lax.div(lax.mul(v, inverse!), width));
      const t = lax.sub(lax.sub(lax.mul(k, lax.log(rate!)), rate!), logFactorial(k));
      const inside = lax.and(lax.ge(distance, c(u, 0.07)), lax.le(v, squeeze!));
      const outside = lax.or(
        lax.lt(k, c(k, 0)),
        lax.and(lax.lt(distance, c(u, 0.013)), lax.gt(v, distance)),
      );
      const accept = lax.or(inside, lax.and(lax.not(outside), lax.le(s, t)));
      return [lax.select(accept, k, found!), lax.or(accepted!, accept), next];
    },
    mostSteps,
  );
  return found!;
}

/**
 * Binomial: how many of `n` trials succeed, each with probability `p`, as a float. Where fewer than ten successes are
 * expected, waits between them are added; elsewhere numbers are transformed and rejected (Hörmann, 1993).
 *
 * ```ts
 * import { random } from "trilevel";
 * const x = await random.binomial(random.key(0), 10, 0.5, [100]).data();
 * console.assert(x.every((k) => k >= 0 && k <= 10));
 * ```
 *
 * @throws ShapeError when parameters do not fit the shape; DTypeError when the type is no float.
 */
export const binomial: (
  key: Tensor,
  n: TensorLike,
  p: TensorLike,
  shape?: Shape | number,
  options?: FloatOptions,
) => Tensor = keyed((key, n, p, shape, { dtype = "float32" } = {}) => {
  const name = "random.binomial";
  const given = promote(name, [n, p], toFloat).map(lax.stopGradient);
  const target = sampleShape(name, shape, given);
  const [count, chance] = given.map((x) => lax.convert(stretch(name, x, target), dtype)) as [
    Tensor,
    Tensor,
  ]; // two in, two out
  return successes(key, count, chance, dtype);
}, declareOptions("random.binomial", ["key", "n", "p", "shape"], { dtype: floatType }));

function successes(key: Tensor, count: Tensor, chance: Tensor, dtype: DType): Tensor {
  const rare = lax.lt(chance, c(chance, 0.5));
  const q = lax.select(rare, chance, minus(1, chance));
  const wrong = lax.or(lax.ne(q, q), lax.lt(q, c(q, 0)));
  const share = lax.select(wrong, c(q, 0.01), q);
  const none = lax.or(lax.ne(count, count), lax.lt(count, c(count, 0)));
  const whole = lax.floor(count);
  const few = lax.or(none, lax.le(lax.mul(count, share), c(q, 10)));
  const waited = gaps(key, lax.select(few, whole, c(q, 0)), share, dtype);
  const [n, s] = [lax.select(few, c(q, 1e4), whole), lax.select(few, c(q, 0.5), share)];
  const found = lax.select(few, waited, rejected(key, n, s, dtype));
  const invalid = lax.or(wrong, none);
  const endless = lax.eq(count, c(count, Infinity));
  const seen = lax.select(invalid, c(q, NaN), lax.select(endless, c(q, Infinity), found));
  const asIs = lax.or(rare, lax.or(invalid, endless));
  return lax.select(asIs, seen, lax.sub(whole, seen));
}

/** The number of geometric waits that fit into a number of trials. */
function gaps(key: Tensor, count: Tensor, chance: Tensor, dtype: DType): Tensor {
  const [found] = loop(
    [count, lax.log1p(lax.neg(chance))],
    [c(count, 0), c(count, 0), key],
    (count, _log, _k, total) => somewhere(lax.le(total!, count!)),
    (count, log, k, total, key) => {
      const [now, next] = split(key!);
      const more = lax.select(lax.le(total!, count!), plus(k!, 1), k!);
      const wait = lax.ceil(lax.div(lax.log(unitUniform(now, count!.shape, dtype)), log!));
      return [more, lax.add(total!, wait), next];
    },
    mostSteps,
  );
  return plus(found!, -1);
}

function rejected(key: Tensor, count: Tensor, chance: Tensor, dtype: DType): Tensor {
  const deviation = lax.sqrt(lax.mul(lax.mul(count, chance), minus(1, chance)));
  const b = plus(by(deviation, 2.53), 1.15);
  const a = sum(plus(by(b, 0.0248), -0.0873), by(chance, 0.01));
  const center = plus(lax.mul(count, chance), 0.5);
  const squeeze = minus(0.92, lax.div(c(b, 4.2), b));
  const odds = lax.div(chance, minus(1, chance));
  const alpha = lax.mul(plus(lax.div(c(b, 5.1), b), 2.83), deviation);
  const mode = lax.floor(lax.mul(plus(count, 1), chance));
  const [found] = loop(
    [count, a, b, center, squeeze, odds, alpha, mode],
    [c(count, -1), lax.full(count.shape, 0, "bool"), key],
    (_n, _a, _b, _c, _s, _o, _al, _m, _k, accepted) => somewhere(lax.not(accepted!)),
    (...xs) => {
      const [count, a, b, center, squeeze, odds, alpha, mode, found, accepted, key] = xs as Row<11>;
      const [next, k1, k2] = split(key, 3);
      const u = plus(unitUniform(k1, count.shape, dtype), -0.5);
      const v = unitUniform(k2, count.shape, dtype);
      const distance = minus(0.5, lax.abs(u));
      const k = lax.floor(lax.add(lax.mul(lax.add(lax.div(by(a, 2), distance), b), u), center));
      const inside = lax.and(lax.ge(distance, c(u, 0.07)), lax.le(v, squeeze));
      const outside = lax.or(lax.lt(k, c(k, 0)), lax.gt(k, count));
      const width = lax.add(lax.div(a, lax.mul(distance, distance)), b);
      const height = lax.log(lax.div(lax.mul(v, alpha), width));
      const rest = lax.sub(count, k);
      const left = plus(lax.sub(count, mode), 1);
      const bound = sum(
        lax.mul(plus(mode, 0.5), lax.log(lax.div(plus(mode, 1), lax.mul(odds, left)))),
        lax.mul(plus(count, 1), lax.log(lax.div(left, plus(rest, 1)))),
        lax.mul(plus(k, 0.5), lax.log(lax.div(lax.mul(odds, plus(rest, 1)), plus(k, 1)))),
        stirlingTail(mode),
        stirlingTail(lax.sub(count, mode)),
        lax.neg(stirlingTail(k)),
        lax.neg(stirlingTail(rest)),
      );
      const accept = lax.or(inside, lax.and(lax.not(outside), lax.le(height, bound)));
      return [lax.select(accept, k, found), lax.or(accepted, accept), next];
    },
    mostSteps,
  );
  return found!;
}

/** As many tensors as a loop shares and changes. */
type Row<N extends number, T extends Tensor[] = []> = T["length"] extends N ? T
  : Row<N, [...T, Tensor]>;

/**
 * Multinomial: how often each of several outcomes occurs in `n` trials, as floats; `p` are their probabilities [k], and
 * leading axes are broadcast. One binomial number after the other.
 *
 * @throws ShapeError unless `p` has an axis.
 */
export const multinomial: (
  key: Tensor,
  n: TensorLike,
  p: TensorLike,
  options?: FloatOptions,
) => Tensor = keyed((key, n, p, { dtype = "float32" } = {}) => {
  const name = "random.multinomial";
  const [count, chances] = promote(name, [n, p], toFloat)
    .map((x) => lax.convert(lax.stopGradient(x), dtype)) as [Tensor, Tensor]; // two in, two out
  const last = chances.ndim - 1;
  if (last < 0) {
    throw new ShapeError(`${name}: p is ${formatAval(chances.aval)}`, "give a vector: np.array(p)");
  }
  const size = chances.shape[last]!;
  const outer = chances.shape.slice(0, -1);
  const after = lax.cumsum(chances, last, true);
  const some = lax.select(lax.eq(after, c(after, 0)), c(after, 1), after);
  const ratios = lax.min(lax.max(lax.div(chances, some), c(some, 0)), c(some, 1));
  const keys = split(key, size);
  let left = stretch(name, count, outer);
  const counts = keys.map((k, i) => {
    const ratio = lax.reshape(stretchOf(ratios, last, i, i + 1), outer);
    const found = successes(k, left, ratio, dtype);
    left = lax.sub(left, found);
    return lax.reshape(found, [...outer, 1]);
  });
  return counts.length === 0 ? chances : lax.concatenate(counts, last);
}, declareOptions("random.multinomial", ["key", "n", "p"], { dtype: floatType }));
