/**
 * Runs on a disk that fails, fills up, or loses power at the n-th operation, for every n. Whoever goes on
 * afterwards gets the bits of the run that was never interrupted, and no finished checkpoint is lost.
 */
import { Effect, Exit } from "effect";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { bestCheckpoint, latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import { CurrentDisk, RunFolder } from "../../src/experiments/runs/folder.ts";
import { CurrentProcesses } from "../../src/experiments/runs/lock.ts";
import { listRuns, openRun } from "../../src/experiments/runs/open.ts";
import { type Chance, type Fault, FaultyDisk } from "./faultyDisk.ts";
import { someOf } from "../support/tier.ts";
import { remember, toyConfig, toyTask } from "./support.ts";

// Most of the time of so short a run, and nothing to do with files.
vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.mock("../../src/experiments/runs/environment.ts", async () => ({
  denoCommand: "deno",
  describeEnvironment: (await import("effect")).Effect.succeed.bind(null, { cpu: "a processor" }),
}));
vi.mock(
  "../../src/experiments/report/plots.ts",
  () => ({ chart: () => "" }),
);

// Half a minute together, but minutes where several things share the machine.
vi.setConfig({ testTimeout: 180_000 });

const root = "/runs";
let config: ExperimentConfig;
let pid = 0;

/** An effect on a disk, in a process that ends with it. */
const on = <A, E>(disk: FaultyDisk, effect: Effect.Effect<A, E>) => {
  const own = ++pid;
  return Effect.runPromiseExit(effect.pipe(
    Effect.provideService(Tasks, [toyTask]),
    Effect.provideService(CurrentDisk, disk),
    Effect.provideService(CurrentProcesses, {
      host: "here",
      pid: own,
      startOf: (id) => Promise.resolve(id === own ? "now" : undefined),
    }),
  ));
};

/** Trains from the beginning, or goes on with what is there; gives what was told. */
async function trainOn(disk: FaultyDisk) {
  const display = remember();
  const exit = await on(
    disk,
    Effect.gen(function* () {
      const found = (yield* listRuns(root)).length > 0;
      const options = { root, display };
      if (!found) return yield* train(config, options);
      const { folder, config: own } = yield* openRun(root, "latest");
      return yield* train(own, { ...options, resume: folder });
    }),
  );
  return { exit, told: display.lines.join("\n") };
}

/** Everything of a run that does not depend on the clock. */
const outcome = (disk: FaultyDisk) =>
  on(
    disk,
    Effect.gen(function* () {
      const [path] = yield* listRuns(root);
      const where = new RunFolder(path!);
      const { checkpoint, damaged } = yield* latestCheckpoint(where);
      const { checkpoint: best } = yield* bestCheckpoint(where);
      const { status, step } = (yield* where.summary()).value!;
      const rows = (yield* where.metrics()).map((row) =>
        Object.entries(row).filter(([name]) => !/seconds|perSecond|MiB|device/i.test(name))
      );
      const locks = (yield* where.list(".")).filter((name) => name.startsWith("lock"));
      return {
        tensors: checkpoint!.tensors,
        best: [best.progress.step, best.tensors],
        summary: [status, step],
        checkpoints: (yield* where.list("checkpoints")).filter((name) => !/damaged/.test(name)),
        panels: yield* where.list("panels"),
        rows,
        locks,
        damaged: damaged.length,
      };
    }),
  ).then((exit) => {
    if (Exit.isSuccess(exit)) return exit.value;
    throw new Error(`nothing can be read: ${exit.cause}`);
  });

/** The step of the last checkpoint whose name is durable in an operation log. */
function finished(log: readonly string[]): number {
  let [written, durable] = [-1, -1];
  for (const entry of log) {
    const step = /^rename .*step-(\d+)\.safetensors$/.exec(entry)?.[1];
    if (step !== undefined) written = Number(step);
    if (/^syncFolder .*checkpoints$/.test(entry)) durable = written;
  }
  return durable;
}

/** Numbers that look random and are the same every time. */
function generator(seed: number): Chance {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

let whole: Awaited<ReturnType<typeof outcome>>;
let log: readonly string[] = [];

beforeAll(async () => {
  config = await toyConfig();
  const disk = new FaultyDisk();
  await trainOn(disk);
  log = [...disk.log];
  whole = await outcome(disk);
});

/** Lets a run meet a fault, and expects that the next process puts everything right. */
async function survives(fault: Fault, restart: (disk: FaultyDisk) => FaultyDisk) {
  const broken = new FaultyDisk(fault);
  const { exit } = await trainOn(broken);
  // The last operation lets go of the lock.
  if (fault.kind === "power") expect(Exit.isFailure(exit)).toBe(fault.at < log.length);
  const done = finished(broken.log.slice(0, fault.at - 1));
  const restarted = restart(broken);
  await goesOn(restarted, done);
}

async function goesOn(disk: FaultyDisk, done: number) {
  const { exit, told } = await trainOn(disk);
  if (Exit.isFailure(exit)) throw new Error(`it does not go on: ${exit.cause}\n${told}`);
  if (done >= 0) {
    const from = /going on from step (\d+)|all (\d+) steps were made/.exec(told);
    expect(Number(from?.[1] ?? from?.[2])).toBeGreaterThanOrEqual(done);
  }
  expect(await outcome(disk)).toEqual(whole);
}

const every = (kind: Fault["kind"], name = /./) =>
  someOf(log.flatMap((entry, i): Fault[] => name.test(entry) ? [{ at: i + 1, kind }] : []));

describe("a run", () => {
  it("has the operations that a run has", () => {
    expect(whole).toMatchObject({
      summary: ["finished", 4],
      checkpoints: ["best.safetensors", "step-00000002.safetensors", "step-00000004.safetensors"],
      locks: [],
    });
    expect(log.length).toBeGreaterThan(100);
  });

  it("survives a power failure at every operation, when nothing survives that was not synced", async () => {
    for (const fault of every("power")) {
      await survives(fault, (disk) => disk.afterPowerFailure(() => 0));
    }
  });

  it("survives a power failure at every operation, when all or some of the rest survives", async () => {
    for (const fault of every("power")) {
      const chance = fault.at % 4 === 0 ? () => 0.99 : generator(fault.at);
      await survives(fault, (disk) => disk.afterPowerFailure(chance));
    }
  });

  it("survives that any operation fails", async () => {
    for (const fault of every("error")) await survives(fault, (disk) => disk.next());
  });

  it("survives that the disk is full from any operation on", async () => {
    const writing = /^(create|append|makeFolder)/;
    for (const fault of every("full", writing)) await survives(fault, (disk) => disk.next());
  });
});

describe("going on after a power failure", () => {
  /** A run that lost power after step 3, as it is found: all that was written is there, some in part. */
  async function lostPower(): Promise<FaultyDisk> {
    const whole = new FaultyDisk();
    await trainOn(whole);
    const rows = whole.log.flatMap((entry, i) => /^append .*metrics/.test(entry) ? [i + 1] : []);
    const after = whole.log.findIndex((entry) => /^rename .*step-00000002/.test(entry));
    const broken = new FaultyDisk({ at: rows.filter((at) => at > after)[2]!, kind: "power" });
    await trainOn(broken);
    return broken.afterPowerFailure(() => 0.7);
  }

  it("survives another one at every operation", async () => {
    const found = await lostPower();
    const copy = (fault?: Fault) => found.afterPowerFailure(() => 0.99, fault);
    const once = copy();
    await goesOn(once, 2);
    for (const at of someOf(once.log.map((_, i) => i + 1))) {
      const broken = copy({ at, kind: "power" });
      await trainOn(broken);
      await goesOn(broken.afterPowerFailure(generator(at)), 2);
    }
  });

  it("survives another one also while a damaged checkpoint is passed over", async () => {
    const found = await lostPower();
    const [path] = await found.list(root);
    for (const name of ["best", "step-00000002"]) {
      await found.append(`${root}/${path}/checkpoints/${name}.safetensors`, Uint8Array.of(1));
    }
    const copy = (fault?: Fault) => found.afterPowerFailure(() => 0.99, fault);
    const once = copy();
    await goesOn(once, 0);
    for (const at of someOf(once.log.map((_, i) => i + 1))) {
      const broken = copy({ at, kind: "power" });
      await trainOn(broken);
      await goesOn(broken.afterPowerFailure(generator(at)), 0);
    }
  });
});
