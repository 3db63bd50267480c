/**
 * The child of `trainer.ts`: trains what it is told to. It ends with its parent, whose end closes its standard input; until
 * it hears of that, its fence keeps it from writing.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { Deferred, Effect, Queue } from "effect";
import { Fence } from "./fence.ts";
import { type FromTrainer, mark, type ToTrainer } from "./trainer.ts";
import { trainCell } from "./trainCell.ts";

/** Milliseconds between two messages about progress. */
const interval = 200;

/** Trains what standard input says, until it ends or says to stop. */
export const trainerProcess = Effect.gen(function* () {
  const fence = new Fence();
  const tasks = yield* Queue.unbounded<Extract<ToTrainer, { readonly kind: "train" }>>();
  const stop = yield* Deferred.make<void>();
  const say = (message: FromTrainer) =>
    void process.stdout.write(`${mark}${JSON.stringify(message)}\n`);
  process.stdout.on("error", () => process.exit(1)); // nobody listens any more
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const message = JSON.parse(line) as ToTrainer; // our own program wrote it
    if (message.kind === "lend") fence.lend(message.until);
    else if (message.kind === "stop") Deferred.doneUnsafe(stop, Effect.void);
    else Queue.offerUnsafe(tasks, message);
  });
  lines.on("close", () => process.exit(1));
  const quiet = { update: () => {}, line: () => {}, end: () => {} };
  const working = Effect.gen(function* () {
    while (true) {
      const { config, folder } = yield* Queue.take(tasks);
      let [told, saved] = [-Infinity, -1];
      const outcome = yield* trainCell(config, {
        folder,
        fence,
        display: quiet,
        tell: (progress) => {
          if (performance.now() - told < interval && progress.saved === saved) return;
          [told, saved] = [performance.now(), progress.saved];
          say({ kind: "progress", ...progress });
        },
      });
      say({ kind: "outcome", outcome });
    }
  });
  // A run that is stopped saves first.
  yield* Effect.raceFirst(working, Deferred.await(stop));
  process.exit(0);
});
