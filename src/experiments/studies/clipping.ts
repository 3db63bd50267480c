/**
 * `deno task study tricks`: does slot attention need gradient clipping? Vanilla and implicit slot attention at
 * several numbers of iterations, without clipping, several seeds each: loss, Jacobian norm and gradient norm
 * over training (Fig. 3a, 5 and 6 of Chang et al., 2022, in small).
 *
 * Every run is an ordinary run in a folder of the study; started again, a study goes on where it was ended.
 */
import { basename, join } from "node:path";
import { Console, Effect } from "effect";
import { max, mean, median } from "simple-statistics";
import { markdownTable, textTable } from "../report/tables.ts";
import { plusMinus } from "../report/seeds.ts";
import { formatSample, summarize } from "../statistics/sample.ts";
import { decodeConfig } from "../config/decode.ts";
import { applyOverrides } from "../config/overrides.ts";
import type { ExperimentConfig } from "../schema.ts";
import { html, htmlTable } from "../report/markup.ts";
import { drawStudy, type Kind, type StudyResult } from "./clippingPicture.ts";
import type { Display } from "../display/progress.ts";
import { curvesOf, page } from "../report/report.ts";
import { train } from "../train/runner.ts";
import { RunFolder } from "../runs/folder.ts";
import type { MetricRow } from "../runs/metrics.ts";
import { listRuns } from "../runs/open.ts";

/** The study on the command line. */
export const clippingStudy = {
  preset: "discovery-small",
  description: "Vanilla and implicit slot attention without gradient clipping",
} as const;

/** Options of {@link studyTricks}. */
export interface StudyOptions {
  /** What all runs share. */
  readonly base: ExperimentConfig;
  /** The folder of all runs. */
  readonly root: string;
  readonly display: Display;
  readonly steps: number;
  readonly seeds: number;
  readonly iterations: readonly number[];
}

/** Makes all runs that are not there yet; writes `tricks.svg`, `tricks.md` and `tricks.html`. */
export const studyTricks = Effect.fn("studyTricks")(function* (options: StudyOptions) {
  const { base, display, steps, seeds, iterations } = options;
  const root = join(options.root, `tricks-${base.name}-${steps}`);
  const kinds = iterations.flatMap((n): Kind[] => [
    { name: "vanilla", iterations: n },
    { name: "implicit", iterations: n },
  ]);
  const results: StudyResult[] = [];
  for (const kind of kinds) {
    const rows: (readonly MetricRow[])[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const config = yield* configOf(base, kind, seed, steps);
      display.line(`\n${config.name}`);
      rows.push(yield* (yield* finishedRun(root, config, display)).metrics());
    }
    results.push({ ...kind, seeds: rows });
  }
  const folder = new RunFolder(root);
  const rows = summaryTable(results);
  const picture = drawStudy(results);
  const markdown = `${markdownTable(rows)}\n\n${plusMinus}`;
  // Alone, a picture has no page whose colours it could follow.
  const alone = picture.text.replace(/^<svg /, '<svg style="background:#fff;color:#1d2126" ');
  yield* folder.write("tricks.svg", alone);
  yield* folder.write("tricks.md", markdown + "\n");
  yield* folder.write(
    "tricks.html",
    page(
      "Tricks",
      html`<h1>Without gradient clipping</h1>
<figure>${picture}</figure>
${htmlTable(rows)}`,
    ),
  );
  yield* Console.log(`\n${textTable(rows)}\n\n${folder.file("tricks.svg")}`);
  return results;
});

const configOf = Effect.fnUntraced(
  function* (base: ExperimentConfig, kind: Kind, seed: number, steps: number) {
    const log = {
      ...base.log,
      // Fifteen points of the Jacobian norm are a curve; pictures are made at the end only.
      evaluateEvery: Math.max(1, Math.floor(steps / 15)),
      panelEvery: steps,
      firstPanel: steps,
      checkpointEvery: Math.max(1, Math.round(steps / 5 / base.log.every)) * base.log.every,
      keep: 1,
    };
    const changed = yield* applyOverrides(base, [
      `name=${kind.name}-${kind.iterations}-seed${seed}`,
      `seed=${seed}`,
      `steps=${steps}`,
      `model.adjoint=${kind.name === "vanilla" ? "unrolled" : "oneStep"}`,
      `model.iterations=${kind.iterations}`,
      "optimizer.clip=0",
      `log=${JSON.stringify(log)}`,
    ]);
    return yield* decodeConfig(changed, "A config of the study");
  },
);

/** The run of a config in the study: found, gone on with, or made. */
const finishedRun = Effect.fnUntraced(function* (
  root: string,
  config: ExperimentConfig,
  display: Display,
) {
  const found = (yield* listRuns(root)).find((path) =>
    basename(path).startsWith(`${config.name}-`)
  );
  if (found === undefined) return yield* train(config, { root, display });
  const run = new RunFolder(found);
  // A run that failed (a NaN without clipping) is a result as well.
  const status = (yield* run.summary()).value?.status;
  if (status === "finished" || status === "failed") return run;
  return yield* train(config, { root, display, resume: run });
});

/** What the last tenth of training is like, mean ± deviation over seeds. */
function summaryTable(results: readonly StudyResult[]): string[][] {
  const spread = (values: readonly number[]) => formatSample(summarize(values));
  const last = (rows: readonly MetricRow[], key: string, part: number) => {
    const values = curvesOf(rows, key).map(({ y }) => y);
    return values.slice(-Math.max(1, Math.ceil(values.length * part)));
  };
  return [
    [
      "slot attention",
      "iterations",
      "loss",
      "FG-ARI",
      "Jacobian norm",
      "gradient norm (median)",
      "gradient norm (max)",
      "seeds",
    ],
    ...results.map(({ name, iterations, seeds }) => [
      name,
      String(iterations),
      spread(seeds.map((rows) => mean(orNaN(last(rows, "loss", 0.1))))),
      spread(seeds.map((rows) => last(rows, "validation/fgAri", 0)[0] ?? NaN)),
      spread(seeds.map((rows) => last(rows, "validation/spectralNorm", 0)[0] ?? NaN)),
      spread(seeds.map((rows) => median(orNaN(last(rows, "gradientNorm", 0.1))))),
      spread(seeds.map((rows) => max(orNaN(last(rows, "gradientNorm", 0.8))))),
      String(seeds.length),
    ]),
  ];
}

const orNaN = (values: number[]) => values.length === 0 ? [NaN] : values;
