/**
 * Trainers of cells, in this process or in a child process. A child can be ended at any moment, also while a step
 * keeps it busy, and its parent, which holds the loan, is never kept from renewing it.
 *
 * Parent and child exchange lines of JSON over the child's standard input and output; see `trainerProcess.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { Context, Effect } from "effect";
import type { Display } from "../display/progress.ts";
import type { ExperimentConfig } from "../schema.ts";
import type { Outcome } from "./cell.ts";
import { Fence } from "./fence.ts";
import { type CellProgress, trainCell } from "./trainCell.ts";

/** Trains cells, one at a time. */
export interface Trainer {
  /** Trains; interrupted, it saves first. */
  readonly run: (
    config: ExperimentConfig,
    folder: string,
    tell: (progress: CellProgress) => void,
  ) => Effect.Effect<Outcome>;
  /** Allows writing until a time, in milliseconds since 1970. */
  readonly lend: (until: number) => void;
  /** Ends the training that is under way, which writes nothing any more. */
  readonly kill: () => void;
}

/** A trainer in this process. A step that keeps the process busy also keeps it from renewing its loan. */
export function trainerHere(display: Display): Trainer {
  let fence = new Fence();
  return {
    run: (config, folder, tell) =>
      Effect.suspend(() => {
        fence = new Fence();
        return trainCell(config, { folder, fence, display, tell });
      }),
    lend: (until) => fence.lend(until),
    kill: () => fence.close(),
  };
}

/** The command that starts a child: this program again, which knows the same tasks, with `sweep trainer`. */
export const TrainerCommand = Context.Reference<readonly string[]>("trilevel/TrainerCommand", {
  defaultValue: () => [
    process.execPath,
    ...("Deno" in globalThis ? ["run", "-A"] : process.execArgv),
    process.argv[1] ?? "",
    "sweep",
    "trainer",
  ],
});

/** The mark of the lines of a child that are meant for its parent. */
export const mark = "@trilevel ";

/** A message of a child. */
export type FromTrainer =
  | { readonly kind: "progress"; readonly step: number; readonly saved: number }
  | { readonly kind: "outcome"; readonly outcome: Outcome };

/** A message to a child. */
export type ToTrainer =
  | { readonly kind: "train"; readonly config: ExperimentConfig; readonly folder: string }
  | { readonly kind: "lend"; readonly until: number }
  | { readonly kind: "stop" };

/** Seconds in which a child that is asked to stop may save. */
const patience = 60;

/** A trainer in a child process, which is started when it is first needed, and again after it ended. */
export const trainerInChild = Effect.gen(function* () {
  const [command, ...args] = yield* TrainerCommand;
  let child: ChildProcess | undefined;
  let until = 0;
  let last = "";
  const start = () => {
    // In a group of its own: a signal of the terminal is for the worker, which tells its child to save and stop.
    const started = spawn(command!, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    last = "";
    started.stderr.on("data", (bytes) => last = (last + String(bytes)).slice(-2000));
    started.stdin.on("error", () => {}); // it ended; `exit` tells
    started.once("exit", () => {
      if (child === started) child = undefined;
    });
    return started;
  };
  const send = (to: ChildProcess, message: ToTrainer) =>
    void to.stdin?.write(JSON.stringify(message) + "\n");

  yield* Effect.addFinalizer(() => Effect.sync(() => child?.kill("SIGKILL")));
  return {
    run: (config, folder, tell) =>
      Effect.callback<Outcome>((resume) => {
        const own = child ??= start();
        let step = 0;
        const lines = createInterface({ input: own.stdout! }); // it is a pipe
        const finish = (outcome: Outcome) => {
          lines.close();
          own.off("exit", ended);
          own.off("error", broken);
          resume(Effect.succeed(outcome));
        };
        const ended = (code: number | null, signal: string | null) =>
          finish({
            state: "failed",
            step,
            results: {},
            message: `the training process ended ${signal ? `by ${signal}` : `with code ${code}`}${
              last.trim() === "" ? "" : `: ${last.trim().split("\n").slice(-3).join(" · ")}`
            }`,
          });
        const broken = (error: Error) =>
          finish({ state: "failed", step, results: {}, message: error.message });
        own.once("exit", ended);
        own.once("error", broken);
        lines.on("line", (line) => {
          if (!line.startsWith(mark)) return;
          const message = JSON.parse(line.slice(mark.length)) as FromTrainer; // our own program wrote it
          if (message.kind === "outcome") return finish(message.outcome);
          step = message.step;
          tell(message);
        });
        send(own, { kind: "lend", until });
        send(own, { kind: "train", config, folder });
        // Interrupted: the child saves and ends.
        return Effect.callback<void>((stopped) => {
          own.off("exit", ended);
          if (child !== own) return stopped(Effect.void);
          own.once("exit", () => stopped(Effect.void));
          send(own, { kind: "stop" });
          setTimeout(() => own.kill("SIGKILL"), patience * 1000).unref();
        });
      }),
    lend: (time) => {
      until = time;
      if (child !== undefined) send(child, { kind: "lend", until });
    },
    kill: () => {
      const own = child;
      child = undefined;
      own?.kill("SIGKILL");
    },
  } satisfies Trainer as Trainer;
});
