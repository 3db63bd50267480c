/**
 * A run is a folder:
 *
 * ```text
 * runs/<name>-<time>/config.json            the config, every default spelled out
 *                    configs/               the configs before, by the step from which each held; of runs that changed
 *                    checkpoints/           safetensors: the last few and the best; each holds the config as well
 *                    metrics.jsonl          a line of numbers for every step, and for every evaluation
 *                    lock-<n>.json          the process that trains in the folder, while it does
 *                    environment.json       the machine: an entry for every time the run was begun or resumed
 *                    events.out.tfevents.*  the metrics for TensorBoard
 *                    panels/*.png           pictures
 *                    charts/                curves and their numbers for print, if asked for
 *                    summary.json           how the run stands, or ended
 *                    report.html            all of it, to look at
 * ```
 *
 * A run can be resumed from `checkpoints` and `metrics.jsonl` alone. All below is made from them or is only to be
 * read by people, so that damage to it stops nothing.
 */
import { basename, join } from "node:path";
import { Context, Effect, Schema } from "effect";
import { makeFolders, removePartial, writeFileAtomically } from "../../data/atomic.ts";
import { type Disk, nodeDisk, readWhole, unlessCode } from "../../data/disk.ts";
import type { ExperimentConfig } from "../schema.ts";
import { fileError, messageOf } from "../errors.ts";
import { encodeRows, gather, type MetricRow, readLines } from "./metrics.ts";

/** The disk that runs are on. */
export const CurrentDisk = Context.Reference<Disk>("trilevel/CurrentDisk", {
  defaultValue: () => nodeDisk,
});

/** Work on the disk; what fails is a {@link FileError} under a headline. */
export const onDisk = <A>(what: string, work: (disk: Disk) => Promise<A>) =>
  CurrentDisk.use((disk) => Effect.tryPromise({ try: () => work(disk), catch: fileError(what) }));

const statuses = ["running", "finished", "interrupted", "failed"] as const;
const SummarySchema = Schema.Struct({
  status: Schema.Literals(statuses),
  step: Schema.Int,
  /** The latest scores and measurements by name; null stands for NaN. */
  results: Schema.Record(Schema.String, Schema.NullOr(Schema.Finite)),
  message: Schema.optionalKey(Schema.String),
  /** Files of the data that cannot be read and were left out. */
  broken: Schema.optionalKey(
    Schema.Array(Schema.Struct({ name: Schema.String, reason: Schema.String })),
  ),
});

/** The final or current state of a run. */
export interface Summary {
  readonly status: typeof statuses[number];
  readonly step: number;
  /** The latest scores and measurements by name. */
  readonly results: { readonly [name: string]: number };
  readonly message?: string;
  /** Files of the data that were left out. */
  readonly broken?: readonly { readonly name: string; readonly reason: string }[] | undefined;
}

/** The contents of a part that a run can do without; damage is reported in a field of its own. */
export interface Dispensable<T> {
  readonly value: T | undefined;
  readonly damage?: string;
}

/** The result of {@link RunFolder.rewind}. */
export interface Rewound {
  /** Lines that are no rows; they are in metrics.damaged.jsonl now. */
  readonly damaged: number;
  /** Steps up to the one returned to that have no row. */
  readonly missing: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const json = (value: unknown) => encoder.encode(JSON.stringify(value, null, 2) + "\n");

/** The files of a run. */
export class RunFolder {
  constructor(readonly path: string) {}

  /** The folder's own name. */
  get name(): string {
    return basename(this.path);
  }
  /** The path of a file in it. */
  file(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Removes the folder and all that is in it. */
  readonly discard = () =>
    CurrentDisk.use((disk) => Effect.promise(() => disk.remove(this.path).catch(() => {})));

  /** Removes files that a killed process never finished. */
  readonly tidy = () =>
    onDisk(`${this.path} cannot be tidied.`, async (disk) => {
      for (const folder of [this.path, this.file("checkpoints"), this.file("panels")]) {
        await removePartial(folder, disk);
      }
    });

  /** Creates or replaces a file; readers see the old or the new one. */
  readonly write = (name: string, contents: string | Uint8Array) =>
    onDisk(`${this.file(name)} cannot be written.`, async (disk) => {
      await makeFolders(join(this.file(name), ".."), disk);
      const bytes = typeof contents === "string" ? encoder.encode(contents) : contents;
      await writeFileAtomically(this.file(name), bytes, disk);
    });

  /** Adds to the end of a file. */
  readonly append = (name: string, bytes: Uint8Array) =>
    onDisk(
      `${this.file(name)} cannot be written.`,
      (disk) => disk.append(this.file(name), bytes),
    );

  /** The contents of a file; undefined where there is none. */
  readonly read = (name: string) =>
    onDisk(
      `${this.file(name)} cannot be read.`,
      (disk) => readWhole(disk, this.file(name)).catch(unlessCode(undefined, "ENOENT")),
    );

  /** The names in a folder of the run. */
  readonly list = (name: string) =>
    onDisk(`${this.file(name)} cannot be read.`, (disk) => disk.list(this.file(name)));

  /** Adds rows to metrics.jsonl. */
  readonly appendRows = (rows: readonly MetricRow[]) =>
    this.append("metrics.jsonl", encodeRows(rows));

  /** Makes the rows so far durable. A checkpoint that stands for them comes after. */
  readonly syncRows = () =>
    onDisk(`${this.file("metrics.jsonl")} cannot be written.`, async (disk) => {
      await disk.append(this.file("metrics.jsonl"), new Uint8Array());
      await disk.syncFile(this.file("metrics.jsonl"));
      await disk.syncFolder(this.path);
    });

  /** All rows; lines that cannot be read, as a killed process leaves at the end, are left out. */
  readonly metrics = () =>
    onDisk(`${this.file("metrics.jsonl")} cannot be read.`, async (disk) => {
      const rows: MetricRow[] = [];
      for await (const { row } of this.#lines(disk)) if (row !== undefined) rows.push(row);
      return rows;
    });

  /**
   * Returns metrics.jsonl to how it was at `step`: what came after the checkpoint is done again. Lines that cannot be
   * read are moved to metrics.damaged.jsonl.
   */
  readonly rewind = (step: number) =>
    onDisk(`${this.file("metrics.jsonl")} cannot be written.`, async (disk): Promise<Rewound> => {
      let [damaged, last, steps, changed] = [0, 0, 0, false];
      const bad = this.file("metrics.damaged.jsonl");
      for await (
        const bytes of gather(this.#lines(disk), (line) => {
          const { row } = line;
          changed ||= row === undefined || row.step > step || !line.ended;
          if (row === undefined) damaged++;
          else if (row["loss"] !== undefined && row.step > last && row.step <= step) {
            last = row.step;
            steps++;
          }
          return row === undefined;
        })
      ) await disk.append(bad, bytes);
      if (damaged > 0) {
        // Durable in their new place before they go from the old one.
        await disk.syncFile(bad);
        await disk.syncFolder(this.path);
      }
      if (changed) {
        const kept = gather(this.#lines(disk), ({ row }) => row !== undefined && row.step <= step);
        await writeFileAtomically(this.file("metrics.jsonl"), kept, disk);
      }
      return { damaged, missing: step - steps };
    });

  /** True if metrics.jsonl has any contents. */
  readonly hasMetrics = () =>
    onDisk(`${this.file("metrics.jsonl")} cannot be read.`, async (disk) => {
      for await (const _ of this.#lines(disk)) return true;
      return false;
    });

  async *#lines(disk: Disk) {
    try {
      yield* readLines(disk.read(this.file("metrics.jsonl")));
    } catch (error) {
      unlessCode(undefined, "ENOENT")(error); // a run that has not begun has none
    }
  }

  /** Notes where a run goes on. A damaged environment.json is set aside, which is reported. */
  readonly addEnvironment = (environment: unknown) =>
    Effect.gen({ self: this }, function* () {
      const { value, damage } = yield* this.environments();
      if (damage !== undefined) yield* this.setAside("environment.json");
      yield* this.write("environment.json", json([...value ?? [], environment]));
      return damage;
    });

  /** The environments in which the run was begun and resumed. */
  readonly environments = () => this.#dispensable("environment.json", Schema.Array(Schema.Unknown));

  readonly writeConfig = (config: ExperimentConfig) => this.write("config.json", json(config));

  /** Keeps the config that a run had, and the one that it goes on with from a step, where they differ. */
  readonly keepConfigs = (step: number, before: unknown, now: ExperimentConfig) =>
    Effect.gen({ self: this }, function* () {
      const same = JSON.stringify(before) === JSON.stringify(now);
      if (same) return;
      const name = (from: number) => `configs/step-${String(from).padStart(8, "0")}.json`;
      if ((yield* this.list("configs")).length === 0) yield* this.write(name(0), json(before));
      yield* this.write(name(step), json(now));
    });

  readonly writeSummary = (summary: Summary) => this.write("summary.json", json(summary));

  /** The state of the run; nothing if it was never written. */
  readonly summary = () =>
    this.#dispensable("summary.json", SummarySchema).pipe(
      Effect.map(({ value, ...rest }): Dispensable<Summary> => ({
        ...rest,
        value: value && {
          ...value,
          results: Object.fromEntries(
            Object.entries(value.results).map(([name, x]) => [name, x ?? NaN]),
          ),
        },
      })),
    );

  /** Renames a damaged file so that it is out of the way and still there. */
  readonly setAside = (name: string) =>
    onDisk(`${this.file(name)} cannot be renamed.`, async (disk) => {
      const taken = new Set(await disk.list(join(this.file(name), "..")));
      const free = (n: number): string => {
        const candidate = `${name}.damaged${n === 1 ? "" : `-${n}`}`;
        return taken.has(basename(candidate)) ? free(n + 1) : candidate;
      };
      const aside = free(1);
      await disk.rename(this.file(name), this.file(aside));
      return aside;
    });

  readonly #dispensable = <T>(name: string, schema: Schema.Decoder<T>) =>
    CurrentDisk.use((disk) =>
      Effect.promise(async (): Promise<Dispensable<T>> => {
        try {
          const bytes = await readWhole(disk, this.file(name));
          const input: unknown = JSON.parse(decoder.decode(bytes));
          return { value: Schema.decodeUnknownSync(schema)(input) };
        } catch (error) {
          const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
          return absent
            ? { value: undefined }
            : { value: undefined, damage: `${this.file(name)} is damaged: ${messageOf(error)}` };
        }
      })
    );
}
