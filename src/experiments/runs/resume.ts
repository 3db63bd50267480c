/**
 * Going on with a run: which checkpoint it goes on from, whether the program is still the one that made it, and
 * what is put right in the folder. Everything is looked at before anything is changed, so that a refusal leaves
 * the folder as it was.
 */
import { basename } from "node:path";
import { Effect } from "effect";
import { CheckpointError, RunError } from "../errors.ts";
import {
  type Checkpoint,
  type Damaged,
  forgetCheckpoints,
  latestCheckpoint,
  type Maker,
} from "./checkpoint.ts";
import type { RunFolder } from "./folder.ts";

/** The checkpoint from which a run goes on, and the notices about it. */
export interface Recovery {
  /** Undefined for a run that never began. */
  readonly checkpoint: Checkpoint | undefined;
  readonly damaged: readonly Damaged[];
  readonly notes: readonly string[];
}

/** Finds where a run goes on. Nothing is changed; fails where going on would lose or mix something. */
export const findRecovery = Effect.fnUntraced(function* (
  run: RunFolder,
  now: Maker,
  { acceptChanges, accepted = [] }: {
    /** Goes on whatever has changed. */
    readonly acceptChanges: boolean;
    /** Fields that were changed on purpose, by path. */
    readonly accepted?: readonly string[];
  },
) {
  const { checkpoint, damaged } = yield* latestCheckpoint(run);
  if (checkpoint === undefined) {
    yield* refuseToBeginAgain(run, damaged);
    return { checkpoint, damaged, notes: [] } satisfies Recovery;
  }
  const notes = damaged.map(({ error }) =>
    `warning: ${error.what} It is passed over for ${basename(checkpoint.path)}.`
  );
  const { step } = checkpoint.progress;
  if (now.config.steps < step) {
    return yield* Effect.fail(
      new RunError(
        `${run.name} has already made ${step} steps, more than the ${now.config.steps} that are asked for.`,
        `Nothing was changed. For a longer run, pass --steps with more than ${step}; for a shorter one, ` +
          "train anew with this config.json: deno task train --config " +
          `${run.file("config.json")} --steps ${now.config.steps}.`,
      ),
    );
  }
  const changes = differences(checkpoint.maker, now);
  const surprising = changes.filter(({ name }) => !accepted.some((path) => isBelow(name, path)));
  if (surprising.length > 0 && !acceptChanges) {
    return yield* Effect.fail(
      new CheckpointError(
        [
          `${run.name} cannot continue from ${
            basename(checkpoint.path)
          }, because it was trained differently:`,
          ...surprising.map(({ text }) => `  - ${text}`),
        ].join("\n"),
        "Nothing was changed. Restore these settings in config.json, or pass --accept-changes to continue with the new ones.",
      ),
    );
  }
  return {
    checkpoint,
    damaged,
    notes: [...notes, ...changes.map(({ text }) => `changed: ${text}`)],
  } satisfies Recovery;
});

/** Without a checkpoint a run would begin at step 0; that is right only where no step was made. */
const refuseToBeginAgain = Effect.fnUntraced(function* (
  run: RunFolder,
  damaged: readonly Damaged[],
) {
  const step = (yield* run.summary()).value?.step ?? 0;
  const evidence = [
    ...damaged.map(({ error }) => error.what),
    ...((yield* run.hasMetrics()) ? [`${run.file("metrics.jsonl")} has rows of steps made.`] : []),
    ...(step > 0 ? [`${run.file("summary.json")} tells of step ${step}.`] : []),
  ];
  if (evidence.length === 0) return;
  return yield* Effect.fail(
    new CheckpointError(
      [
        `${run.name} has made steps, but none of its checkpoints can be read:`,
        ...evidence.map((text) => `  - ${text}`),
      ].join("\n"),
      "Nothing was changed. Put a checkpoint back, or train anew with this config.json: " +
        `deno task train --config ${run.file("config.json")}.`,
    ),
  );
});

/** Changes in the folder before the first step from a checkpoint; returns the notices. */
export const putRight = Effect.fnUntraced(function* (
  run: RunFolder,
  { checkpoint, damaged }: Recovery,
  { keep }: { readonly keep: number },
) {
  const notes: string[] = [];
  yield* run.tidy();
  // Out of the way of the checkpoints that are made now, and of counting them.
  for (const { name } of damaged) notes.push(`it is kept as ${yield* run.setAside(name)}`);
  yield* forgetCheckpoints(run, keep);
  const step = checkpoint?.progress.step ?? 0;
  const lines = yield* run.rewind(step);
  if (lines.damaged > 0) {
    notes.push(
      `warning: ${count(lines.damaged, "line")} of metrics.jsonl cannot be read: ` +
        "moved to metrics.damaged.jsonl",
    );
  }
  if (lines.missing > 0) {
    notes.push(`warning: metrics.jsonl has no row for ${count(lines.missing, "step")} of ${step}`);
  }
  return notes;
});

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

/** Fields by which a run may change on its way: they do not enter the parameters. */
const free = /^(name|steps|backend|engine\b.*|log\..*)$/; // the backend is compared as the one that is in use

/** A field that has changed, and how in words. */
export interface Change {
  readonly name: string;
  readonly text: string;
}

const tell = (name: string, before: string, after: string): Change[] =>
  before === after ? [] : [{ name, text: `${name} was ${before}, and is ${after} now` }];

/** All fields in which two configs differ. */
export function changesOf(then: unknown, now: unknown): Change[] {
  const [before, after] = [fieldsOf(then), fieldsOf(now)];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => tell(name, before[name] ?? "absent", after[name] ?? "absent"));
}

/** The differences that enter the bits of what follows. */
export function differences(then: Maker, now: Maker): Change[] {
  return [
    ...changesOf(then.config, now.config).filter(({ name }) => !free.test(name)),
    ...tell("the backend", then.backend, now.backend),
    ...tell("the version of Trilevel", then.version, now.version),
  ];
}

/** True if a field is the one at a path, or below it; a changed `backend` or engine is known as the one that is in use. */
const isBelow = (name: string, path: string) =>
  name === path || name.startsWith(`${path}.`) ||
  (/^(backend|engine\b.*)$/.test(path) && name === "the backend");

/** The fields of a config by their paths, as JSON. */
export function fieldsOf(value: unknown, prefix = ""): { [path: string]: string } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { [prefix]: JSON.stringify(value) };
  }
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) =>
      fieldsOf(inner, prefix === "" ? key : `${prefix}.${key}`)
    ),
  );
}
