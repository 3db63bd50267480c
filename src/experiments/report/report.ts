/**
 * `report.html`: all of a run on one page that needs nothing else, neither files beside it nor a network.
 */
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { taskOf } from "../tasks/index.ts";
import type { Task } from "../tasks/task.ts";
import { machineCharts, runCharts } from "./charts.ts";
import { style } from "./style.ts";
import { html, Markup } from "./markup.ts";
import { chart, type ChartOptions } from "./plots.ts";
import { formatFixed } from "../display/progress.ts";
import type { RunFolder, Summary } from "../runs/folder.ts";

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
      // The first picture is the one that needs no explanation.
      pictures.slice(0, 1).map((picture) => pictureSection(task, picture)),
      tiles(scoresOf(task), summary),
      pictures.slice(1).map((picture) => pictureSection(task, picture)),
      html`<h2>Curves</h2>`,
      (task.notes ?? []).map((note) => html`<p>${note}</p>`),
      figures(runCharts(task, rows)),
      brokenFiles(summary),
      html`<h2>The machine</h2>`,
      tiles(machineOf(task), summary),
      figures(machineCharts(task, rows)),
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
const scoresOf = (task: Task): readonly Shown[] => [
  ...task.scores.map(({ key, name, digits }): Shown => [key, name, digits]),
  ["trainingSeconds", "training", 0, "s"],
];
const machineOf = ({ samples }: Task): readonly Shown[] => [
  ["samplesPerSecond", `${samples} per second`, 0],
  ["firstStepSeconds", "to the first step", 1, "s"],
  ["firstPanelSeconds", "to the first picture", 1, "s"],
  ["processGrowthMiB", "growth of the process", 0, "MiB"],
  ["deviceGrowthTensors", "tensors more on the device", 0],
];

function tiles(shown: readonly Shown[], summary?: Summary): Markup | "" {
  const results = summary?.results ?? {};
  const all = shown.flatMap(([key, name, digits, unit = ""]) => {
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

const figures = (charts: readonly ChartOptions[]): Markup =>
  html`<section class="plots">${
    charts.map((options) => html`<figure>${chart(options)}</figure>`)
  }</section>`;

/** Files of the data that were left out. */
function brokenFiles(summary?: Summary): Markup | "" {
  const broken = summary?.broken ?? [];
  if (broken.length === 0) return "";
  const items = broken.map(({ name, reason }) => html`<li><code>${name}</code>: ${reason}</li>`);
  return html`
    <h2>Files left out: ${String(broken.length)}</h2>
    <p>They cannot be read, and data.onBroken says to go on without them.</p>
    <ul>${items}</ul>
  `;
}

function details(title: string, value: unknown): Markup {
  return html`
    <details>
      <summary>${title}</summary>
      <pre>${JSON.stringify(value, null, 2)}</pre>
    </details>
  `;
}
