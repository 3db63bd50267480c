/** Truncated normal numbers in single precision follow the distribution, in its tails too. */
import { describe, expect, test } from "vitest";
import { grad, np, random, setBackend, type Tensor } from "trilevel";
import { backends } from "../support/backends.ts";

const count = 4000;

/** The density of the standard normal over its values at points of (low, high), normalized by Simpson's rule. */
function moments(low: number, high: number): { mean: number; deviation: number } {
  const end = Math.min(high, Math.max(low, 0) + 12);
  const start = Math.max(low, Math.min(high, 0) - 12);
  const steps = 20_000;
  // Relative to the largest value, which would be 0 far out.
  const nearest = Math.min(Math.max(0, start), end);
  let [mass, first, second] = [0, 0, 0];
  for (let i = 0; i <= steps; i++) {
    const x = start + (end - start) * i / steps;
    const weight = (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) *
      Math.exp((nearest * nearest - x * x) / 2);
    mass += weight;
    first += weight * (x - nearest);
    second += weight * (x - nearest) ** 2;
  }
  const mean = first / mass;
  return { mean: nearest + mean, deviation: Math.sqrt(second / mass - mean * mean) };
}

const intervals = [
  [5.25, 1e6],
  [-1e6, -5.25],
  [-Infinity, -3],
  [3, 3.1],
  [20, 30],
  [1000, Infinity],
  [-1, 8],
  [-Infinity, Infinity],
] as const;

for (const backend of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(backend, () => {
    test.each(intervals)("between %d and %d", async (low, high) => {
      await setBackend(backend);
      const x = [...await random.truncatedNormal(random.key(1), low, high, [count]).data()];
      expect(x.every((v) => v > low && v < high)).toBe(true);
      const { mean, deviation } = moments(low, high);
      // Five times the deviation of a mean of so many numbers, and the spacing of floats there.
      const room = 5 * deviation / Math.sqrt(count) + 2 ** -23 * Math.abs(mean);
      expect(Math.abs(x.reduce((a, b) => a + b) / count - mean)).toBeLessThan(room);
      // Numbers are as many as floats in reach let them be.
      const floats = Math.min(deviation / (2 ** -23 * Math.abs(mean)), count);
      expect(new Set(x).size).toBeGreaterThan(floats / 2);
      // Ends that are tensors give the same numbers.
      const ends = [np.array(low), np.array(high)] as const;
      const same = await random.truncatedNormal(random.key(1), ...ends, [count]).data();
      x.forEach((v, i) => expect(Math.abs(v - same[i]!)).toBeLessThanOrEqual(1e-6 * Math.abs(v)));
    });
  });
}

test("both ways agree where one takes over from the other", async () => {
  await setBackend("reference");
  const options = { dtype: "float64" } as const;
  const at = async (low: number) =>
    await random.truncatedNormal(random.key(2), low, low + 3, [100], options).data();
  const [before, after] = [await at(2.5 - 1e-9), await at(2.5)];
  before.forEach((x, i) => expect(Math.abs(x - after[i]!)).toBeLessThan(1e-8));
});

test("numbers of the tail move with the ends", async () => {
  await setBackend("reference");
  const ends = [4, 4.5].map((x) => np.array(x, { dtype: "float64" })) as [Tensor, Tensor];
  const f = (low: Tensor, high: Tensor) =>
    np.sum(random.truncatedNormal(random.key(3), low, high, [8], { dtype: "float64" }));
  const slopes = grad(f, { argnums: [0, 1] })(...ends);
  for (const [i, slope] of slopes.entries()) {
    const by = (step: number) =>
      f(...ends.map((end, k) => k === i ? end.add(step) : end) as [Tensor, Tensor]).item();
    const difference = (await by(1e-5) - await by(-1e-5)) / 2e-5;
    expect(Math.abs(await slope.item() - difference)).toBeLessThan(1e-6 * 8);
  }
});
