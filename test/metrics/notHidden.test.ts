/** NaN among what a metric is given is seen in what it gives: every one that is exported. */
import { expect, test } from "vitest";
import * as metrics from "../../src/metrics/index.ts";

const truth = [0, 1, 1, 2];
const hidden = [0, 1, NaN, 1];
const object = [0.5, 0.5, 0.5, ...Array.from({ length: 15 }, (_, i) => i % 3 === 0 ? 1 : 0), 1];

/** The numbers that a metric gives for what it may be given, with one NaN among them. */
const scores: { readonly [name: string]: () => readonly number[] } = {
  ami: () => [metrics.ami(truth, hidden), metrics.ami(hidden, truth)],
  foregroundAmi: () => [metrics.foregroundAmi(truth, hidden)],
  ari: () => [metrics.ari(truth, hidden), metrics.ari(hidden, truth), metrics.ari([NaN], [1])],
  foregroundAri: () => [metrics.foregroundAri(truth, hidden)],
  averagePrecision: () =>
    object.flatMap((_, i) => {
      const options = { slots: 1, threshold: Infinity };
      const broken = object.with(i, NaN);
      return [
        metrics.averagePrecision(broken, object, options),
        metrics.averagePrecision(object, broken, options),
      ];
    }),
  averagePrecisions: () => metrics.averagePrecisions(object.with(1, NaN), object, { slots: 1 }),
  argmaxMasks: () => [
    metrics.argmaxMasks([NaN, 1], 2)[0]!,
    metrics.argmaxMasks([1, NaN], 2)[0]!,
    metrics.argmaxMasks([NaN, NaN, 3], 3)[0]!,
  ],
  slotUsage: () => {
    const { share, active, effective } = metrics.slotUsage([1, 0, NaN, 1], 2);
    return [...share, active, effective];
  },
  iouMatrix: () => [...metrics.iouMatrix(truth, hidden).iou],
  meanIou: () => [metrics.meanIou(truth, hidden)],
  meanBestOverlap: () => [metrics.meanBestOverlap(truth, hidden)],
  imageErrors: () =>
    [metrics.imageErrors([0, NaN], [0, 1]), metrics.imageErrors([0, 1], [0, Infinity])]
      .flatMap((errors) => Object.values(errors).filter((x) => Math.abs(x) !== Infinity)),
  frechetDistance: () => [
    metrics.frechetDistance([0, 1, NaN], [3, 4, 5], 1),
    metrics.frechetDistance([0, 1, 2, 4], [3, NaN, 5, 1], 2),
    metrics.frechetDistance([0, 1, Infinity], [3, 4, 5], 1),
  ],
  covarianceRoot: () => [
    ...metrics.covarianceRoot([NaN], 1),
    ...metrics.covarianceRoot([1, 0, 0, NaN], 2),
  ],
  frechetReport: () => [
    metrics.frechetReport([0, 1, NaN, 2], [3, 4, 5, 6], 1, "FD-random").distance,
    metrics.frechetReport([0, 1, 2, 3], [3, 4, NaN, 6], 1, "FD-random").distance,
  ],
};

/** What gives no scores: errors, tables, and a matching that refuses costs that are not finite. */
const others = [
  "MetricError",
  "TrilevelError",
  "clevrLayout",
  "contingency",
  "hungarian",
  "withoutTrueLabels",
];

test("everything that metrics exports is in one of the tables", () => {
  expect([...Object.keys(scores), ...others].sort()).toEqual(Object.keys(metrics).sort());
});

test.each(Object.entries(scores))("NaN is seen in %s", (_, given) => {
  const found = given();
  expect(found.length).toBeGreaterThan(0);
  expect(found).toEqual(found.map(() => NaN));
});

test("a matching refuses costs that are not finite", () => {
  expect(() => metrics.hungarian([NaN, 1], 1, 2)).toThrow(metrics.MetricError);
});
