import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hungarian, iouMatrix, meanBestOverlap, meanIou, MetricError } from "trilevel/metrics";
import fixtures from "../fixtures/metrics.json" with { type: "json" };

const matrices = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).chain(
  ([rows, columns]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      // Few distinct costs make ties, where shortest-path solvers go wrong.
      cost: fc.array(
        fc.oneof(fc.integer({ min: -2, max: 2 }), fc.double({ min: -9, max: 9, noNaN: true })),
        {
          minLength: rows * columns,
          maxLength: rows * columns,
        },
      ),
    }),
);

test("the assignment is as cheap as the best of all", () => {
  fc.assert(
    fc.property(matrices, ({ rows, columns, cost }) => {
      const found = hungarian(cost, rows, columns);
      expect(found.cost).toBeCloseTo(cheapest(cost, rows, columns), 9);
      const used = [...found.columnOfRow].filter((c) => c >= 0);
      expect(new Set(used).size).toBe(used.length);
      expect(used.length).toBe(Math.min(rows, columns));
    }),
    { numRuns: 500 },
  );
});

test.each(fixtures.assignments)("equals SciPy on $rows by $columns", (fixture) => {
  const { cost } = hungarian(fixture.cost, fixture.rows, fixture.columns);
  expect(cost).toBeCloseTo(fixture.total, 12);
});

test("costs have to be finite and fill the matrix", () => {
  expect(() => hungarian([1, NaN, 2, 3], 2, 2)).toThrow(/cost\[0\]\[1\] is NaN/);
  expect(() => hungarian([1, 2, 3], 2, 2)).toThrow(MetricError);
});

const segmentations = fc.integer({ min: 1, max: 40 }).chain((length) => {
  const labels = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: length, maxLength: length });
  return fc.tuple(labels, labels);
});

test("mIoU is the best one-to-one mean, mBO is above it, and both ignore names", () => {
  fc.assert(fc.property(segmentations, ([truth, predicted]) => {
    const { objects, segments, iou } = iouMatrix(truth, predicted);
    fc.pre(objects.length > 0);
    const best = -cheapest(Array.from(iou, (x) => -x), objects.length, segments.length);
    const miou = meanIou(truth, predicted);
    const mbo = meanBestOverlap(truth, predicted);
    expect(miou).toBeCloseTo(best / objects.length, 9);
    expect(mbo).toBeGreaterThanOrEqual(miou - 1e-12);
    expect(mbo).toBeLessThanOrEqual(1);
    expect(meanIou(truth, predicted.map((x) => 9 - x))).toBeCloseTo(miou, 12);
    expect(meanIou(truth, truth)).toBeCloseTo(1, 12);
    expect(meanBestOverlap(truth, truth)).toBe(1);
  }));
});

test("IoU counts intersection and union over all pixels", () => {
  fc.assert(fc.property(segmentations, ([truth, predicted]) => {
    const { objects, segments, iou } = iouMatrix(truth, predicted);
    objects.forEach((object, r) =>
      segments.forEach((segment, c) => {
        const both = truth.filter((t, i) => t === object && predicted[i] === segment).length;
        const either = truth.filter((t, i) => t === object || predicted[i] === segment).length;
        expect(iou[r * segments.length + c]).toBe(both / either);
      })
    );
  }));
});

test("an image without objects has no score", () => {
  expect(meanIou([0, 0], [1, 2])).toBeNaN();
  expect(meanBestOverlap([0, 0], [1, 2])).toBeNaN();
});

/** The cheapest complete matching of the smaller side, by trying all. */
function cheapest(cost: ArrayLike<number>, rows: number, columns: number): number {
  const at = (r: number, c: number) =>
    rows <= columns ? cost[r * columns + c]! : cost[c * columns + r]!;
  const [n, m] = [Math.min(rows, columns), Math.max(rows, columns)];
  const search = (r: number, used: number): number => {
    if (r === n) return 0;
    let best = Infinity;
    for (let c = 0; c < m; c++) {
      if (!(used & (1 << c))) best = Math.min(best, at(r, c) + search(r + 1, used | (1 << c)));
    }
    return best;
  };
  return search(0, 0);
}
