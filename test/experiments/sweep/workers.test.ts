/** Workers in processes of their own, which are killed on the way: what remains is what one process makes. */
import { mkdirSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { expect, it, vi } from "vitest";
import { dispatchStudy } from "../../../src/experiments/studies/dispatch.ts";
import { runStudy } from "../../../src/experiments/studies/runStudy.ts";
import { tellStudy } from "../../../src/experiments/studies/tell.ts";
import { openPlace } from "../../../src/experiments/sweep/sweep.ts";
import { TrainerCommand } from "../../../src/experiments/sweep/trainer.ts";
import { Tasks } from "../../../src/experiments/tasks/index.ts";
import { full } from "../../support/tier.ts";
import { remember, temporaryFolder, toyConfig, toyTask } from "../support.ts";
import { rates } from "../toy.ts";

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
  const options = { base, steps: 8, seeds: full ? 4 : 2, display: remember() };
  const serial = await Effect.runPromise(
    runStudy(rates, { ...options, root: folder("serial") }).pipe(
      Effect.provideService(Tasks, [toyTask]),
    ),
  );

  const started = folder("started");
  mkdirSync(started);
  vi.stubEnv("TOY_STARTED", started);
  vi.stubEnv("TOY_DELAY", "15");
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
