/**
 * `report.html`: all of a run on one page that needs nothing else, neither files beside it nor a network.
 */
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { taskOf } from "../tasks/index.ts";
import type { CurveSpec, ListSpec, Task } from "../tasks/task.ts";
import { style } from "./style.ts";
import { html, Markup } from "./markup.ts";
import { legend, plot, type PlotOptions, type Series, smooth } from "./plots.ts";
import { formatFixed } from "../display/progress.ts";
import type { RunFolder, Summary } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";

/** Writes the report of a run from what is in its folder. */
export const writeReport = Effect.fn("writeReport")(
  function* (run: RunFolder, config: ExperimentConfig) {
    const task = yield* taskOf(config);
    const rows = yield* run.metrics();
    const summary = (yield* run.summary()).value;
    const pictures = yield* latestPictures(run, task);
    const environment = (yield* run.environments()).value ?? [];
    const body = [
      headline(run, task.describe(config), config, summary),
      tiles(task, summary),
      (task.notes ?? []).map((note) => html`<p>${note}</p>`),
      pictures.map((picture) => pictureSection(task, picture)),
      html`<h2>Curves</h2>`,
      plots(task, rows),
      details("Config", config),
      details("Environment", environment),
    ];
    yield* run.write("report.html", page(run.name, html`${body}`));
  },
);

/** A page in the style of all of them. */
export function page(title: string, body: Markup): string {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${title}</title>
        <style>${new Markup(style)}</style>
      </head>
      <body>
        <main>
    ${body}
        </main>
      </body>
    </html>
  `.text;
}

/** A metric over steps. */
export function curvesOf(rows: readonly MetricRow[], key: string): { x: number; y: number }[] {
  return rows.flatMap((row) => {
    const y = row[key];
    return typeof y === "number" ? [{ x: row.step, y }] : [];
  });
}

function headline(
  run: RunFolder,
  description: string,
  { steps }: ExperimentConfig,
  summary?: Summary,
) {
  const status = summary === undefined
    ? ""
    : html`<span class="status ${summary.status}">${summary.status}, step ${summary.step} of ${steps}</span>`;
  const message = summary?.message === undefined
    ? ""
    : html`<pre class="message">${summary.message}</pre>`;
  return html`<header><h1>${run.name}</h1>${status}
<p>${description}</p>${message}</header>`;
}

/** Results in the order of interest: key, name, digits, unit. */
type Shown = readonly [key: string, name: string, digits: number, unit?: string];
const shownOf = (task: Task): readonly Shown[] => [
  ...task.scores.map(({ key, name, digits }): Shown => [key, name, digits]),
  ["samplesPerSecond", `${task.samples} per second`, 0],
  ["trainingSeconds", "training", 0, "s"],
  ["firstStepSeconds", "to the first step", 1, "s"],
  ["firstPanelSeconds", "to the first picture", 1, "s"],
  ["processGrowthMiB", "growth of the process", 0, "MiB"],
  ["deviceGrowthTensors", "tensors more on the device", 0],
];

function tiles(task: Task, summary?: Summary): Markup | "" {
  const results = summary?.results ?? {};
  const all = shownOf(task).flatMap(([key, name, digits, unit = ""]) => {
    const value = results[key];
    if (value === undefined) return [];
    const text = formatFixed(value, digits);
    return [html`<div class="tile"><b>${text}<small>${unit}</small></b><span>${name}</span></div>`];
  });
  return all.length === 0 ? "" : html`<section class="tiles">${all}</section>`;
}

interface SavedPicture {
  readonly name: string;
  readonly step: number;
  readonly data: string;
}

const latestPictures = Effect.fnUntraced(function* (run: RunFolder, task: Task) {
  const names = yield* run.list("panels");
  const latest = new Map<string, { file: string; step: number }>();
  for (const file of names) {
    const found = /^(\w+)-(\d+)\.png$/.exec(file);
    if (found) latest.set(found[1]!, { file, step: Number(found[2]) });
  }
  const order = Object.keys(task.pictures ?? {});
  const known = [...latest].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  const pictures: SavedPicture[] = [];
  for (const [name, { file, step }] of known) {
    const bytes = yield* run.read(`panels/${file}`);
    if (bytes) pictures.push({ name, step, data: Buffer.from(bytes).toString("base64") });
  }
  return pictures;
});

function pictureSection(task: Task, { name, step, data }: SavedPicture): Markup {
  const { pictures = {} } = task;
  // Names are those of files; "constructor" is one of every object.
  const { title, caption } = Object.hasOwn(pictures, name)
    ? pictures[name]!
    : { title: name, caption: "" };
  return html`
    <h2>${title}</h2>
    <p>${caption} Step ${step}.</p>
    <figure class="picture"><img alt="${title}" src="data:image/png;base64,${data}"></figure>
  `;
}

function plots(task: Task, rows: readonly MetricRow[]): Markup {
  const domain = [0, rows.at(-1)?.step ?? 1] as const;
  const noise = Math.max(1, Math.floor(rows.length / 100));
  const picture = (spec: CurveSpec, width = 1): PlotOptions => ({
    title: spec.title,
    domain,
    logarithmic: spec.logarithmic ?? false,
    series: spec.series.map(({ key, name }) => ({
      name,
      points: smooth(curvesOf(rows, key), width),
    })),
  });
  const one = (title: string, key: string): CurveSpec => ({
    title,
    series: [{ key, name: title }],
  });
  const all: PlotOptions[] = [
    picture({
      title: "Training loss",
      logarithmic: true,
      series: [{ key: "loss", name: "loss" }, ...parts(rows, "loss/")],
    }, noise),
    ...(task.curves ?? []).map((spec) => picture(spec)),
    picture({ ...one("Gradient norm", "gradientNorm"), logarithmic: true }, noise),
    ...(task.lists ?? []).map((spec) => ({
      title: spec.title,
      x: spec.x,
      series: listSeries(rows, spec),
      logarithmic: spec.logarithmic ?? false,
    })),
    picture({
      title: "Learning rate",
      series: [{ key: "learningRate", name: "learning rate" }, ...parts(rows, "learningRate/")],
    }),
    picture(one(`${task.samples} per second`, "samplesPerSecond")),
    picture(one("Memory of the process, MiB", "processMiB")),
  ];
  const figures = all.filter(({ series }) => series.some(({ points }) => points.length > 0))
    .map((options) =>
      html`<figure><figcaption>${options.title}${
        options.series.length > 1 ? html`<br>${legend(options.series)}` : ""
      }</figcaption>${plot(options)}</figure>`
    );
  return html`<section class="plots">${figures}</section>`;
}

/** What is noted under names that begin with a prefix: terms of the loss, the rates of groups. */
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

function details(title: string, value: unknown): Markup {
  return html`
    <details>
      <summary>${title}</summary>
      <pre>${JSON.stringify(value, null, 2)}</pre>
    </details>
  `;
}
