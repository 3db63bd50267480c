/**
 * Makes the runs of a study, or finds them made. Every run is an ordinary run in the folder of the study, so a study that
 * was interrupted goes on where it stopped; after each run all results so far are written and drawn.
 */
import { basename, join } from "node:path";
import { Effect } from "effect";
import { decodeConfig } from "../config/decode.ts";
import { applyOverrides } from "../config/overrides.ts";
import type { Display } from "../display/progress.ts";
import { type ConfigError, RunError } from "../errors.ts";
import { figureFiles } from "../report/figures.ts";
import { html, htmlTable } from "../report/markup.ts";
import { page } from "../report/report.ts";
import { plusMinus } from "../report/seeds.ts";
import { RunFolder } from "../runs/folder.ts";
import { listRuns, openRun } from "../runs/open.ts";
import { fieldsOf } from "../runs/resume.ts";
import type { ExperimentConfig } from "../schema.ts";
import { train } from "../train/runner.ts";
import { cellOf, encodeResults, type StudyCell, type StudyResults } from "./results.ts";
import type { Study, StudyKind } from "./study.ts";
import type { IntervalMethod } from "../statistics/interval.ts";
import { cellTable, drawStudy, judgeClaims, studyTable } from "./tell.ts";

/** The part of a study to run, and the folder to keep it in. */
export interface StudyOptions {
  /** The config that the runs of a preset share. */
  readonly baseOf: (preset: string) => Effect.Effect<ExperimentConfig, ConfigError>;
  /** The folder of all runs. */
  readonly root: string;
  readonly display: Display;
  readonly steps: number;
  readonly seeds: number;
  /** Names of kinds; all of them unless given. */
  readonly kinds?: readonly string[];
  /** The kind of interval that decides; Student's t unless given. */
  readonly interval?: IntervalMethod;
}

/** One run that a study needs. */
export interface StudyRun {
  readonly kind: string;
  readonly seed: number;
  readonly config: ExperimentConfig;
}

/** All runs of a study, seed by seed, so that an interrupted study has all kinds with the same seeds. */
export const runsOf = Effect.fnUntraced(function* (
  study: Study,
  { baseOf, steps, seeds, kinds: names = [] }: StudyOptions,
) {
  const kinds = yield* chosenKinds(study, names);
  const runs: StudyRun[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    for (const kind of kinds) {
      const base = yield* baseOf(kind.preset ?? study.preset);
      const config = yield* configOf(study, base, kind, seed, steps);
      runs.push({ kind: kind.name, seed, config });
    }
  }
  return runs;
});

/** The name of the folder of a study, below the folder of all runs. */
export const folderNameOf = (study: Study, { baseOf, steps }: StudyOptions) =>
  Effect.map(baseOf(study.preset), ({ name }) => `${study.name}-${name}-${steps}`);

/** A run of a study that has ended, and how. */
export interface EndedRun {
  readonly kind: string;
  readonly seed: number;
  readonly run: RunFolder;
  readonly status: "finished" | "failed";
}

/** The numbers of runs that have ended. */
export const resultsOf = Effect.fnUntraced(function* (
  study: Study,
  steps: number,
  ended: readonly EndedRun[],
) {
  const cells: StudyCell[] = [];
  for (const { kind, seed, run, status } of ended) {
    cells.push(cellOf(study, kind, seed, { status, rows: yield* run.metrics() }));
  }
  const last = ended.at(-1);
  const machine = last === undefined ? "unknown" : yield* machineOf(last.run);
  return { study: study.name, steps, machine, cells } satisfies StudyResults;
});

/** Runs a study; gives its results and the folder with `results.json`, table, picture and page. */
export const runStudy = Effect.fn("runStudy")(function* (study: Study, options: StudyOptions) {
  const { display, steps, interval } = options;
  const folder = new RunFolder(join(options.root, yield* folderNameOf(study, options)));
  const ended: EndedRun[] = [];
  let results = yield* resultsOf(study, steps, ended);
  for (const { config, ...which } of yield* runsOf(study, options)) {
    display.line(`\n${config.name}`);
    ended.push({ ...which, ...yield* finishedRun(folder.path, config, display) });
    results = yield* resultsOf(study, steps, ended);
    yield* writeStudy(folder, study, results, interval);
  }
  return { results, folder };
});

/** Writes results, and all that is drawn of them. */
export const writeStudy = Effect.fnUntraced(function* (
  folder: RunFolder,
  study: Study,
  results: StudyResults,
  method: IntervalMethod = "t",
) {
  yield* folder.write("results.json", encodeResults(results));
  yield* drawResults(folder, study, results, method);
});

/** Writes the picture, the table and the page of results. */
export const drawResults = Effect.fnUntraced(function* (
  folder: RunFolder,
  study: Study,
  results: StudyResults,
  method: IntervalMethod = "t",
) {
  const picture = drawStudy(study, results);
  const table = studyTable(study, results);
  const claims = judgeClaims(study, results, method);
  const notes = [
    plusMinus,
    ...claims.flatMap(({ claim, verdict, places }) => [`${claim.text} ${verdict}`, ...places]),
  ];
  const files = yield* Effect.promise(() => figureFiles(study.name, picture, table, notes));
  for (const [name, contents] of files) yield* folder.write(name, contents);
  yield* folder.write(
    `${study.name}.html`,
    page(
      study.title,
      html`<h1>${study.title}</h1>
<p>${study.description}</p>
${
        claims.map(({ claim, verdict, places }) =>
          html`
            <h2>${claim.text}</h2>
            <p><b>${verdict}</b></p>
            <ul>${places.map((place) => html`<li>${place}</li>`)}</ul>
          `
        )
      }
${htmlTable(table)}
<p>${plusMinus}</p>
<figure class="wide">${picture}</figure>
<h2>Every run</h2>
${htmlTable(cellTable(study, results))}`,
    ),
  );
});

const chosenKinds = Effect.fnUntraced(function* (study: Study, names: readonly string[]) {
  const known = study.kinds.map(({ name }) => name);
  const wrong = names.filter((name) => !known.includes(name));
  if (wrong.length > 0) {
    return yield* Effect.fail(
      new RunError(
        `The study "${study.name}" has no kind ${wrong.map((name) => `"${name}"`).join(", ")}.`,
        `Choose among: ${known.join(", ")}.`,
      ),
    );
  }
  return names.length === 0 ? study.kinds : study.kinds.filter(({ name }) => names.includes(name));
});

const configOf = Effect.fnUntraced(function* (
  study: Study,
  base: ExperimentConfig,
  kind: StudyKind,
  seed: number,
  steps: number,
) {
  const log = {
    ...base.log,
    // Fifteen points of what is evaluated are a curve; pictures are made at the end only.
    evaluateEvery: Math.max(1, Math.floor(steps / 15)),
    panelEvery: steps,
    firstPanel: steps,
    checkpointEvery: Math.max(1, Math.round(steps / 5 / base.log.every)) * base.log.every,
    keep: 1,
  };
  const changed = yield* applyOverrides(base, [
    `name=${kind.name}-seed${seed}`,
    `seed=${seed}`,
    `steps=${steps}`,
    `log=${JSON.stringify(log)}`,
    ...study.set ?? [],
    ...kind.set,
  ]);
  return yield* decodeConfig(changed, `The config of the kind "${kind.name}"`);
});

/** The run of a config in the study: found, gone on with, or made. */
const finishedRun = Effect.fnUntraced(function* (
  root: string,
  config: ExperimentConfig,
  display: Display,
) {
  const find = Effect.map(
    listRuns(root),
    (runs) => runs.find((path) => basename(path).startsWith(`${config.name}-`)),
  );
  const found = yield* find;
  if (found !== undefined) {
    yield* sameConfig(found, config);
    const run = new RunFolder(found);
    const status = (yield* run.summary()).value?.status;
    if (status === "finished" || status === "failed") return { run, status };
  }
  const resume = found === undefined ? {} : { resume: new RunFolder(found) };
  return yield* train(config, { root, display, ...resume }).pipe(
    Effect.map((run) => ({ run, status: "finished" as const })),
    // A loss that is no number any more is a result as well: the run is counted as failed.
    Effect.catchTag("NumericsError", (error) =>
      Effect.gen(function* () {
        display.line(error.message);
        const run = new RunFolder((yield* find)!); // it began, or it could not have failed so
        return { run, status: "failed" as const };
      })),
  );
});

/** A run of the same name that was made from another config must not pass for this one. */
const sameConfig = Effect.fnUntraced(function* (path: string, config: ExperimentConfig) {
  const [then, now] = [fieldsOf((yield* openRun(path, path)).config), fieldsOf(config)];
  const changed = [...new Set([...Object.keys(then), ...Object.keys(now)])].filter((field) =>
    !/^(log\..*|backend)$/.test(field) && then[field] !== now[field]
  );
  if (changed.length === 0) return;
  return yield* Effect.fail(
    new RunError(
      [
        `${path} was made from another config than the study has now:`,
        ...changed.map((field) => `  - ${field} was ${then[field]}, and is ${now[field]} now`),
      ].join("\n"),
      "Move the folder of the study away, or name another with --runs, to run the study anew.",
    ),
  );
});

const machineOf = Effect.fnUntraced(function* (run: RunFolder) {
  const first = (yield* run.environments()).value?.[0];
  if (typeof first !== "object" || first === null) return "unknown";
  const { cpu, backend } = first as { readonly cpu?: unknown; readonly backend?: unknown };
  return [cpu, backend].filter((part) => typeof part === "string").join(", ") || "unknown";
});
