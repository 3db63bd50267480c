import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  averagePrecision,
  averagePrecisions,
  imageErrors,
  MetricError,
  slotUsage,
} from "trilevel/metrics";
import fixtures from "../fixtures/metrics.json" with { type: "json" };

describe("average precision", () => {
  // One coordinate, one binary attribute: [x, kind 0, kind 1, presence].
  const layout = { position: 1, positionScale: 1, attributes: [2] };
  const object = (x: number, kind: 0 | 1, presence: number) => [x, 1 - kind, kind, presence];
  const objects = fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom<0 | 1>(0, 1),
      fc.boolean(),
    ),
    { minLength: 1, maxLength: 6 },
  );

  test.each(fixtures.setPrediction)("equals the published rule (case %#)", (fixture) => {
    const found = averagePrecisions(fixture.predictions, fixture.targets, { slots: fixture.slots });
    found.forEach((ap, k) => expect(ap).toBeCloseTo(fixture.averagePrecisions[k]!, 12));
  });

  test("a perfect prediction scores 1 when objects differ, whatever the order of slots", () => {
    fc.assert(fc.property(objects, (all) => {
      const distinct = all.filter(([x], i) => all.findIndex(([y]) => y === x) === i);
      fc.pre(distinct.some(([, , real]) => real));
      const rows = distinct.map(([x, kind, real]) => object(x, kind, Number(real)));
      const options = { slots: rows.length, layout, threshold: 1e-9 };
      expect(averagePrecision(rows.toReversed().flat(), rows.flat(), options)).toBeCloseTo(1, 12);
    }));
  });

  test("grows with the threshold and stays within [0, 1]", () => {
    fc.assert(fc.property(objects, objects, (a, b) => {
      const slots = Math.min(a.length, b.length);
      fc.pre(b.slice(0, slots).some(([, , real]) => real));
      const predictions = a.slice(0, slots).flatMap(([x, kind], i) => object(x, kind, 1 - i / 10));
      const targets = b.slice(0, slots).flatMap(([x, kind, real]) => object(x, kind, Number(real)));
      const found = averagePrecisions(predictions, targets, {
        slots,
        layout,
        thresholds: [0, 0.1, 0.3, Infinity],
      });
      expect(found[0]).toBe(0);
      found.forEach((ap, k) => {
        expect(ap).toBeLessThanOrEqual(1 + 1e-12);
        if (k > 0) expect(ap).toBeGreaterThanOrEqual(found[k - 1]!);
      });
    }));
  });

  test("a claimed target makes a false positive; there is no second choice", () => {
    const targets = [object(0.5, 0, 1), object(0.6, 0, 1)].flat();
    const predictions = [object(0.5, 0, 0.9), object(0.51, 0, 0.8)].flat();
    // The second prediction is within 0.2 of the unclaimed 0.6, but nearest to the claimed 0.5.
    const options = { slots: 2, layout, threshold: 0.2 };
    expect(averagePrecision(predictions, targets, options)).toBe(0.5);
  });

  test("predictions are ranked over the whole set, padding is no target", () => {
    const targets = [object(0.5, 0, 1), object(0.5, 1, 0)].flat();
    const predictions = [object(0.5, 0, 0.4), object(0.5, 1, 0.9)].flat();
    // Two images of one slot: the confident prediction is of padding, so precision at recall 1 is ½.
    const options = { slots: 1, layout, threshold: 1 };
    expect(averagePrecision(predictions, targets, options)).toBe(0.5);
    expect(averagePrecision([0, 0, 0, 0], [0, 1, 0, 0], options)).toBeNaN();
  });

  test("rejects sizes that are no whole sets", () => {
    const options = { slots: 2, threshold: 1 };
    expect(() => averagePrecision([1], [1], options)).toThrow(MetricError);
  });
});

describe("image errors", () => {
  const images = fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
    {
      minLength: 1,
      maxLength: 20,
    },
  );

  test("the scalings are multiples of one another", () => {
    fc.assert(fc.property(images, (pairs) => {
      const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
      const e = imageErrors([...a, ...a], [...b, ...b], { images: 2 });
      expect(e.sumSquaredError).toBeCloseTo(e.meanSquaredError * a.length, 9);
      expect(e.meanSquaredError255).toBeCloseTo(e.meanSquaredError * 65025, 6);
      expect(10 ** (-e.psnr / 10)).toBeCloseTo(e.meanSquaredError, 9);
    }));
  });

  test("the range of the pixels does not matter", () => {
    fc.assert(fc.property(images, (pairs) => {
      const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
      const signed = (v: number[]) => v.map((x) => 2 * x - 1);
      const e = imageErrors(signed(a), signed(b), { range: [-1, 1] });
      expect(e.meanSquaredError).toBeCloseTo(imageErrors(a, b).meanSquaredError, 9);
    }));
  });

  test("equal images have infinite PSNR, empty ones no error", () => {
    expect(imageErrors([0.3], [0.3]).psnr).toBe(Infinity);
    expect(() => imageErrors([], [])).toThrow(MetricError);
    expect(() => imageErrors([1, 2, 3], [1, 2, 3], { images: 2 })).toThrow(MetricError);
  });
});

describe("slot usage", () => {
  const labelled = fc.array(fc.nat(4), { minLength: 1, maxLength: 50 });

  test("effective slots lie between 1 and the active ones", () => {
    fc.assert(fc.property(labelled, (labels) => {
      const masks = [0, 1, 2, 3, 4].flatMap((slot) =>
        labels.map((label) => Number(label === slot))
      );
      const { share, active, effective } = slotUsage(masks, 5, { minimum: 0 });
      expect(share.reduce((s, p) => s + p, 0)).toBeCloseTo(1, 12);
      expect(active).toBe(new Set(labels).size);
      expect(effective).toBeGreaterThanOrEqual(1 - 1e-12);
      expect(effective).toBeLessThanOrEqual(active + 1e-9);
    }));
  });
});
