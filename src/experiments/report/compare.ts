/** `runs list` and `runs compare`. */
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Effect } from "effect";
import { taskOf } from "../tasks/index.ts";
import { mainScore } from "../tasks/scores.ts";
import type { CurveSpec } from "../tasks/task.ts";
import { fileError } from "../errors.ts";
import { curvesOf, page } from "./report.ts";
import { html, htmlTable } from "./markup.ts";
import { legend, plot, type Series, smooth } from "./plots.ts";
import { textTable } from "./tables.ts";
import { RunFolder, type Summary } from "../runs/folder.ts";
import { listRuns, openRun } from "../runs/open.ts";
import { fieldsOf } from "../runs/resume.ts";

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

/** The main score of a run; of one whose config is damaged there is none to tell. */
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
  { title: "Training loss", key: "loss", noisy: true },
  { title: "Gradient norm", key: "gradientNorm", noisy: true },
  ...new Map(
    curves.flatMap(({ title, series: [first, ...others] }) =>
      first === undefined || others.length > 0 ? [] : [[title, { title, key: first.key }] as const]
    ),
  ).values(),
];

/** What differs between runs, as a table; their curves as a page. */
export const compareRuns = Effect.fnUntraced(function* (
  root: string,
  names: readonly string[],
  out: string,
) {
  const runs = yield* Effect.forEach(
    names,
    Effect.fnUntraced(function* (name) {
      const { folder, config } = yield* openRun(root, name);
      const results = (yield* folder.summary()).value?.results ?? {};
      const rows = yield* folder.metrics();
      const { curves = [] } = yield* taskOf(config);
      return { name: folder.name, fields: fieldsOf(config), results, rows, curves };
    }),
  );
  const differing = [...new Set(runs.flatMap(({ fields }) => Object.keys(fields)))]
    .filter((key) => new Set(runs.map(({ fields }) => fields[key])).size > 1);
  const scores = [...new Set(runs.flatMap(({ results }) => Object.keys(results)))];
  const header = ["", ...runs.map(({ name }) => name)];
  const rows = [
    header,
    ...differing.map((key) => [key, ...runs.map(({ fields }) => fields[key] ?? "–")]),
    ...scores.map((
      key,
    ) => [key, ...runs.map(({ results }) => results[key]?.toPrecision(4) ?? "–")]),
  ];
  const end = Math.max(1, ...runs.map(({ rows }) => rows.at(-1)?.step ?? 1));
  const curves = curvesToCompare(runs.flatMap(({ curves }) => curves)).map(
    ({ title, key, noisy = false }) => {
      const series: Series[] = runs.map(({ name, rows }) => {
        const points = curvesOf(rows, key);
        return { name, points: noisy ? smooth(points, Math.ceil(points.length / 100)) : points };
      });
      if (series.every(({ points }) => points.length === 0)) return "";
      const picture = plot({ title, series, domain: [0, end], logarithmic: noisy });
      return html`<figure><figcaption>${title}</figcaption>${picture}</figure>`;
    },
  );
  const text = page(
    "Comparison of runs",
    html`<h1>Comparison of runs</h1>
<p>${legend(runs.map(({ name }) => ({ name, points: [] })))}</p>
<section class="plots">${curves}</section>
${htmlTable(rows)}`,
  );
  yield* Effect.tryPromise({
    try: () => writeFile(out, text),
    catch: fileError(`${out} cannot be written.`),
  });
  return `${textTable(rows)}\n\n${join(out)}`;
});
