/**
 * The command line with the toy of the tests: the program that the workers of tests are. `TOY_DELAY` slows every read of a
 * sample by milliseconds, so that there is time to kill a run; `TOY_STARTED` is a folder in which every process leaves a
 * file with its id as its name, and `TOY_WRITES` one in which it logs what it writes while it trains, and when.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { NodeRuntime, NodeServices } from "@effect/platform-node";
import { Effect } from "effect";
import { type Disk, nodeDisk } from "../../../src/data/disk.ts";
import { main } from "../../../src/experiments/cli/command.ts";
import { CurrentDisk } from "../../../src/experiments/runs/folder.ts";
import { Tasks } from "../../../src/experiments/tasks/index.ts";
import { slowed, toyTask } from "../toy.ts";

const started = process.env["TOY_STARTED"];
if (started !== undefined) {
  writeFileSync(join(started, String(process.pid)), process.argv.join(" "));
}

/** A disk that logs its changes before it makes them. */
function logged(disk: Disk, file: string): Disk {
  const log = (path: string) => appendFileSync(file, `${Date.now()} ${path}\n`);
  return {
    ...disk,
    create: (path, contents) => (log(path), disk.create(path, contents)),
    append: (path, bytes) => (log(path), disk.append(path, bytes)),
    rename: (from, to) => (log(to), disk.rename(from, to)),
  };
}

const writes = process.argv.includes("trainer") ? process.env["TOY_WRITES"] : undefined;
const disk = writes === undefined ? nodeDisk : logged(nodeDisk, join(writes, String(process.pid)));

main.pipe(
  Effect.provideService(Tasks, [slowed(toyTask, Number(process.env["TOY_DELAY"] ?? 0))]),
  Effect.provideService(CurrentDisk, disk),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true }),
);
