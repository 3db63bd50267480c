/** What every sampler promises: its distribution, its shape, its type, and clear errors. */
import fc from "fast-check";
import {
  ArgumentError,
  DTypeError,
  grad,
  np,
  random,
  setBackend,
  ShapeError,
  type Tensor,
} from "trilevel";
import { beforeAll, describe, expect, it } from "vitest";

beforeAll(() => setBackend("reference"));

/** A sampler with the mean and variance of its distribution. */
type Moments = readonly [sample: (key: Tensor) => Tensor, mean: number, variance: number];
const n = 4000;
const samplers: { readonly [name: string]: Moments } = {
  uniform: [(k) => random.uniform(k, [n], { minval: -1, maxval: 3 }), 1, 16 / 12],
  normal: [(k) => random.normal(k, [n]), 0, 1],
  // Burkardt, "The truncated normal distribution", 2014.
  truncatedNormal: [(k) => random.truncatedNormal(k, -1, 1, [n]), 0, 0.2911],
  gumbel: [(k) => random.gumbel(k, [n]), 0.5772, Math.PI ** 2 / 6],
  exponential: [(k) => random.exponential(k, [n]), 1, 1],
  laplace: [(k) => random.laplace(k, [n]), 0, 2],
  bernoulli: [(k) => random.bernoulli(k, 0.3, [n]).astype("float32"), 0.3, 0.21],
  randint: [(k) => random.randint(k, [n], 0, 7).astype("float32"), 3, 4],
  categorical: [
    (k) => {
      const logits = np.log(np.array([0.2, 0.5, 0.3]));
      return random.categorical(k, logits, { shape: [n] }).astype("float32");
    },
    1.1,
    0.49,
  ],
  choice: [
    (k) => random.choice(k, np.array([1, 5]), [n], { p: np.array([0.25, 0.75]) }),
    4,
    3,
  ],
};

describe("distributions", () => {
  it.each(Object.entries(samplers))("%s", async (_, [sample, mean, variance]) => {
    const x = sample(random.key(11));
    // Six standard deviations of the mean; the variance's own spread is a few times larger.
    expect(Math.abs(await x.mean().item() - mean)).toBeLessThan(6 * Math.sqrt(variance / n));
    expect(Math.abs(await np.var(x).item() / variance - 1)).toBeLessThan(0.2);
  });

  it("different keys give independent numbers", async () => {
    const [a, b] = random.split(random.key(5));
    const x = random.normal(a, [n]),
      y = random.normal(b, [n]),
      z = random.normal(random.foldIn(a, 1), [n]);
    for (const [u, v] of [[x, y], [x, z], [y, z]] as const) {
      expect(Math.abs(await np.mean(u.mul(v)).item())).toBeLessThan(0.1);
    }
  });
});

it("a permutation has every element once", () =>
  fc.assert(fc.asyncProperty(
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 0, max: 100 }),
    async (size, seed) => {
      const order = await random.permutation(random.key(seed), size).data();
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
      const chosen = await random.choice(random.key(seed), size, size, { replace: false }).data();
      expect(new Set(chosen).size).toBe(size);
    },
  )));

it("whole numbers lie in their range", () =>
  fc.assert(fc.asyncProperty(
    fc.integer(),
    fc.integer(),
    async (a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const x = await random.randint(random.key(1), [20], low, high).data();
      expect(x.every((v) => low <= v && (v < high || low === high))).toBe(true);
    },
  )));

it("ends of intervals are differentiable", async () => {
  const f = (low: Tensor) =>
    random.uniform(random.key(0), [100], { minval: low, maxval: 2 }).mean();
  const unit = await random.uniform(random.key(0), [100]).mean().item();
  expect(await grad(f)(np.array(-1)).item()).toBeCloseTo(1 - unit, 9);
});

it("says what is wrong", () => {
  const key = random.key(0);
  expect(() => random.normal(np.zeros([2]), [3])).toThrow(ShapeError);
  expect(() => random.normal(random.splitStacked(key, 3), [3])).toThrow("vmap");
  expect(() => random.key(0.5)).toThrow(ArgumentError);
  expect(() => random.key(np.zeros([]))).toThrow(DTypeError);
  expect(() => random.uniform(key, [3], { dtype: "int32" })).toThrow(DTypeError);
  expect(() => random.randint(key, [3], 0, 2, { dtype: "float32" })).toThrow(DTypeError);
  expect(() => random.uniform(key, [3], { minval: np.zeros([2]) })).toThrow(ShapeError);
  expect(() => random.categorical(key, np.zeros([2, 3]), { shape: [3] })).toThrow(ShapeError);
  expect(() => random.choice(key, 3, [4], { replace: false })).toThrow(ArgumentError);
  expect(() => random.foldIn(key, 0.5)).toThrow(ShapeError);
});
