/** The program behind `deno task train`. */
import { NodeRuntime, NodeServices } from "@effect/platform-node";
import { Effect } from "effect";
import { main } from "./command.ts";

main.pipe(
  Effect.provide(NodeServices.layer),
  // Errors were shown already.
  NodeRuntime.runMain({ disableErrorReporting: true }),
);
