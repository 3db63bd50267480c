/**
 * Sums of many float32 numbers, by everything that sums, against double precision. The bound is a small multiple of that of
 * pairwise summation: |error| ≤ 4 log₂(n) 2⁻²⁴ Σ|terms|; of products of up to 512 terms n 2⁻²⁴ Σ|terms|, if that is more.
 */
import { grad, nn, np, random, type Tensor } from "../../src/index.ts";

/** The relative error of one rounding in float32. */
const rounding = 2 ** -24;

/** The error of a sum of so many terms, as a part of the sum of their absolute values. */
export const boundOf = (terms: number): number => 4 * Math.log2(terms) * rounding;

/**
 * The error of the terms of a product, likewise. ONNX Runtime adds up to 512 of them in turn, where the error is one
 * rounding a term at most.
 */
const boundOfProduct = (terms: number): number =>
  terms <= 512 ? Math.max(terms * rounding, boundOf(terms)) : boundOf(terms);

/** Between 0 and 1, always the same for the same number. */
function noise(i: number): number {
  let x = Math.imul(i + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32;
}

/** Numbers far from zero, equal ones (whose roundings agree), and those of both signs. */
export const kinds: { readonly [name: string]: (i: number) => number } = {
  offset: (i) => 1000 + noise(i),
  equal: () => 0.1,
  signed: (i) => noise(i) - 0.5,
};

/** The number of a few for which roundings agree most where so many of it are added up one by one. */
export function unlucky(terms: number): number {
  let [found, worst] = [0, 0];
  for (let i = 0; i < 64; i++) {
    const x = Math.fround(1 + noise(i));
    let sum = 0;
    for (let n = 0; n < terms; n++) sum = Math.fround(sum + x);
    const error = Math.abs(sum / terms / x - 1);
    if (error > worst) [found, worst] = [x, error];
  }
  return found;
}

/** The axes of a tensor of which the middle one is summed. */
export type Layout = readonly [outer: number, terms: number, inner: number];

/** What sums, along the middle axis, what it should give for the terms of one line, and how far it may be off. */
interface Sum {
  readonly f: (x: Tensor) => Tensor;
  /** One number, or one for each term. */
  readonly right: (terms: Float64Array) => number | ((i: number) => number);
  readonly most: (terms: Float64Array) => number | ((i: number) => number);
}

function total(xs: Float64Array, f = (x: number) => x): number {
  let sum = 0;
  for (let i = 0; i < xs.length; i++) sum += f(xs[i]!);
  return sum;
}
const absolute = (xs: Float64Array) => total(xs, Math.abs);
const meanOf = (xs: Float64Array) => total(xs) / xs.length;
const varianceOf = (xs: Float64Array) => {
  const m = meanOf(xs);
  return total(xs, (x) => (x - m) ** 2) / xs.length;
};
const exponentials = (xs: Float64Array) => {
  const largest = xs.reduce((a, b) => Math.max(a, b), -Infinity);
  return { largest, sum: total(xs, (x) => Math.exp(x - largest)) };
};
const axis = 1;
/** What the layers add to a variance. */
const epsilon = 1e-5;
const meanError = (xs: Float64Array) => boundOf(xs.length) * absolute(xs) / xs.length;

/** Everything that sums along an axis. */
export const sums: { readonly [name: string]: Sum } = {
  sum: {
    f: (x) => np.sum(x, { axis }),
    right: (xs) => total(xs),
    most: (xs) => boundOf(xs.length) * absolute(xs),
  },
  mean: { f: (x) => np.mean(x, { axis }), right: meanOf, most: meanError },
  var: {
    f: (x) => np.var(x, { axis }),
    right: varianceOf,
    most: (xs) => (boundOf(xs.length) + 8 * rounding) * varianceOf(xs) + 2 * meanError(xs) ** 2,
  },
  "norm, squared": {
    f: (x) => np.square(np.linalg.norm(x, { axis })),
    right: (xs) => total(xs, (x) => x * x),
    most: (xs) => (boundOf(xs.length) + 8 * rounding) * total(xs, (x) => x * x),
  },
  logsumexp: {
    f: (x) => np.logsumexp(x, { axis }),
    right: (xs) => Math.log(exponentials(xs).sum) + exponentials(xs).largest,
    most: (xs) => boundOf(xs.length) + 8 * rounding * (1 + Math.log(xs.length) + Math.abs(xs[0]!)),
  },
  softmax: {
    f: (x) => np.softmax(x, { axis }),
    right: (xs) => {
      const { largest, sum } = exponentials(xs);
      return (i) => Math.exp(xs[i]! - largest) / sum;
    },
    most: (xs) => {
      const { sum } = exponentials(xs);
      return () => (boundOf(xs.length) + 16 * rounding) / sum;
    },
  },
  cumsum: { f: (x) => np.cumsum(x, { axis }), ...running(false) },
  "cumsum from the end": { f: (x) => np.cumsum(x, { axis, reverse: true }), ...running(true) },
  "layer normalization": normalized((x) => {
    const turned = np.swapaxes(x, 1, 2);
    const layer = nn.layerNorm({ size: turned.shape[2]!, affine: false });
    return np.swapaxes(layer.apply(layer.init(random.key(0)), turned), 1, 2);
  }),
  "instance normalization": normalized((x) => {
    const layer = nn.groupNorm({ channels: x.shape[2]!, groups: x.shape[2]!, affine: false });
    return layer.apply(layer.init(random.key(0)), x);
  }),
  "sum of products": {
    f: (x) => np.einsum("onk,onk->ok", x, x),
    right: (xs) => total(xs, (x) => x * x),
    most: (xs) => (boundOf(xs.length) + rounding) * total(xs, (x) => x * x),
  },
};

/** What wants a number of terms that four divides. */
export const inFours: { readonly [name: string]: Sum } = {
  "group normalization of several channels": normalized((x) => {
    const layer = nn.groupNorm({ channels: 4, groups: 1, affine: false });
    const grouped = np.swapaxes(x, 1, 2).reshape([-1, x.shape[1]! / 4, 4]);
    const lines = layer.apply(layer.init(random.key(0)), grouped);
    return np.swapaxes(lines.reshape([x.shape[0]!, x.shape[2]!, x.shape[1]!]), 1, 2);
  }),
  // Roundings of factors add up, in whichever order they are multiplied.
  prod: {
    f: (x) => np.prod(x.mul(2 ** -24).add(1), { axis }),
    right: (xs) => xs.reduce((product, x) => product * Math.fround(1 + x * 2 ** -24), 1),
    most: (xs) => xs.length * rounding * xs.reduce((p, x) => p * Math.fround(1 + x * 2 ** -24), 1),
  },
};

/** What takes off the mean and divides by the deviation. */
function normalized(f: Sum["f"]): Sum {
  return {
    f,
    right: (xs) => {
      const [m, deviation] = [meanOf(xs), Math.sqrt(varianceOf(xs) + epsilon)];
      return (i) => (xs[i]! - m) / deviation;
    },
    most: (xs) => {
      const [m, error] = [meanOf(xs), meanError(xs)];
      const deviation = Math.sqrt(varianceOf(xs) + epsilon);
      const scale = boundOf(xs.length) + 16 * rounding + (error / deviation) ** 2;
      return (i) => (2 * error + Math.abs(xs[i]! - m) * scale) / deviation;
    },
  };
}

function running(reverse: boolean): Pick<Sum, "right" | "most"> {
  const along = (xs: Float64Array, f: (x: number) => number) => {
    const sums = new Float64Array(xs.length);
    let sum = 0;
    for (let k = 0; k < xs.length; k++) {
      const i = reverse ? xs.length - 1 - k : k;
      sums[i] = sum += f(xs[i]!);
    }
    return (i: number) => sums[i]!;
  };
  return {
    right: (xs) => along(xs, (x) => x),
    most: (xs) => {
      const all = along(xs, Math.abs);
      return (i) => boundOf(xs.length) * all(i);
    },
  };
}

/** Tries a sum; gives the largest error as a part of what is allowed. */
export async function errorOf(
  sum: Sum,
  element: (i: number) => number,
  layout: Layout,
): Promise<number> {
  const [outer, terms, inner] = layout;
  const data = Float32Array.from({ length: outer * terms * inner }, (_, i) => element(i));
  const actual = await sum.f(np.array(data, { shape: [...layout] })).data();
  let worst = 0;
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < inner; k++) {
      const line = Float64Array.from(
        { length: terms },
        (_, i) => data[(o * terms + i) * inner + k]!,
      );
      const [right, most] = [sum.right(line), sum.most(line)];
      const compare = (got: number, want: number, allowed: number) => {
        const error = Math.abs(got - want) / allowed;
        worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
      };
      if (typeof right === "number" || typeof most === "number") {
        compare(actual[o * inner + k]!, right as number, most as number);
      } else {
        for (let i = 0; i < terms; i++) {
          compare(actual[(o * terms + i) * inner + k]!, right(i), most(i));
        }
      }
    }
  }
  return worst;
}

/** A bilinear map, of which each result is the sum of products of pairs of elements of the operands. */
interface Product {
  readonly f: (x: Tensor, y: Tensor) => Tensor;
  readonly shapes: readonly [readonly number[], readonly number[]];
  /** The pairs of positions whose products make a result; some results are enough. */
  readonly terms: (result: number) => Iterable<readonly [x: number, y: number]>;
  readonly results: readonly number[];
}

/** Products along `n` elements. */
export function products(n: number): { readonly [name: string]: Product } {
  const matrices = (rows: number, columns: number, turned: "x" | "y" | null): Product => ({
    f: (x, y) => np.matmul(turned === "x" ? x.T : x, turned === "y" ? y.T : y),
    shapes: [turned === "x" ? [n, rows] : [rows, n], turned === "y" ? [columns, n] : [n, columns]],
    *terms(result) {
      const [r, c] = [Math.floor(result / columns), result % columns];
      for (let i = 0; i < n; i++) {
        yield [
          turned === "x" ? i * rows + r : r * n + i,
          turned === "y" ? c * n + i : i * columns + c,
        ];
      }
    },
    results: [0, rows * columns - 1],
  });
  const channels = 4;
  return {
    "vectors": matrices(1, 1, null),
    "a row and a matrix": matrices(1, 8, null),
    "a matrix and a column": matrices(8, 1, null),
    "few rows and columns": matrices(4, 4, null),
    "turned around": matrices(4, 4, "x"),
    "both along their rows": matrices(4, 4, "y"),
    "more rows and columns": matrices(33, 33, "x"),
    "a filter as long as the signal": {
      f: (x, w) => np.convGeneralDilated(x, w),
      shapes: [[1, n + 2, 1], [n, 1, 2]],
      *terms(result) {
        const [place, out] = [Math.floor(result / 2), result % 2];
        for (let i = 0; i < n; i++) yield [place + i, i * 2 + out];
      },
      results: [0, 5],
    },
    // Every element of the filter sees all of the signals.
    ...Object.fromEntries(([[1, 1], [1, channels], [2, 1]] as const).map(([strides, groups]) => {
      const long = n / 4;
      const out = long / strides;
      const inside = channels / groups;
      const f = (x: Tensor, y: Tensor) => {
        const convolution = (w: Tensor) =>
          np.sum(np.convGeneralDilated(x, w, { strides, groups, padding: [[0, 2]] }).mul(y));
        return grad(convolution)(np.zeros([3, inside, channels]));
      };
      const product: Product = {
        f,
        shapes: [[4, long, channels], [4, out, channels]],
        *terms(result) {
          const tap = Math.floor(result / (inside * channels));
          const o = result % channels;
          const i = Math.floor(result / channels) % inside + (groups === 1 ? 0 : o);
          for (let image = 0; image < 4; image++) {
            for (let p = 0; p < out; p++) {
              const place = p * strides + tap;
              if (place < long) {
                yield [(image * long + place) * channels + i, (image * out + p) * channels + o];
              }
            }
          }
        },
        results: [0, 3 * inside * channels - 1],
      };
      return [`a filter's gradient, strides ${strides}, groups ${groups}`, product];
    })),
  };
}

/** So many products of small matrices that a device is busy without sharing any of them out. */
export function stacks(n: number): Product {
  return {
    f: (x, y) => np.matmul(x, y),
    shapes: [[64, 8, n], [64, n, 8]],
    *terms() {
      for (let i = 0; i < n; i++) yield [i, i * 8];
    },
    results: [0],
  };
}

/** Tries a product; gives the largest error as a part of what is allowed. */
export async function errorOfProduct(
  product: Product,
  element: (i: number, operand: number) => number,
): Promise<number> {
  const [a, b] = product.shapes.map((shape, k) =>
    Float32Array.from(
      { length: shape.reduce((n, m) => n * m, 1) },
      (_, i) => element(i + 77 * k, k),
    )
  ) as [Float32Array, Float32Array];
  const [x, y] = [a, b].map((data, k) => np.array(data, { shape: [...product.shapes[k]!] }));
  const actual = await product.f(x!, y!).data();
  let worst = 0;
  for (const result of product.results) {
    let [sum, all, count] = [0, 0, 0];
    for (const [i, k] of product.terms(result)) {
      const term = a[i]! * b[k]!;
      [sum, all, count] = [sum + term, all + Math.abs(term), count + 1];
    }
    const error = Math.abs(actual[result]! - sum) / (boundOfProduct(count) * all);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }
  return worst;
}
