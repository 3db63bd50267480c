/** Random choices: categories, orders, elements. */
import { isFloat } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { formatAval, type Shape, sizeOf } from "../core/aval.ts";
import { Tensor } from "../core/tensor.ts";
import { axisOf, checkCount, floatTensor, shapeOf } from "../numpy/promote.ts";
import { axis, boolean, count, declareOptions, listOf, tensor } from "../options/index.ts";
import { countBefore } from "../numpy/sorting.ts";
import * as lax from "../primitives/index.ts";
import { randomBits } from "./bits.ts";
import { split } from "./key.ts";
import { keyed } from "./keyed.ts";
import { gumbel } from "./normal.ts";
import { randint, uniform } from "./uniform.ts";

/** Options of {@link categorical}. */
export interface CategoricalOptions {
  /** The axis of the categories; the last unless given. */
  readonly axis?: number | undefined;
  /** The shape of the result: that of the logits without the axis, with more axes before it. */
  readonly shape?: Shape | undefined;
}

/**
 * A category for each vector of logits (unnormalized log-probabilities): int32, by the Gumbel-max trick
 * argmax(logits + gumbel).
 *
 * ```ts
 * import { np, random } from "trilevel";
 * const logits = np.log(np.array([0.1, 0.2, 0.7]));
 * const x = random.categorical(random.key(0), logits, { shape: [100] });
 * console.assert(x.shape.join() === "100" && x.dtype === "int32");
 * ```
 *
 * @throws ShapeError when the shape does not end with that of the logits without the axis.
 */
export const categorical: (key: Tensor, logits: Tensor, options?: CategoricalOptions) => Tensor =
  keyed((key, logits, { axis = -1, shape } = {}) => {
    const name = "random.categorical";
    const x = floatTensor(name, logits);
    const along = axisOf(name, axis, x.ndim);
    const batch = x.shape.filter((_, i) => i !== along);
    const target = shape ?? batch;
    const more = target.slice(0, Math.max(0, target.length - batch.length));
    const tail = target.slice(more.length);
    if (tail.length !== batch.length || batch.some((n, i) => n !== 1 && n !== tail[i])) {
      throw new ShapeError(
        `${name}: the shape [${target.join(", ")}] does not fit logits ${formatAval(x.aval)}`,
        `give a shape that ends with [${batch.join(", ")}]`,
      );
    }
    const full = [...tail.slice(0, along), x.shape[along]!, ...tail.slice(along)];
    const noise = gumbel(key, [...more, ...full], { dtype: x.dtype });
    const stretched = lax.broadcast(x, noise.shape, x.shape.map((_, i) => i + more.length));
    return lax.argMax(lax.add(noise, stretched), more.length + along);
  }, declareOptions("random.categorical", ["key", "logits"], { shape: listOf(count), axis }));

/** Options of {@link permutation}. */
export interface PermutationOptions {
  /** The axis whose elements change places; 0 unless given. */
  readonly axis?: number | undefined;
  /** Every vector along the axis in an order of its own. */
  readonly independent?: boolean | undefined;
}

/**
 * The elements along an axis in a random order; of a number n, that of 0 … n - 1 (int32).
 *
 * ```ts
 * import { random } from "trilevel";
 * const order = await random.permutation(random.key(0), 5).data();
 * console.assert([...order].sort().join() === "0,1,2,3,4");
 * ```
 *
 * @throws ShapeError for a tensor without that axis; ArgumentError when the number is not whole.
 */
export const permutation: (
  key: Tensor,
  x: Tensor | number,
  options?: PermutationOptions,
) => Tensor = keyed((key, x, { axis = 0, independent = false } = {}) => {
  const name = "random.permutation";
  if (!(x instanceof Tensor)) return shuffle(key, lax.iota([countOf(name, x)], "int32", 0), 0);
  const along = axisOf(name, axis, x.ndim);
  if (independent || x.ndim === 1) return shuffle(key, x, along);
  const order = shuffle(key, lax.iota([x.shape[along]!], "int32", 0), 0);
  return takeAlong(x, order, along);
}, declareOptions("random.permutation", ["key", "x"], { axis, independent: boolean }));

/**
 * Sorts by random bits, so often that equal bits cannot matter: as JAX does, three times the bits that
 * tell the elements apart.
 */
function shuffle(key: Tensor, x: Tensor, axis: number): Tensor {
  const rounds = Math.ceil(3 * Math.log(Math.max(1, x.size)) / Math.log(2 ** 32 - 1));
  let y = swapLast(x, axis);
  for (let i = 0; i < rounds; i++) {
    const [next, now] = split(key);
    key = next;
    y = lax.sort(swapLast(randomBits(now, x.shape), axis), y)[1]!;
  }
  return swapLast(y, axis);
}

/** The number of elements, when no tensor gives it. */
function countOf(name: string, n: unknown): number {
  if (typeof n === "number") return checkCount(name, "n", n);
  throw new ArgumentError(
    `${name}: x is ${describeTree(n)}`,
    "give a tensor, np.array(x), or a whole number n for 0 … n - 1",
  );
}

function swapLast(x: Tensor, axis: number): Tensor {
  const last = x.ndim - 1;
  return lax.transpose(x, x.shape.map((_, i) => i === axis ? last : i === last ? axis : i));
}

/** `x[…, order, …]` at an axis, for an order of any shape. */
function takeAlong(x: Tensor, order: Tensor, axis: number): Tensor {
  const rest = x.shape.map((_, i) => i).filter((i) => i !== axis);
  const first = lax.transpose(x, [axis, ...rest]);
  const taken = lax.gather(first, lax.reshape(order, [...order.shape, 1]));
  const n = order.ndim;
  const before = rest.slice(0, axis).map((_, i) => i + n);
  const after = rest.slice(axis).map((_, i) => i + n + axis);
  return lax.transpose(taken, [...before, ...order.shape.map((_, i) => i), ...after]);
}

/** Options of {@link choice}. */
export interface ChoiceOptions {
  /** The axis to choose along; 0 unless given. */
  readonly axis?: number | undefined;
  /** If true, an element may be chosen again. Default true. */
  readonly replace?: boolean | undefined;
  /** A probability for each element; all are equal unless given. */
  readonly p?: Tensor | undefined;
}

/**
 * Elements chosen along an axis, in a shape that takes its place; of a number n, from 0 … n - 1 (int32).
 *
 * ```ts
 * import { np, random } from "trilevel";
 * const x = random.choice(random.key(0), np.array([2, 3, 5, 7]), [2], { replace: false });
 * console.assert(x.shape.join() === "2");
 * ```
 *
 * @throws ArgumentError for more than there are without replacement; ShapeError when `p` does not fit.
 */
export const choice: (
  key: Tensor,
  x: Tensor | number,
  shape?: Shape | number,
  options?: ChoiceOptions,
) => Tensor = keyed((key, x, shape = [], { axis = 0, replace = true, p } = {}) => {
  const name = "random.choice";
  const target = shapeOf(name, shape);
  const draws = sizeOf(target);
  const along = x instanceof Tensor ? axisOf(name, axis, x.ndim) : 0;
  const count = x instanceof Tensor ? x.shape[along]! : countOf(name, x);
  if (draws > 0 && (replace ? count === 0 : draws > count)) {
    throw new ArgumentError(
      `${name}: cannot draw ${draws} of ${count} elements${replace ? "" : " without replacement"}`,
      "ask for fewer, or allow replacement",
    );
  }
  if (!replace && p === undefined) {
    const all = x instanceof Tensor
      ? permutation(key, x, { axis: along })
      : permutation(key, count);
    const part = lax.slice(all, {
      start: all.shape.map(() => 0),
      limit: all.shape.map((n, i) => i === along ? draws : n),
      strides: all.shape.map(() => 1),
    });
    const { shape: s } = part;
    return lax.reshape(part, [...s.slice(0, along), ...target, ...s.slice(along + 1)]);
  }
  const order = p === undefined
    ? randint(key, target, 0, count)
    : weighted(key, checkWeights(name, p, count), target, replace);
  return x instanceof Tensor ? takeAlong(x, order, along) : order;
}, declareOptions("random.choice", ["key", "x", "[2, 3]"], { replace: boolean, axis, p: tensor }));

function checkWeights(name: string, p: Tensor, count: number): Tensor {
  if (p instanceof Tensor && p.shape.join() === String(count) && isFloat(p.dtype)) return p;
  throw new ShapeError(
    `${name}: p is ${describeTree(p)}, and there are ${count} elements`,
    "give a tensor with one float for each element, as np.array(p)",
  );
}

function weighted(key: Tensor, p: Tensor, shape: Shape, replace: boolean): Tensor {
  const [count] = p.shape as [number]; // one axis: see checkWeights
  if (replace) {
    // The first place where the running sum reaches a uniform number in (0, total].
    const sums = lax.cumsum(p, 0);
    const total = lax.slice(sums, { start: [count - 1], limit: [count], strides: [1] });
    const u = uniform(key, shape, { dtype: p.dtype });
    const reached = lax.mul(
      lax.sub(lax.fullLike(u, 1), u),
      lax.broadcast(lax.reshape(total, []), shape, []),
    );
    return countBefore(sums, reached, lax.lt);
  }
  // The largest of logits + gumbel, in order (Gumbel top-k).
  const scores = lax.add(gumbel(key, [count], { dtype: p.dtype }), lax.log(p));
  const order = lax.sort(lax.neg(scores), lax.iota([count], "int32", 0))[1]!;
  const first = lax.slice(order, { start: [0], limit: [sizeOf(shape)], strides: [1] });
  return lax.reshape(first, shape);
}
