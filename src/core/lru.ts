/** A cache that holds so much and no more. */

/** Values by key; when there are too many, the least recently used goes. */
export class LruCache<T> {
  // Maps keep the order of insertion: the first is the one that was used longest ago.
  readonly #values = new Map<string, T>();

  /** `drop` is called with a value that goes, and its key. */
  constructor(
    private readonly limit: number,
    private readonly drop: (value: T, key: string) => void,
  ) {}

  /** The value of a key, which is now the one used last. */
  get(key: string): T | undefined {
    const found = this.#values.get(key);
    if (found !== undefined && this.#values.delete(key)) this.#values.set(key, found);
    return found;
  }

  /** Adds a value, and gives it back. */
  add(key: string, value: T): T {
    this.#values.set(key, value);
    if (this.#values.size > this.limit) {
      const [oldest, unused] = this.#values.entries().next().value!;
      this.#values.delete(oldest);
      this.drop(unused, oldest);
    }
    return value;
  }
}
