/**
 * Every loan of a cell writes in a folder of its own, `<name>-<key>.<epoch>`, so that no folder ever has two writers: a
 * worker that was cut off, or stopped for a while, may go on to write where it did, and nobody reads there any more. The
 * next attempt begins with a copy of what the ones before had saved.
 */
import { cp, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Effect } from "effect";
import { makeFolders } from "../../data/atomic.ts";
import { nodeDisk } from "../../data/disk.ts";
import { fileError } from "../errors.ts";
import { latestCheckpoint } from "../runs/checkpoint.ts";
import { RunFolder } from "../runs/folder.ts";
import { attemptFolder } from "./cell.ts";
import type { Loan } from "./store.ts";

/** The folders of attempts before an epoch, the latest first. */
const before = (root: string, folder: string, epoch: number) =>
  Effect.tryPromise({
    try: async () => {
      const place = dirname(join(root, folder));
      const name = `${basename(folder)}.`;
      const numbers = (await nodeDisk.list(place)).filter((found) => found.startsWith(name))
        .map((found) => Number(found.slice(name.length)))
        .filter((number) => Number.isInteger(number) && number < epoch);
      return numbers.sort((a, b) => b - a).map((number) => attemptFolder(root, folder, number));
    },
    catch: fileError(`The folder of runs ${root} cannot be read.`),
  });

/** The folder for a loan, with the latest checkpoint that any attempt has made, or none. */
export const beginAttempt = Effect.fnUntraced(function* (root: string, { cell, epoch }: Loan) {
  const target = attemptFolder(root, cell.folder, epoch);
  let best: { readonly run: RunFolder; readonly step: number } | undefined;
  for (const run of yield* before(root, cell.folder, epoch)) {
    const { checkpoint } = yield* latestCheckpoint(run);
    if (checkpoint === undefined || checkpoint.progress.step <= (best?.step ?? -1)) continue;
    best = { run, step: checkpoint.progress.step };
  }
  if (best === undefined) {
    yield* target.writeConfig(cell.config);
    return target;
  }
  const { run } = best;
  yield* Effect.tryPromise({
    try: async () => {
      const temporary = `${target.path}.partial-${crypto.randomUUID()}`;
      await makeFolders(join(temporary, "checkpoints"));
      // Checkpoints first: the metrics of a step are always written before a checkpoint that stands for them.
      await cp(run.file("checkpoints"), join(temporary, "checkpoints"), { recursive: true });
      await cp(run.path, temporary, {
        recursive: true,
        filter: (from) => from !== run.file("checkpoints") && !/lock-\d+\.json$/.test(from),
      });
      await rm(target.path, { recursive: true, force: true });
      await rename(temporary, target.path);
      await nodeDisk.syncFolder(dirname(target.path));
    },
    catch: fileError(`The attempt ${run.path} cannot be copied to go on with.`),
  }).pipe(Effect.retry({ times: 3 })); // a writer that was cut off may remove files meanwhile
  return new RunFolder(target.path);
});

/** Removes the folders of attempts before the one that counts. */
export const forgetAttempts = (root: string, { cell, epoch }: Loan) =>
  before(root, cell.folder, epoch).pipe(
    Effect.flatMap((runs) => Effect.forEach(runs, (run) => run.discard())),
    Effect.ignore,
  );
