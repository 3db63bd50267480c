/**
 * A disk in memory that fails at an operation of choice, and forgets in a power failure what was not synced: contents
 * of files, and names in folders, each on its own. What survives of them is up to the caller.
 */
import { basename, dirname } from "node:path";
import type { Contents, Disk } from "../../src/data/disk.ts";

class File {
  bytes: Uint8Array = new Uint8Array();
  durable: Uint8Array = new Uint8Array();
}

type Entry = File | Folder;

class Folder {
  entries = new Map<string, Entry>();
  durable = new Map<string, Entry>();
  /** Changes of names since the last sync; a rename is one. */
  pending: (readonly (readonly [name: string, entry: Entry | undefined])[])[] = [];

  change(...names: readonly (readonly [string, Entry | undefined])[]): void {
    apply(this.entries, names);
    this.pending.push(names);
  }
}

function apply(
  entries: Map<string, Entry>,
  names: readonly (readonly [string, Entry | undefined])[],
): void {
  for (const [name, entry] of names) {
    if (entry === undefined) entries.delete(name);
    else entries.set(name, entry);
  }
}

/** What an operation does in place of what it should. */
export interface Fault {
  /** The operation at which it happens, counted from 1. */
  readonly at: number;
  /**
   * `power`: nothing happens from there on. `error`: this operation fails. `full`: writing fails from there on. What
   * fails to be written is written in part.
   */
  readonly kind: "power" | "error" | "full";
}

/** What survives of things that were not synced: a number in [0, 1) each time, and nothing below 1/2 does. */
export type Chance = () => number;

const failure = (code: string, path: string) =>
  Object.assign(new Error(`${code}: ${path}`), { code, path });

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

/** A disk in memory. */
export class FaultyDisk implements Disk {
  /** The operations so far, such as `rename /runs/a`. */
  readonly log: string[] = [];

  constructor(private readonly fault?: Fault, private readonly root = new Folder()) {}

  /** The disk after the power came back. */
  afterPowerFailure(chance: Chance, fault?: Fault): FaultyDisk {
    const seen = new Map<Entry, Entry>();
    const survivor = (entry: Entry): Entry => {
      const known = seen.get(entry);
      if (known !== undefined) return known;
      if (entry instanceof File) {
        const file = new File();
        seen.set(entry, file);
        file.bytes = file.durable = survivingBytes(entry, chance);
        return file;
      }
      const folder = new Folder();
      seen.set(entry, folder);
      const entries = new Map(entry.durable);
      for (const names of entry.pending) if (chance() >= 0.5) apply(entries, names);
      for (const [name, inner] of entries) folder.entries.set(name, survivor(inner));
      folder.durable = new Map(folder.entries);
      return folder;
    };
    return new FaultyDisk(fault, survivor(this.root) as Folder); // the survivor of a folder is one
  }

  /** The same contents with another fault, as the next process finds them. */
  next(fault?: Fault): FaultyDisk {
    return new FaultyDisk(fault, this.root);
  }

  /** Counts an operation; gives the error that it ends in. */
  #begin(name: string, path: string): Error | undefined {
    this.log.push(`${name} ${path}`);
    if (this.fault === undefined || this.log.length < this.fault.at) return undefined;
    const { at, kind } = this.fault;
    const writing = name === "create" || name === "append" || name === "makeFolder";
    if (kind === "power") return failure("POWER", path);
    if (kind === "full") return writing ? failure("ENOSPC", path) : undefined;
    return this.log.length === at ? failure("EIO", path) : undefined;
  }

  /** An operation that happens as a whole or fails. */
  #whole<T>(name: string, path: string, work: () => T): Promise<T> {
    const error = this.#begin(name, path);
    if (error !== undefined) return Promise.reject(error);
    try {
      return Promise.resolve(work());
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  #find(path: string): Entry | undefined {
    if (path === "/") return this.root;
    const parent = this.#find(dirname(path));
    return parent instanceof Folder ? parent.entries.get(basename(path)) : undefined;
  }
  #folder(path: string): Folder {
    const found = this.#find(path);
    if (found instanceof Folder) return found;
    throw failure(found === undefined ? "ENOENT" : "ENOTDIR", path);
  }
  #file(path: string): File {
    const found = this.#find(path);
    if (found instanceof File) return found;
    throw failure(found === undefined ? "ENOENT" : "EISDIR", path);
  }

  makeFolder(path: string) {
    return this.#whole("makeFolder", path, () => {
      const parent = this.#folder(dirname(path));
      if (parent.entries.has(basename(path))) return false;
      parent.change([basename(path), new Folder()]);
      return true;
    });
  }

  async create(path: string, contents: Contents) {
    const error = this.#begin("create", path);
    const parent = this.#folder(dirname(path));
    if (parent.entries.has(basename(path))) throw failure("EEXIST", path);
    const file = new File();
    parent.change([basename(path), file]);
    for await (const bytes of contents instanceof Uint8Array ? [contents] : contents) {
      file.bytes = concatenate(file.bytes, bytes);
    }
    this.#cut(file, 0, error);
  }

  async append(path: string, bytes: Uint8Array) {
    const error = this.#begin("append", path);
    const parent = this.#folder(dirname(path));
    let file = parent.entries.get(basename(path));
    if (!(file instanceof File)) parent.change([basename(path), file = new File()]);
    const before = file.bytes.length;
    file.bytes = concatenate(file.bytes, bytes);
    await Promise.resolve();
    this.#cut(file, before, error);
  }

  /** Half of what was written stays where writing it failed. */
  #cut(file: File, before: number, error: Error | undefined): void {
    if (error === undefined) return;
    file.bytes = file.bytes.slice(0, before + Math.floor((file.bytes.length - before) / 2));
    throw error;
  }

  rename(from: string, to: string) {
    return this.#whole("rename", to, () => {
      const entry = this.#find(from);
      if (entry === undefined) throw failure("ENOENT", from);
      if (dirname(from) !== dirname(to)) throw failure("EXDEV", to);
      this.#folder(dirname(from)).change([basename(from), undefined], [basename(to), entry]);
    });
  }

  remove(path: string) {
    return this.#whole("remove", path, () => {
      const parent = this.#find(dirname(path));
      if (parent instanceof Folder && parent.entries.has(basename(path))) {
        parent.change([basename(path), undefined]);
      }
    });
  }

  syncFile(path: string) {
    return this.#whole("syncFile", path, () => {
      const file = this.#file(path);
      file.durable = file.bytes;
    });
  }

  syncFolder(path: string) {
    return this.#whole("syncFolder", path, () => {
      const folder = this.#folder(path);
      folder.durable = new Map(folder.entries);
      folder.pending = [];
    });
  }

  list(path: string) {
    return this.#whole("list", path, () => {
      const found = this.#find(path);
      return found === undefined ? [] : [...this.#folder(path).entries.keys()].sort();
    });
  }

  async *read(path: string) {
    const bytes = await this.#whole("read", path, () => this.#file(path).bytes);
    // In pieces that end anywhere.
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.slice(at, at + 1000);
  }
}

/** The bytes of a file after a power failure: those that were synced, and what chance leaves of the later ones. */
function survivingBytes({ bytes, durable }: File, chance: Chance): Uint8Array {
  const luck = chance();
  if (luck >= 0.75) return bytes;
  if (luck < 0.5) return durable;
  // The length was written, and of what came after the synced part only a beginning.
  const kept = Math.floor(durable.length + (bytes.length - durable.length) * chance());
  return bytes.map((byte, i) => i < kept ? byte : 0);
}
