/**
 * The command line. Without a subcommand it trains; errors from everywhere end here, as one message and the
 * exit code 1.
 */
import process from "node:process";
import { Cause, Console, Effect, Option } from "effect";
import { Argument, CliError, CliOutput, Command, Flag } from "effect/cli";
import { readConfig } from "../config/compose.ts";
import { decodeConfig } from "../config/decode.ts";
import { backends } from "../schema.ts";
import { adjoints, solvers } from "../tasks/inference.ts";
import { tasks } from "../tasks/index.ts";
import { compareRuns, listTable } from "../report/compare.ts";
import { seedTable } from "../report/seeds.ts";
import { inspectData, makeData } from "./data.ts";
import { inspectPath } from "./inspect.ts";
import { denoCommand } from "../runs/environment.ts";
import { answerInterruption } from "./interruption.ts";
import { exportRun } from "../train/exportRun.ts";
import { textTable } from "../report/tables.ts";
import { probeRun } from "../train/probeRun.ts";
import { evaluateRun, renderRun, splits } from "../train/evaluateRun.ts";
import { applyOverrides } from "../config/overrides.ts";
import { presetNamed } from "../config/presets.ts";
import { openDisplay } from "../display/progress.ts";
import { train } from "../train/runner.ts";
import { openRun } from "../runs/open.ts";
import { studyCommand } from "./study.ts";

const root = Flag.Directory("runs").pipe(
  Flag.withDescription("Folder of all runs (default: runs)"),
  Flag.withDefault("runs"),
);
const presetNames = tasks.flatMap(({ presets }) => Object.keys(presets));
// Not a flag of these literals: a program that provides other tasks has other presets.
const preset = Flag.String("preset").pipe(
  Flag.withAlias("p"),
  Flag.withDescription(
    `Config to begin with: ${presetNames.join(", ")} (default: ${presetNames[0]})`,
  ),
  Flag.withDefault(presetNames[0]!),
);
const file = Flag.Path("config").pipe(
  Flag.withDescription("Config file to begin with instead, such as a run's config.json"),
  Flag.optional,
);
const set = Flag.String("set").pipe(
  Flag.withAlias("s"),
  Flag.withMetavar("path=value"),
  Flag.withDescription("Change any field, such as model.iterations=9; may be repeated"),
  Flag.atLeast(0),
);

/** Flags for fields that are changed often, and the field each stands for. */
const shortcuts = {
  adjoint: Flag.Literals("adjoint", adjoints).pipe(
    Flag.withDescription("How the fixed point is differentiated; unrolled is vanilla"),
    Flag.optional,
  ),
  solver: Flag.Literals("solver", solvers).pipe(
    Flag.withDescription("How the fixed point is found"),
    Flag.optional,
  ),
  iterations: Flag.Int("iterations").pipe(
    Flag.withDescription("Steps of the solver"),
    Flag.optional,
  ),
  backend: Flag.Literals("backend", backends).pipe(
    Flag.withDescription("Where to compute"),
    Flag.optional,
  ),
  seed: Flag.Int("seed").pipe(Flag.withDescription("Of parameters and data order"), Flag.optional),
  steps: Flag.Int("steps").pipe(Flag.withDescription("Updates to make"), Flag.optional),
} as const;

const fields: { readonly [flag in keyof typeof shortcuts]: string } = {
  adjoint: "model.adjoint",
  solver: "model.solver",
  iterations: "model.iterations",
  backend: "backend",
  seed: "seed",
  steps: "steps",
};

interface ConfigFlags {
  readonly preset: string;
  readonly config: Option.Option<string>;
  readonly set: readonly string[];
}

type Shortcuts = { readonly [flag in keyof typeof shortcuts]: Option.Option<string | number> };

/** The config that flags describe; `--set` has the last word. */
const configOf = Effect.fnUntraced(function* (flags: ConfigFlags & Partial<Shortcuts>) {
  const path = Option.getOrUndefined(flags.config);
  const { config: base, originOf } = path === undefined
    ? { config: yield* presetNamed(flags.preset), originOf: undefined }
    : yield* readConfig(path);
  const short = Object.entries(fields).flatMap(([flag, field]) => {
    const value = flags[flag as keyof Shortcuts]; // the keys of `fields` are those of the flags
    return value === undefined || Option.isNone(value) ? [] : [`${field}=${value.value}`];
  });
  const changed = yield* applyOverrides(base, [...short, ...flags.set]);
  return yield* decodeConfig(
    changed,
    path ?? `The config (${flags.preset}, with its overrides)`,
    originOf,
  );
});

const runArgument = Argument.String("run").pipe(
  Argument.withDescription("Name or folder of a run, or latest (default)"),
  Argument.withDefault("latest"),
);

const trainFlags = { preset, config: file, set, runs: root, ...shortcuts };

const resume = Command.make(
  "resume",
  {
    run: runArgument,
    runs: root,
    steps: shortcuts.steps,
    set,
    acceptChanges: Flag.Boolean("accept-changes").pipe(
      Flag.withDescription(
        "Go on although config, backend or version are not those of the checkpoint",
      ),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* ({ run: name, runs, steps, set, acceptChanges }) {
    const { folder, config, warnings } = yield* openRun(runs, name);
    for (const text of warnings) yield* Console.error(`warning: ${text}`);
    const longer = Option.isNone(steps) ? [] : [`steps=${steps.value}`];
    const changed = yield* decodeConfig(
      yield* applyOverrides(config, [...longer, ...set]),
      "The config",
    );
    yield* answerInterruption;
    yield* train(changed, {
      root: runs,
      display: openDisplay(),
      resume: folder,
      acceptChanges,
      accepted: set.map(pathOf),
    });
  }, Effect.scoped),
).pipe(
  Command.withDescription(
    "Go on with a run; --steps makes it longer, --set changes it from here on",
  ),
);

const split = Flag.Literals("split", splits).pipe(
  Flag.withDescription("Which part of the data (default: validation)"),
  Flag.withDefault("validation" as const),
);

/** The path of `path=value`. */
const pathOf = (override: string) => override.slice(0, override.indexOf("=")).trim();

const evaluate = Command.make(
  "eval",
  { run: runArgument, runs: root, set, split },
  Effect.fn(function* ({ run, runs, set, split }) {
    const found = yield* openRun(runs, run);
    const { step, size, changes, scores } = yield* evaluateRun(found, { set, split });
    const line = (name: string, text: string) => Console.log(`${name.padEnd(18)} ${text}`);
    yield* line("run", `${found.folder.name}, step ${step}`);
    yield* line("data", split === "all" ? `all ${size}` : `${size} of ${split}`);
    for (const text of changes) yield* line("changed", text);
    for (const [name, value] of Object.entries(scores)) {
      yield* line(name, Number.isInteger(value) ? String(value) : value.toPrecision(4));
    }
  }),
).pipe(
  Command.withDescription("Score the best checkpoint of a run, on its data or any other"),
  Command.withExamples([
    {
      command: "train eval latest --split test",
      description: "The images that were never looked at",
    },
    {
      command: "train eval latest --split all --set data.source=folder --set data.path=photos",
      description: "All images of a folder",
    },
    {
      command: "train eval latest --set model.iterations=7",
      description: "More iterations than in training",
    },
  ]),
);

// A flag for each output that a task can write.
const outputs = Object.fromEntries(
  tasks.flatMap(({ exports = {} }) => Object.entries(exports)).map((
    [name, { description, picture }],
  ) => [
    name,
    Flag.Path(name).pipe(
      Flag.withDescription(
        `${description}: a .npy, .npz or .safetensors file${
          picture === undefined ? "" : ", or a folder of PNG"
        }`,
      ),
      Flag.optional,
    ),
  ]),
);

const exportCommand = Command.make(
  "export",
  {
    run: runArgument,
    runs: root,
    set,
    split,
    count: Flag.Int("count").pipe(
      Flag.withDescription("How many samples (default: all of the part)"),
      Flag.optional,
    ),
    weights: Flag.Path("weights").pipe(
      Flag.withDescription("Weights under PyTorch's names: a .safetensors or .npz file"),
      Flag.optional,
    ),
    outputs,
  },
  Effect.fn(function* ({ run, runs, set, split, count, weights, outputs }) {
    const asked = Object.entries(outputs).flatMap(([name, path]) =>
      Option.isNone(path) ? [] : [[name, path.value] as const]
    );
    const lines = yield* exportRun(yield* openRun(runs, run), {
      set,
      split,
      count: Option.getOrUndefined(count),
      weights: Option.getOrUndefined(weights),
      outputs: Object.fromEntries(asked),
    });
    for (const text of lines) yield* Console.log(text);
  }),
).pipe(
  Command.withDescription("Write what a trained model makes of data, and its weights, to files"),
);

const probe = Command.make(
  "probe",
  {
    run: runArgument,
    runs: root,
    set,
    split,
    count: Flag.Int("count").pipe(
      Flag.withDescription("Training samples to fit readouts on (default: 2000)"),
      Flag.optional,
    ),
  },
  Effect.fn(function* ({ run, runs, set, split, count }) {
    const { readouts, fit, held } = yield* probeRun(yield* openRun(runs, run), {
      set,
      split,
      count: Option.getOrUndefined(count),
    });
    const rows = readouts.map(({ property, measure, baseline, linear, mlp }) => [
      property,
      measure,
      ...[baseline, linear, mlp].map((value) => value.toFixed(3)),
    ]);
    yield* Console.log(textTable([["property", "measure", "guess", "linear", "MLP"], ...rows]));
    yield* Console.log(`fitted on ${fit}, read from ${held} others`);
  }),
).pipe(
  Command.withDescription("Read what is known of objects from a model, by a linear map and an MLP"),
);

const render = Command.make(
  "render",
  { run: runArgument, runs: root },
  Effect.fn(function* ({ run, runs }) {
    const files = yield* renderRun(yield* openRun(runs, run));
    for (const path of files) yield* Console.log(path);
  }),
).pipe(Command.withDescription("Draw the pictures and the report of a run again"));

const inspect = Command.make(
  "inspect",
  {
    path: Argument.String("path").pipe(
      Argument.withDescription("A folder of images, or a dataset as it was downloaded"),
    ),
    source: Flag.String("source").pipe(
      Flag.withDescription("What it is, as data.source of configs (default: what it looks like)"),
      Flag.optional,
    ),
    resolution: Flag.String("resolution").pipe(
      Flag.withDescription("Size for training: a side, or height,width (default: 64)"),
      Flag.withDefault("64"),
    ),
    crop: Flag.String("crop").pipe(
      Flag.withDescription("none, square or clevr (default: none)"),
      Flag.optional,
    ),
    out: Flag.Path("out").pipe(
      Flag.withDescription("Where to draw samples (default: inspect.png)"),
      Flag.withDefault("inspect.png"),
    ),
  },
  Effect.fn(function* ({ path, out, source, resolution, crop }) {
    yield* inspectPath(path, out, {
      source: Option.getOrUndefined(source),
      crop: Option.getOrUndefined(crop),
      resolution,
    });
  }),
).pipe(
  Command.withDescription(
    "Say what a folder or file of images is: sizes, labels, crops, distortions, broken files",
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
      { names: Argument.String("run").pipe(Argument.atLeast(1)), runs: root },
      Effect.fn(function* ({ names, runs }) {
        yield* Console.log(yield* seedTable(runs, names));
      }),
    ).pipe(Command.withDescription("Scores of runs over their seeds, as a Markdown table")),
    Command.make(
      "compare",
      {
        names: Argument.String("run").pipe(Argument.atLeast(2)),
        runs: root,
        out: Flag.Path("out").pipe(
          Flag.withDescription("Where to write the page (default: compare.html)"),
          Flag.withDefault("compare.html"),
        ),
      },
      Effect.fn(function* ({ names, runs, out }) {
        yield* Console.log(yield* compareRuns(runs, names, out));
      }),
    ).pipe(Command.withDescription("Differences of configs, scores and curves of some runs")),
  ]),
);

/** All commands. */
export const command = Command.make(
  "train",
  trainFlags,
  Effect.fn(function* (flags) {
    const config = yield* configOf(flags);
    yield* answerInterruption;
    yield* train(config, { root: flags.runs, display: openDisplay() });
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
    evaluate,
    exportCommand,
    probe,
    render,
    inspect,
    data,
    runs,
    studyCommand,
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

/** What is wrong with the arguments in a line each, not below a page of help. */
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
