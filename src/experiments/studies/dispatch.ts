/**
 * A study whose runs are cells of a sweep: processes of this host train them, or workers of others. Results are merged as
 * they come, in the order of a study that is run in one process, so that its table is the same.
 */
import { join } from "node:path";
import { Effect, Semaphore } from "effect";
import { RunError } from "../errors.ts";
import { RunFolder } from "../runs/folder.ts";
import { attemptFolder, type Cell } from "../sweep/cell.ts";
import { tellCounts } from "../sweep/status.ts";
import type { CellRow } from "../sweep/store.ts";
import { addCells, asked, openPlace, type Place, work } from "../sweep/sweep.ts";
import {
  type EndedRun,
  folderNameOf,
  resultsOf,
  runsOf,
  type StudyOptions,
  writeStudy,
} from "./runStudy.ts";
import type { Study } from "./study.ts";

/** Options of {@link dispatchStudy}. */
export interface DispatchOptions extends StudyOptions {
  /** The database of cells. */
  readonly database: string;
  /** Child processes that train here; 0 leaves all of it to workers elsewhere. */
  readonly workers: number;
  readonly leaseSeconds: number;
}

/** Runs a study by cells; gives its results and its folder, as `runStudy` does. */
export const dispatchStudy = Effect.fn("dispatchStudy")(
  function* (study: Study, options: DispatchOptions) {
    const { root, steps, display, workers, leaseSeconds, interval } = options;
    const name = yield* folderNameOf(study, options);
    const folder = new RunFolder(join(root, name));
    const runs = yield* runsOf(study, options);
    const place: Place = { root, database: options.database };
    const database = yield* openPlace(place, { first: true });
    const cells = yield* addCells(
      place,
      database.store,
      name,
      runs.map(({ config }) => config),
      name,
    );
    const rows = Effect.map(
      asked(place, database.store.rows({})),
      (all) => new Map(all.map((row) => [row.key, row])),
    );
    const lock = yield* Semaphore.make(1);
    let merged = -1;
    /** Writes the results so far, where there are more than before. */
    const merge = Effect.gen(function* () {
      const byKey = yield* rows;
      const ended = runs.flatMap(({ kind, seed }, i): EndedRun[] => {
        const row = byKey.get(cells[i]!.key); // there is a cell for each run
        if (row?.state !== "finished" && row?.state !== "diverged") return [];
        const status = row.state === "finished" ? "finished" : "failed";
        return [{ kind, seed, status, run: attemptFolder(root, row.folder, row.epoch) }];
      });
      const results = yield* resultsOf(study, steps, ended);
      if (ended.length !== merged) yield* writeStudy(folder, study, results, interval);
      merged = ended.length;
      return { results, own: ownOf(cells, byKey) };
    }).pipe(lock.withPermit);

    display.line(tellCounts((yield* merge).own));
    const open = (own: readonly CellRow[]) =>
      own.some(({ state }) => state === "waiting" || state === "running");
    const watching = Effect.gen(function* () {
      while (open((yield* merge).own)) yield* Effect.sleep("1 second");
    });
    if (workers === 0) yield* watching;
    else {
      yield* Effect.raceFirst(
        work(place, database, { workers, leaseSeconds, display }),
        Effect.andThen(watching, Effect.never),
      );
    }
    const { results, own } = yield* merge;
    const without = own.filter(({ state }) => state === "failed" || state === "cancelled");
    if (without.length > 0) {
      return yield* Effect.fail(
        new RunError(
          [
            `${without.length} of ${cells.length} runs of the study have no result:`,
            ...without.map(({ name, state, message }) => `  - ${name}: ${state}: ${message}`),
          ].join("\n"),
          "Put right what they tell, then say deno task sweep retry, and run the study again: it goes on.",
        ),
      );
    }
    return { results, folder };
  },
  Effect.scoped,
);

/** The rows of the cells of this study; two runs may share one. */
const ownOf = (cells: readonly Cell[], rows: ReadonlyMap<string, CellRow>) =>
  [...new Set(cells.map(({ key }) => key))].flatMap((key) => rows.get(key) ?? []);
