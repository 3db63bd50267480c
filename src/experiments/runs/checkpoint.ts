/**
 * Checkpoints: all that training depends on, so that a run which goes on from one is bit for bit the run that was never
 * interrupted. The order of the data follows from the seed and the step.
 *
 * A checkpoint is a safetensors file. Its metadata has the progress, the config, the backend and the version, and
 * a digest of the whole file, which is compared whenever it is read. Files appear complete or not at all; one that
 * was damaged afterwards is passed over for the one before.
 */
import { createHash } from "node:crypto";
import { Effect, Schema } from "effect";
import manifest from "../../../package.json" with { type: "json" };
import { makeFolders, writeFileAtomically } from "../../data/atomic.ts";
import { readWhole } from "../../data/disk.ts";
import { type ConfigInput, CountOrZero, defaultsTo, type ExperimentConfig } from "../schema.ts";
import { CheckpointError, partsOf } from "../errors.ts";
import { decodeSafetensors, encodeSafetensors, type HostTensor } from "../../safetensors/format.ts";
import { CurrentDisk, onDisk, type RunFolder } from "./folder.ts";

const ProgressSchema = Schema.Struct({
  step: Schema.Int,
  seconds: Schema.Finite,
  best: Schema.NullOr(Schema.Finite),
  // Missing in checkpoints that were made before.
  sinceBest: CountOrZero.pipe(defaultsTo(0)),
  results: Schema.Record(Schema.String, Schema.Finite),
});

/** The progress of training. */
export interface Progress {
  /** Finished updates. */
  readonly step: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  /** The best score so far; a checkpoint of that name has its parameters. */
  readonly best: number | null;
  /** Evaluations since then. */
  readonly sinceBest: number;
  /** The latest scores and measurements by name. */
  readonly results: { readonly [name: string]: number };
}

/** The program that a checkpoint is of; a run goes on to the same bits with the same. */
export interface Maker {
  readonly config: ConfigInput;
  readonly backend: string;
  readonly version: string;
}

type Tensors = { readonly [path: string]: HostTensor };

/** A checkpoint on the host. */
export interface Checkpoint {
  readonly path: string;
  readonly progress: Progress;
  readonly maker: Maker;
  readonly tensors: Tensors;
}

/** The maker of checkpoints of a config, here and now. */
export const makerOf = (config: ExperimentConfig, backend: string): Maker => ({
  config,
  backend,
  version: manifest.version,
});

const format = "trilevel-checkpoint-2";
const bestName = "best.safetensors";
const nameOf = (step: number) => `step-${String(step).padStart(8, "0")}.safetensors`;
const stepOf = (name: string) => /^step-(\d+)\.safetensors$/.exec(name)?.[1];

// The digest is the first thing in the header, so that its place is known before anything is parsed.
const before = new TextEncoder().encode('{"__metadata__":{"digest":"');
const place = 8 + before.length;
const blank = "0".repeat(64);

/** The bytes of a checkpoint. The digest is the SHA-256 of the file with zeros in place of the digest. */
export function encodeCheckpoint(tensors: Tensors, progress: Progress, maker: Maker): Uint8Array {
  const bytes = encodeSafetensors({
    tensors,
    metadata: {
      digest: blank,
      format,
      progress: JSON.stringify(progress, finite),
      config: JSON.stringify(maker.config),
      backend: maker.backend,
      version: maker.version,
    },
  });
  bytes.set(new TextEncoder().encode(digestOf(bytes)), place);
  return bytes;
}

// JSON has no NaN and no infinity: results that are none are left out.
const finite = (_: string, x: unknown) =>
  typeof x === "number" && !Number.isFinite(x) ? undefined : x;

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes.subarray(0, place)).update(blank)
    .update(bytes.subarray(place + blank.length)).digest("hex");
}

/** The checkpoint that the bytes of a file are. @throws Error saying what is wrong with them. */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const text = new TextDecoder("latin1").decode(bytes.subarray(place, place + blank.length));
  const found = before.every((byte, i) => bytes[8 + i] === byte);
  if (!found || text !== digestOf(bytes)) {
    const { metadata } = decodeSafetensors(bytes); // may say it better
    if (metadata["format"] === "trilevel-checkpoint-1") {
      throw new Error("it was written by an earlier version, which stored no digest");
    }
    throw new Error(
      metadata["format"] === undefined
        ? "it is not a checkpoint of Trilevel"
        : "its contents do not match its digest, so it was changed after it was written",
    );
  }
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata["format"] !== format) throw new Error(`its format is ${metadata["format"]}`);
  const progress = Schema.decodeUnknownSync(ProgressSchema)(JSON.parse(metadata["progress"] ?? ""));
  const named = stepOf(path.slice(path.lastIndexOf("step-")));
  if (named !== undefined && Number(named) !== progress.step) {
    throw new Error(`it holds step ${progress.step}, but its name says ${Number(named)}`);
  }
  return {
    path,
    tensors,
    progress,
    maker: {
      config: JSON.parse(metadata["config"] ?? "") as ConfigInput, // we wrote it, and the digest is right
      backend: metadata["backend"] ?? "",
      version: metadata["version"] ?? "",
    },
  };
}

/**
 * Writes a checkpoint as the latest, or as `best`, and forgets all but the last `keep`. The metrics so far are
 * durable before it is, so that a run never goes on from a step whose metrics are lost.
 */
export const saveCheckpoint = Effect.fnUntraced(function* (
  run: RunFolder,
  tensors: Tensors,
  progress: Progress,
  maker: Maker,
  { keep, best = false }: { readonly keep: number; readonly best?: boolean },
) {
  const folder = run.file("checkpoints");
  const path = run.file("checkpoints", best ? bestName : nameOf(progress.step));
  yield* run.syncRows();
  yield* onDisk(`The checkpoint ${path} cannot be written.`, async (disk) => {
    await makeFolders(folder, disk);
    await writeFileAtomically(path, encodeCheckpoint(tensors, progress, maker), disk);
  });
  if (!best) yield* forgetCheckpoints(run, keep);
  return path;
});

/** Removes all numbered checkpoints but the last `keep`. */
export const forgetCheckpoints = (run: RunFolder, keep: number) =>
  onDisk(`Old checkpoints of ${run.path} cannot be removed.`, async (disk) => {
    const steps = numbered(await disk.list(run.file("checkpoints")));
    for (const name of steps.slice(0, -keep)) await disk.remove(run.file("checkpoints", name));
  });

/** The numbered checkpoints among the names of a folder, oldest first. */
const numbered = (names: readonly string[]) =>
  names.filter((name) => stepOf(name) !== undefined)
    .sort((a, b) => Number(stepOf(a)) - Number(stepOf(b)));

/** Reads a checkpoint; fails when it is damaged. */
export const readCheckpoint = (path: string) =>
  CurrentDisk.use((disk) =>
    Effect.tryPromise({
      try: async () => decodeCheckpoint(await readWhole(disk, path), path),
      catch: (cause) =>
        new CheckpointError(
          `The checkpoint ${path} cannot be read: ${partsOf(cause).what}.`,
          "Use another one.",
        ),
    })
  );

/** A checkpoint that was passed over. */
export interface Damaged {
  /** Below the folder of the run. */
  readonly name: string;
  readonly error: CheckpointError;
}

/**
 * The latest checkpoint that is whole, if any, and the later ones that were passed over. The one with the best score
 * is a checkpoint like the others where the last of those is lost.
 */
export const latestCheckpoint = Effect.fnUntraced(function* (run: RunFolder) {
  const names = yield* run.list("checkpoints");
  const damaged: Damaged[] = [];
  const read = Effect.fnUntraced(function* (name: string) {
    const result = yield* Effect.result(readCheckpoint(run.file("checkpoints", name)));
    if (result._tag === "Success") return result.success;
    damaged.push({ name: `checkpoints/${name}`, error: result.failure });
    return undefined;
  });
  let checkpoint: Checkpoint | undefined;
  for (const name of numbered(names).reverse()) {
    checkpoint = yield* read(name);
    if (checkpoint !== undefined) break;
  }
  if ((checkpoint === undefined || damaged.length > 0) && names.includes(bestName)) {
    const best = yield* read(bestName);
    const later = best !== undefined && best.progress.step > (checkpoint?.progress.step ?? -1);
    if (later) checkpoint = best;
  }
  return { checkpoint, damaged };
});

/** The checkpoint with the best score, else the latest; fails when there is none. */
export const bestCheckpoint = Effect.fnUntraced(function* (run: RunFolder) {
  const latest = yield* latestCheckpoint(run);
  const damaged = [...latest.damaged];
  if ((yield* run.list("checkpoints")).includes(bestName)) {
    const best = yield* Effect.result(readCheckpoint(run.file("checkpoints", bestName)));
    if (best._tag === "Success") return { checkpoint: best.success, damaged: [] };
    if (damaged.every(({ name }) => !name.endsWith(bestName))) {
      damaged.push({ name: `checkpoints/${bestName}`, error: best.failure });
    }
  }
  if (latest.checkpoint !== undefined) return { checkpoint: latest.checkpoint, damaged };
  return yield* Effect.fail(
    new CheckpointError(
      `The run ${run.name} has no checkpoint that can be read.`,
      damaged.map(({ error }) => error.what).join("\n") || "Train it further first.",
    ),
  );
});
