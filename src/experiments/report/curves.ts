/** Curves over steps: from the rows of a run, smoothed, and the mean of several seeds with a band around it. */
import { mean } from "simple-statistics";
import type { MetricRow } from "../runs/metrics.ts";

/** A point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The lower and the upper edge of a band at a step. */
export interface BandPoint {
  readonly x: number;
  readonly low: number;
  readonly high: number;
}

/** A curve. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** Index of its colour and dashes; its place in the list unless given. */
  readonly color?: number;
  /** Around the curve, such as the spread of seeds. */
  readonly band?: readonly BandPoint[];
}

/** A metric over steps. */
export function curvesOf(rows: readonly MetricRow[], key: string): Point[] {
  return rows.flatMap((row) => {
    const y = row[key];
    return typeof y === "number" ? [{ x: row.step, y }] : [];
  });
}

/** The moving mean of a curve: noise of single batches hides the course. */
export function smooth(points: readonly Point[], window: number): Point[] {
  let sum = 0;
  const held: number[] = [];
  return points.map(({ x, y }) => {
    held.push(y);
    sum += y;
    if (held.length > window) sum -= held.shift()!; // not empty: something was pushed
    return { x, y: sum / held.length };
  });
}

/** At most so many points, with the last one among them: what a picture can show. */
export function thin<T>(points: readonly T[], most: number): readonly T[] {
  const every = Math.ceil(points.length / most);
  return every <= 1
    ? points
    : points.filter((_, i) => i % every === every - 1 || i === points.length - 1);
}

/** The name of the band of {@link seedSeries}, for the last line of a chart. */
export const bandName = "band: lowest to highest seed";

/** The mean over seeds, and the band from the lowest to the highest, at all steps where a seed has a value. */
export function seedSeries(
  name: string,
  curves: readonly (readonly Point[])[],
  color?: number,
): Series {
  const values = new Map<number, number[]>();
  for (const { x, y } of curves.flat()) {
    if (Number.isFinite(y)) values.set(x, [...values.get(x) ?? [], y]);
  }
  const steps = [...values].sort(([a], [b]) => a - b);
  return {
    name,
    ...(color === undefined ? {} : { color }),
    points: steps.map(([x, ys]) => ({ x, y: mean(ys) })),
    ...(curves.length < 2 ? {} : {
      band: steps.map(([x, ys]) => ({ x, low: Math.min(...ys), high: Math.max(...ys) })),
    }),
  };
}
