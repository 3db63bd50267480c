/** Files as readers see them: opened, read and listed with errors that name path and offset. */

import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CorruptError, MissingFileError, TruncatedError, WrongKindError } from "./errors.ts";

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

function fileError(error: unknown, path: string): Error {
  switch (code(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return new MissingFileError("there is no such file", {
        path,
        cure: "Check the path, and that the download is complete",
        cause: error,
      });
    case "EISDIR":
      return new WrongKindError("a file was expected, this is a folder", {
        path,
        cure: "Give the path of the file",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new MissingFileError("the file may not be read", {
        path,
        cure: "Check its permissions",
        cause: error,
      });
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}

/** Opens a file for random access. */
export async function openFile(path: string): Promise<RandomAccessFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw fileError(error, path);
  }
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    throw new WrongKindError("a file was expected, this is a folder", {
      path,
      cure: "Give the path of the file",
    });
  }
  const { size } = status;
  return {
    path,
    size,
    async read(offset, length) {
      if (offset + length > size) {
        throw new TruncatedError(
          `${length} bytes from byte ${offset} are wanted, the file ends at ${size}`,
          { path, offset: size, cure: "Download the file again" },
        );
      }
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) {
          throw new TruncatedError("the file became shorter while it was read", {
            path,
            offset: offset + done,
            cure: "Do not write to the file while it is in use",
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

/** All bytes of a file. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return plainBytes(await readFile(path));
  } catch (error) {
    throw fileError(error, path);
  }
}

/**
 * A JSON file.
 *
 * @throws {TruncatedError} when the text ends too early, {@linkcode CorruptError} at the first byte
 * that is not JSON.
 */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readBytes(path);
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = firstWrong(text);
    if (position >= text.length) {
      throw new TruncatedError("the JSON text ends before it is complete", {
        path,
        offset: bytes.length,
        cure: "Download the file again",
        cause: error,
      });
    }
    throw new CorruptError("this is not JSON", {
      path,
      offset: new TextEncoder().encode(text.slice(0, position)).length,
      cure: "Check that the file is what its name says, and download it again",
      cause: error,
    });
  }
}

// JSON.parse does not always tell where it stopped. A prefix of the text fails for being too short
// exactly when the first wrong character is not in it, so bisection finds that character.
function firstWrong(text: string): number {
  const tooShort = (length: number): boolean => {
    try {
      JSON.parse(text.slice(0, length));
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : "";
      const position = /at position (\d+)/.exec(message)?.[1];
      return /end of JSON|Unterminated/.test(message) ||
        (position !== undefined && Number(position) >= length);
    }
  };
  let [low, high] = [0, text.length + 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tooShort(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(() => true, () => false);
}

/** Whether a folder is there. */
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
      throw new WrongKindError("a folder was expected, this is a file", {
        path: folder,
        cure: "Give the path of the folder",
        cause: error,
      });
    }
    throw fileError(error, folder);
  }
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) {
      if (!recursive) continue;
      const below = await listFiles(join(folder, entry.name), pattern, { recursive });
      found.push(...below.map((name) => `${entry.name}/${name}`));
    } else if (pattern.test(entry.name)) {
      found.push(entry.name);
    }
  }
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
