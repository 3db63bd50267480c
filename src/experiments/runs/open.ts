/** Folders of runs: made, found by name, listed by the time at which each run began. */
import { basename, join } from "node:path";
import { Effect } from "effect";
import { makeFolders } from "../../data/atomic.ts";
import { decodeConfig } from "../config/decode.ts";
import type { ExperimentConfig } from "../schema.ts";
import { ConfigError, RunError } from "../errors.ts";
import { latestCheckpoint } from "./checkpoint.ts";
import { CurrentDisk, onDisk, RunFolder } from "./folder.ts";

/** A new folder for a run; two that begin in the same second get two. */
export const createRun = Effect.fnUntraced(
  function* (root: string, config: ExperimentConfig, environment: unknown, time: Date) {
    const stamp = time.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
    const folder = yield* onDisk(`No folder can be made in ${root}.`, async (disk) => {
      await makeFolders(root, disk);
      for (let n = 1;; n++) {
        const path = join(root, `${config.name}-${stamp}${n === 1 ? "" : `-${n}`}`);
        if (!(await disk.makeFolder(path))) continue;
        await disk.syncFolder(root);
        return new RunFolder(path);
      }
    });
    yield* folder.writeConfig(config);
    yield* folder.addEnvironment(environment);
    return folder;
  },
);

/** A run that was found. */
export interface OpenRun {
  readonly folder: RunFolder;
  readonly config: ExperimentConfig;
  /** Peculiarities that were found, in words. */
  readonly warnings: readonly string[];
}

/** Opens a run by its folder, by its name below `root`, or the one that began last as `latest`. */
export const openRun = Effect.fnUntraced(function* (root: string, name: string) {
  const candidates = name === "latest"
    ? (yield* listRuns(root)).slice(-1)
    : [name, join(root, name)];
  for (const path of candidates) {
    const folder = new RunFolder(path);
    if (yield* isRun(path)) return yield* openFolder(folder);
  }
  const known = (yield* listRuns(root)).map((path) => basename(path));
  return yield* Effect.fail(
    new RunError(
      `There is no run "${name}" in ${root}.`,
      known.length === 0
        ? "Start one: deno task train."
        : `Name one of: ${known.slice(-8).join(", ")}; or use latest.`,
    ),
  );
});

/** The config of a run is in config.json, where users may change it, and in its checkpoints. */
const openFolder = Effect.fnUntraced(function* (folder: RunFolder) {
  const path = folder.file("config.json");
  const bytes = yield* folder.read("config.json");
  if (bytes !== undefined) {
    const input = yield* Effect.try({
      try: (): unknown => JSON.parse(new TextDecoder().decode(bytes)),
      catch: (cause) =>
        new ConfigError(
          `${path} is not JSON: ${cause instanceof Error ? cause.message : cause}.`,
          [],
          "Correct it, or delete it: then the config inside the latest checkpoint takes its place.",
        ),
    });
    const config = yield* decodeConfig(input, path);
    return { folder, config, warnings: [] } satisfies OpenRun;
  }
  const { checkpoint, damaged } = yield* latestCheckpoint(folder);
  if (checkpoint === undefined) {
    return yield* Effect.fail(
      new RunError(
        `${path} is gone, and no checkpoint beside it can be read.`,
        damaged.map(({ error }) => error.what).join("\n") || "Put config.json back.",
      ),
    );
  }
  const config = yield* decodeConfig(checkpoint.maker.config, `The config in ${checkpoint.path}`);
  const warnings = [
    `${path} is gone; the config inside ${basename(checkpoint.path)} takes its place`,
  ];
  return { folder, config, warnings } satisfies OpenRun;
});

const isRun = (path: string) =>
  CurrentDisk.use((disk) =>
    Effect.promise(async () => {
      const names = await disk.list(path).catch((): string[] => []); // a file is no run
      return names.includes("config.json") || names.includes("checkpoints");
    })
  );

/** The folders of all runs below `root`, in the order in which they began. */
export const listRuns = Effect.fnUntraced(function* (root: string) {
  const names = yield* onDisk(`${root} cannot be read.`, (disk) => disk.list(root));
  const found: { readonly path: string; readonly began: string }[] = [];
  for (const name of names) {
    const path = join(root, name);
    if (yield* isRun(path)) found.push({ path, began: yield* beginning(new RunFolder(path)) });
  }
  return found
    .sort((a, b) => compare(a.began, b.began) || compare(a.path, b.path))
    .map(({ path }) => path);
});

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;

/** The time at which a run began, as text that sorts; of a renamed one from its environment.json. */
const beginning = Effect.fnUntraced(function* (run: RunFolder) {
  const first = (yield* run.environments()).value?.[0];
  if (typeof first === "object" && first !== null && "started" in first) {
    const time = new Date(String(first.started)).getTime();
    if (!Number.isNaN(time)) return new Date(time).toISOString();
  }
  const stamp = /-(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)(?:-\d+)?$/.exec(run.name);
  return stamp === null
    ? ""
    : `${stamp[1]}-${stamp[2]}-${stamp[3]}T${stamp[4]}:${stamp[5]}:${stamp[6]}`;
});
