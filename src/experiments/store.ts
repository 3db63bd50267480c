/**
 * A run is a folder:
 *
 * ```text
 * runs/<name>-<time>/config.json            what was asked for, every default spelled out
 *                    environment.json       where it ran: an entry for every time it was begun or resumed
 *                    metrics.jsonl          a line of numbers for every step, and for every evaluation
 *                    events.out.tfevents.*  the same for TensorBoard
 *                    checkpoints/           safetensors: the last few and the best
 *                    panels/*.png           pictures
 *                    summary.json           how it ended
 *                    report.html            all of it, to look at
 * ```
 */
import { appendFile, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { Effect } from "effect";
import { removePartial, writeFileAtomically } from "../data/atomic.ts";
import { decodeConfig, encodeConfig, type ExperimentConfig } from "./config.ts";
import { ConfigError, fileError, RunError } from "./errors.ts";

/** Numbers, or lists of them, of one step by name; `step` counts finished updates. */
export type MetricRow = {
  readonly step: number;
  readonly [name: string]: number | readonly number[];
};

/** How a run ended, or stands. */
export interface Summary {
  readonly status: "running" | "finished" | "interrupted" | "failed";
  readonly step: number;
  /** The latest scores and measurements by name. */
  readonly results: { readonly [name: string]: number };
  readonly message?: string;
}

const encoder = new TextEncoder();
const json = (value: unknown) => encoder.encode(JSON.stringify(value, null, 2) + "\n");

/** Where things of a run are. */
export class RunFolder {
  constructor(readonly path: string) {}

  /** The folder's own name. */
  get name(): string {
    return basename(this.path);
  }
  /** Of a file in it. */
  file(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Removes the folder and all that is in it. */
  readonly discard = () =>
    Effect.promise(() => rm(this.path, { recursive: true, force: true }).catch(() => {}));

  /** Removes files that a killed process never finished. */
  readonly tidy = () =>
    Effect.tryPromise({
      try: () => removePartial(this.path),
      catch: fileError(`${this.path} cannot be tidied.`),
    });

  /** Creates or replaces a file; readers see the old or the new one. */
  readonly write = (name: string, contents: string | Uint8Array) =>
    Effect.tryPromise({
      try: async () => {
        const path = this.file(name);
        await mkdir(join(path, ".."), { recursive: true });
        const bytes = typeof contents === "string" ? encoder.encode(contents) : contents;
        await writeFileAtomically(path, bytes);
      },
      catch: fileError(`${this.file(name)} cannot be written.`),
    });

  /** Adds rows to metrics.jsonl. */
  readonly append = (rows: readonly MetricRow[]) =>
    Effect.tryPromise({
      try: () =>
        appendFile(
          this.file("metrics.jsonl"),
          rows.map((row) => JSON.stringify(row, finite) + "\n").join(""),
        ),
      catch: fileError(`${this.file("metrics.jsonl")} cannot be written.`),
    });

  /** All rows; a last line that was cut by a killed process is left out. */
  readonly metrics = () =>
    Effect.promise(() => readFile(this.file("metrics.jsonl"), "utf8").catch(() => "")).pipe(
      Effect.map((text) => text.split("\n").flatMap(parseRow)),
    );

  /** Forgets rows after `step`: what an interrupted run did after its last checkpoint is done again. */
  readonly rewind = (step: number) =>
    this.metrics().pipe(
      Effect.map((rows) => rows.filter((row) => row.step <= step)),
      Effect.flatMap((rows) =>
        this.write(
          "metrics.jsonl",
          rows.map((row) => JSON.stringify(row, finite) + "\n").join(""),
        )
      ),
    );

  /** Notes where a run goes on. */
  readonly addEnvironment = (environment: unknown) =>
    Effect.promise(() =>
      readFile(this.file("environment.json"), "utf8").then(
        (text) => [...JSON.parse(text) as unknown[], environment], // we wrote it
        () => [environment],
      )
    ).pipe(Effect.flatMap((all) => this.write("environment.json", json(all))));

  readonly writeConfig = (config: ExperimentConfig) =>
    this.write("config.json", json(encodeConfig(config)));

  readonly writeSummary = (summary: Summary) => this.write("summary.json", json(summary));

  readonly summary = () =>
    Effect.promise(() =>
      readFile(this.file("summary.json"), "utf8").then(
        (text) => JSON.parse(text) as Summary, // we wrote it
        () => undefined,
      )
    );
}

// JSON has no NaN and no infinity; a reader of metrics.jsonl gets them as text.
const finite = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

function parseRow(line: string): MetricRow[] {
  try {
    const row = JSON.parse(line, (_, value) => typeof value === "string" ? Number(value) : value);
    return [row as MetricRow]; // we wrote it
  } catch {
    return [];
  }
}

/** A new folder for a run; two that begin in the same second get two. */
export const createRun = Effect.fnUntraced(
  function* (root: string, config: ExperimentConfig, environment: unknown, time: Date) {
    const stamp = time.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    const folder = yield* Effect.tryPromise({
      try: async () => {
        await mkdir(root, { recursive: true });
        for (let n = 1;; n++) {
          const path = join(root, `${config.name}-${stamp}${n === 1 ? "" : `-${n}`}`);
          const made = await mkdir(path).then(() => true, (error: NodeJS.ErrnoException) => {
            if (error.code === "EEXIST") return false;
            throw error;
          });
          if (made) return new RunFolder(path);
        }
      },
      catch: fileError(`No folder can be made in ${root}.`),
    });
    yield* folder.writeConfig(config);
    yield* folder.write("environment.json", json([environment]));
    return folder;
  },
);

/** Opens a run by its folder, by its name below `root`, or the latest one as `latest`. */
export const openRun = Effect.fnUntraced(function* (root: string, name: string) {
  const candidates = name === "latest"
    ? (yield* listRuns(root)).slice(-1)
    : [name, join(root, name)];
  for (const path of candidates) {
    const text = yield* Effect.promise(() =>
      readFile(join(path, "config.json"), "utf8").catch(() => undefined)
    );
    if (text === undefined) continue;
    const input = yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: (cause) =>
        new ConfigError({
          what: `${join(path, "config.json")} is no JSON: ${cause}`,
          problems: [],
          cure: "Restore the file; the config is also inside the checkpoints.",
        }),
    });
    const config = yield* decodeConfig(input, join(path, "config.json"));
    return { folder: new RunFolder(path), config };
  }
  const known = (yield* listRuns(root)).map((path) => basename(path));
  return yield* new RunError({
    what: `There is no run "${name}" in ${root}.`,
    cure: known.length === 0
      ? "Start one: deno task train."
      : `Name one of: ${known.slice(-8).join(", ")}; or say latest.`,
  });
});

/** The folders of all runs below `root`, oldest first. */
export const listRuns = (root: string) =>
  Effect.promise(async () => {
    const names = await readdir(root).catch(() => []);
    const found = await Promise.all(names.map(async (name) => {
      const { mtimeMs } = await stat(join(root, name, "config.json")).catch(() => ({ mtimeMs: 0 }));
      return { path: join(root, name), mtimeMs };
    }));
    return found.filter(({ mtimeMs }) => mtimeMs > 0)
      .sort((a, b) => a.mtimeMs - b.mtimeMs || (a.path < b.path ? -1 : 1))
      .map(({ path }) => path);
  });
