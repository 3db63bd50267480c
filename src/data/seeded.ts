/**
 * Seeded randomness for the host side of data: orders of epochs, splits, augmentations.
 *
 * A generator is a pure function of the words it is made of, for example `(seed, epoch, index)`, so
 * that any step of a stream can be reached without passing through the steps before it.
 */

/** A source of uniform numbers. */
export interface Random {
  /** A number in [0, 1), a multiple of 2⁻³². */
  uniform(): number;
  /** An integer in [0, limit), exactly uniform; `limit` is at most 2³². */
  below(limit: number): number;
}

/**
 * The generator that belongs to `words` (integers; their low 64 bits count): xoshiro128**, whose state
 * is filled by mixing the words in order, so that `(1, 2)` and `(2, 1)` differ.
 *
 * ```ts
 * import { seeded } from "trilevel/data";
 * const [a, b] = [seeded(0, 7), seeded(0, 7)];
 * if (a.uniform() !== b.uniform()) throw new Error("the same words give the same numbers");
 * ```
 */
export function seeded(...words: readonly number[]): Random {
  let hash = 0x9e3779b9 ^ words.length;
  const absorb = (word: number) => {
    hash = mix((hash ^ word) + 0x9e3779b9);
  };
  for (const word of words) {
    absorb(word >>> 0);
    absorb(Math.floor(word / 2 ** 32) >>> 0);
  }
  const next = () => {
    hash = (hash + 0x9e3779b9) | 0;
    return mix(hash);
  };
  let [s0, s1, s2, s3] = [next(), next(), next(), next()];

  return fromBits(() => {
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotate(s3, 11);
    return result;
  });
}

/** The source of uniform numbers that words of 32 random bits make, each of which is used once. */
export function fromBits(bits: () => number): Random {
  return {
    uniform: () => bits() / 2 ** 32,
    below(limit) {
      // Drawing again above the last whole multiple of `limit` keeps the result exactly uniform.
      const end = 2 ** 32 - 2 ** 32 % limit;
      let draw = bits();
      while (draw >= end) draw = bits();
      return draw % limit;
    },
  };
}

/** The permutation of 0 … size−1 that belongs to `words` (Fisher and Yates). */
export function permutation(size: number, ...words: readonly number[]): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, i) => i);
  const random = seeded(...words);
  for (let i = size - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

const rotate = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

// The 32-bit finalizer of MurmurHash3: every input bit reaches every output bit.
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) | 0;
}
