/**
 * `report.html`: all of a run on one page that needs nothing else, neither files beside it nor a network.
 */
import { Buffer } from "node:buffer";
import { Effect } from "effect";
import { encodeConfig, type ExperimentConfig } from "../config/config.ts";
import { scoreNames } from "../train/evaluate.ts";
import { style } from "./style.ts";
import { html, Markup } from "./markup.ts";
import { legend, plot, type PlotOptions, type Series, smooth } from "./plots.ts";
import { formatFixed } from "./progress.ts";
import type { RunFolder, Summary } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";

/** Writes the report of a run from what is in its folder. */
export const writeReport = Effect.fn("writeReport")(
  function* (run: RunFolder, config: ExperimentConfig) {
    const rows = yield* run.metrics();
    const summary = (yield* run.summary()).value;
    const pictures = yield* latestPictures(run);
    const environment = (yield* run.environments()).value ?? [];
    const body = [
      headline(run, config, summary),
      tiles(summary),
      scaleNote(config),
      pictures.map(({ name, step, data }) => pictureSection(name, step, data)),
      html`<h2>Curves</h2>`,
      plots(rows),
      details("Config", encodeConfig(config)),
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

function headline(run: RunFolder, { model, data, steps }: ExperimentConfig, summary?: Summary) {
  const kind = model.adjoint === "unrolled" ? "vanilla" : `implicit (${model.adjoint})`;
  const what = model.task === "discovery" ? "Object discovery" : "Property prediction";
  const status = summary === undefined
    ? ""
    : html`<span class="status ${summary.status}">${summary.status}, step ${summary.step} of ${steps}</span>`;
  const message = summary?.message === undefined
    ? ""
    : html`<pre class="message">${summary.message}</pre>`;
  return html`<header><h1>${run.name}</h1>${status}
<p>${what} with ${kind} slot attention: ${model.slots} slots of ${model.slotSize}, ${model.iterations}
iterations of ${model.solver}, on ${data.source} at ${data.resolution}×${data.resolution}.</p>${message}</header>`;
}

/** Results in the order of interest: key, name, digits, unit. */
type Shown = readonly [key: string, name: string | Markup, digits: number, unit?: string];
const shown: readonly Shown[] = [
  ...scoreNames,
  ["spectralNorm", html`σ<sub>max</sub> of ∂f/∂z`, 2],
  ["imagesPerSecond", "images per second", 0],
  ["trainingSeconds", "training", 0, "s"],
  ["firstStepSeconds", "to the first step", 1, "s"],
  ["firstPanelSeconds", "to the first picture", 1, "s"],
  ["processGrowthMiB", "growth of the process", 0, "MiB"],
  ["deviceGrowthTensors", "tensors more on the device", 0],
];

function tiles(summary?: Summary): Markup | "" {
  const results = summary?.results ?? {};
  const all = shown.flatMap(([key, name, digits, unit = ""]) => {
    const value = results[key];
    if (value === undefined) return [];
    const text = formatFixed(value, digits);
    return [html`<div class="tile"><b>${text}<small>${unit}</small></b><span>${name}</span></div>`];
  });
  return all.length === 0 ? "" : html`<section class="tiles">${all}</section>`;
}

/** The two scales of a reconstruction's error. */
export const lossScale =
  "The loss compares pixels in [−1, 1] and is 4 times the MSE, which compares them in [0, 1].";

const scaleNote = ({ model }: ExperimentConfig) =>
  model.task === "discovery" ? html`<p>${lossScale}</p>` : "";

interface SavedPicture {
  readonly name: string;
  readonly step: number;
  readonly data: string;
}

const latestPictures = Effect.fnUntraced(function* (run: RunFolder) {
  const names = yield* run.list("panels");
  const latest = new Map<string, { file: string; step: number }>();
  for (const file of names) {
    const found = /^(\w+)-(\d+)\.png$/.exec(file);
    if (found) latest.set(found[1]!, { file, step: Number(found[2]) });
  }
  const order = [...captions.keys()];
  const known = [...latest].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  const pictures: SavedPicture[] = [];
  for (const [name, { file, step }] of known) {
    const bytes = yield* run.read(`panels/${file}`);
    if (bytes) pictures.push({ name, step, data: Buffer.from(bytes).toString("base64") });
  }
  return pictures;
});

const captions = new Map<string, readonly [title: string, caption: string]>(Object.entries({
  reconstruction: [
    "Reconstruction by slots",
    "Each row is a held-out image: the image, its reconstruction, and what each slot draws where its mask is.",
  ],
  masks: [
    "Masks",
    "The image, the true objects where they are known, whose pixel each is, and each slot's soft mask.",
  ],
  attention: [
    "Attention",
    "The image, and where each slot looks: the image there, white elsewhere.",
  ],
}));

function pictureSection(name: string, step: number, data: string): Markup {
  const [title, caption] = captions.get(name) ?? [name, ""];
  return html`
    <h2>${title}</h2>
    <p>${caption} Step ${step}.</p>
    <figure class="picture"><img alt="${title}" src="data:image/png;base64,${data}"></figure>
  `;
}

function plots(rows: readonly MetricRow[]): Markup {
  const curve = (key: string) => curvesOf(rows, key);
  const noisy = (key: string) => smooth(curve(key), Math.max(1, Math.floor(rows.length / 100)));
  const domain = [0, rows.at(-1)?.step ?? 1] as const;
  const one = (title: string, key: string, options: Partial<PlotOptions> = {}) => ({
    title,
    domain,
    series: [{ name: title, points: curve(key) }],
    ...options,
  });
  const all: PlotOptions[] = [
    one("Training loss", "loss", {
      logarithmic: true,
      series: [{ name: "loss", points: noisy("loss") }],
    }),
    one("Held-out FG-ARI", "heldOut/fgAri"),
    one("Held-out AP", "heldOut/ap0.5", {
      series: ["ap", "ap1", "ap0.5", "ap0.25", "ap0.125"].map((name) => ({
        name: name === "ap" ? "any distance" : `within ${name.slice(2)}`,
        points: curve(`heldOut/${name}`),
      })),
    }),
    one("Gradient norm", "gradientNorm", {
      logarithmic: true,
      series: [{ name: "gradient norm", points: noisy("gradientNorm") }],
    }),
    one("Jacobian norm σmax(∂f/∂z) at the slots", "heldOut/spectralNorm"),
    {
      title: "Residual ‖f(z) − z‖ / ‖f(z)‖ by iteration",
      x: "iteration",
      series: residuals(rows),
      logarithmic: true,
    },
    one("Learning rate", "learningRate"),
    one("Images per second", "imagesPerSecond"),
    one("Memory of the process, MiB", "processMiB"),
  ];
  const figures = all.filter(({ series }) => series.some(({ points }) => points.length > 0))
    .map((options) =>
      html`<figure><figcaption>${options.title}${
        options.series.length > 1 ? html`<br>${legend(options.series)}` : ""
      }</figcaption>${plot(options)}</figure>`
    );
  return html`<section class="plots">${figures}</section>`;
}

/** Residual curves early, in the middle and at the end of training. */
function residuals(rows: readonly MetricRow[]): Series[] {
  const known = rows.filter(({ residuals }) => Array.isArray(residuals));
  const chosen = [0, 0.5, 1].map((part) => known[Math.round(part * (known.length - 1))]);
  return [...new Set(chosen)].flatMap((row) => {
    if (row === undefined || !Array.isArray(row["residuals"])) return [];
    const points = row["residuals"].map((y: number, i: number) => ({ x: i + 1, y }));
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
