/**
 * Checkpoints: all that training depends on, so that a run which goes on from one is bit for bit the run
 * that was never interrupted. The order of the data follows from the seed and the step.
 *
 * Files appear complete or not at all; one that was damaged afterwards is passed over for the one before.
 */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Effect } from "effect";
import { currentBackend } from "../core/backend.ts";
import { flatten, unflatten } from "../core/tree.ts";
import { writeFileAtomically } from "../data/atomic.ts";
import type { Tensor } from "../core/tensor.ts";
import { pathNames, place, readTree } from "./device.ts";
import { CheckpointError, fileError, messageOf, modelError } from "./errors.ts";
import { decodeSafetensors, encodeSafetensors, type HostTensor } from "./safetensors.ts";
import type { RunFolder } from "./store.ts";

/** What is written beside the tensors. */
export interface Progress {
  /** Finished updates. */
  readonly step: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  /** The best score so far; a checkpoint of that name has its parameters. */
  readonly best: number | null;
}

/** A checkpoint on the host. */
export interface Checkpoint {
  readonly path: string;
  readonly progress: Progress;
  readonly tensors: { readonly [path: string]: HostTensor };
}

const folderOf = (run: RunFolder) => run.file("checkpoints");
const nameOf = (step: number) => `step-${String(step).padStart(8, "0")}.safetensors`;

/** Writes a checkpoint as the latest, or as `best`, and forgets all but the last `keep`. */
export const saveCheckpoint = Effect.fnUntraced(function* (
  run: RunFolder,
  state: unknown,
  progress: Progress,
  { keep, best = false }: { readonly keep: number; readonly best?: boolean },
) {
  const tensors = yield* Effect.tryPromise({
    try: () => readTree(state),
    catch: modelError("The state of training cannot be read."),
  });
  const metadata = {
    format: "trilevel-checkpoint-1",
    progress: JSON.stringify(progress),
    backend: currentBackend().name,
  };
  const path = join(folderOf(run), best ? "best.safetensors" : nameOf(progress.step));
  yield* Effect.tryPromise({
    try: async () => {
      await mkdir(folderOf(run), { recursive: true });
      await writeFileAtomically(path, encodeSafetensors({ tensors, metadata }));
      const old = (await steps(run)).slice(0, -keep);
      if (!best) { for (const name of old) await rm(join(folderOf(run), name), { force: true }); }
    },
    catch: fileError(`The checkpoint ${path} cannot be written.`),
  });
  return path;
});

/** Names of the numbered checkpoints, oldest first. */
async function steps(run: RunFolder): Promise<string[]> {
  const names = await readdir(folderOf(run)).catch(() => []);
  return names.filter((name) => /^step-\d+\.safetensors$/.test(name)).sort();
}

/** Reads a checkpoint file. */
export const readCheckpoint = (path: string) =>
  Effect.tryPromise({
    try: async (): Promise<Checkpoint> => {
      const { tensors, metadata } = decodeSafetensors(await readFile(path));
      if (metadata["format"] !== "trilevel-checkpoint-1") throw new Error("it is no checkpoint");
      return { path, tensors, progress: JSON.parse(metadata["progress"] ?? "") as Progress };
    },
    catch: (cause) =>
      new CheckpointError({
        what: `The checkpoint ${path} cannot be read: ${messageOf(cause)}.`,
        cure: "Use another; a run that goes on takes the one before by itself.",
      }),
  });

/** The latest checkpoint that can be read, and what is wrong with later ones; undefined without any. */
export const latestCheckpoint = Effect.fnUntraced(function* (run: RunFolder) {
  const names = yield* Effect.promise(() => steps(run));
  const damaged: CheckpointError[] = [];
  for (const name of names.reverse()) {
    const result = yield* Effect.result(readCheckpoint(join(folderOf(run), name)));
    if (result._tag === "Success") return { checkpoint: result.success, damaged };
    damaged.push(result.failure);
  }
  return { checkpoint: undefined, damaged };
});

/** The checkpoint with the best score, else the latest; fails when there is none. */
export const bestCheckpoint = Effect.fnUntraced(function* (run: RunFolder) {
  const best = yield* Effect.result(readCheckpoint(join(folderOf(run), "best.safetensors")));
  if (best._tag === "Success") return best.success;
  const { checkpoint, damaged } = yield* latestCheckpoint(run);
  if (checkpoint !== undefined) return checkpoint;
  return yield* new CheckpointError({
    what: `The run ${run.name} has no readable checkpoint.`,
    cure: damaged.map(({ message }) => message).join("\n") || "Train it further first.",
  });
});

/** The tensors of a checkpoint in the structure of `like`, on the current backend. */
export const restore = <S>(checkpoint: Checkpoint, like: S) =>
  Effect.gen(function* () {
    const [leaves, structure] = flatten(like);
    const names = pathNames(structure);
    const problems = names.flatMap((name, i) => {
      const { dtype, shape } = leaves[i] as Tensor; // state is made of nothing else
      const found = checkpoint.tensors[name];
      if (found === undefined) return [`${name} is missing`];
      const same = found.dtype === dtype && `${found.shape}` === `${shape}`;
      return same ? [] : [`${name} is ${found.dtype}[${found.shape}], not ${dtype}[${shape}]`];
    });
    if (problems.length > 0) {
      return yield* new CheckpointError({
        what: `The checkpoint ${checkpoint.path} is of another model: ${
          problems.slice(0, 5).join("; ")
        }${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}.`,
        cure: "Use the config that it was made with.",
      });
    }
    return unflatten<S>(
      structure,
      names.map((name) => {
        const { data, shape, dtype } = checkpoint.tensors[name]!;
        return place(data, shape, dtype);
      }),
    );
  });
