/** The picture of a study: a row for each measurement, a column for each number of iterations. */
import { mean } from "simple-statistics";
import { Markup } from "../report/markup.ts";
import { plot, type Series, seriesColors, smooth } from "../report/plots.ts";
import { curvesOf } from "../report/report.ts";
import type { MetricRow } from "../runs/metrics.ts";

/** A kind of run: which adjoint, how many iterations. */
export interface Kind {
  readonly name: "vanilla" | "implicit";
  readonly iterations: number;
}

/** The metrics of the runs of a kind, one list a seed. */
export interface StudyResult extends Kind {
  readonly seeds: readonly (readonly MetricRow[])[];
}

const measurements = [
  { key: "loss", title: "training loss" },
  { key: "validation/spectralNorm", title: "Jacobian norm σmax" },
  { key: "gradientNorm", title: "gradient norm" },
] as const;

const [width, height] = [340, 220];

/** One SVG that stands alone. */
export function drawStudy(results: readonly StudyResult[]): Markup {
  const columns = [...new Set(results.map(({ iterations }) => iterations))];
  const panels = measurements.flatMap(({ key, title }, r) => {
    const all = results.map((result) => ({ ...result, series: seriesOf(result, key) }));
    const range = rangeOf(all.map(({ series }) => series));
    return columns.map((iterations, c) => {
      const series = all.filter((result) => result.iterations === iterations)
        .map((result) => result.series);
      const options = { title, y: title, series, logarithmic: true, width, height };
      const chart = plot(range === undefined ? options : { ...options, range });
      return chart.text.replace(/^<svg /, `<svg x="${c * width}" y="${40 + r * height}" `);
    });
  });
  const heads = columns.map((n, c) =>
    `<text x="${c * width + width / 2}" y="24" text-anchor="middle" font-size="13">${n} ${
      n === 1 ? "iteration" : "iterations"
    }</text>`
  );
  const keys = ["vanilla", "implicit"].map((name, i) => {
    const x = 12 + i * 90;
    const y = 40 + measurements.length * height + 18;
    return `<line x1="${x}" x2="${x + 18}" y1="${y - 4}" y2="${y - 4}" stroke="${
      seriesColors[i]
    }" ` +
      `stroke-width="2"/><text x="${x + 24}" y="${y}" font-size="12">${name}</text>`;
  });
  const size = [columns.length * width, 40 + measurements.length * height + 32] as const;
  const picture =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size[0]}" height="${size[1]}" ` +
    `viewBox="0 0 ${size[0]} ${
      size[1]
    }" font-family="system-ui, sans-serif" fill="currentColor">\n` +
    `${[...heads, ...panels, ...keys].join("\n")}\n</svg>\n`;
  // Tenths of a pixel are enough, and a third of the text.
  return new Markup(
    picture.replace(/\d+\.\d{2,}/g, (number) => String(Math.round(Number(number) * 10) / 10)),
  );
}

/** From the lowest to the highest value of all columns, so that they can be compared. */
function rangeOf(series: readonly Series[]): readonly [number, number] | undefined {
  const bands = series.flatMap(({ band = [] }) => band).filter(({ low }) => low > 0);
  if (bands.length === 0) return undefined;
  return [Math.min(...bands.map(({ low }) => low)), Math.max(...bands.map(({ high }) => high))];
}

/** The mean over seeds, smoothed, with the range between the lowest and the highest. */
function seriesOf({ name, seeds }: StudyResult, key: string): Series {
  const curves = seeds.map((rows) => {
    const points = curvesOf(rows, key);
    return smooth(points, Math.max(1, Math.floor(points.length / 50)));
  });
  const length = Math.min(...curves.map((curve) => curve.length));
  const at = (i: number) => curves.map((curve) => curve[i]!.y).filter((y) => Number.isFinite(y));
  // A few hundred pixels show no more than this, and the picture is kept with the text about it.
  const every = Math.max(1, Math.floor(length / 150));
  const steps = Array.from({ length: Math.ceil(length / every) }, (_, i) => i * every)
    .map((i) => ({ x: curves[0]![i]!.x, values: at(i) }))
    .filter(({ values }) => values.length > 0);
  return {
    name,
    color: name === "vanilla" ? 0 : 1,
    points: steps.map(({ x, values }) => ({ x, y: mean(values) })),
    band: steps.map(({ x, values }) => ({
      x,
      low: Math.min(...values),
      high: Math.max(...values),
    })),
  };
}
