/** Work in the order in which it was asked for, while some of it waits for its kernels. */

interface Waiting {
  readonly work: () => void;
  readonly ready: Promise<unknown> | undefined;
}

/**
 * All work that touches device memory goes through this queue: programs, uploads, reads, and freeing a buffer. It is
 * done at once, unless earlier work still waits.
 */
export class WorkQueue {
  #waiting: Waiting[] = [];
  #waits = true;

  /** True if something waits. */
  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Does work when its turn has come and `ready`, if given, is fulfilled. */
  add<T>(work: () => T | Promise<T>, ready?: Promise<unknown>): Promise<T> {
    return new Promise((resolve, reject) => {
      const own = () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      if (!this.busy && !(this.#waits && ready)) return own();
      this.#waiting.push({ work: own, ready });
      if (this.#waiting.length === 1) void this.#go();
    });
  }

  /**
   * Other code works on the device and cannot know about waiting work: from now on no work waits. Waiting work need not be
   * ready: a kernel that is not compiled yet is compiled at once.
   */
  stopWaiting(): void {
    this.#waits = false;
    const all = this.#waiting;
    this.#waiting = [];
    all.forEach(({ work }) => work());
  }

  async #go(): Promise<void> {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      await first.ready;
      if (first !== this.#waiting[0]) return; // nothing waits any more
      this.#waiting.shift();
      first.work();
    }
  }
}
