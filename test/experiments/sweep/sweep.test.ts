/** Sweeps in one process: a cell is trained once, whatever is asked for again; ends are told apart. */
import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { np } from "trilevel";
import { RunFolder } from "../../../src/experiments/runs/folder.ts";
import { CurrentCode } from "../../../src/experiments/sweep/identity.ts";
import { tellStatus } from "../../../src/experiments/sweep/status.ts";
import type { CellRow } from "../../../src/experiments/sweep/store.ts";
import {
  addCells,
  openPlace,
  refuseOtherCode,
  selected,
  work,
} from "../../../src/experiments/sweep/sweep.ts";
import { Tasks } from "../../../src/experiments/tasks/index.ts";
import type { Task } from "../../../src/experiments/tasks/task.ts";
import { train } from "../../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder, toyConfig, toyTask } from "../support.ts";
import { bitsOf } from "./bits.ts";

// Most of the time of so short a run, and nothing to do with cells.
vi.mock("../../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.mock("../../../src/experiments/report/plots.ts", () => ({ chart: () => "" }));

const folder = temporaryFolder();
const placeAt = (name: string) => ({
  root: folder(name),
  database: folder(name, "sweep.sqlite"),
});

/** Makes a sweep of configs with some overrides, and works on it in this process. */
async function sweep(name: string, overrides: readonly string[][], task: Task = toyTask) {
  const place = placeAt(name);
  const display = remember();
  const configs = await Promise.all(overrides.map((some) => toyConfig(...some)));
  const result = await Effect.runPromise(
    Effect.gen(function* () {
      const database = yield* openPlace(place, { first: true });
      const cells = yield* addCells(place, database.store, name, configs);
      const ended = yield* work(place, database, { workers: undefined, leaseSeconds: 60, display });
      return { cells, ended, rows: yield* database.store.rows({ sweep: name }) };
    }).pipe(Effect.scoped, Effect.provideService(Tasks, [task])),
  );
  return { ...result, place, lines: display.lines };
}

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => [`seed=${seed}`]);

describe("a sweep", () => {
  it("trains every cell once, to the bits of a run by itself", async () => {
    const first = await sweep("once", [...seeds(2), ["seed=1", "name=again"]]);
    expect(first.ended).toBe(2); // two of the three configs are the same but for their names
    const longer = await sweep("once", seeds(3));
    expect(longer.ended).toBe(1);
    expect(longer.rows.map(({ state, epoch }) => [state, epoch])).toEqual([
      ["finished", 1],
      ["finished", 1],
      ["finished", 1],
    ]);
    // A result that was deleted is made again, in a further attempt.
    await rm(`${longer.place.root}/${longer.rows[0]!.folder}.1`, { recursive: true });
    const again = await sweep("once", seeds(3));
    expect(again.ended).toBe(1);
    expect(again.rows.map(({ state, epoch }) => [state, epoch])).toEqual([
      ["finished", 2],
      ["finished", 1],
      ["finished", 1],
    ]);
    const config = await toyConfig("seed=1");
    const alone = await Effect.runPromise(
      train(config, { root: folder("alone"), display: remember() }).pipe(
        Effect.provideService(Tasks, [toyTask]),
      ),
    );
    const { folder: at, epoch } = longer.rows[1]!;
    const swept = new RunFolder(`${longer.place.root}/${at}.${epoch}`);
    expect(await bitsOf(swept)).toEqual(await bitsOf(alone));
  });

  it("counts a loss that is no number as a result, and an error as a failure after bounded attempts", async () => {
    const failing: Task = {
      ...toyTask,
      system: (config) => {
        const system = (toyTask as Task).system(config);
        if (config.seed === 0) return system;
        if (config.seed === 2) throw new Error("no such model");
        return {
          ...system,
          loss: (params, batch, key, at) => {
            const [loss, ...rest] = system.loss(params, batch, key, at);
            return [np.log(loss.sub(1e6)), ...rest];
          },
        };
      },
    };
    const { rows, lines } = await sweep("ends", seeds(3), failing);
    expect(rows.map(({ state, attempts }) => [state, attempts])).toEqual([
      ["finished", 1],
      ["diverged", 1],
      ["failed", 3],
    ]);
    expect(lines.filter((line) => line.includes("attempt"))).toHaveLength(5);
    const told = tellStatus(rows, []);
    expect(told).toContain("3 cells: 1 finished, 1 diverged, 1 failed");
    expect(told).toMatch(/failed: toy \(\w{8}\): The model cannot be made/);
    // A second time nothing is tried, until somebody says so.
    expect((await sweep("ends", seeds(3))).ended).toBe(0);
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const { store } = yield* openPlace(placeAt("ends"), { first: false });
      expect(yield* store.retry({ sweep: "ends" })).toBe(1);
    })));
    expect((await sweep("ends", seeds(3))).rows.map(({ state }) => state))
      .toEqual(["finished", "diverged", "finished"]);
  });

  it("tells how it stands", () => {
    const cell = (state: CellRow["state"], step: number, seconds: number): CellRow => ({
      key: "0123456789",
      name: state,
      folder: state,
      state,
      epoch: 1,
      attempts: 1,
      step,
      saved: 0,
      steps: 100,
      worker: state === "running" ? "w" : null,
      seconds,
      message: null,
      results: null,
      code: "code",
    });
    const worker = { id: "w", host: "h", pid: 1, started: "", code: "code", silent: 2 };
    const cells = [cell("finished", 100, 50), cell("running", 20, 10), cell("waiting", 0, 0)];
    const told = tellStatus(cells, [worker, { ...worker, id: "gone", silent: 1000 }]);
    expect(told).toContain("3 cells: 1 finished, 1 running, 1 waiting");
    // 120 steps took 60 s; 180 are left, for the one worker that is there.
    expect(told).toContain("time left: about 1 min 30 s with 1 worker");
    expect(told).toMatch(/w +running +20\/100 +2 s ago/);
    expect(tellStatus(cells, [])).toContain("start one with deno task sweep worker");
  });
});

describe("before any work a sweep refuses", () => {
  const refusal = (name: string, options: { first: boolean }) =>
    failure(Effect.scoped(openPlace(placeAt(name), options))).then(String);

  it("a folder that is not the shared one, or another database's", async () => {
    await sweep("mine", seeds(1));
    await rm(folder("mine", "sweep.json"));
    expect(await refusal("mine", { first: false })).toContain(
      "Mount the folder that `sweep` was given",
    );
    await writeFile(folder("mine", "sweep.json"), '{"database":"another"}');
    expect(await refusal("mine", { first: true })).toContain("keeps the runs of another database");
  });

  it("a database that was never made", async () => {
    expect(await refusal("nothing", { first: false })).toContain("deno task sweep makes it");
    expect(existsSync(folder("nothing"))).toBe(false);
  });

  it("a folder that cannot be written", async () => {
    const where = folder("file");
    await writeFile(where, "no folder");
    const error = await failure(Effect.scoped(openPlace(
      { root: where, database: folder("other.sqlite") },
      { first: true },
    )));
    expect(String(error)).toContain(`${where} cannot be used; workers write there, on every host`);
    expect(await readFile(where, "utf8")).toBe("no folder");
    const database = await failure(Effect.scoped(openPlace(
      { root: folder(), database: folder() },
      { first: true },
    )));
    expect(String(database)).toContain("The database file");
  });

  it("cells of other code, and names that no cell has", async () => {
    const place = placeAt("skew");
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const database = yield* openPlace(place, { first: true });
      yield* addCells(place, database.store, "old", [yield* Effect.promise(() => toyConfig())])
        .pipe(
          Effect.provideService(CurrentCode, () => Promise.resolve("0123456789")),
        );
      const skew = yield* Effect.flip(refuseOtherCode(place, database.store));
      expect(String(skew)).toContain("The 1 cells that wait were made by other code (01234567)");
      expect(String(skew)).toContain("Run the same version");
      const unknown = yield* Effect.flip(selected(place, database.store, { cells: ["zzz"] }));
      expect(String(unknown)).toMatch(/No cell is called "zzz"[^]*toy \(\w{8}\)/);
      const none = yield* Effect.flip(selected(place, database.store, { sweep: "new" }));
      expect(String(none)).toContain('No sweep is called "new"');
    })));
    expect((await readdir(place.root)).some((name) => name.startsWith("toy"))).toBe(false);
  });
});
