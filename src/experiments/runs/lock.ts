/**
 * One process at a time trains in a folder: `lock-<n>.json` says which. A process that was killed leaves its lock
 * behind; the next one sees that it runs no more and makes the lock of the next number, which only one can.
 *
 * A process is known by its host, its id and its start time, since ids are used again.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { promisify } from "node:util";
import { Context, Effect, Schema } from "effect";
import { readWhole } from "../../data/disk.ts";
import { RunError } from "../errors.ts";
import { onDisk, type RunFolder } from "./folder.ts";

const HolderSchema = Schema.Struct({
  host: Schema.String,
  pid: Schema.Int,
  /** The start of the process as its system reports it; compared, never parsed. */
  started: Schema.String,
  /** The time of the lock, for messages. */
  since: Schema.String,
});

/** The process that holds a lock. */
export type Holder = typeof HolderSchema.Type;

/** This process, and a way to see others. */
export interface Processes {
  readonly host: string;
  readonly pid: number;
  /** When a process of this host started, in a form of the system's own; undefined when there is none. */
  startOf(pid: number): Promise<string | undefined>;
}

/** The processes of this machine. */
export const CurrentProcesses = Context.Reference<Processes>("trilevel/CurrentProcesses", {
  defaultValue: () => ({ host: hostname(), pid: process.pid, startOf }),
});

async function startOf(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0); // sends nothing
  } catch (error) {
    // A process of somebody else exists as well.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return undefined;
  }
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
    if (stat === undefined) return undefined;
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
    // The 22nd field; the 2nd, in parentheses, may contain spaces.
    return `${boot.trim()} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  }
  const told = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)])
    .catch(() => ({ stdout: "unknown" }));
  return told.stdout.trim();
}

const pattern = /^lock-(\d+)\.json$/;

/**
 * Takes the folder for this process until the scope ends; a {@link RunError} names the process that has it. Gives what
 * to tell of a process that left its lock behind.
 */
export const lockRun = (run: RunFolder, time: Date) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const processes = yield* CurrentProcesses;
      const found = yield* locksOf(run);
      for (const { holder, name } of found) {
        if (holder !== undefined && (yield* mayRun(holder))) {
          return yield* refuse(run, name, holder);
        }
      }
      const started = yield* Effect.promise(() => processes.startOf(processes.pid));
      const own: Holder = {
        host: processes.host,
        pid: processes.pid,
        started: started ?? "",
        since: time.toISOString(),
      };
      const number = Math.max(0, ...found.map((lock) => lock.number)) + 1;
      const name = `lock-${number}.json`;
      const bytes = new TextEncoder().encode(JSON.stringify(own) + "\n");
      const won = yield* onDisk(
        `${run.file(name)} cannot be written.`,
        (disk) =>
          disk.create(run.file(name), bytes).then(() => true, (error: NodeJS.ErrnoException) => {
            if (error.code === "EEXIST") return false;
            throw error;
          }),
      );
      // Others may have judged the same old locks, or have been writing theirs: a process that sees another one gives way.
      const judged = found.map((lock) => lock.name);
      const rivals: Lock[] = [];
      for (const lock of yield* locksOf(run)) {
        if (won && lock.name === name) continue;
        const old = judged.includes(lock.name);
        if (!old || (lock.holder && (yield* mayRun(lock.holder)))) rivals.push(lock);
      }
      if (!won || rivals.length > 0) {
        if (won) yield* remove(run, [name]);
        return yield* refuse(run, rivals[0]?.name ?? name, rivals[0]?.holder);
      }
      yield* remove(run, judged);
      return {
        name,
        left: found.map(({ holder }) =>
          holder === undefined
            ? "a lock was left behind by a process that was killed while it wrote it"
            : `process ${holder.pid}, which had this run since ${holder.since}, ended without ` +
              "letting go of it"
        ),
      };
    }),
    ({ name }) => remove(run, [name]).pipe(Effect.ignore),
  ).pipe(Effect.map(({ left }) => left));

const remove = (run: RunFolder, names: readonly string[]) =>
  onDisk(`The lock of ${run.path} cannot be removed.`, async (disk) => {
    for (const name of names) await disk.remove(run.file(name));
  });

interface Lock {
  readonly name: string;
  readonly number: number;
  /** Undefined where the lock cannot be read. */
  readonly holder: Holder | undefined;
}

/** All locks in a folder. */
const locksOf = (run: RunFolder) =>
  onDisk(`The lock of ${run.path} cannot be read.`, async (disk) => {
    const names = (await disk.list(run.path)).filter((name) => pattern.test(name));
    return await Promise.all(names.map(async (name): Promise<Lock> => ({
      name,
      number: Number(pattern.exec(name)![1]), // it was tested
      holder: await readWhole(disk, run.file(name)).then(
        (bytes) => decodeHolder(JSON.parse(new TextDecoder().decode(bytes))),
      ).catch(() => undefined),
    })));
  });

const decodeHolder = Schema.decodeUnknownSync(HolderSchema);

/** True if a holder may still run; a holder on another host cannot be checked, so that it may. */
const mayRun = Effect.fnUntraced(function* ({ host, pid, started }: Holder) {
  const processes = yield* CurrentProcesses;
  if (host !== processes.host) return true;
  return (yield* Effect.promise(() => processes.startOf(pid))) === started;
});

const refuse = Effect.fnUntraced(function* (run: RunFolder, name: string, holder?: Holder) {
  const { host } = yield* CurrentProcesses;
  const elsewhere = holder !== undefined && holder.host !== host;
  const who = holder === undefined
    ? "Another process"
    : `Process ${holder.pid}${elsewhere ? ` on ${holder.host}` : ""}`;
  return yield* Effect.fail(
    new RunError(
      `${who} is training in ${run.path}${holder ? ` since ${holder.since}` : ""}.`,
      elsewhere
        ? `Wait for it, or stop it. If that process has ended, which cannot be checked from ${host}, delete ${
          run.file(name)
        }.`
        : "Wait for it, or stop it.",
    ),
  );
});
