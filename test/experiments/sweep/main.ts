/**
 * The command line with the toy of the tests: the program that the workers of tests are. `TOY_DELAY` slows every read of a
 * sample by milliseconds, so that there is time to kill a run; `TOY_STARTED` is a folder in which every process leaves a
 * file with its id as its name.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { NodeRuntime, NodeServices } from "@effect/platform-node";
import { Effect } from "effect";
import { main } from "../../../src/experiments/cli/command.ts";
import { Tasks } from "../../../src/experiments/tasks/index.ts";
import { slowed, toyTask } from "../toy.ts";

const started = process.env["TOY_STARTED"];
if (started !== undefined) {
  writeFileSync(join(started, String(process.pid)), process.argv.join(" "));
}

main.pipe(
  Effect.provideService(Tasks, [slowed(toyTask, Number(process.env["TOY_DELAY"] ?? 0))]),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true }),
);
