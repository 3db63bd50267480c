/** Effect's `SqlClient` over the SQLite of the runtime: the database of sweeps on one host. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Effect, Semaphore, Stream } from "effect";
import * as Reactivity from "effect/reactivity/Reactivity";
import * as SqlClient from "effect/sql/SqlClient";
import type { Connection } from "effect/sql/SqlConnection";
import { classifySqliteError, SqlError } from "effect/sql/SqlError";
import { makeCompilerSqlite } from "effect/sql/Statement";

/** Opens a file, made when there is none, until the scope ends. */
export const openSqlite = Effect.fnUntraced(function* (path: string) {
  const failed = (operation: string) => (cause: unknown) =>
    new SqlError({ reason: classifySqliteError(cause, { message: String(cause), operation }) });
  const database = yield* Effect.acquireRelease(
    Effect.try({
      try: () => {
        const database = new DatabaseSync(path);
        // Several processes of one host write: each waits for the others, and readers for none.
        database.exec("PRAGMA busy_timeout = 10000");
        database.exec("PRAGMA journal_mode = WAL");
        database.exec("PRAGMA synchronous = NORMAL");
        return database;
      },
      catch: failed("open"),
    }),
    (database) => Effect.sync(() => database.close()),
  );
  const run = (sql: string, params: readonly unknown[]) =>
    Effect.try({
      // Statements of this package have texts and numbers alone as parameters.
      try: () => database.prepare(sql).all(...params as readonly SQLInputValue[]),
      catch: failed("execute"),
    });
  const values = (sql: string, params: readonly unknown[]) =>
    Effect.map(run(sql, params), (rows) => rows.map((row) => Object.values(row)));
  const connection: Connection = {
    execute: run,
    executeRaw: run,
    executeUnprepared: run,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, params) => Stream.fromIterableEffect(run(sql, params)),
  };
  return yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore: yield* Semaphore.make(1),
    }),
    compiler: makeCompilerSqlite(),
    driver: "node-sqlite",
    spanAttributes: [],
    beginTransaction: "BEGIN IMMEDIATE",
  }).pipe(Effect.provide(Reactivity.layer));
});
