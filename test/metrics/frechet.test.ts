import * as fc from "fast-check";
import { expect, test } from "vitest";
import { covarianceRoot, frechetDistance, frechetReport, MetricError } from "trilevel/metrics";
import scipy from "../fixtures/frechet.json" with { type: "json" };
import fixtures from "../fixtures/metrics.json" with { type: "json" };

test.each(scipy.roots)("roots are SciPy's to float64, $features features", (example) => {
  const { features, matrix, root } = example;
  const found = covarianceRoot(matrix, features);
  const size = Math.max(...root.map(Math.abs));
  found.forEach((x, i) => expect(Math.abs(x - root[i]!) / size).toBeLessThan(1e-12));
  // And their squares are the matrix.
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < features; j++) {
      let sum = 0;
      for (let k = 0; k < features; k++) sum += found[i * features + k]! * found[k * features + j]!;
      expect(Math.abs(sum - matrix[i * features + j]!) / size ** 2).toBeLessThan(1e-12);
    }
  }
});

test.each(scipy.distances)("distances are SciPy's to float64, $features features", (example) => {
  const { a, b, features, distance } = example;
  expect(frechetDistance(a, b, features) / distance).toBeCloseTo(1, 11);
});

test("roots of singular and of repeated matrices square to them, and NaN stays NaN", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 12 }), (n, rank) => {
      // A sum of outer products with small integers, so that rank and repetitions are exact.
      const vectors = Array.from(
        { length: rank },
        (_, k) => Array.from({ length: n }, (_, i) => (i * (k + 2) * 7 + k) % 5 - 2),
      );
      const matrix = Array.from(
        { length: n * n },
        (_, at) => vectors.reduce((sum, v) => sum + v[at % n]! * v[Math.floor(at / n)]!, 0),
      );
      const root = covarianceRoot(matrix, n);
      const size = Math.max(1, ...matrix.map(Math.abs));
      matrix.forEach((x, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        let sum = 0;
        for (let k = 0; k < n; k++) sum += root[i * n + k]! * root[k * n + j]!;
        expect(Math.abs(sum - x) / size).toBeLessThan(1e-12);
        expect(Math.abs(root[i * n + j]! - root[j * n + i]!) / size).toBeLessThan(1e-12);
      });
    }),
  );
  expect([...covarianceRoot([NaN, 0, 0, 1], 2)].some(Number.isNaN)).toBe(true);
});

test("closed forms: a shift, and Gaussians of one dimension", () => {
  const { a } = scipy.distances[0]!;
  const shifted = a.map((x, i) => x + [1, -2, 3][i % 3]!);
  expect(frechetDistance(a, shifted, 3)).toBeCloseTo(1 + 4 + 9, 10);
  const one = a.filter((_, i) => i % 3 === 0);
  const deviation = (xs: readonly number[]) => {
    const mean = xs.reduce((s, x) => s + x, 0) / xs.length;
    return Math.sqrt(xs.reduce((s, x) => s + (x - mean) ** 2, 0) / (xs.length - 1));
  };
  const wide = one.map((x) => 3 * x);
  const mean = one.reduce((s, x) => s + x, 0) / one.length;
  const expected = (2 * mean) ** 2 + (deviation(wide) - deviation(one)) ** 2;
  expect(frechetDistance(one, wide, 1)).toBeCloseTo(expected, 10);
});

test("a report has the floor of halves, and says when samples are few", () => {
  const { a, b } = scipy.distances[0]!;
  const report = frechetReport(a, b, 3, "FD-random");
  expect(report.distance).toBe(frechetDistance(a, b, 3));
  const halves = [0, 1].map((parity) => a.filter((_, i) => Math.floor(i / 3) % 2 === parity));
  expect(report.floor).toBe(frechetDistance(halves[0]!, halves[1]!, 3));
  expect(report.samples).toEqual([40, 30]);
  expect(report.text).toMatch(/^FD-random .* 3 features$/);
  expect(frechetReport(a.slice(0, 15), b, 3, "FD-self").text).toMatch(/which are few/);
  expect(() => frechetReport([1, 2, 3], [1, 2, 3], 1, "FD-random")).toThrow(MetricError);
});

test.each(fixtures.frechet)(
  "equals SciPy's matrix root (case %#)",
  ({ a, b, features, distance }) => {
    expect(frechetDistance(a, b, features) / distance).toBeCloseTo(1, 6);
    expect(frechetDistance(b, a, features) / distance).toBeCloseTo(1, 6);
  },
);

test("is symmetric, zero to itself, and the squared shift between translates", () => {
  const value = fc.integer({ min: -50, max: 50 }).map((x) => x / 10);
  const samples = fc.array(value, { minLength: 12, maxLength: 12 });
  fc.assert(fc.property(samples, samples, value, (a, b, shift) => {
    const scale = 1 + frechetDistance(a, b, 3);
    expect(frechetDistance(b, a, 3) / scale).toBeCloseTo(frechetDistance(a, b, 3) / scale, 5);
    expect(frechetDistance(a, a, 3)).toBeCloseTo(0, 5);
    expect(frechetDistance(a, a.map((x) => x + shift), 3)).toBeCloseTo(3 * shift * shift, 4);
  }));
});

test("needs two whole samples", () => {
  expect(() => frechetDistance([1, 2], [1, 2], 2)).toThrow(MetricError);
  expect(() => frechetDistance([1, 2, 3], [1, 2, 3], 2)).toThrow(MetricError);
});
