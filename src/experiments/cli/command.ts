/**
 * The command line. Without a subcommand it trains; errors from everywhere end here, as one message and the
 * exit code 1.
 */
import process from "node:process";
import { Cause, Console, Effect, Option } from "effect";
import { Argument, CliError, CliOutput, Command, Flag } from "effect/cli";
import { decodeConfig } from "../config/decode.ts";
import { applyOverrides } from "../config/overrides.ts";
import { openDisplay } from "../display/progress.ts";
import { compareRuns, listTable } from "../report/compare.ts";
import { seedTable } from "../report/seeds.ts";
import { denoCommand } from "../runs/environment.ts";
import { openRun } from "../runs/open.ts";
import { folderOf, train } from "../train/runner.ts";
import { inspectData, makeData } from "./data.ts";
import { clusterOf, engineFlags, withEngine } from "./engine.ts";
import { configOf, file, interval, preset, root, runArgument, set, shortcuts } from "./flags.ts";
import { answerInterruption } from "./interruption.ts";
import { planTraining } from "./plan.ts";
import { evaluate, exportCommand, inspect, probe, render } from "./look.ts";
import { studyCommand } from "./study.ts";
import { sweepCommand } from "./sweep.ts";

const trainFlags = { preset, config: file, set, runs: root, ...shortcuts, ...engineFlags };

/** The path of `path=value`. */
const pathOf = (override: string) => override.slice(0, override.indexOf("=")).trim();

const resume = Command.make(
  "resume",
  {
    run: runArgument,
    runs: root,
    steps: shortcuts.steps,
    set,
    ...engineFlags,
    acceptChanges: Flag.Boolean("accept-changes").pipe(
      Flag.withDescription(
        "Go on although config, backend or version are not those of the checkpoint",
      ),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* ({ run: name, runs, steps, set, acceptChanges, ...flags }) {
    const cluster = yield* clusterOf(flags);
    const { folder, config, warnings } = yield* openRun(
      folderOf(runs, cluster?.process ?? 0),
      name,
    );
    for (const text of warnings) yield* Console.error(`warning: ${text}`);
    const longer = Option.isNone(steps) ? [] : [`steps=${steps.value}`];
    const decoded = yield* decodeConfig(
      yield* applyOverrides(config, [...longer, ...set]),
      "The config",
    );
    const changed = yield* withEngine(decoded, flags);
    yield* answerInterruption;
    yield* train(changed, {
      root: runs,
      display: openDisplay(),
      resume: folder,
      acceptChanges,
      accepted: [...set.map(pathOf), ...(changed === decoded ? [] : ["engine"])],
      ...(cluster === undefined ? {} : { cluster }),
    });
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Go on with a run; --steps makes it longer, --set changes it from here on",
  ),
);

const plan = Command.make(
  "plan",
  { preset, config: file, set, ...shortcuts, ...engineFlags },
  Effect.fn(function* (flags) {
    const engine = Option.some("xla" as const);
    const config = yield* withEngine(yield* configOf(flags), { ...flags, engine });
    const compiled = Option.contains(flags.engine, "xla");
    yield* planTraining(config, { compiled }, openDisplay());
  }),
).pipe(
  Command.withDescription(
    "What a step takes of each of --devices: memory and communication; --engine xla compiles it, too",
  ),
);

const data = Command.make("data").pipe(
  Command.withDescription("Look at data, or make it"),
  Command.withSubcommands([
    Command.make(
      "make",
      { preset, config: file, set },
      Effect.fn(function* (flags) {
        yield* makeData(yield* configOf(flags), openDisplay());
      }),
    ).pipe(Command.withDescription("Make or convert the data of a config ahead of training")),
    Command.make(
      "inspect",
      {
        preset,
        config: file,
        set,
        out: Flag.Path("out").pipe(
          Flag.withDescription("Where to draw samples (default: data.png)"),
          Flag.withDefault("data.png"),
        ),
      },
      Effect.fn(function* ({ out, ...flags }) {
        yield* inspectData(yield* configOf(flags), out, openDisplay());
      }),
    ).pipe(Command.withDescription("Say what the data of a config is, and draw some")),
  ]),
);

const runs = Command.make("runs").pipe(
  Command.withDescription("Look at finished runs"),
  Command.withSubcommands([
    Command.make(
      "list",
      { runs: root },
      Effect.fn(function* ({ runs }) {
        yield* Console.log(yield* listTable(runs));
      }),
    ).pipe(Command.withDescription("All runs and how they ended")),
    Command.make(
      "seeds",
      { names: Argument.String("run").pipe(Argument.atLeast(1)), runs: root, interval },
      Effect.fn(function* ({ names, runs, interval }) {
        yield* Console.log(yield* seedTable(runs, names, interval));
      }),
    ).pipe(Command.withDescription("Scores of runs over their seeds, as a Markdown table")),
    Command.make(
      "compare",
      {
        names: Argument.String("run").pipe(Argument.atLeast(2)),
        runs: root,
        interval,
        out: Flag.Path("out").pipe(
          Flag.withDescription("Where to write the page (default: compare.html)"),
          Flag.withDefault("compare.html"),
        ),
      },
      Effect.fn(function* ({ names, runs, out, interval }) {
        yield* Console.log(yield* compareRuns(runs, names, out, interval));
      }),
    ).pipe(Command.withDescription("Differences of configs, scores and curves of some runs")),
  ]),
);

/** All commands. */
export const command = Command.make(
  "train",
  trainFlags,
  Effect.fn(function* (flags) {
    const cluster = yield* clusterOf(flags);
    const config = yield* withEngine(yield* configOf(flags), flags);
    yield* answerInterruption;
    yield* train(config, {
      root: flags.runs,
      display: openDisplay(),
      ...(cluster === undefined ? {} : { cluster }),
    });
  }, Effect.scoped),
).pipe(
  Command.withDescription("Train a model, keep the run under runs/"),
  Command.withExamples([
    { command: "train", description: "The default preset, in minutes" },
    {
      command: "train --adjoint unrolled --iterations 7",
      description: "Backpropagation through seven iterations",
    },
    { command: "train resume latest", description: "Go on where a run was interrupted" },
  ]),
  Command.withSubcommands([
    resume,
    plan,
    evaluate,
    exportCommand,
    probe,
    render,
    inspect,
    data,
    runs,
    studyCommand,
    sweepCommand,
  ]),
);

/** Tells an error in the way its kind deserves; bugs with their stack. */
export function describeFailure(cause: Cause.Cause<unknown>): string | undefined {
  if (Cause.hasInterruptsOnly(cause)) return undefined;
  const error = Cause.squash(cause);
  if (CliError.isCliError(error)) return undefined; // told by the command line itself
  const known = typeof error === "object" && error !== null && "_tag" in error &&
    "message" in error;
  return known ? String(error.message) : `This is a bug in Trilevel:\n${Cause.pretty(cause)}`;
}

/** Shows mistakes in the arguments, a line each, instead of a page of help. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.sync(() => {
        const lines = event.errors.map(({ message }) => message);
        const help = `${denoCommand} task ${
          event.commandPath.join(" ")
        } --help shows what there is.`;
        process.stderr.write(`\n${[...lines, help].join("\n")}\n`);
      })
      : CliOutput.defaultPresenter.present(event),
});

/** Runs the command line. */
export const main = Command.run(command, { version: "0.1.0" }).pipe(
  Effect.provide(presenter),
  Effect.tapCause((cause) =>
    Effect.sync(() => {
      const text = describeFailure(cause);
      if (text !== undefined) process.stderr.write(`\n${text}\n`);
    })
  ),
);
