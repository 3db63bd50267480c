/** Commands that look at what was trained, or at data: nothing is trained by them. */
import { Console, Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { textTable } from "../report/tables.ts";
import { openRun } from "../runs/open.ts";
import { tasks } from "../tasks/index.ts";
import { evaluateRun, renderRun, splits } from "../train/evaluateRun.ts";
import { exportRun } from "../train/exportRun.ts";
import { probeRun } from "../train/probeRun.ts";
import { root, runArgument, set } from "./flags.ts";
import { inspectPath } from "./inspect.ts";

const split = Flag.Literals("split", splits).pipe(
  Flag.withDescription("Which part of the data (default: validation)"),
  Flag.withDefault("validation" as const),
);

/** `eval`: scores of a run on any data. */
export const evaluate = Command.make(
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

// A flag for each output that a task can write; the first task with an output describes it.
const outputs = Object.fromEntries(
  tasks.flatMap(({ exports = {} }) => Object.entries(exports)).reverse().map((
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

/** `export`: writes the outputs of a model to files. */
export const exportCommand = Command.make(
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

/** `probe`: what can be read of objects from a model. */
export const probe = Command.make(
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
    frame: Flag.Int("frame").pipe(
      Flag.withDescription("The frame of videos that is read, from 1 (default: each)"),
      Flag.optional,
    ),
  },
  Effect.fn(function* ({ run, runs, set, split, count, frame }) {
    const { readouts, fit, held } = yield* probeRun(yield* openRun(runs, run), {
      set,
      split,
      count: Option.getOrUndefined(count),
      frame: Option.getOrUndefined(frame),
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

/** `render`: pictures and report again. */
export const render = Command.make(
  "render",
  { run: runArgument, runs: root },
  Effect.fn(function* ({ run, runs }) {
    const files = yield* renderRun(yield* openRun(runs, run));
    for (const path of files) yield* Console.log(path);
  }),
).pipe(Command.withDescription("Draw the pictures and the report of a run again"));

/** `inspect`: what a folder or file of images is. */
export const inspect = Command.make(
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
