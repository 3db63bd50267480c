/**
 * Keys: where randomness comes from. A key is a value, used once: functions that need randomness take
 * one, and `split` makes new ones. The same key gives the same numbers, those of JAX (its default
 * generator, threefry2x32 with `jax_threefry_partitionable`), on every backend and under every
 * transformation.
 */
import { isInteger } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { formatAval, type Shape, sizeOf } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import { array } from "../numpy/creation.ts";
import { managed } from "../numpy/managed.ts";
import { checkCount } from "../numpy/promote.ts";
import { declareOperands } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { keyed } from "./keyed.ts";

/**
 * A key from a seed: a whole number (64 bits of it are used, as JAX does with 64-bit types), or an
 * integer scalar, which may be traced. A key is a uint32 tensor of shape [2].
 *
 * ```ts
 * import { random } from "trilevel";
 * const key = random.key(42);
 * console.assert(String(await key.data()) === "0,42");
 * ```
 *
 * @throws ArgumentError when the seed is no whole number; DTypeError when it is a float tensor.
 */
export const key: (seed: number | Tensor) => Tensor = managed((seed) => {
  if (seed instanceof Tensor) {
    if (seed.ndim !== 0 || !(isInteger(seed.dtype) || seed.aval.whole)) {
      throw new DTypeError(
        `random.key: the seed is ${formatAval(seed.aval)}`,
        'give a whole number or an integer scalar, seed.astype("uint32"); random.split and foldIn make keys of a key',
      );
    }
    return pair(literal(0, "uint32"), lax.convert(seed, "uint32"));
  }
  if (!Number.isSafeInteger(seed)) {
    throw new ArgumentError(
      `random.key: the seed is ${describeTree(seed)}`,
      "give a whole number below 2^53",
    );
  }
  const word = 2 ** 32;
  return array(new Uint32Array([Math.floor(seed / word), seed % word]));
}, declareOperands("random.key", ["seed"]));

/** As many keys as a whole number says, so that `const [a, b] = split(key)` has two. */
export type Keys<N extends number> = N extends 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12
  ? Tuple<N>
  : Tensor[];
type Tuple<N extends number, T extends Tensor[] = []> = T["length"] extends N ? T
  : Tuple<N, [...T, Tensor]>;

/**
 * New keys from one, which should not be used again: a list of `n` keys (2 unless given).
 *
 * ```ts
 * import { random } from "trilevel";
 * const [weights, noise] = random.split(random.key(0));
 * const x = random.normal(noise, [3]), w = random.normal(weights, [3]);
 * console.assert(await x.mul(w).sum().item() !== 0);
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2].
 */
export const split: <const N extends number = 2>(key: Tensor, n?: N) => Keys<N> = keyed(
  <N extends number>(from: Tensor, n?: N) => {
    const count = checkCount("random.split", "n", n ?? 2);
    const [first, second] = threefry(from, [count]);
    // As many as `n` says.
    return Array.from({ length: count }, (_, i) => pair(at(first, i), at(second, i))) as Keys<N>;
  },
  declareOperands("random.split", ["key", "n"]),
);

/**
 * The keys of {@link split} as one tensor of shape [n, 2] (or […shape, 2]), to be mapped over.
 *
 * ```ts
 * import { random, type Tensor, vmap } from "trilevel";
 * const keys = random.splitStacked(random.key(0), 5);
 * const x = vmap((key: Tensor) => random.normal(key, [3]))(keys);
 * console.assert(x.shape.join() === "5,3");
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2].
 */
export const splitStacked: (key: Tensor, n: number | Shape) => Tensor = keyed(
  (from, n) => {
    const shape = typeof n === "number" ? [n] : n;
    shape.forEach((size) => checkCount("random.splitStacked", "n", size));
    const words = threefry(from, shape);
    return lax.concatenate(words.map((w) => lax.reshape(w, [...shape, 1])), shape.length);
  },
  declareOperands("random.splitStacked", ["key", "n"]),
);

/**
 * A key from a key and a number (its lowest 32 bits), such as a step's or a device's: different numbers
 * give independent keys.
 *
 * ```ts
 * import { foriLoop, np, random, type Tensor } from "trilevel";
 * const key = random.key(0);
 * const walk = (i: Tensor, x: Tensor) => x.add(random.normal(random.foldIn(key, i)));
 * console.assert(Number.isFinite(await foriLoop(0, 5, walk, np.array(0)).item()));
 * ```
 *
 * @throws ShapeError when the key is no uint32 tensor of shape [2], or the data no integer scalar.
 */
export const foldIn: (key: Tensor, data: Tensor | number) => Tensor = keyed(
  (from, data) => {
    if (
      data instanceof Tensor ? data.ndim !== 0 || !isInteger(data.dtype) : !Number.isInteger(data)
    ) {
      throw new ShapeError(
        `random.foldIn: the data is ${describeTree(data)}`,
        "give a whole number or an integer scalar; vmap over many",
      );
    }
    const count = data instanceof Tensor
      ? lax.convert(data, "uint32")
      : literal(((data % 2 ** 32) + 2 ** 32) % 2 ** 32, "uint32");
    return pair(
      ...lax.threefry2x32(words(from, []), [literal(0, "uint32"), count]),
    );
  },
  declareOperands("random.foldIn", ["key", "data"]),
);

/** The two words of a key: itself, for a key is a uint32 tensor of shape [2]. */
export const keyData: (key: Tensor) => Tensor = keyed(
  (from) => from,
  declareOperands("random.keyData", ["key"]),
);
/** The key of two words, as {@link keyData} gives them. */
export const wrapKeyData: (words: Tensor) => Tensor = keyed(
  (from) => from,
  declareOperands("random.wrapKeyData", ["words"]),
);
/** The same key once more, to say that it is used again on purpose. */
export const clone: (key: Tensor) => Tensor = keyed(
  (from) => from,
  declareOperands("random.clone", ["key"]),
);

/** Two words of random bits for each element of a shape, uint32: element i is the hash of i. */
export function threefry(from: Tensor, shape: Shape): [Tensor, Tensor] {
  const size = sizeOf(shape);
  const low = lax.reshape(lax.iota([size], "uint32", 0), shape);
  return lax.threefry2x32(words(from, shape), [lax.fullLike(low, 0), low]);
}

/** The key's two words, repeated in a shape. */
function words(from: Tensor, shape: Shape): [Tensor, Tensor] {
  return [lax.broadcast(at(from, 0), shape, []), lax.broadcast(at(from, 1), shape, [])];
}

function at(x: Tensor, i: number): Tensor {
  return lax.reshape(lax.slice(x, { start: [i], limit: [i + 1], strides: [1] }), []);
}

function pair(a: Tensor, b: Tensor): Tensor {
  return lax.concatenate([lax.reshape(a, [1]), lax.reshape(b, [1])], 0);
}
