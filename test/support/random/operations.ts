/**
 * The instructions that random programs are made of. Each takes the latest value, another one, and a small
 * constant, all of any shape, and gives a value between about -3 and 3. They are smooth to the
 * third derivative, so that rounding cannot make a branch of a derivative turn: extrema and comparisons come
 * as powers that vanish where they switch, or are decided by whole numbers.
 */
import type { Tensor } from "../../../src/core/tensor.ts";
import * as lax from "../../../src/primitives/index.ts";
import { composed } from "./composed.ts";
import { decided } from "./decided.ts";
import {
  along,
  apart,
  axesOf,
  counter,
  fill,
  inShape,
  mean,
  type Operations,
  scaled,
  shifted,
  withAxis,
} from "./parts.ts";

const square = (x: Tensor) => lax.mul(x, x);
const fourth = (x: Tensor) => square(square(x));
const above1 = (x: Tensor) => shifted(square(x), 1);
const each = (x: Tensor, value: number) => x.shape.map(() => value);

/** Whether a whole number that depends on the place is even. */
const even = (x: Tensor) => {
  const n = shiftedBits(counter(x));
  return lax.eq(lax.and(n, fill(n, 1)), fill(n, 0));
};
const shiftedBits = (n: Tensor) => lax.xor(n, lax.shiftRightArithmetic(n, fill(n, 1)));

const elementwise: Operations = {
  sin: lax.sin,
  cos: (x, _, c) => lax.cos(scaled(x, 1 + c)),
  tanh: lax.tanh,
  logistic: (x) => lax.logistic(x),
  erf: lax.erf,
  atan: lax.atan,
  asinh: lax.asinh,
  neg: lax.neg,
  exp: (x) => lax.exp(lax.sub(lax.tanh(x), fill(x, 0.5))),
  expm1: (x) => lax.expm1(lax.sin(x)),
  log: (x) => lax.log(above1(x)),
  log1p: (x) => lax.log1p(square(x)),
  sqrt: (x) => lax.sqrt(lax.add(lax.logistic(x), fill(x, 0.1))),
  rsqrt: (x) => lax.mul(x, lax.rsqrt(above1(x))),
  hyperbolic: (x) => lax.mul(lax.sinh(lax.tanh(x)), lax.cosh(lax.tanh(x))),
  tan: (x) => lax.tan(lax.sin(x)),
  arcs: (x) => lax.sub(lax.asin(scaled(lax.sin(x), 0.5)), lax.acos(scaled(lax.tanh(x), 0.5))),
  areas: (x) => lax.add(lax.atanh(scaled(lax.sin(x), 0.5)), lax.acosh(shifted(lax.sin(x), 2.5))),
  add: (x, y, c) => scaled(lax.add(x, scaled(y, 1 + c)), 0.4),
  sub: (x, y) => scaled(lax.sub(x, y), 0.5),
  mul: (x, y) => lax.mul(lax.tanh(x), y),
  div: (x, y) => lax.div(x, above1(y)),
  pow: (x, y) => lax.pow(shifted(lax.sin(x), 1.5), lax.tanh(y)),
  atan2: (x, y) => lax.atan2(x, above1(y)),
  max: (x, y) => fourth(lax.max(lax.tanh(lax.sub(x, y)), fill(x, 0))),
  min: (x, y) => lax.sub(y, fourth(lax.min(lax.tanh(x), fill(x, 0)))),
  abs: (x) => lax.mul(lax.abs(lax.tanh(x)), square(lax.tanh(x))),
  compare: (x, y, c) => {
    const d = lax.tanh(lax.sub(x, fill(x, c)));
    return lax.select(
      lax.gt(d, fill(d, 0)),
      fourth(d),
      scaled(lax.mul(fourth(d), lax.tanh(y)), -1),
    );
  },
  choose: (x, y) => lax.select(even(x), x, y),
  stopGradient: (x, y) => scaled(lax.add(lax.stopGradient(x), y), 0.5),
  wholes: (x, _, c) => {
    const n = lax.convert(counter(x), x.dtype);
    return lax.mul(x, scaled(lax.floor(scaled(shifted(n, 0.3), 0.7 + c / 4)), 1 / (x.size + 1)));
  },
  randomBits: (x, y, c) => {
    const words = counter(x, "uint32");
    const key = fill(words, Math.round(1000 * (c + 1)));
    const [bits] = lax.threefry2x32([key, words], [words, key]);
    const small = lax.shiftRightLogical(bits, fill(bits, 9));
    return lax.add(lax.mul(y, scaled(lax.convert(small, x.dtype), 2 ** -23)), scaled(x, 0.3));
  },
};

const structural: Operations = {
  reshape: (x) => lax.reshape(x, x.ndim === 1 ? [1, x.size] : [x.size]),
  transpose: (x) => lax.transpose(x, axesOf(x).reverse()),
  slice: (x, _, c) => {
    const axis = along(x, c);
    const half = x.shape.map((n, i) => i === axis && n > 1 ? 1 : 0);
    return lax.slice(x, { start: half, limit: x.shape, strides: each(x, c > 0 ? 2 : 1) });
  },
  pad: (x, y, c) =>
    lax.pad(
      x,
      { low: each(x, 1), high: each(x, c > 0 ? 1 : 0), interior: each(x, c < 0 ? 1 : 0) },
      mean(y),
    ),
  concatenate: (x, y, c) => lax.concatenate([withAxis(x), withAxis(y)], along(withAxis(x), c)),
  reverse: (x) => lax.reverse(x, axesOf(x)),
  broadcast: (x) => lax.broadcast(x, [2, ...x.shape], axesOf(x).map((a) => a + 1)),
  barrier: (x, y) => {
    const [a, b] = lax.barrier([x, y]);
    return scaled(lax.sub(a!, b!), 0.5);
  },
  reduceSum: (x, _, c) => x.ndim === 0 ? x : mean(x, [along(x, c)]),
  reduceMax: (x) => shifted(lax.reduceMax(lax.add(x, apart(x)), axesOf(x)), -8 * (x.size - 1)),
  reduceMin: (x, _, c) => {
    const y = withAxis(x);
    const axis = along(y, c);
    return lax.tanh(lax.reduceMin(lax.add(y, apart(y)), [axis]));
  },
  cumsum: (x, _, c) => {
    const y = withAxis(x);
    const axis = along(y, c);
    return scaled(lax.cumsum(y, axis, c > 0), 1 / y.shape[axis]!);
  },
  sort: (x, y) => {
    const a = withAxis(x);
    const [keys, moved] = lax.sort(lax.add(a, apart(a)), inShape(y, a.shape));
    return lax.add(lax.sin(keys!), scaled(moved!, 0.5));
  },
  argMax: (x, y) => {
    const a = withAxis(x);
    const index = lax.argMax(lax.add(a, apart(a)), a.ndim - 1);
    const at = lax.reshape(index, [...index.shape, 1]);
    return lax.gather(inShape(y, [a.shape.at(-1)!]), at);
  },
  gather: (x, y) => {
    const a = lax.reshape(x, [x.size]);
    const n = lax.iota([y.size, 1], "int32", 0);
    return lax.gather(a, lax.rem(lax.mul(n, fill(n, 3)), fill(n, x.size)));
  },
  scatter: (x, y, c) => {
    const a = lax.reshape(x, [x.size]);
    const count = c > 0 ? x.size : Math.ceil(x.size / 2);
    const n = lax.iota([count, 1], "int32", 0);
    // Adding may meet in one place; what replaces does not.
    const at = c > 0 ? lax.shiftRightArithmetic(n, fill(n, 1)) : n;
    return scaled(lax.scatter(a, at, inShape(y, [count]), c > 0 ? "add" : "set"), 0.5);
  },
  dot: (x, y) => {
    const a = withAxis(x);
    const k = a.shape.at(-1)!;
    const params = { lhsContract: [a.ndim - 1], rhsContract: [1], lhsBatch: [], rhsBatch: [] };
    return scaled(lax.dot(a, inShape(y, [2, k]), params), 1 / k);
  },
  batchedDot: (x, y) => {
    const a = inShape(x, [2, 2, 3]);
    const params = { lhsContract: [2], rhsContract: [2], lhsBatch: [0], rhsBatch: [0] };
    return scaled(lax.dot(a, inShape(y, [2, 2, 3]), params), 1 / 3);
  },
  conv: (x, y, c) =>
    scaled(
      lax.conv(inShape(x, [1, 2, 5]), inShape(y, [2, c > 0 ? 2 : 1, 2]), {
        strides: [c > 0.5 ? 2 : 1],
        padding: [[1, 0]],
        lhsDilation: [1],
        rhsDilation: [c < -0.5 ? 2 : 1],
        groups: c > 0 ? 1 : 2,
      }),
      0.3,
    ),
};

/** All of them, by name; the first does nothing, so that programs shrink to it. */
export const operations: Operations = {
  identity: (x) => x,
  ...elementwise,
  ...structural,
  ...decided,
  ...composed,
};
