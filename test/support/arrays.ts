/**
 * Arrays on the host, for tests: random ones from a seed, of every shape and element type, on their way
 * to a backend and back.
 */
import fc from "fast-check";
import type { Backend } from "../../src/runtime/backend.ts";
import { allocate, coerce, type DType, isFloat } from "../../src/core/dtype.ts";
import { aval, type Shape, sizeOf } from "../../src/core/aval.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { tensorFromHost } from "../../src/runtime/memory.ts";

/** An array on the host. */
export interface HostArray {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: readonly number[];
}

/** Numbers between 0 and 1, the same ones for the same seed (Mulberry32). */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1));
  }

  /** The numbers 0 … n-1 in any order. */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const k = this.whole(0, i);
      [order[i], order[k]] = [order[k]!, order[i]!];
    }
    return order;
  }
}

/** An array whose elements `sample` gives, as the element type stores them. */
export function hostArray(dtype: DType, shape: Shape, sample: () => number): HostArray {
  const values = Array.from({ length: sizeOf(shape) }, () => coerce(sample(), dtype));
  return { dtype, shape, values };
}

/** Ordinary numbers of an element type: small ones, and for integers now and then any at all. */
export function ordinary(random: Random, dtype: DType): number {
  if (isFloat(dtype)) return random.between(-3, 3);
  if (dtype === "bool") return random.whole(0, 1);
  const small = random.next() < 0.7;
  if (dtype === "uint32") return small ? random.whole(0, 9) : random.whole(0, 2 ** 32 - 1);
  return small ? random.whole(-9, 9) : random.whole(-(2 ** 31), 2 ** 31 - 1);
}

/** Numbers no two of which are close to each other, so that small changes keep their order. */
export function distinct(random: Random, dtype: DType, shape: Shape): HostArray {
  const order = random.permutation(sizeOf(shape));
  let next = 0;
  return hostArray(dtype, shape, () => {
    const place = order[next++]! + (dtype === "uint32" ? 0 : -order.length / 2);
    return isFloat(dtype) ? 0.25 * (place + random.between(0.3, 0.7)) : Math.floor(place);
  });
}

/** Sizes of an axis: mostly 1 to 4, now and then 0. */
export function axisSize({ empty = true }: { empty?: boolean } = {}): fc.Arbitrary<number> {
  const some = fc.integer({ min: 1, max: 4 });
  return empty ? fc.oneof({ weight: 12, arbitrary: some }, fc.constant(0)) : some;
}

/** Shapes of rank 0 to 5, zero-size ones among them; of higher rank with smaller axes. */
export function shapes(
  { minRank = 0, maxRank = 5, empty = true }: {
    minRank?: number;
    maxRank?: number;
    empty?: boolean;
  } = {},
): fc.Arbitrary<Shape> {
  return fc.integer({ min: minRank, max: maxRank }).chain((rank) =>
    fc.array(axisSize({ empty }), { minLength: rank, maxLength: rank })
      .map((shape) => rank > 3 ? shape.map((n) => Math.min(n, 2)) : shape)
  );
}

/** The array as a tensor on a backend. */
export function place({ dtype, shape, values }: HostArray, backend: Backend): Tensor {
  // The reference keeps float32 in double precision: nothing may be lost on the way to it.
  const data = allocate(
    backend.name === "reference" && dtype === "float32" ? "float64" : dtype,
    values.length,
  );
  data.set(values);
  return tensorFromHost(data, aval(shape, dtype), backend);
}

/** The elements of tensors. */
export function read(xs: readonly Tensor[]): Promise<number[][]> {
  return Promise.all(xs.map(async (x) => Array.from(await x.data())));
}

/** The array moved along a direction; integers and booleans stay. */
export function moved(x: HostArray, by: number, direction: HostArray): HostArray {
  if (!isFloat(x.dtype)) return x;
  return { ...x, values: x.values.map((v, i) => v + by * direction.values[i]!) };
}

/** Arrays stacked along a new axis. */
export function stacked(xs: readonly HostArray[], like: HostArray, axis = 0): HostArray {
  const inner = sizeOf(like.shape.slice(axis));
  const outer = sizeOf(like.shape.slice(0, axis));
  const values: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (const x of xs) values.push(...x.values.slice(o * inner, (o + 1) * inner));
  }
  return { ...like, shape: like.shape.toSpliced(axis, 0, xs.length), values };
}
