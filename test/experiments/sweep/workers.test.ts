/** Workers in processes of their own, which are killed on the way: what remains is what one process makes. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { NodeServices } from "@effect/platform-node";
import { Effect } from "effect";
import { Command } from "effect/cli";
import { expect, it, vi } from "vitest";
import { sweepCommand } from "../../../src/experiments/cli/sweep.ts";
import { latestCheckpoint } from "../../../src/experiments/runs/checkpoint.ts";
import { RunFolder } from "../../../src/experiments/runs/folder.ts";
import { dispatchStudy } from "../../../src/experiments/studies/dispatch.ts";
import { runStudy } from "../../../src/experiments/studies/runStudy.ts";
import { tellStudy } from "../../../src/experiments/studies/tell.ts";
import { openPlace } from "../../../src/experiments/sweep/sweep.ts";
import { TrainerCommand } from "../../../src/experiments/sweep/trainer.ts";
import { Tasks } from "../../../src/experiments/tasks/index.ts";
import { train } from "../../../src/experiments/train/runner.ts";
import { full } from "../../support/tier.ts";
import { remember, temporaryFolder, toyConfig, toyTask } from "../support.ts";
import { rates, toy } from "../toy.ts";
import { bitsOf } from "./bits.ts";

// Most of the time of so short a run, and nothing to do with cells.
vi.mock("../../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const main = fileURLToPath(new URL("main.ts", import.meta.url));
const command = [process.execPath, "run", "-A", main, "sweep", "trainer"];

it("a study on three processes, one of them killed again and again, has the table of a serial one", async () => {
  const base = await toyConfig();
  const options = {
    baseOf: () => Effect.succeed(base),
    steps: 8,
    seeds: full ? 4 : 2,
    display: remember(),
  };
  const serial = await Effect.runPromise(
    runStudy(rates, { ...options, root: folder("serial") }).pipe(
      Effect.provideService(Tasks, [toyTask]),
    ),
  );

  const started = folder("started");
  mkdirSync(started);
  vi.stubEnv("TOY_STARTED", started);
  // Long enough that what is killed is under way, also where this process waits for the others.
  vi.stubEnv("TOY_DELAY", "100");
  const display = remember();
  const place = { root: folder("cells"), database: folder("cells", "sweep.sqlite") };
  let killed = 0;
  // A process is killed once it has a checkpoint to go on from, as the database knows.
  const killing = Effect.gen(function* () {
    const { store } = yield* openPlace(place, { first: true });
    const seen = new Set<string>();
    while (killed < (full ? 4 : 1)) {
      yield* Effect.sleep("20 millis");
      const victim = readdirSync(started).find((pid) => !seen.has(pid));
      const saved = (yield* store.rows({})).some((row) => row.state === "running" && row.saved > 0);
      if (victim === undefined || !saved) continue;
      seen.add(victim);
      process.kill(Number(victim), "SIGKILL");
      killed++;
    }
    return yield* Effect.never;
  }).pipe(Effect.scoped);
  const dispatched = (workers: number) =>
    dispatchStudy(rates, { ...options, ...place, display, workers, leaseSeconds: 5 }).pipe(
      Effect.provideService(Tasks, [toyTask]),
      Effect.provideService(TrainerCommand, command),
    );
  const swept = await Effect.runPromise(Effect.raceFirst(dispatched(3), killing));
  expect(killed).toBeGreaterThan(0);
  expect(display.lines.join("\n")).toContain("the training process ended by SIGKILL");
  expect(swept.results).toEqual(serial.results);
  expect(tellStudy(rates, swept.results)).toBe(tellStudy(rates, serial.results));
  for (const name of ["results.json", "rates.md", "rates.svg"]) {
    expect(await readFile(swept.folder.file(name), "utf8"))
      .toBe(await readFile(serial.folder.file(name), "utf8"));
  }
  // Everything was trained, so that no process is started any more.
  const before = readdirSync(started).length;
  expect((await Effect.runPromise(dispatched(3))).results).toEqual(serial.results);
  expect(readdirSync(started)).toHaveLength(before);
});

/** Runs a command of sweeps in this process, and gives what it prints. */
async function sweep(...args: readonly string[]): Promise<string> {
  const said = vi.spyOn(console, "log").mockImplementation(() => {});
  try {
    await Effect.runPromise(
      Command.runWith(sweepCommand, { version: "0" })(args).pipe(
        Effect.provideService(Tasks, [toyTask]),
        Effect.provide(NodeServices.layer),
      ),
    );
    return said.mock.calls.map((call) => call.join(" ")).join("\n");
  } finally {
    said.mockRestore();
  }
}

it("cells are made, looked at, cancelled and tried again from the command line", async () => {
  const config = folder("toy.json");
  await writeFile(config, JSON.stringify(toy));
  const place = ["--runs", folder("steered")];
  await sweep("--config", config, "--set", "seed=0,1,2", "--workers", "0", ...place);
  const status = await sweep("status", "--cells", ...place);
  expect(status).toContain("3 cells: 3 waiting");
  expect(status).toContain("no worker is there");
  expect(status.match(/toy-seed\d +\w{8} +waiting +0\/4/g)).toHaveLength(3);
  expect(await sweep("cancel", "toy-seed1", ...place)).toBe("1 cell cancelled");
  expect(await sweep("cancel", "toy-seed1", ...place)).toBe("0 cells cancelled");
  expect(await sweep("status", ...place)).toContain("3 cells: 1 cancelled, 2 waiting");
  expect(await sweep("retry", "--sweep", "toy", ...place)).toBe("1 cell waiting again");
  // The same words again make no further cells; without --workers 0 they are trained.
  const done = await sweep("--config", config, "--set", "seed=0,1,2", ...place);
  expect(done).toContain("3 cells: 3 finished");
  expect(done.match(/toy-seed\d +\w{8} +finished +4\/4 +1 /g)).toHaveLength(3);
});

it("a sweep in one process that is killed goes on from its checkpoint", async () => {
  const config = folder("long.json");
  await writeFile(config, JSON.stringify({ ...toy, steps: 40 }));
  const args = ["--config", config, "--runs", folder("killed")];
  vi.stubEnv("TOY_DELAY", "20");
  const child = spawn(process.execPath, ["run", "-A", main, "sweep", ...args], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const saved = () =>
    existsSync(folder("killed")) &&
    readdirSync(folder("killed"), { recursive: true, encoding: "utf8" })
      .some((name) => /step-0*([4-9]|[1-3]\d)\.safetensors$/.test(name));
  while (!saved() && child.exitCode === null) await new Promise((next) => setTimeout(next, 20));
  child.kill("SIGKILL");
  await ended;
  vi.stubEnv("TOY_DELAY", "0");
  const again = spawn(process.execPath, ["run", "-A", main, "sweep", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [again.stdout, again.stderr]) stream.on("data", (text) => said += text);
  await new Promise((resolve) => again.once("close", resolve));
  expect(said).toMatch(/going on from step ([2-9]|[1-3]\d)\b/);
  expect(said).toMatch(/toy +\w{8} +finished +40\/40 +2 /);
  const name = readdirSync(folder("killed")).filter((name) => name.startsWith("toy-"));
  expect(name).toHaveLength(1); // the attempt before is gone
  const alone = await Effect.runPromise(
    train(await toyConfig("steps=40"), { root: folder("alone"), display: remember() }).pipe(
      Effect.provideService(Tasks, [toyTask]),
    ),
  );
  expect(await bitsOf(new RunFolder(folder("killed", name[0]!)))).toEqual(await bitsOf(alone));
});

it("a worker that is interrupted saves, and gives its cell back without an attempt lost", async () => {
  const config = folder("interrupted.json");
  await writeFile(config, JSON.stringify({ ...toy, steps: 1000 }));
  const root = folder("interrupted");
  const args = ["--config", config, "--runs", root, "--workers", "1"];
  vi.stubEnv("TOY_DELAY", "20");
  const child = spawn(process.execPath, ["run", "-A", main, "sweep", ...args], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const begun = () =>
    existsSync(root) &&
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .some((name) => /step-0*[1-9]\d*\.safetensors$/.test(name));
  while (!begun() && child.exitCode === null) await new Promise((next) => setTimeout(next, 20));
  child.kill("SIGINT");
  await ended;
  const rows = await Effect.runPromise(Effect.scoped(
    Effect.flatMap(
      openPlace({ root, database: folder("interrupted", "sweep.sqlite") }, { first: false }),
      ({ store }) => store.rows({}),
    ),
  ));
  expect(rows).toMatchObject([{ state: "waiting", epoch: 1, attempts: 0, worker: null }]);
  const run = new RunFolder(folder("interrupted", `${rows[0]!.folder}.1`));
  const { value } = await Effect.runPromise(run.summary());
  expect(value?.status).toBe("interrupted");
  expect((await Effect.runPromise(latestCheckpoint(run))).checkpoint?.progress.step)
    .toBe(value?.step);
});
