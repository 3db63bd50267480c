/**
 * A directory of values by key. An entry is a checksum and a serialized value; one that does not match counts as
 * missing. Entries are written aside and then renamed, so that processes may share a directory.
 */
import { host } from "./host.ts";

/** What files written here are called; others in the directory are left alone. */
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
   * @throws where there is no such directory and none can be made.
   */
  constructor(directory: string, private readonly mostBytes = 2 ** 28) {
    const { fs, path } = this.#host;
    this.#directory = path.resolve(directory);
    // Entries are run: nobody else should write them.
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** What was written; nothing where that is missing or damaged. */
  read(key: string): unknown {
    const { fs, v8 } = this.#host;
    const entry = this.#entry(key);
    try {
      const bytes = fs.readFileSync(entry);
      const body = bytes.subarray(checksumBytes);
      if (!this.#checksum(key, body).equals(bytes.subarray(0, checksumBytes))) return undefined;
      this.#touch(entry);
      return v8.deserialize(body);
    } catch {
      return undefined;
    }
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
      fs.writeFileSync(part, bytes);
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
