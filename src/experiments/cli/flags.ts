/** The flags that commands share, and the config that they describe. */
import { Effect, Option } from "effect";
import { Argument, Flag } from "effect/cli";
import { readConfig } from "../config/compose.ts";
import { decodeConfig } from "../config/decode.ts";
import { applyOverrides } from "../config/overrides.ts";
import { presetNamed } from "../config/presets.ts";
import { backends } from "../schema.ts";
import { adjoints, solvers } from "../tasks/inference.ts";
import { tasks } from "../tasks/index.ts";

/** The folder of all runs. */
export const root = Flag.Directory("runs").pipe(
  Flag.withDescription("Folder of all runs (default: runs)"),
  Flag.withDefault("runs"),
);
const presetNames = tasks.flatMap(({ presets }) => Object.keys(presets));
/** The preset to begin with. */
// Not a flag of these literals: a program that provides other tasks has other presets.
export const preset = Flag.String("preset").pipe(
  Flag.withAlias("p"),
  Flag.withDescription(
    `Config to begin with: ${presetNames.join(", ")} (default: ${presetNames[0]})`,
  ),
  Flag.withDefault(presetNames[0]!),
);
/** The config file to begin with instead. */
export const file = Flag.Path("config").pipe(
  Flag.withDescription("Config file to begin with instead, such as a run's config.json"),
  Flag.optional,
);
/** Changes of single fields. */
export const set = Flag.String("set").pipe(
  Flag.withAlias("s"),
  Flag.withMetavar("path=value"),
  Flag.withDescription("Change any field, such as model.iterations=9; may be repeated"),
  Flag.atLeast(0),
);

/** The kind of interval that decides between kinds of runs. */
export const interval = Flag.Literals("interval", ["t", "bootstrap"] as const).pipe(
  Flag.withDescription(
    "Intervals that verdicts follow from: Student's t (default), or BCa bootstrap",
  ),
  Flag.withDefault("t" as const),
);

/** Flags for fields that are changed often, and the field each stands for. */
export const shortcuts = {
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
export const configOf = Effect.fnUntraced(function* (flags: ConfigFlags & Partial<Shortcuts>) {
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

/** The run that a command is about. */
export const runArgument = Argument.String("run").pipe(
  Argument.withDescription("Name or folder of a run, or latest (default)"),
  Argument.withDefault("latest"),
);
