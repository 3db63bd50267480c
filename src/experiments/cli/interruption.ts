/**
 * Ctrl-C is answered at once. A step may keep the main thread for minutes, and only when it ends does the run learn of
 * the signal, save, and stop; a worker (`interruptionWorker.ts`) hears the signal meanwhile.
 */
import process from "node:process";
import { Effect } from "effect";

const signals = ["SIGINT", "SIGTERM"] as const;

/** Answers signals until the scope ends. */
export const answerInterruption = Effect.acquireRelease(
  Effect.promise(async () => {
    const worker = new Worker(new URL("./interruptionWorker.ts", import.meta.url), {
      type: "module",
    });
    await new Promise((resolve) => worker.addEventListener("message", resolve, { once: true }));
    // Where the main thread is free, it says itself what it does.
    const heard = () => worker.postMessage("heard");
    for (const signal of signals) process.once(signal, heard);
    return { worker, heard };
  }),
  ({ worker, heard }) =>
    Effect.sync(() => {
      for (const signal of signals) process.removeListener(signal, heard);
      worker.terminate();
    }),
);
