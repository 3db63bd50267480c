/** Sweeps from beginning to end: cells are added, workers of this process train them, and everything is told before. */
import { existsSync } from "node:fs";
import { Effect } from "effect";
import type { Display } from "../display/progress.ts";
import { DatabaseError, RunError } from "../errors.ts";
import type { ExperimentConfig } from "../schema.ts";
import { openDevice } from "../train/device.ts";
import { attemptFolder, type Cell, cellOf, type Outcome } from "./cell.ts";
import { type Database, explainDatabase, openDatabase, takeFolder } from "./database.ts";
import { codeIdentity } from "./identity.ts";
import type { CellRow, Store } from "./store.ts";
import { type Trainer, trainerHere, trainerInChild } from "./trainer.ts";
import { runWorker } from "./worker.ts";

/** The place where sweeps are kept: a database, and the folder of runs that all workers see. */
export interface Place {
  /** The URL of a Postgres, or the path of a file. */
  readonly database: string;
  readonly root: string;
}

/** Opens both; `first` for a command that adds cells, which may make the folder. */
export const openPlace = Effect.fnUntraced(
  function* ({ database, root }: Place, { first }: { readonly first: boolean }) {
    const opened = yield* openDatabase(database, first);
    yield* takeFolder(root, opened.id, first);
    return opened;
  },
);

/** A statement of a command that people wait for: told in words when it fails. */
export const asked = <A>(
  { database }: Pick<Place, "database">,
  question: Effect.Effect<A, Parameters<typeof explainDatabase>[1]>,
) => question.pipe(Effect.mapError((error) => explainDatabase(database, error)));

/** Adds the cells of configs; `auto` becomes the backend of this host, so that all workers use the same. */
export const addCells = Effect.fnUntraced(function* (
  place: Place,
  store: Store,
  sweep: string,
  configs: readonly ExperimentConfig[],
  folder = "",
) {
  const cells: Cell[] = [];
  for (const config of configs) {
    const backend = config.backend === "auto" ? yield* openDevice("auto") : config.backend;
    cells.push(yield* cellOf({ ...config, backend }, folder));
  }
  yield* asked(place, store.add(sweep, cells));
  // A result whose folder was deleted is none: it is made again.
  const keys = new Set(cells.map(({ key }) => key));
  const lost = (yield* asked(place, store.rows({ sweep }))).filter((
    { key, state, folder, epoch },
  ) =>
    keys.has(key) && (state === "finished" || state === "diverged") &&
    !existsSync(attemptFolder(place.root, folder, epoch).path)
  );
  yield* asked(place, store.reopen(lost));
  return cells;
});

/** Refuses to start where only cells of other code wait: nothing would ever be done. */
export const refuseOtherCode = Effect.fnUntraced(function* (place: Place, store: Store) {
  const code = yield* codeIdentity;
  const open = (yield* asked(place, store.counts)).filter(({ state }) =>
    state === "waiting" || state === "running"
  );
  const other = open.filter((count) => count.code !== code);
  if (other.length === 0 || open.length > other.length) return;
  return yield* Effect.fail(
    new DatabaseError(
      `The ${other.reduce((sum, { n }) => sum + n, 0)} cells that wait were made by other code ` +
        `(${other[0]!.code.slice(0, 8)}) than this worker runs (${code.slice(0, 8)}).`,
      "Run the same version and the same main module on all hosts; or cancel those cells with " +
        "deno task sweep cancel, and make the sweep anew with this code.",
    ),
  );
});

/**
 * The loan of a process that trains by itself, which a long step keeps from renewing. Where it was killed, other processes of
 * its host do not wait for the end of the loan.
 */
const hour = 3600;

/** Options of {@link work}. */
export interface WorkOptions {
  /** Child processes that train; undefined trains in this process. */
  readonly workers: number | undefined;
  readonly leaseSeconds: number;
  readonly stay?: boolean;
  readonly display: Display;
  readonly settled?: (cell: Cell, outcome: Outcome) => void;
}

/** Works on all cells of this code until none is left; interrupted, it saves what is under way. */
export const work = Effect.fnUntraced(function* (
  place: Place,
  { store }: Database,
  { workers, leaseSeconds, stay = false, display, settled }: WorkOptions,
) {
  const one = (trainer: Trainer) =>
    runWorker({
      store,
      root: place.root,
      trainer,
      leaseSeconds: workers === undefined ? Math.max(leaseSeconds, hour) : leaseSeconds,
      pollSeconds: Math.min(1, leaseSeconds / 10),
      stay,
      line: (text) => display.line(text),
      ...(settled === undefined ? {} : { settled }),
    });
  const ended = workers === undefined ? [yield* one(trainerHere(display))] : yield* Effect.all(
    Array.from({ length: workers }, () => Effect.scoped(Effect.flatMap(trainerInChild, one))),
    { concurrency: "unbounded" },
  );
  return ended.reduce((a, b) => a + b, 0);
});

/** The rows of cells; fails where a selection names none. */
export const selected = Effect.fnUntraced(function* (
  place: Place,
  store: Store,
  selection: { readonly sweep?: string | undefined; readonly cells?: readonly string[] },
) {
  const all = yield* asked(place, store.rows({}));
  const rows = yield* asked(place, store.rows(selection));
  const { sweep, cells = [] } = selection;
  const unknown = cells.filter((cell) => !all.some((row) => isNamed(row, cell)));
  if (unknown.length > 0 || (sweep !== undefined && rows.length === 0)) {
    const names = all.map(({ name, key }) => `${name} (${key.slice(0, 8)})`);
    return yield* Effect.fail(
      new RunError(
        unknown.length > 0
          ? `No cell is called ${unknown.map((name) => `"${name}"`).join(", ")}.`
          : `No sweep is called "${sweep}", or it has no such cell.`,
        all.length === 0
          ? "There are no cells; deno task sweep makes some."
          : `Name cells by name or by the first digits of their key: ${
            names.slice(0, 8).join(", ")
          }${names.length > 8 ? `, and ${names.length - 8} more` : ""}.`,
      ),
    );
  }
  return rows;
});

const isNamed = ({ name, key }: CellRow, cell: string) => name === cell || key.startsWith(cell);
