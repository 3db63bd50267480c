/**
 * Writing so that a reader sees all of it or nothing: under a temporary name, fsynced, then renamed.
 */

import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const partial = ".partial-";
const temporaryName = (path: string) => `${path}${partial}${crypto.randomUUID()}`;

/** Makes what was written to a file or folder durable. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch {
    // Some file systems cannot sync a folder; its files have been synced already.
  } finally {
    await handle.close();
  }
}

/** Creates or replaces a file; whoever reads it meanwhile sees the old bytes or the new ones. */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(path);
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flush(dirname(path));
}

/** Removes what a killed process was writing in a folder and below; only for a folder without another writer. */
export async function removePartial(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    if (basename(name).includes(partial)) await rm(join(folder, name), { force: true });
  }
}

/**
 * Creates a folder that appears complete or not at all.
 *
 * `fill` writes the contents into the temporary folder it is given. If it throws, nothing is kept. If
 * another process finishes the same folder first, that one stays. What a killed process left behind is
 * removed by the next call, once nobody has written to it for an hour.
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
    for (const name of await readdir(temporary)) await flush(join(temporary, name));
    await flush(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const taken = error instanceof Error && "code" in error &&
      (error.code === "ENOTEMPTY" || error.code === "EEXIST");
    if (!taken) throw error;
  }
  await flush(dirname(path));
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
