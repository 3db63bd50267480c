/**
 * The few things that files are asked for when nothing may be lost. They are an interface so that tests can hand in a
 * disk that fails, or forgets what was not synced, at any operation.
 *
 * After a power failure a disk has what was synced: a file's contents after `syncFile`, and names (created,
 * renamed, removed) after `syncFolder` on the folder that they are in. Anything else may be there or not.
 */
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";

/** Contents of a file, whole or in pieces. */
export type Contents = Uint8Array | AsyncIterable<Uint8Array>;

/** Operations on files; errors are those of `node:fs`, with their `code`. */
export interface Disk {
  /** Makes one folder; gives false when something of this name exists. */
  makeFolder(path: string): Promise<boolean>;
  /** Writes a file that must not exist yet. */
  create(path: string, contents: Contents): Promise<void>;
  /** Adds to the end of a file, which is created when there is none. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder and all that is in it; nothing happens when there is none. */
  remove(path: string): Promise<void>;
  syncFile(path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
  /** The names in a folder, sorted; none when there is no such folder. */
  list(path: string): Promise<string[]>;
  /** The contents of a file, piece by piece. */
  read(path: string): AsyncIterable<Uint8Array>;
}

const code = (error: unknown) =>
  error instanceof Error && "code" in error ? String(error.code) : "";

/** A value in place of an error of one of these codes. */
export function unlessCode<T>(value: T, ...codes: readonly string[]): (error: unknown) => T {
  return (error) => {
    if (codes.includes(code(error))) return value;
    throw error;
  };
}

/** The file system of this machine. */
export const nodeDisk: Disk = {
  makeFolder: (path) => mkdir(path).then(() => true, unlessCode(false, "EEXIST")),
  async create(path, contents) {
    const file = await open(path, "wx");
    try {
      if (contents instanceof Uint8Array) await file.writeFile(contents);
      else for await (const bytes of contents) await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  },
  async append(path, bytes) {
    const file = await open(path, "a");
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  },
  rename: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
  async syncFile(path) {
    // Windows flushes only files that are open for writing.
    const file = await open(path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  async syncFolder(path) {
    // Windows and some network file systems cannot sync a folder; they need no other treatment.
    const cannot = ["EINVAL", "EISDIR", "EPERM", "EACCES", "EBADF", "ENOTSUP"];
    const folder = await open(path, "r").catch(unlessCode(undefined, ...cannot));
    try {
      await folder?.sync().catch(unlessCode(undefined, ...cannot));
    } finally {
      await folder?.close();
    }
  },
  list: (path) => readdir(path).then((names) => names.sort(), unlessCode([], "ENOENT")),
  async *read(path) {
    const file = await open(path, "r");
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(1 << 16), 0, 1 << 16, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  },
};

/** All of a file. */
export async function readWhole(disk: Disk, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of disk.read(path)) {
    parts.push(part);
    length += part.length;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
