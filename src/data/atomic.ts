/**
 * Writing so that a reader sees all of it or nothing: under a temporary name, fsynced, then renamed.
 */

import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Contents, type Disk, nodeDisk, unlessCode } from "./disk.ts";

const partial = ".partial-";
const temporaryName = (path: string) => `${path}${partial}${crypto.randomUUID()}`;

/**
 * Creates or replaces a file; a reader sees, at any time and after a power failure, the old bytes or the new
 * ones. When it returns, the new ones are durable.
 */
export async function writeFileAtomically(
  path: string,
  contents: Contents,
  disk: Disk = nodeDisk,
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await disk.create(temporary, contents);
    // Synced before it gets its name: a name may outlive a power failure that its contents did not.
    await disk.syncFile(temporary);
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary).catch(() => {}); // the first error is the one to report
    throw error;
  }
  await disk.syncFolder(dirname(path));
}

/** Makes a folder and those above it that do not exist, all of them durable. */
export async function makeFolders(path: string, disk: Disk = nodeDisk): Promise<void> {
  const above = dirname(path);
  const made = await disk.makeFolder(path).catch(unlessCode(undefined, "ENOENT"));
  if (made === undefined) {
    await makeFolders(above, disk);
    await disk.makeFolder(path);
  }
  if (made !== false) await disk.syncFolder(above);
}

/** Removes what a killed process was writing in a folder; only for a folder without another writer. */
export async function removePartial(folder: string, disk: Disk = nodeDisk): Promise<void> {
  for (const name of await disk.list(folder)) {
    if (name.includes(partial)) await disk.remove(join(folder, name));
  }
}

/**
 * Creates a folder that appears complete or not at all.
 *
 * `fill` writes the contents into the temporary folder it is given. If it throws, nothing is kept. If
 * another process finishes the same folder first, that one stays. What a killed process left behind is
 * removed by the next call, once it has not been written to for an hour.
 */
export async function createFolderAtomically(
  path: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await sweep(path);
  const temporary = temporaryName(path);
  try {
    await mkdir(temporary);
    await fill(temporary);
    for (const name of await readdir(temporary)) await nodeDisk.syncFile(join(temporary, name));
    await nodeDisk.syncFolder(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const taken = error instanceof Error && "code" in error &&
      (error.code === "ENOTEMPTY" || error.code === "EEXIST");
    if (!taken) throw error;
  }
  await nodeDisk.syncFolder(dirname(path));
}

async function sweep(path: string, hour = 3600e3): Promise<void> {
  const parent = dirname(path);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(basename(path) + partial)) continue;
    const left = join(parent, name);
    const files = await readdir(left).catch(() => []);
    const times = await Promise.all(
      [left, ...files.map((file) => join(left, file))].map((file) =>
        stat(file).then(({ mtimeMs }) => mtimeMs, () => 0)
      ),
    );
    if (Math.max(...times) < Date.now() - hour) await rm(left, { recursive: true, force: true });
  }
}
