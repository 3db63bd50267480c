/** `study NAME`: runs a study, or draws the results of one again. */
import { readFile } from "node:fs/promises";
import { Console, Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { decodeConfig } from "../config/decode.ts";
import { applyOverrides } from "../config/overrides.ts";
import { presetNamed } from "../config/presets.ts";
import { openDisplay } from "../display/progress.ts";
import { fileError, RunError } from "../errors.ts";
import { RunFolder } from "../runs/folder.ts";
import { backends } from "../schema.ts";
import { Studies, studies } from "../studies/index.ts";
import { dispatchStudy } from "../studies/dispatch.ts";
import { decodeResults } from "../studies/results.ts";
import { drawResults, runStudy } from "../studies/runStudy.ts";
import { tellStudy } from "../studies/tell.ts";
import { interval } from "./flags.ts";
import { answerInterruption } from "./interruption.ts";
import { database, lease, placeOf, workers } from "./sweep.ts";

const names = studies.map(({ name }) => name);

const flags = {
  name: Argument.String("name").pipe(
    Argument.withDescription(`Which study: ${names.join(", ")}`),
  ),
  runs: Flag.Directory("runs").pipe(
    Flag.withDescription("Folder of all runs (default: runs)"),
    Flag.withDefault("runs"),
  ),
  set: Flag.String("set").pipe(
    Flag.withAlias("s"),
    Flag.withMetavar("path=value"),
    Flag.withDescription("Change any field of all configs; may be repeated"),
    Flag.atLeast(0),
  ),
  backend: Flag.Literals("backend", backends).pipe(
    Flag.withDescription("Where to compute"),
    Flag.optional,
  ),
  steps: Flag.Int("steps").pipe(
    Flag.withDescription("Updates of every run (default: the study's)"),
    Flag.optional,
  ),
  seeds: Flag.Int("seeds").pipe(
    Flag.withDescription("Runs of every kind (default: the study's)"),
    Flag.optional,
  ),
  kinds: Flag.String("kind").pipe(
    Flag.withAlias("k"),
    Flag.withDescription("Run this kind only; may be repeated"),
    Flag.atLeast(0),
  ),
  interval,
  workers,
  database,
  lease,
  from: Flag.Path("from").pipe(
    Flag.withDescription("Train nothing: tell and draw what this results.json says"),
    Flag.optional,
  ),
  out: Flag.Path("out").pipe(
    Flag.withDescription("With --from: the folder for table, picture and page (default: .)"),
    Flag.withDefault("."),
  ),
};

const named = Effect.fnUntraced(function* (name: string) {
  const all = yield* Studies;
  const study = all.find((study) => study.name === name);
  if (study !== undefined) return study;
  return yield* Effect.fail(
    new RunError(
      `No study is called "${name}".`,
      `Choose one of: ${all.map(({ name }) => name).join(", ")}.`,
    ),
  );
});

/** The subcommand. */
export const studyCommand = Command.make(
  "study",
  flags,
  Effect.fn(function* ({ name, runs, set, backend, kinds, from, out, interval, ...flags }) {
    const study = yield* named(name);
    if (Option.isSome(from)) {
      const text = yield* Effect.tryPromise({
        try: () => readFile(from.value, "utf8"),
        catch: fileError(`${from.value} cannot be read.`),
      });
      const results = yield* decodeResults(study, text, from.value);
      yield* drawResults(new RunFolder(out), study, results, interval);
      return yield* Console.log(tellStudy(study, results, interval));
    }
    const changes = [
      ...(Option.isSome(backend) ? [`backend=${backend.value}`] : []),
      ...set,
    ];
    const baseOf = Effect.fnUntraced(function* (preset: string) {
      return yield* decodeConfig(
        yield* applyOverrides(yield* presetNamed(preset), changes),
        `The config (${preset}, with its overrides)`,
      );
    });
    yield* answerInterruption;
    const options = {
      baseOf,
      root: runs,
      display: openDisplay(),
      steps: Option.getOrElse(flags.steps, () => study.steps),
      seeds: Option.getOrElse(flags.seeds, () => study.seeds),
      kinds,
      interval,
    };
    const { results, folder } = Option.isNone(flags.workers)
      ? yield* runStudy(study, options)
      : yield* dispatchStudy(study, {
        ...options,
        database: placeOf({ runs, ...flags }).database,
        workers: flags.workers.value,
        leaseSeconds: flags.lease,
      });
    yield* Console.log(
      `\n${tellStudy(study, results, interval)}\n\n${folder.file(`${name}.html`)}`,
    );
  }, Effect.scoped),
).pipe(Command.withDescription("Reproduce an experiment of the paper in small"));
