/** A disk that writes while a loan lasts and not after, so that a worker that lost its cell leaves its folder alone. */
import process from "node:process";
import type { Disk } from "../../data/disk.ts";

/** The end of the loan under which a process writes. */
export class Fence {
  #until = Infinity;
  readonly #parent = process.ppid;

  /** Moves the end of the loan, in milliseconds since 1970. */
  lend(until: number): void {
    this.#until = until;
  }

  /** Allows no write any more. */
  close(): void {
    this.#until = -Infinity;
  }

  /** Waits a moment for a renewal that has not been read yet. @throws Error when the loan has ended. */
  async check(): Promise<void> {
    for (let waited = 0; this.#until !== -Infinity && this.#orphaned === false; waited++) {
      if (Date.now() < this.#until) return;
      if (waited === 20) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the loan of this cell has ended, so that nothing is written any more");
  }

  /** True if the process that holds the loan is gone: the system gives its children another parent. */
  get #orphaned(): boolean {
    return process.ppid !== this.#parent;
  }
}

/** A disk whose changes pass a fence. */
export const fenced = (disk: Disk, fence: Fence): Disk => ({
  ...disk,
  makeFolder: (path) => fence.check().then(() => disk.makeFolder(path)),
  create: (path, contents) => fence.check().then(() => disk.create(path, contents)),
  append: (path, bytes) => fence.check().then(() => disk.append(path, bytes)),
  rename: (from, to) => fence.check().then(() => disk.rename(from, to)),
  remove: (path) => fence.check().then(() => disk.remove(path)),
});
