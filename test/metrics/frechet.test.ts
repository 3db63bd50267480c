import * as fc from "fast-check";
import { expect, test } from "vitest";
import { frechetDistance, MetricError } from "trilevel/metrics";
import fixtures from "../fixtures/metrics.json" with { type: "json" };

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
