/**
 * Sweeps with real workers and a real Postgres, in which everything dies that can: workers by -9, the database, the
 * network of one worker. Afterwards every cell must have ended once, with the bits of a run by itself, and no cell may have
 * had two writers at a time. The test `proof.test.ts` is a short form, `deno task sweep:proof` the long one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Effect, Exit, Schedule, Scope } from "effect";
import { applyOverrides } from "../../../src/experiments/config/overrides.ts";
import { decodeConfig } from "../../../src/experiments/config/decode.ts";
import { RunFolder } from "../../../src/experiments/runs/folder.ts";
import { openDatabase } from "../../../src/experiments/sweep/database.ts";
import type { CellRow } from "../../../src/experiments/sweep/store.ts";
import { Tasks } from "../../../src/experiments/tasks/index.ts";
import { train } from "../../../src/experiments/train/runner.ts";
import { startPostgres } from "../../support/postgres.ts";
import { toyTask } from "../toy.ts";
import { bitsOf } from "./bits.ts";

/** A server in between that can stop passing anything on, without closing a connection: a network that is cut. */
export async function startProxy(port: number) {
  const sockets = new Set<Socket>();
  let cut = false;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(from);
      if (cut) from.pause();
      from.on("data", (bytes) => void to.write(bytes));
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const own = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    })
  );
  return {
    port: own,
    cut: (value: boolean) => {
      cut = value;
      for (const socket of sockets) value ? socket.pause() : socket.resume();
    },
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** Options of {@link prove}. */
export interface ProofOptions {
  /** An empty folder. */
  readonly folder: string;
  /** The config of the cells, which differ in their seeds. */
  readonly config: object;
  readonly cells: number;
  readonly workers: number;
  readonly leaseSeconds: number;
  /** Milliseconds by which every read of a sample is slowed, so that runs are long enough to be killed. */
  readonly delay: number;
  /** Kills a worker by -9 every so many seconds, so many times. */
  readonly kills: { readonly every: number; readonly times: number };
  /** Restarts the database after so many cells have ended. */
  readonly restartAfter: number;
  /** Cuts one worker off from the database, or stops its processes, for so many seconds, when so many cells have ended. */
  readonly cut: {
    readonly how: "network" | "stop";
    readonly after: number;
    readonly seconds: number;
  };
  readonly line: (text: string) => void;
}

/** The findings of {@link prove}, for a test to judge. */
export interface Proof {
  readonly rows: readonly CellRow[];
  /** Cells whose bits are not those of a run by itself. */
  readonly different: readonly string[];
  /** Attempts that wrote after a later attempt at the same cell began to write, and folders with two writers. */
  readonly overlaps: readonly string[];
  readonly killed: number;
  readonly restarted: boolean;
  /** Cells that the worker which was cut off gave up. */
  readonly givenUp: readonly string[];
  /** The lines in which that worker tells that it was cut off. */
  readonly noticed: readonly string[];
  /** Writes by that worker between the end of its loan and the end of the cut. */
  readonly late: readonly string[];
  readonly attempts: number;
  readonly seconds: number;
}

/** Runs a sweep in which everything dies, and compares it with serial runs. */
export async function prove(options: ProofOptions): Promise<Proof> {
  const { folder, cells, workers, leaseSeconds, kills, cut, line } = options;
  const [root, logs, base, writes] = ["runs", "logs", "config.json", "writes"].map((name) =>
    join(folder, name)
  ) as [string, string, string, string];
  mkdirSync(logs);
  mkdirSync(writes);
  writeFileSync(base, JSON.stringify(options.config));
  const postgres = await startPostgres();
  const scope = await Effect.runPromise(Scope.make());
  const proxy = await startProxy(postgres.port);
  const throughProxy = postgres.url.replace(`:${postgres.port}/`, `:${proxy.port}/`);
  const common = (url: string) => ["--runs", root, "--database", url];
  const environment = {
    ...process.env,
    TOY_DELAY: String(options.delay),
    TOY_WRITES: writes,
    NO_COLOR: "1",
  };
  let number = 0;
  /** The program in a process group of its own; its messages go to a file. */
  const program = (...args: string[]) => {
    const child = spawn(process.execPath, ["run", "-A", main, "sweep", ...args], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = join(logs, `${++number}.txt`);
    writeFileSync(log, "");
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes) => writeFileSync(log, bytes, { flag: "a" }));
    }
    return { child, log };
  };
  const ended = (child: ChildProcess) =>
    new Promise<void>((resolve) =>
      child.exitCode !== null || child.signalCode !== null
        ? resolve()
        : child.once("exit", () => resolve())
    );

  try {
    const seeds = Array.from({ length: cells }, (_, seed) => seed).join();
    const submitted = program(
      "--config",
      base,
      "--set",
      `seed=${seeds}`,
      "--workers",
      "0",
      "--name",
      "proof",
      ...common(postgres.url),
    );
    await ended(submitted.child);
    const { store } = await Effect.runPromise(Scope.provide(openDatabase(postgres.url), scope));
    // The database is restarted meanwhile.
    const rows = () => Effect.runPromise(Effect.retry(store.rows({}), Schedule.spaced("1 second")));
    const added = (await rows()).length;
    if (added !== cells) throw new Error(`${added} cells: ${readFileSync(submitted.log, "utf8")}`);

    const began = performance.now();
    const start = (url: string) =>
      program("worker", "--lease", String(leaseSeconds), ...common(url));
    // The last worker is the one that is cut off; it is not killed.
    const team = Array.from(
      { length: workers },
      (_, i) => start(i === workers - 1 ? throughProxy : postgres.url),
    );
    let [killed, restarted, lastKill] = [0, false, performance.now()];
    let cutting: Promise<void> | undefined;
    let all = await rows();
    const victim = team.at(-1)!;
    let [alone, until] = [Infinity, Infinity];
    let trainers: readonly number[] = [];
    while (all.some(({ state }) => state === "waiting" || state === "running")) {
      await sleep(0.2);
      all = await rows();
      const done = all.filter(({ state }) => state === "finished").length;
      const busy = isBusy(victim.child.pid!, all);
      if (cutting === undefined && done >= cut.after && busy) {
        line(`${done} cells finished: one worker is cut off (${cut.how}) for ${cut.seconds} s`);
        cutting = (async () => {
          trainers = childrenOf(victim.child.pid!);
          alone = Date.now() + 1000 * leaseSeconds;
          const group = cut.how === "stop" ? [victim.child.pid!, ...trainers] : [];
          for (const pid of group) process.kill(pid, "SIGSTOP");
          if (cut.how === "network") proxy.cut(true);
          await sleep(cut.seconds);
          until = Date.now();
          for (const pid of group) process.kill(pid, "SIGCONT");
          proxy.cut(false);
          line("it is connected again");
        })();
      }
      if (!restarted && done >= options.restartAfter) {
        restarted = true;
        line(`${done} cells finished: the database is restarted`);
        await postgres.restart();
      }
      const at = killed % (workers - 1);
      const due = performance.now() - lastKill > 1000 * kills.every;
      if (killed < kills.times && due && isBusy(team[at]!.child.pid!, all)) {
        lastKill = performance.now();
        killed++;
        line(`${done} cells finished: worker ${at + 1} is killed`);
        team[at]!.child.kill("SIGKILL");
        team[at] = start(postgres.url);
      }
    }
    const seconds = (performance.now() - began) / 1000;
    await cutting;
    await Promise.all(team.map(({ child }) => ended(child)));
    line(`all ${cells} cells ended after ${seconds.toFixed(0)} s`);
    const said = team.map(({ log }) => readFileSync(log, "utf8"));
    const different = await differences(options, root, all);
    return {
      rows: all,
      different,
      overlaps: overlapsIn(writes),
      late: trainers.flatMap((pid) => writesOf(writes, String(pid)))
        .filter(([time]) => time > alone && time < until)
        .map(([time, path]) => `${path}, ${time - alone} ms after the end of the loan`),
      killed,
      restarted,
      givenUp: said.at(-1)!.split("\n").filter((text) => text.includes("given up")),
      noticed: said.at(-1)!.split("\n").filter((text) => /given up|does not answer/.test(text)),
      attempts: all.reduce((sum, { epoch }) => sum + epoch, 0),
      seconds,
    };
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void));
    proxy.stop();
    await postgres.stop();
  }
}

/** True if the worker in a process trains a cell that has a checkpoint, and much left to do. */
const isBusy = (pid: number, rows: readonly CellRow[]) =>
  rows.some(({ state, worker, saved, steps }) =>
    state === "running" && worker?.includes(`-${pid}-`) && saved > 0 && saved <= steps / 2
  );

/** The processes that a process has started, as Linux tells. */
function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  const all = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  return all === "" ? [] : all.split(" ").map(Number);
}

/** The cells whose runs are not the bits of a run by itself, in this process and without a database. */
async function differences(
  { config, folder }: ProofOptions,
  root: string,
  rows: readonly CellRow[],
) {
  const display = { update: () => {}, line: () => {}, end: () => {} };
  const different: string[] = [];
  for (const row of rows) {
    const seed = /seed(\d+)$/.exec(row.name)?.[1];
    const own = await Effect.runPromise(
      applyOverrides(config, [`seed=${seed}`]).pipe(
        Effect.flatMap((some) => decodeConfig(some, "The config")),
        Effect.flatMap((some) => train(some, { root: join(folder, "serial"), display })),
        Effect.provideService(Tasks, [toyTask]),
      ),
    );
    const attempt = new RunFolder(join(root, `${row.folder}.${row.epoch}`));
    const [here, there] = [await bitsOf(own), await bitsOf(attempt)];
    if (printed(here) !== printed(there)) different.push(row.name);
  }
  return different;
}

/** JSON in which typed arrays are told by their bytes. */
const printed = (value: unknown) =>
  JSON.stringify(
    value,
    (_, inner: unknown) =>
      ArrayBuffer.isView(inner)
        ? [...new Uint8Array(inner.buffer, inner.byteOffset, inner.byteLength)]
        : inner,
  );

/** The writes of a process: time and path. */
const writesOf = (folder: string, pid: string) =>
  (existsSync(join(folder, pid)) ? readFileSync(join(folder, pid), "utf8") : "").split("\n")
    .filter((text) => text !== "")
    .map((text): [time: number, path: string] => {
      const space = text.indexOf(" ");
      return [Number(text.slice(0, space)), text.slice(space + 1)];
    });

/** Attempts that wrote after a later attempt at the same cell began to, and folders with two writers, by the logs. */
function overlapsIn(folder: string): string[] {
  const spans = new Map<string, { pid: string; epoch: number; first: number; last: number }[]>();
  const problems: string[] = [];
  for (const pid of readdirSync(folder)) {
    for (const [time, path] of writesOf(folder, pid)) {
      const found = /([^/]+)\.(\d+)(\/|$)/.exec(path.slice(path.indexOf("/runs/") + 6));
      if (found === null) continue;
      const [cell, epoch] = [found[1]!, Number(found[2])];
      if (!spans.has(cell)) spans.set(cell, []);
      const all = spans.get(cell)!;
      const span = all.find((one) => one.epoch === epoch && one.pid === pid);
      if (span === undefined) all.push({ pid, epoch, first: time, last: time });
      else span.last = time;
    }
  }
  for (const [cell, all] of spans) {
    all.sort((a, b) => a.epoch - b.epoch);
    for (const [i, { pid, epoch, first }] of all.entries()) {
      const before = all[i - 1];
      if (before?.epoch === epoch) {
        problems.push(`${cell}.${epoch}: written by ${pid} and ${before.pid}`);
      }
      if (before !== undefined && before.last > first) {
        problems.push(`${cell}: attempt ${before.epoch} wrote after attempt ${epoch} began`);
      }
    }
  }
  if (spans.size === 0) problems.push("no writes were logged");
  return problems;
}
