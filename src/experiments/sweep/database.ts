/**
 * Opening the database of sweeps: Postgres by its URL, or a file. Everything that can be wrong with it, and with the folder
 * of runs that goes with it, is told before any work.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { Effect, Redacted } from "effect";
import * as Reactivity from "effect/reactivity/Reactivity";
import type { SqlError } from "effect/sql/SqlError";
import { makeFolders, writeFileAtomically } from "../../data/atomic.ts";
import { nodeDisk, readWhole, unlessCode } from "../../data/disk.ts";
import { DatabaseError, fileError, messageOf } from "../errors.ts";
import { openSqlite } from "./sqlite.ts";
import { makeStore, type Store } from "./store.ts";

const isUrl = (where: string) => /^postgres(ql)?:\/\//.test(where);

/** A database as it may be shown: a URL without its password. */
export function shownDatabase(where: string): string {
  return isUrl(where) ? where.replace(/^(\w+:\/\/[^:@/]*):[^@/]*@/, "$1@") : where;
}

/** The messages of an error and of all errors below it. */
const messagesOf = (error: unknown): string => {
  const inner = typeof error === "object" && error !== null && "cause" in error
    ? error.cause
    : undefined;
  return [messageOf(error), ...(inner === undefined ? [] : [messagesOf(inner)])].join(" · ");
};

/** Explains an error of a database in words, and says what to do. */
export function explainDatabase(where: string, { reason }: SqlError): DatabaseError {
  const shown = shownDatabase(where);
  const said = messagesOf(reason);
  if (!isUrl(where)) {
    return new DatabaseError(
      `The database file ${where} cannot be used: ${said}.`,
      "Check that its folder can be written, and is on a disk of this host; or name another with --database.",
    );
  }
  if (/No username/.test(said)) {
    return new DatabaseError(
      `The URL ${shown} names no user.`,
      "Write postgres://user:password@host:5432/name.",
    );
  }
  if (/database .* does not exist/.test(said)) {
    return new DatabaseError(
      `Postgres has no such database as ${shown} names: ${said}.`,
      "Make it with createdb, or name another with --database.",
    );
  }
  if (reason._tag === "AuthenticationError" || /password|authentication/i.test(said)) {
    return new DatabaseError(
      `Postgres refuses the user or the password of ${shown}: ${said}.`,
      "Check both in --database or TRILEVEL_DATABASE: postgres://user:password@host:5432/name.",
    );
  }
  if (reason._tag === "AuthorizationError") {
    return new DatabaseError(
      `Postgres lets the user of ${shown} make no tables: ${said}.`,
      "Grant CREATE on the schema to that user, or use another.",
    );
  }
  return new DatabaseError(
    `No Postgres can be used at ${shown}: ${said}.`,
    "Start it, and check host, port and firewall; without --database, sweeps of one host need no Postgres.",
  );
}

const openPostgres = Effect.fnUntraced(function* (where: string) {
  // Loaded only here: who has no Postgres needs no package for it.
  const PgClient = yield* Effect.tryPromise({
    try: () => import("@effect/sql-pg/PgClient"),
    catch: () =>
      new DatabaseError(
        `The package @effect/sql-pg, which talks to ${shownDatabase(where)}, is not installed.`,
        "Install it: deno add npm:@effect/sql-pg@4.0.5.",
      ),
  });
  return yield* PgClient.make({
    url: Redacted.make(where),
    maxConnections: 4,
    connectTimeout: "5 seconds",
    keepAlive: "10 seconds",
    applicationName: "trilevel-sweep",
  }).pipe(Effect.provide(Reactivity.layer));
});

/** Opens a database until the scope ends, with its tables; a file must be there unless this is the `first` use. */
export const openDatabase = Effect.fnUntraced(function* (where: string, first = true) {
  if (!isUrl(where) && !first && !existsSync(where)) {
    return yield* Effect.fail(
      new DatabaseError(
        `There is no database ${where}.`,
        "deno task sweep makes it; or name another with --database, or with --runs the folder that it is in.",
      ),
    );
  }
  if (!isUrl(where)) {
    yield* Effect.tryPromise({
      try: () => makeFolders(dirname(where)),
      catch: fileError(`No folder can be made for the database ${where}.`),
    });
  }
  const opened = Effect.gen(function* () {
    const store = makeStore(yield* isUrl(where) ? openPostgres(where) : openSqlite(where));
    yield* store.prepare;
    return { store, id: yield* store.id };
  });
  return yield* opened.pipe(
    Effect.catchTag("SqlError", (error) => Effect.fail(explainDatabase(where, error))),
  );
});

/** An open database and the name by which folders of runs know it. */
export interface Database {
  readonly store: Store;
  readonly id: string;
}

const mark = "sweep.json";

/**
 * Takes a folder for the runs of a database: it can be written, and is no other database's. The first one marks it, so
 * that a worker on another host learns at once when the folder that it sees is not the shared one.
 */
export const takeFolder = (root: string, id: string, first: boolean) =>
  Effect.gen(function* () {
    const found = yield* Effect.tryPromise({
      try: async () => {
        if (first) await makeFolders(root);
        const bytes = await readWhole(nodeDisk, join(root, mark)).catch(
          unlessCode(undefined, "ENOENT"),
        );
        if (bytes !== undefined) {
          const trial = join(root, `.trial-${crypto.randomUUID()}`);
          await nodeDisk.create(trial, new Uint8Array());
          await nodeDisk.remove(trial);
          return String(JSON.parse(new TextDecoder().decode(bytes)).database);
        }
        if (!first) return undefined;
        const text = JSON.stringify({ database: id }) + "\n";
        await writeFileAtomically(join(root, mark), new TextEncoder().encode(text));
        return id;
      },
      catch: fileError(
        `The folder of runs ${root} cannot be used; workers write there, on every host.`,
      ),
    });
    if (found === id) return;
    return yield* Effect.fail(
      new DatabaseError(
        found === undefined
          ? `${root} is not the folder in which this sweep keeps its runs: it has no ${mark}.`
          : `${root} keeps the runs of another database.`,
        found === undefined
          ? "Mount the folder that `sweep` was given, and name it with --runs."
          : "Name another folder with --runs, or the database that belongs to it with --database.",
      ),
    );
  });
