/**
 * Single precision against double, of formulas that could be differences of nearly equal numbers, squares, or
 * tails: each value within some units in the last place, at points of all sizes, and so each derivative.
 */
import { describe, expect, test } from "vitest";
import { grad, nn, np, random, setBackend, stopGradient, type Tensor, vmap } from "trilevel";
import { backends } from "../support/backends.ts";

/** Powers of ten, and numbers between, of both signs. */
const sizes = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step)
    .flatMap((e) => [1, 2.7, 6.3].map((m) => m * 10 ** e));
const signed = (x: readonly number[]) => [...x, ...x.map((v) => -v)];
const all = signed(sizes(-30, 30, 3));
const moderate = signed([...sizes(-30, 0, 3), 1.5, 3, 5, 8, 12, 20, 40, 80]);
const positive = [...sizes(-30, 30, 3), 0.5, 0.9, 0.99, 0.9999, 1, 1.0001, 1.01, 1.1, 1.5];
const inside = signed([...sizes(-30, -3, 3), 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 0.9999]);

interface Case {
  readonly f: (x: Tensor) => Tensor;
  readonly at: readonly number[];
  /** Units in the last place that a value may be off, and a derivative. */
  readonly ulp: readonly [value: number, slope: number];
  /** Whether units are those of 1 where a value, or a derivative, is smaller: it saturates, as JAX's does. */
  readonly absolute?: readonly [value: boolean, slope: boolean];
}

const unary: { readonly [name: string]: Case } = {
  expm1: { f: np.expm1, at: moderate, ulp: [4, 8] },
  log1p: { f: np.log1p, at: [...positive, ...inside.filter((x) => x < 0)], ulp: [4, 4] },
  sinh: { f: np.sinh, at: moderate, ulp: [8, 8] },
  cosh: { f: np.cosh, at: moderate, ulp: [8, 8] },
  tanh: { f: np.tanh, at: moderate, ulp: [8, 16], absolute: [false, true] },
  asinh: { f: np.asinh, at: all, ulp: [8, 8] },
  acosh: { f: np.acosh, at: positive.filter((x) => x > 1), ulp: [8, 8] },
  atanh: { f: np.atanh, at: inside, ulp: [8, 8] },
  asin: { f: np.asin, at: inside, ulp: [8, 8] },
  atan: { f: np.atan, at: all, ulp: [8, 8] },
  sigmoid: { f: np.sigmoid, at: moderate, ulp: [8, 16], absolute: [false, true] },
  softplus: { f: np.softplus, at: moderate, ulp: [8, 16] },
  "log of the sigmoid": {
    f: (x) => np.negative(np.softplus(np.negative(x))),
    at: moderate,
    ulp: [8, 16],
  },
  erf: { f: np.erf, at: moderate, ulp: [8, 16] },
  // XLA's approximation, whose numbers `random.normal` shares: 1 - x² is rounded.
  erfInv: { f: np.erfInv, at: inside, ulp: [64, 512] },
  sinc: { f: np.sinc, at: signed([...sizes(-30, -3, 3), 0.01, 0.1, 0.3, 0.7]), ulp: [8, 64] },
  sqrt: { f: np.sqrt, at: positive, ulp: [4, 4] },
  "atan2 beside a number as large": {
    f: (x) => np.atan2(x, stopGradient(x).mul(0.5)),
    at: all.filter((x) => x > 0),
    ulp: [4, 8],
  },
  rsqrt: { f: np.rsqrt, at: sizes(-24, 24, 3), ulp: [4, 8] },
  // The logarithm of a large or small number is rounded, as large as it is.
  cbrt: { f: np.cbrt, at: all, ulp: [64, 64] },
  exp2: { f: np.exp2, at: moderate.map((x) => x / 2), ulp: [16, 16] },
  log2: { f: np.log2, at: positive, ulp: [8, 4] },
  log10: { f: np.log10, at: positive, ulp: [8, 4] },
  silu: { f: nn.silu, at: moderate, ulp: [8, 16] },
  elu: { f: nn.elu, at: moderate, ulp: [4, 8] },
  gelu: { f: nn.gelu, at: moderate, ulp: [16, 32], absolute: [true, true] },
  "approximate gelu": {
    f: (x) => nn.gelu(x, { approximate: true }),
    at: moderate,
    ulp: [64, 128],
    absolute: [false, true],
  },
  "hypot with 1": { f: (x) => np.hypot(x, 1), at: all, ulp: [4, 8] },
  "hypot with itself": { f: (x) => np.hypot(x, x), at: all, ulp: [4, 8] },
  "norm of a pair": { f: (x) => np.linalg.norm(np.stack([x, x.mul(0.5)])), at: all, ulp: [4, 8] },
  "logaddexp with 1": { f: (x) => np.logaddexp(x, 1), at: moderate, ulp: [8, 16] },
  "logsumexp with 0": {
    f: (x) => np.logsumexp(np.stack([x, x.mul(0)])),
    at: moderate,
    ulp: [8, 16],
    absolute: [true, false],
  },
  "log softmax": {
    f: (x) => np.take(np.logSoftmax(np.stack([x, x.mul(0)])), 0),
    at: moderate,
    ulp: [8, 16],
    absolute: [true, true],
  },
};

/** Statistics of numbers that hardly differ, or are large. */
const offset = (by: number) => [0.25, -0.5, 1, 0.75, -1.25, 0].map((x) => x + by);
const statistics: { readonly [name: string]: (x: Tensor) => Tensor } = {
  var: (x) => np.var(x),
  std: (x) => np.std(x, { ddof: 1 }),
  "layer norm": (x) => {
    const norm = nn.layerNorm({ size: 6 });
    return norm.apply(norm.init(random.key(0)), x);
  },
  softmax: (x) => np.softmax(x),
};

/** The first point at which single precision is further from double than it may be. */
function firstWrong(
  found: ArrayLike<number>,
  right: ArrayLike<number>,
  at: (i: number) => string,
  ulp: number,
  absolute: boolean,
): string | undefined {
  for (let i = 0; i < right.length; i++) {
    const [a, b] = [found[i]!, right[i]!];
    if (Math.abs(b) > 3.4e38 || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    // What is below the smallest normal number may be flushed to 0.
    const unit = 2 ** -23 * (absolute ? Math.max(Math.abs(b), 1) : Math.abs(b));
    if (Math.abs(a - b) <= ulp * unit + 2 ** -126) continue;
    return `${at(i)}: ${a}, right is ${b}, ${Math.abs(a - b) / Math.abs(b) * 2 ** 23} ulp`;
  }
  return undefined;
}

const single = (x: readonly number[]) => [...x].map(Math.fround);

for (const backend of backends) {
  describe(backend.name, () => {
    test.each(Object.entries(unary))("%s", async (_, { f, at, ulp, absolute = [false, false] }) => {
      const points = single(at);
      const run = async (dtype: "float32" | "float64") => {
        const x = np.array(points, { dtype });
        return [await vmap(f)(x).data(), await (vmap(grad(f))(x) as Tensor).data()] as const;
      };
      await setBackend("reference");
      const right = await run("float64");
      await setBackend(backend.name);
      const found = await run("float32");
      const [ofValue, ofSlope] = absolute;
      const place = (i: number) => `at ${points[i]}`;
      const wrong = [
        firstWrong(found[0], right[0], place, ulp[0], ofValue),
        firstWrong(found[1], right[1], (i) => `the derivative ${place(i)}`, ulp[1], ofSlope),
      ];
      expect(wrong.filter((x) => x !== undefined)).toEqual([]);
    });

    test.each(Object.entries(statistics))("%s of numbers far from 0", async (_, f) => {
      for (const by of [0, 10, 1000, 1e5]) {
        const points = single(offset(by));
        await setBackend("reference");
        const right = await f(np.array(points, { dtype: "float64" })).data();
        await setBackend(backend.name);
        const found = await f(np.array(points)).data();
        // The mean is rounded, as large as it is: that moves all deviations.
        const room = 8 + 4 * by;
        const largest = Math.max(...Array.from(right, Math.abs));
        Array.from(
          right,
          (b, i) => expect(Math.abs(found[i]! - b)).toBeLessThanOrEqual(room * 2 ** -23 * largest),
        );
      }
    });
  });
}
