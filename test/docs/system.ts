/** The program at the end of docs/howto/system.md, with the task of test/experiments/mixture.ts. */
import { Effect } from "effect";
import { mixture } from "../experiments/mixture.ts";

import { NodeRuntime, NodeServices } from "@effect/platform-node";
import { main, Tasks, tasks } from "trilevel/experiments";
main.pipe(
  Effect.provideService(Tasks, [mixture, ...tasks]),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true }),
);
