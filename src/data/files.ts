/** Files as readers see them: opened, read and listed with errors that name path and offset. */

import type { Stats } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  CorruptError,
  DataError,
  MissingFileError,
  TruncatedError,
  UnsupportedError,
  WrongKindError,
} from "./errors.ts";
import { judgeJson } from "./formats/json.ts";
import { checkLimit, defaultLimits, type Limits } from "./limits.ts";

/** A file for reading at any offset. */
export interface RandomAccessFile {
  /** As it was opened. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`.
   *
   * @throws {TruncatedError} when the file ends before.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

const code = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;

// Problems of a path, by the system's code.
const pathFaults: { readonly [code: string]: readonly [what: string, hint: string] } = {
  ENOENT: ["there is no such file", "Check the path, and that the download is complete"],
  ENOTDIR: ["there is no such file", "Check the path, and that the download is complete"],
  EACCES: ["the file may not be read", "Check its permissions"],
  EPERM: ["the file may not be read", "Check its permissions"],
  ELOOP: [
    "the path is a symbolic link that leads back to itself",
    "Remove the link, or let it lead to the file",
  ],
  ENAMETOOLONG: ["the path is longer than the system allows", "Give the file a shorter name"],
  ERR_INVALID_ARG_VALUE: ["the path contains a zero byte", "Check the path"],
  EMFILE: [
    "too many files are open",
    "Close datasets that are done, or raise the limit (ulimit -n)",
  ],
};

/** The error of the file system as one of ours. */
export function fileError(error: unknown, path: string): DataError {
  const name = code(error) ?? "";
  if (name === "EISDIR") return noFile("a folder", path);
  const [what, hint] = pathFaults[name] ?? [
    `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    "Check the disk and the path",
  ];
  return new MissingFileError(what, { path, hint, cause: error });
}

const noFile = (kind: string, path: string) =>
  new WrongKindError(`expected a file, found ${kind}`, {
    path,
    hint: "Give the path of the file",
  });

function kindOf(status: Stats): string {
  if (status.isDirectory()) return "a folder";
  if (status.isFIFO()) return "a named pipe";
  if (status.isSocket()) return "a socket";
  return "a device";
}

/** Opens a file for random access. */
export async function openFile(path: string): Promise<RandomAccessFile> {
  let handle: FileHandle;
  let size: number;
  try {
    // Asked first, since opening a named pipe waits until somebody writes.
    const status = await stat(path);
    if (!status.isFile()) throw noFile(kindOf(status), path);
    size = status.size;
    handle = await open(path, "r");
  } catch (error) {
    throw error instanceof DataError ? error : fileError(error, path);
  }
  return {
    path,
    size,
    async read(offset, length) {
      if (offset + length > size) {
        throw new TruncatedError(
          `expected ${length} bytes from byte ${offset}, but the file ends at byte ${size}`,
          { path, offset: size, hint: "Download the file again" },
        );
      }
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
          .catch((error) => {
            throw fileError(error, path);
          });
        if (bytesRead === 0) {
          throw new TruncatedError("the file became shorter while it was read", {
            path,
            offset: offset + done,
            hint: "Do not write to the file while it is in use",
          });
        }
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** Opens a file, lets `f` use it, and closes it if `f` fails: for readers that keep it open. */
export async function openingFile<T>(
  path: string,
  f: (file: RandomAccessFile) => Promise<T>,
): Promise<T> {
  const file = await openFile(path);
  try {
    return await f(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a file, in order, in pieces of at most `pieceSize`. */
export async function* pieces(
  file: RandomAccessFile,
  start = 0,
  end = file.size,
  pieceSize = 1 << 18,
): AsyncGenerator<Uint8Array> {
  for (let offset = start; offset < end; offset += pieceSize) {
    yield await file.read(offset, Math.min(pieceSize, end - offset));
  }
}

/** Node's Buffer without its `slice`, which would share memory where that of a Uint8Array copies. */
export function plainBytes({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * All bytes of a file.
 *
 * @throws {LimitError} when they are more than `limit` of the limits allows, if one is named.
 */
export async function readBytes(
  path: string,
  limit?: keyof Limits,
  limits?: Partial<Limits>,
): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    const { size } = file;
    if (limit !== undefined) {
      checkLimit(limit, size, `the file has ${size} bytes`, limits, { path });
    }
    return await file.read(0, size);
  } finally {
    await file.close();
  }
}

/**
 * A JSON file.
 *
 * @throws {TruncatedError} when the text ends too early, {@linkcode CorruptError} at the first byte
 * that is not JSON, {@linkcode LimitError} when it is too long, or nested too deeply.
 */
export async function readJson(path: string, limits: Partial<Limits> = {}): Promise<unknown> {
  return parseJson(await readBytes(path, "jsonBytes", limits), path, limits);
}

/** The value of a JSON text; fails as {@linkcode readJson} does. */
export function parseJson(
  bytes: Uint8Array,
  path: string,
  limits: Partial<Limits> = {},
): unknown {
  const { jsonDepth = defaultLimits.jsonDepth } = limits;
  const verdict = judgeJson(bytes, jsonDepth);
  if (verdict.kind === "short") {
    throw new TruncatedError("the JSON text ends before it is complete", {
      path,
      offset: bytes.length,
      hint: "Download the file again",
    });
  }
  const corrupt = (what: string, offset: number | undefined, cause?: unknown) =>
    new CorruptError(what, {
      path,
      offset,
      hint: "Check that the file is what its name says, and download it again",
      cause,
    });
  if (verdict.kind === "wrong") throw corrupt("this is not JSON", verdict.offset);
  if (verdict.kind === "deep") {
    const what = "the JSON text has lists inside lists without end";
    checkLimit("jsonDepth", jsonDepth + 1, what, limits, { path, offset: verdict.offset });
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw corrupt("the JSON text is not UTF-8", undefined, error);
  }
}

/** True if a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

/** True if a folder is there. */
export async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then((status) => status.isDirectory(), () => false);
}

/** The files below a folder whose names match, as sorted paths relative to it. */
export async function listFiles(
  folder: string,
  pattern: RegExp,
  { recursive = false }: { readonly recursive?: boolean } = {},
): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (code(error) === "ENOTDIR") {
      throw new WrongKindError("expected a folder, found a file", {
        path: folder,
        hint: "Give the path of the folder",
        cause: error,
      });
    }
    throw fileError(error, folder);
  }
  const found: string[] = [];
  for (const entry of entries) {
    const directory = entry.isDirectory();
    if (directory ? !recursive : !pattern.test(entry.name)) continue;
    // Node replaces bytes that are no UTF-8, so that the name leads nowhere.
    if (entry.name.includes("\ufffd") && !(await exists(join(folder, entry.name)))) {
      throw new UnsupportedError("the name of a file or folder is not UTF-8", {
        path: join(folder, entry.name),
        hint: "Rename it",
      });
    }
    if (directory) {
      const below = await listFiles(join(folder, entry.name), pattern, { recursive });
      found.push(...below.map((name) => `${entry.name}/${name}`));
    } else found.push(entry.name);
  }
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
