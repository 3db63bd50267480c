/** Digests of what a run depends on beside its config: the code that trains, and the files that it reads. */
import { createHash } from "node:crypto";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Context, Effect } from "effect";
import manifest from "../../../package.json" with { type: "json" };
import { dataPath } from "../dataPath.ts";
import { datasetError, fileError } from "../errors.ts";
import type { ExperimentConfig } from "../schema.ts";

/** All files below a folder, with their sizes, in an order that is the same on every host. */
async function filesBelow(folder: string): Promise<{ path: string; size: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const files = await Promise.all(
    paths.map(async (path) => ({ path, size: (await stat(path)).size })),
  );
  return files.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

async function digestOfCode(): Promise<string> {
  const hash = createHash("sha256").update(manifest.version);
  hash.update(JSON.stringify(manifest.dependencies));
  const here = new URL("../../", import.meta.url);
  if (here.protocol === "file:") {
    const folder = fileURLToPath(here);
    for (const { path } of await filesBelow(folder)) {
      if (!/\.[cm]?[jt]s$/.test(path)) continue;
      hash.update(`${relative(folder, path).split(sep).join("/")}\n`).update(await readFile(path));
    }
  }
  // A program with tasks of its own has a main module of its own.
  const main = process.argv[1];
  if (main !== undefined) hash.update(await readFile(main).catch(() => ""));
  return hash.digest("hex");
}

let own: Promise<string> | undefined;

/**
 * The digest of this package, of the versions of its dependencies, and of the main module. Modules that a program's own
 * main module imports are not in it.
 */
export const CurrentCode = Context.Reference<() => Promise<string>>("trilevel/CurrentCode", {
  defaultValue: () => () => own ??= digestOfCode(),
});

/** See {@link CurrentCode}. */
export const codeIdentity = CurrentCode.use((digest) =>
  Effect.tryPromise({
    try: digest,
    catch: fileError("The code of this program cannot be read to compute its digest."),
  })
);

const sampled = 16;
const sampleBytes = 1 << 16;

/**
 * The digest of files: all names and sizes, and the first and last 64 KiB of at most 16 files at equal distances. Times
 * and places do not enter, since hosts may hold copies.
 */
async function digestOfFiles(path: string): Promise<string> {
  const hash = createHash("sha256");
  const whole = await stat(path);
  const files = whole.isDirectory() ? await filesBelow(path) : [{ path, size: whole.size }];
  for (const file of files) hash.update(`${relative(path, file.path)}\n${file.size}\n`);
  const stride = Math.max(1, Math.ceil(files.length / sampled));
  for (const file of files.filter((_, i) => i % stride === 0)) {
    const handle = await open(file.path);
    try {
      const bytes = new Uint8Array(sampleBytes);
      for (const at of new Set([0, Math.max(0, file.size - sampleBytes)])) {
        const { bytesRead } = await handle.read(bytes, 0, sampleBytes, at);
        hash.update(bytes.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest("hex");
}

/** The files that a config names: `data.path`, and the checkpoint that it starts from. */
function pathsOf({ data, start }: ExperimentConfig): string[] {
  const path = typeof data === "object" && data !== null && "path" in data ? data.path : undefined;
  return [
    ...(typeof path === "string" ? [dataPath(path)] : []),
    ...(start === undefined ? [] : [start.from]),
  ];
}

/** The digest of the files that a config reads. Generated data follows from config and code. */
export const dataIdentity = (config: ExperimentConfig) => {
  const paths = pathsOf(config);
  return paths.length === 0 ? Effect.succeed("") : Effect.tryPromise({
    try: async () => (await Promise.all(paths.map(digestOfFiles))).join(" "),
    catch: datasetError(`The data of the config "${config.name}" cannot be read: ${paths}.`),
  });
};
