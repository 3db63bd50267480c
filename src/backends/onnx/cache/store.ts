/**
 * A directory of values by key. An entry is a checksum of key and value, and the serialized value; one that does not
 * match counts as missing. Entries are written aside and then renamed, so that processes may share a directory.
 *
 * Entries are code that is run, so nobody but their owner may write them: a directory or an entry that others own or
 * may write is not used.
 */
import type { Stats } from "node:fs";
import { host } from "./host.ts";

/** The names of files written here; others in the directory are left alone. */
const ours = /^[0-9a-f]{64}\.(entry|[0-9a-f-]{36}\.part)$/;

const checksumBytes = 32;

/** Values by key: a SHA-256 in hexadecimal digits. */
export class Store {
  readonly #host = host();
  readonly #directory: string;
  /** The bytes in the directory, as far as this process knows: before its first write, nothing. */
  #bytes = Infinity;

  /**
   * Keeps about so many bytes at most: beyond, what was used least recently goes.
   *
   * @throws where there is no such directory and none can be made, and where others may write in it.
   */
  constructor(directory: string, private readonly mostBytes = 2 ** 28) {
    const { fs, path } = this.#host;
    this.#directory = path.resolve(directory);
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const stranger = this.#stranger(fs.statSync(this.#directory));
    if (stranger !== undefined) throw new Error(stranger);
  }

  /** The stored entry; undefined if it is missing or damaged. */
  read(key: string): unknown {
    const { fs, v8 } = this.#host;
    const entry = this.#entry(key);
    try {
      if (this.#stranger(fs.statSync(entry)) !== undefined) return undefined;
      const bytes = fs.readFileSync(entry);
      const body = bytes.subarray(checksumBytes);
      if (!this.#checksum(key, body).equals(bytes.subarray(0, checksumBytes))) return undefined;
      this.#touch(entry);
      return v8.deserialize(body);
    } catch {
      return undefined;
    }
  }

  /** Names other users that may write a file or directory; undefined if there are none. Windows has no modes. */
  #stranger({ uid, mode }: Pick<Stats, "uid" | "mode">): string | undefined {
    const own = this.#host.process.getuid?.();
    if (own === undefined) return undefined;
    if (uid !== own && uid !== 0) {
      return `it belongs to the user ${uid}, who could write code there that is run; name a directory of your own`;
    }
    if ((mode & 0o022) === 0) return undefined;
    return "others may write code there that is run; forbid it with chmod go-w, or name another directory";
  }

  /** Says that an entry was used. */
  #touch(entry: string): void {
    const now = new Date();
    try {
      this.#host.fs.utimesSync(entry, now, now);
    } catch {
      // It was removed meanwhile, or may only be read.
    }
  }

  /** Keeps a value. @throws where it cannot be written. */
  write(key: string, value: unknown): void {
    const { crypto, fs, path, v8 } = this.#host;
    const body = v8.serialize(value);
    const bytes = new Uint8Array(checksumBytes + body.length);
    bytes.set(this.#checksum(key, body));
    bytes.set(body, checksumBytes);
    const part = path.join(this.#directory, `${key}.${crypto.randomUUID()}.part`);
    try {
      fs.writeFileSync(part, bytes, { flag: "wx", mode: 0o600 });
      fs.renameSync(part, this.#entry(key));
    } finally {
      fs.rmSync(part, { force: true });
    }
    this.#bytes += bytes.length;
    if (this.#bytes > this.mostBytes) this.#bytes = this.#prune();
  }

  /** Makes room if there is too much; gives the bytes that are left. */
  #prune(): number {
    const { fs, path } = this.#host;
    const files = fs.readdirSync(this.#directory).filter((name) => ours.test(name)).flatMap(
      (name) => {
        const file = path.join(this.#directory, name);
        const found = fs.statSync(file, { throwIfNoEntry: false });
        return found ? [{ file, size: found.size, used: found.mtimeMs }] : [];
      },
    ).sort((a, b) => a.used - b.used);
    let bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes <= this.mostBytes) return bytes;
    for (const { file, size } of files) {
      if (bytes <= this.mostBytes / 2) break;
      fs.rmSync(file, { force: true });
      bytes -= size;
    }
    return bytes;
  }

  #entry(key: string): string {
    return this.#host.path.join(this.#directory, `${key}.entry`);
  }

  #checksum(key: string, body: Uint8Array) {
    return this.#host.crypto.createHash("sha256").update(key).update(body).digest();
  }
}
