/** `runs list` and `runs compare`. */
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Effect } from "effect";
import { taskOf } from "../tasks/index.ts";
import { mainScore } from "../tasks/scores.ts";
import type { CurveSpec } from "../tasks/task.ts";
import { fileError } from "../errors.ts";
import { formatSample, summarize } from "../statistics/sample.ts";
import type { IntervalMethod } from "../statistics/interval.ts";
import { bandName, curvesOf, seedSeries, smooth } from "./curves.ts";
import { figureFiles } from "./figures.ts";
import { openGroups, type RunGroup, shortLabel, valuesOf } from "./groups.ts";
import { html, htmlTable } from "./markup.ts";
import { chart, type ChartOptions } from "./plots.ts";
import { page } from "./report.ts";
import { notes, plusMinus, scoresOf, seedValues, verdicts } from "./seeds.ts";
import { type Table, textTable } from "./tables.ts";
import { RunFolder, type Summary } from "../runs/folder.ts";
import { listRuns, openRun } from "../runs/open.ts";

/** All runs, a line each. */
export const listTable = Effect.fnUntraced(function* (root: string) {
  const rows = [["run", "status", "step", "score", "samples/s"]];
  for (const path of yield* listRuns(root)) {
    const summary = (yield* new RunFolder(path).summary()).value;
    const { results = {}, status = "unknown", step = 0 } = summary ?? {};
    rows.push([
      basename(path),
      status,
      String(step),
      (yield* scoreText(root, path, results)) || "–",
      results["samplesPerSecond"]?.toFixed(0) ?? "–",
    ]);
  }
  return rows.length === 1 ? `There are no runs in ${root}.` : textTable(rows);
});

/** The main score of a run; unknown for a run whose config is damaged. */
const scoreText = (root: string, path: string, results: Summary["results"]) =>
  openRun(root, path).pipe(
    Effect.flatMap(({ config }) => taskOf(config)),
    Effect.map((task) => mainScore(task, results).text),
    Effect.orElseSucceed(() => ""),
  );

interface Compared {
  readonly title: string;
  readonly key: string;
  readonly noisy?: true;
}

/** The curves of a comparison, with those of the tasks that show one thing. */
const curvesToCompare = (curves: readonly CurveSpec[]): readonly Compared[] => [
  ...new Map(
    curves.flatMap(({ title, series: [first, ...others] }) =>
      first === undefined || others.length > 0 ? [] : [[title, { title, key: first.key }] as const]
    ),
  ).values(),
  { title: "Training loss", key: "loss", noisy: true },
  { title: "Gradient norm", key: "gradientNorm", noisy: true },
];

/**
 * Runs that differ in their seed alone are one kind; the kinds are compared in a table, in curves and by verdicts. Writes
 * a page, and its curves and its table beside it in the formats of {@link figureFiles}.
 */
export const compareRuns = Effect.fnUntraced(function* (
  root: string,
  names: readonly string[],
  out: string,
  method: IntervalMethod = "t",
) {
  const groups = yield* openGroups(root, names);
  const table = comparison(groups);
  const charts = compareCharts(groups);
  const several = groups.some(({ runs }) => runs.size > 1);
  const remarks = [...(several ? [plusMinus] : []), ...verdicts(groups, method), ...notes(groups)];
  const text = page(
    "Comparison of runs",
    html`<h1>Comparison of runs</h1>
${htmlTable(table)}
${remarks.map((text) => html`<p>${text}</p>`)}
<h2>Curves</h2>
${charts.map((options) => html`<figure class="wide">${chart(options)}</figure>`)}
${several ? html`<h2>Every run</h2>${htmlTable(seedValues(groups))}` : ""}`,
  );
  const stem = out.replace(/\.html$/, "");
  yield* Effect.tryPromise({
    try: async () => {
      await writeFile(out, text);
      for (const [i, options] of charts.entries()) {
        const name = i === 0 ? stem : `${stem}-${options.title.replace(/[^A-Za-z0-9]+/g, "-")}`;
        for (const [file, contents] of await figureFiles(name, chart(options), table, remarks)) {
          await writeFile(file, contents);
        }
      }
    },
    catch: fileError(`${out} cannot be written.`),
  });
  return [textTable(table), ...remarks, join(out)].join("\n\n");
});

/** A column for each kind: the fields in which they differ, then mean ± deviation of all results. */
function comparison(groups: readonly RunGroup[]): Table {
  const differing = Object.keys(groups[0]?.differing ?? {});
  const names = new Map(scoresOf(groups).map(({ key, name }) => [key, name]));
  const found = new Set(
    groups.flatMap(({ runs }) => [...runs.values()].flatMap(({ results }) => Object.keys(results))),
  );
  // Scores first, in the order of interest.
  const keys = [...new Set([...names.keys(), ...found])].filter((key) => found.has(key));
  return [
    ["", ...groups.map((group) => shortLabel(group, groups))],
    ["seeds", ...groups.map(({ runs }) => [...runs.keys()].join(", "))],
    ...differing.map((path) => [path, ...groups.map(({ differing }) => differing[path]!)]),
    ...keys.map((key) => [
      names.get(key) ?? key,
      ...groups.map((group) => formatSample(summarize(valuesOf(group, key).values()))),
    ]),
  ];
}

/** The mean over seeds of each kind, with its band. */
function compareCharts(groups: readonly RunGroup[]): readonly ChartOptions[] {
  const runs = groups.flatMap(({ runs }) => [...runs.values()]);
  const end = Math.max(1, ...runs.map(({ rows }) => rows.at(-1)?.step ?? 1));
  const specs = runs.flatMap(({ task: { curves = [] } }) => curves);
  return curvesToCompare(specs).flatMap(({ title, key, noisy = false }) => {
    let window = 1;
    const series = groups.map((group) =>
      seedSeries(
        shortLabel(group, groups),
        [...group.runs.values()].map(({ rows }) => {
          const points = curvesOf(rows, key);
          const own = noisy ? Math.max(1, Math.ceil(points.length / 100)) : 1;
          window = Math.max(window, own);
          return smooth(points, own);
        }),
      )
    );
    if (series.every(({ points }) => points.length === 0)) return [];
    const note = [
      ...groups.map((group) => `n = ${seedsOf(group)} (${shortLabel(group, groups)})`),
      ...(series.some(({ band }) => band) ? [`line: mean; ${bandName}`] : []),
      ...(window > 1 ? [`moving mean over ${window} steps`] : []),
    ].join("; ");
    return [{ title, series, domain: [0, end], logarithmic: noisy, note, zoom: true, width: 760 }];
  });
}

const seedsOf = ({ runs }: RunGroup) => `${runs.size} ${runs.size === 1 ? "seed" : "seeds"}`;
