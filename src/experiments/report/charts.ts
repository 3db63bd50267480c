/** The charts of one run. */
import type { MetricRow } from "../runs/metrics.ts";
import type { CurveSpec, ListSpec, Task } from "../tasks/task.ts";
import { curvesOf, type Series, smooth } from "./curves.ts";
import type { ChartOptions } from "./plots.ts";

const one = (title: string, key: string): CurveSpec => ({ title, series: [{ key, name: title }] });

/** The charts of what was learned: loss, scores, gradients, and what the task measures. */
export function runCharts(task: Task, rows: readonly MetricRow[]): readonly ChartOptions[] {
  const window = Math.max(1, Math.floor(rows.length / 100));
  return known([
    curve(rows, {
      title: "Training loss",
      logarithmic: true,
      series: [{ key: "loss", name: "loss" }, ...parts(rows, "loss/")],
    }, window),
    ...(task.curves ?? []).map((spec) => curve(rows, spec)),
    curve(rows, { ...one("Gradient norm", "gradientNorm"), logarithmic: true }, window),
    ...(task.lists ?? []).map((spec): ChartOptions => ({
      title: spec.title,
      x: spec.x,
      series: listSeries(rows, spec),
      logarithmic: spec.logarithmic ?? false,
      note: "n = 1 run",
    })),
  ]);
}

/** The charts of the machine and of settings. */
export function machineCharts(
  { samples }: Task,
  rows: readonly MetricRow[],
): readonly ChartOptions[] {
  return known([
    curve(rows, {
      title: "Learning rate",
      series: [{ key: "learningRate", name: "learning rate" }, ...parts(rows, "learningRate/")],
    }),
    curve(rows, one(`${samples} per second`, "samplesPerSecond")),
    curve(rows, one("Memory of the process, MiB", "processMiB")),
  ]);
}

function curve(rows: readonly MetricRow[], spec: CurveSpec, window = 1): ChartOptions {
  return {
    title: spec.title,
    domain: [0, rows.at(-1)?.step ?? 1],
    logarithmic: spec.logarithmic ?? false,
    series: spec.series.map(({ key, name }) => ({
      name,
      points: smooth(curvesOf(rows, key), window),
    })),
    zoom: "auto",
    note: window > 1 ? `n = 1 run; moving mean over ${window} steps` : "n = 1 run",
  };
}

const known = (charts: readonly ChartOptions[]) =>
  charts.filter(({ series }) => series.some(({ points }) => points.length > 0));

/** The metrics whose names begin with a prefix: terms of the loss, the rates of groups. */
const parts = (rows: readonly MetricRow[], prefix: string) =>
  Object.keys(rows.find((row) => "loss" in row) ?? {})
    .filter((key) => key.startsWith(prefix))
    .map((key) => ({ key, name: key.slice(prefix.length) }));

/** A list early, in the middle and at the end of training. */
function listSeries(rows: readonly MetricRow[], { key }: ListSpec): Series[] {
  const known = rows.filter((row) => Array.isArray(row[key]));
  const chosen = [0, 0.5, 1].map((part) => known[Math.round(part * (known.length - 1))]);
  return [...new Set(chosen)].flatMap((row) => {
    const list = row?.[key];
    if (row === undefined || !Array.isArray(list)) return [];
    const points = list.map((y: number, i: number) => ({ x: i + 1, y }));
    return [{ name: `step ${row.step}`, points }];
  });
}
