/** Stamps, by which the conversion cache recognizes the files of a source. */

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MissingFileError } from "./errors.ts";
import { listFiles } from "./files.ts";

/**
 * Identifies one state of a file by its path, length and time of change. The stamp of a
 * folder is of all files in it, at any depth: path, their number, and a hash of their own stamps.
 *
 * @throws {MissingFileError} when there is none.
 */
export async function fileStamp(path: string): Promise<readonly [string, number, number | string]> {
  const state = await stat(path).catch((cause) => {
    throw new MissingFileError("there is no such file or folder", {
      path,
      hint: "Check the path",
      cause,
    });
  });
  if (!state.isDirectory()) return [resolve(path), state.size, state.mtimeMs];
  const hash = createHash("sha256");
  const names = await listFiles(path, /./, { recursive: true });
  for (const name of names) {
    // A link may lead nowhere.
    const { size, mtimeMs } = await stat(join(path, name)).catch(() => ({ size: 0, mtimeMs: 0 }));
    hash.update(`${name}\n${size}\n${mtimeMs}\n`);
  }
  return [resolve(path), names.length, hash.digest("hex")];
}
