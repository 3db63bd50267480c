/**
 * The cells of sweeps in a database: Postgres where several hosts work, SQLite on one. A cell is lent to one worker at a
 * time. Each loan has a number, the cell's epoch, and ends at a time by the database's clock unless it is renewed;
 * then the cell waits for another worker. Every statement of a worker about its cell names the epoch, so that a worker
 * whose loan has ended changes nothing any more, and learns of it.
 *
 * Each change is one statement, which the database makes whole or not at all. A statement whose answer is lost may be
 * made again.
 */
import { Effect, Schema } from "effect";
import type { SqlClient } from "effect/sql/SqlClient";
import type { ExperimentConfig } from "../schema.ts";
import { type Cell, type CellState, cellStates, type Outcome } from "./cell.ts";

/** Attempts in a row of which none reached a further checkpoint, after which a cell has failed. */
export const mostAttempts = 3;

/** A process that trains cells. */
export interface WorkerIdentity {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** The start of the process, by which an id that is used again is told from the one before. */
  readonly started: string;
  readonly code: string;
}

/** A cell as the database has it. */
export interface CellRow {
  readonly key: string;
  readonly name: string;
  readonly folder: string;
  readonly state: CellState;
  /** The number of the latest loan. */
  readonly epoch: number;
  /** Loans in a row without a further checkpoint. */
  readonly attempts: number;
  /** Steps made, and in the latest checkpoint. */
  readonly step: number;
  readonly saved: number;
  readonly steps: number;
  readonly worker: string | null;
  /** Seconds that it was lent, of finished loans and the present one. */
  readonly seconds: number;
  readonly message: string | null;
  readonly results: { readonly [name: string]: number | null } | null;
  readonly code: string;
}

/** A loan: the cell is this worker's until the loan ends. */
export interface Loan {
  readonly cell: Cell;
  readonly epoch: number;
  /** The latest checkpoint that was told of. */
  readonly saved: number;
}

const text = Schema.String;
const Row = Schema.Struct({
  key: text,
  name: text,
  folder: text,
  state: Schema.Literals(cellStates),
  // Postgres has its counts as numbers; a sum may come as text.
  epoch: Schema.Finite,
  attempts: Schema.Finite,
  step: Schema.Finite,
  saved: Schema.Finite,
  steps: Schema.Finite,
  worker: Schema.NullOr(text),
  seconds: Schema.Finite,
  message: Schema.NullOr(text),
  results: Schema.NullOr(text),
  code: text,
});
const decodeRow = Schema.decodeUnknownSync(Row);

/** A worker as the database has it. */
export interface WorkerRow {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly started: string;
  readonly code: string;
  /** Seconds since it was heard of. */
  readonly silent: number;
}

/** Cells to speak of: those of a sweep by its name, some by the first digits of their key or by name, or all. */
export interface Selection {
  readonly sweep?: string | undefined;
  readonly cells?: readonly string[];
}

/** The tables, and all that is done with them. */
export function makeStore(sql: SqlClient) {
  const now = sql.onDialectOrElse({
    pg: () => sql.literal("extract(epoch from clock_timestamp())::float8"),
    orElse: () => sql.literal("unixepoch('subsec')"),
  });
  const skipLocked = sql.onDialectOrElse({
    pg: () => sql.literal("FOR UPDATE SKIP LOCKED"),
    orElse: () => sql.literal(""), // SQLite has one writer at a time
  });

  // The type asks for records that have any field.
  const insert = (rows: readonly { readonly [column: string]: string | number }[]) =>
    sql.insert(rows as unknown as readonly [Record<string, unknown>]);

  const prepare = Effect.gen(function* () {
    const tables = [
      `CREATE TABLE IF NOT EXISTS trilevel_cells (
        key TEXT PRIMARY KEY, name TEXT NOT NULL, folder TEXT NOT NULL, config TEXT NOT NULL,
        data TEXT NOT NULL, code TEXT NOT NULL, place INTEGER NOT NULL, state TEXT NOT NULL,
        epoch INTEGER NOT NULL, attempts INTEGER NOT NULL, step INTEGER NOT NULL,
        saved INTEGER NOT NULL, claimed INTEGER NOT NULL, steps INTEGER NOT NULL, worker TEXT,
        lent DOUBLE PRECISION NOT NULL, lease DOUBLE PRECISION NOT NULL,
        seconds DOUBLE PRECISION NOT NULL, message TEXT, results TEXT)`,
      `CREATE INDEX IF NOT EXISTS trilevel_cells_next ON trilevel_cells (state, code, place)`,
      `CREATE TABLE IF NOT EXISTS trilevel_members (
        sweep TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (sweep, key))`,
      `CREATE TABLE IF NOT EXISTS trilevel_workers (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
        code TEXT NOT NULL, seen DOUBLE PRECISION NOT NULL)`,
      `CREATE TABLE IF NOT EXISTS trilevel_database (one INTEGER PRIMARY KEY, id TEXT NOT NULL)`,
    ];
    // Two processes that make the same tables at once disturb each other in Postgres.
    yield* sql.onDialectOrElse({
      pg: () => sql`SELECT pg_advisory_xact_lock(7241)`,
      orElse: () => Effect.void,
    });
    for (const table of tables) yield* sql.unsafe(table);
    yield* sql`INSERT INTO trilevel_database (one, id) VALUES (1, ${crypto.randomUUID()})
      ON CONFLICT (one) DO NOTHING`;
  }).pipe(sql.withTransaction);

  /** The name of this database, by which a folder of runs is known to belong to it. */
  const id = Effect.map(
    sql<{ readonly id: string }>`SELECT id FROM trilevel_database WHERE one = 1`,
    (rows) => rows[0]!.id, // `prepare` made it
  );

  /** Adds cells to a sweep; those that exist stay as they are. */
  const add = Effect.fnUntraced(function* (sweep: string, cells: readonly Cell[]) {
    const unique = [...new Map(cells.map((cell) => [cell.key, cell])).values()];
    const last = yield* sql<{ readonly place: number }>`
      SELECT COALESCE(MAX(place), 0) AS place FROM trilevel_cells`;
    const place = Number(last[0]?.place ?? 0);
    const many = 200;
    for (let from = 0; from < unique.length; from += many) {
      const some = unique.slice(from, from + many);
      const rows = some.map(({ key, name, folder, config, data, code }, i) => ({
        key,
        name,
        folder,
        config: JSON.stringify(config),
        data,
        code,
        place: place + from + i + 1,
        state: "waiting",
        epoch: 0,
        attempts: 0,
        step: 0,
        saved: 0,
        claimed: 0,
        steps: config.steps,
        lent: 0,
        lease: 0,
        seconds: 0,
      }));
      yield* sql`INSERT INTO trilevel_cells ${insert(rows)} ON CONFLICT (key) DO NOTHING`;
      yield* sql`INSERT INTO trilevel_members ${
        insert(some.map(({ key }) => ({ sweep, key })))
      } ON CONFLICT (sweep, key) DO NOTHING`;
    }
  });

  /** Ends loans: the cells wait again, or have failed where too many attempts came no further. */
  const end = (which: ReturnType<typeof sql.literal> | ReturnType<typeof sql>) =>
    sql`UPDATE trilevel_cells SET
        state = CASE WHEN attempts >= ${mostAttempts} AND saved <= claimed
          THEN 'failed' ELSE 'waiting' END,
        message = 'attempt ' || epoch || ' on ' || COALESCE(worker, 'a worker') ||
          ' ended without a word after step ' || step,
        seconds = seconds + lease - lent, worker = NULL
      WHERE state = 'running' AND ${which}`;

  /** Lends the cell that waits longest; undefined where none of this code waits. */
  const claim = Effect.fnUntraced(function* (worker: WorkerIdentity, leaseSeconds: number) {
    // A loan of this very worker, which has one at a time, is one whose answer was lost.
    yield* end(sql`(lease < ${now} OR worker = ${worker.id})`);
    const rows = yield* sql<{
      readonly key: string;
      readonly name: string;
      readonly folder: string;
      readonly config: string;
      readonly data: string;
      readonly code: string;
      readonly epoch: number;
      readonly saved: number;
    }>`UPDATE trilevel_cells SET state = 'running', worker = ${worker.id}, epoch = epoch + 1,
        attempts = CASE WHEN saved > claimed THEN 1 ELSE attempts + 1 END, claimed = saved,
        lent = ${now}, lease = ${now} + ${leaseSeconds}
      WHERE key = (SELECT key FROM trilevel_cells
        WHERE state = 'waiting' AND code = ${worker.code} ORDER BY place LIMIT 1 ${skipLocked})
      RETURNING key, name, folder, config, data, code, epoch, saved`;
    return rows.map(({ epoch, saved, config, ...rest }): Loan => ({
      cell: { ...rest, config: JSON.parse(config) as ExperimentConfig }, // we wrote it
      epoch: Number(epoch),
      saved: Number(saved),
    }))[0];
  });

  const mine = (worker: WorkerIdentity, { cell, epoch }: Loan) =>
    sql`key = ${cell.key} AND epoch = ${epoch} AND worker = ${worker.id} AND state = 'running'`;

  /** Renews a loan and tells of progress; false where the loan has ended. */
  const renew = (
    worker: WorkerIdentity,
    loan: Loan,
    leaseSeconds: number,
    at: { readonly step: number; readonly saved: number },
  ) =>
    Effect.gen(function* () {
      const rows = yield* sql`UPDATE trilevel_cells SET lease = ${now} + ${leaseSeconds},
        step = ${at.step}, saved = ${at.saved}
        WHERE ${mine(worker, loan)} RETURNING key`;
      yield* greet(worker);
      return rows.length === 1;
    });

  /** Tells how an attempt ended; false where the loan has ended before, so that the attempt does not count. */
  const settle = (worker: WorkerIdentity, loan: Loan, outcome: Outcome) =>
    Effect.gen(function* () {
      const again = outcome.state === "failed"
        ? sql`CASE WHEN attempts >= ${mostAttempts} AND saved <= claimed
            THEN 'failed' ELSE 'waiting' END`
        : sql`${outcome.state}`;
      const rows = yield* sql`UPDATE trilevel_cells SET state = ${again}, worker = NULL,
          step = ${outcome.step}, results = ${JSON.stringify(outcome.results)},
          message = ${outcome.message ?? null}, seconds = seconds + ${now} - lent
        WHERE ${mine(worker, loan)} RETURNING key`;
      if (rows.length === 1) return true;
      // The answer to the same statement may have been lost.
      const settled = yield* sql`SELECT key FROM trilevel_cells WHERE key = ${loan.cell.key}
        AND epoch = ${loan.epoch} AND state = ${outcome.state} AND worker IS NULL`;
      return settled.length === 1;
    });

  /** Gives a cell back that was not ended, by a worker that stops. It costs no attempt. */
  const release = (worker: WorkerIdentity, loan: Loan) =>
    sql`UPDATE trilevel_cells SET state = 'waiting', worker = NULL, attempts = attempts - 1,
      seconds = seconds + ${now} - lent WHERE ${mine(worker, loan)}`;

  /** Says that a worker is there. */
  const greet = (worker: WorkerIdentity) =>
    sql`INSERT INTO trilevel_workers (id, host, pid, started, code, seen)
      VALUES (${worker.id}, ${worker.host}, ${worker.pid}, ${worker.started}, ${worker.code}, ${now})
      ON CONFLICT (id) DO UPDATE SET seen = ${now}`;

  const leave = (id: string) =>
    Effect.gen(function* () {
      yield* end(sql`worker = ${id}`);
      yield* sql`DELETE FROM trilevel_workers WHERE id = ${id}`;
    });

  const workers = Effect.map(
    sql<WorkerRow>`SELECT id, host, pid, started, code, ${now} - seen AS silent
      FROM trilevel_workers ORDER BY id`,
    (rows) => rows.map((row) => ({ ...row, pid: Number(row.pid), silent: Number(row.silent) })),
  );

  const chosen = ({ sweep, cells = [] }: Selection) =>
    sql.and([
      sweep === undefined
        ? sql`1 = 1`
        : sql`key IN (SELECT key FROM trilevel_members WHERE sweep = ${sweep})`,
      cells.length === 0 ? sql`1 = 1` : sql.or(
        cells.map((cell) => sql`(name = ${cell} OR substr(key, 1, ${cell.length}) = ${cell})`),
      ),
    ]);

  /** Cells as they stand, in the order in which they were added. */
  const rows = (selection: Selection) =>
    Effect.map(
      sql`SELECT key, name, folder, state, epoch, attempts, step, saved, steps, worker,
          CASE WHEN state = 'running' THEN seconds + ${now} - lent ELSE seconds END AS seconds,
          message, results, code
        FROM trilevel_cells WHERE ${chosen(selection)} ORDER BY place`,
      (rows) =>
        rows.map((row): CellRow => {
          const { results, ...rest } = decodeRow(row);
          return {
            ...rest,
            results: results === null
              ? null
              : JSON.parse(results) as { [name: string]: number | null }, // we wrote it
          };
        }),
    );

  /** Numbers of cells by code and state. */
  const counts = Effect.map(
    sql<{ readonly state: CellState; readonly code: string; readonly n: number }>`
      SELECT state, code, COUNT(*) AS n FROM trilevel_cells GROUP BY state, code`,
    (rows) => rows.map((row) => ({ ...row, n: Number(row.n) })),
  );

  /** Lets cells wait again whose results are lost. */
  const reopen = (lost: readonly CellRow[]) =>
    Effect.forEach(
      lost,
      ({ key, epoch }) =>
        sql`UPDATE trilevel_cells SET state = 'waiting', attempts = 0, step = 0, saved = 0,
          claimed = 0, results = NULL, message = NULL
        WHERE key = ${key} AND epoch = ${epoch} AND state IN ('finished', 'diverged')`,
      { discard: true },
    );

  /** Ends cells that have no result. Their workers learn of it when they next renew their loans. */
  const cancel = (selection: Selection) =>
    Effect.map(
      sql`UPDATE trilevel_cells SET state = 'cancelled', worker = NULL, message = 'cancelled'
        WHERE state IN ('waiting', 'running') AND ${chosen(selection)} RETURNING key`,
      (rows) => rows.length,
    );

  /** Lets cells that failed or were cancelled wait again, with all attempts before them. */
  const retry = (selection: Selection) =>
    Effect.map(
      sql`UPDATE trilevel_cells SET state = 'waiting', attempts = 0, message = NULL
        WHERE state IN ('failed', 'cancelled') AND ${chosen(selection)} RETURNING key`,
      (rows) => rows.length,
    );

  return {
    prepare,
    id,
    add,
    claim,
    renew,
    settle,
    release,
    greet,
    leave,
    workers,
    rows,
    counts,
    reopen,
    cancel,
    retry,
  };
}

/** See {@link makeStore}. */
export type Store = ReturnType<typeof makeStore>;
