/**
 * A sweep is a set of cells. A cell is one training run that is addressed by its contents: the digest of its config, of
 * the data that it reads and of the code that trains. Two sweeps, or two kinds of a study, that ask for the same cell
 * share one run.
 *
 * How the parts combine: `grid.ts` makes configs from the command line, `identity.ts` the digests, `store.ts` keeps
 * cells in a database and lends each to one worker at a time, `attempt.ts` gives every loan a folder of its own,
 * `trainer.ts` trains, here or in a child process, and `worker.ts` holds the loan while that lasts.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Effect } from "effect";
import { RunFolder } from "../runs/folder.ts";
import type { ExperimentConfig } from "../schema.ts";
import { codeIdentity, dataIdentity } from "./identity.ts";

/** One training run of a sweep. */
export interface Cell {
  /** The SHA-256 of config, data and code, in hexadecimal digits. */
  readonly key: string;
  readonly name: string;
  readonly config: ExperimentConfig;
  /** The digest of the files that the config reads. */
  readonly data: string;
  /** The digest of the code that made the cell; only the same code works on it. */
  readonly code: string;
  /** The folder of its runs below the folder of all runs, without the number of the attempt. */
  readonly folder: string;
}

/**
 * The states of a cell. `finished` and `diverged` are results: a loss that is no number any more is what the config
 * leads to, so nothing is gained by trying again. `failed` means that an error ended every attempt.
 */
export const cellStates = [
  "finished",
  "diverged",
  "failed",
  "cancelled",
  "running",
  "waiting",
] as const;
/** One of {@link cellStates}. */
export type CellState = typeof cellStates[number];

/** The way in which an attempt ended. */
export interface Outcome {
  readonly state: "finished" | "diverged" | "failed";
  /** Finished updates. */
  readonly step: number;
  /** The latest scores and measurements by name; null stands for NaN. */
  readonly results: { readonly [name: string]: number | null };
  /** The reason, where it did not finish. */
  readonly message?: string;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** JSON with sorted keys, so that equal values have equal texts. */
export function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0))
        : inner,
  );
}

/** The cell of a config, with its runs in a folder below the folder of all runs. */
export const cellOf = Effect.fnUntraced(function* (config: ExperimentConfig, folder = "") {
  const code = yield* codeIdentity;
  const data = yield* dataIdentity(config);
  // A name is for people: two configs that differ in nothing else are one run.
  const { name, ...rest } = config;
  const key = sha256(canonical({ config: rest, data, code }));
  return {
    key,
    name,
    config,
    data,
    code,
    folder: join(folder, `${name}-${key.slice(0, 12)}`),
  } satisfies Cell;
});

/** The folder of an attempt, the run of a cell once that attempt has finished. */
export const attemptFolder = (root: string, folder: string, epoch: number) =>
  new RunFolder(join(root, `${folder}.${epoch}`));
