/** The charts of a run as files for papers and slides, in `charts/` of its folder. */
import { Effect } from "effect";
import type { RunFolder } from "../runs/folder.ts";
import type { Task } from "../tasks/task.ts";
import { runCharts } from "./charts.ts";
import { thin } from "./curves.ts";
import { figureFiles } from "./figures.ts";
import { chart, type ChartOptions } from "./plots.ts";
import type { Table } from "./tables.ts";

/** Writes each chart as SVG, PNG, Markdown and LaTeX; gives the paths. */
export const writeCharts = Effect.fn("writeCharts")(function* (run: RunFolder, task: Task) {
  const paths: string[] = [];
  for (const options of runCharts(task, yield* run.metrics())) {
    const name = options.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    const notes = options.note === undefined ? [] : [options.note];
    const files = yield* Effect.promise(() =>
      figureFiles(`charts/${name}`, chart(options), chartTable(options), notes)
    );
    for (const [file, contents] of files) {
      yield* run.write(file, contents);
      paths.push(run.file(file));
    }
  }
  return paths;
});

/** The values of a chart's curves, at a dozen points. */
export function chartTable({ x = "step", series }: ChartOptions): Table {
  const shown = series.filter(({ points }) => points.length > 0);
  const longest = shown.reduce<readonly { readonly x: number }[]>(
    (most, { points }) => points.length > most.length ? points : most,
    [],
  );
  return [
    [x, ...shown.map(({ name }) => name)],
    ...thin(longest, 12).map((at) => [
      String(at.x),
      ...shown.map(({ points }) => {
        const y = points.find((point) => point.x === at.x)?.y;
        return y === undefined ? "–" : String(Number(y.toPrecision(4)));
      }),
    ]),
  ];
}
