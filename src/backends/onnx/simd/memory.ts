/**
 * Memory that ONNX Runtime and WebAssembly both see: one WebAssembly.Memory of fixed size, so that views of it
 * never detach. The system gives a page when it is first touched, so a large one costs nothing. It is
 * not shared between threads: ONNX Runtime's binding refuses views of such memories.
 */

const pageBytes = 65536;

const largest = 2 ** 30;
const smallest = 2 ** 27;

// V8 does not see how much of a memory is in use, so it does not hurry to collect tensors that were not disposed. From
// so many bytes on, each time they double, it is told in a way that it understands.
const alarm = 2 ** 27;

// As the wide loads and stores of kernels need it, and no two tensors share a cache line.
const alignment = 64;

/** Blocks of a memory. Freed ones wait, by size; neighbours are joined when sizes no longer fit. */
export class Heap {
  /** Nothing where the system does not give so much. */
  readonly memory: WebAssembly.Memory | undefined;
  readonly buffer: ArrayBufferLike | undefined;
  /** The first page, for kernels: what they are called with. */
  readonly table: Uint32Array;
  readonly #capacity: number;
  #free = new Map<number, number[]>();
  #top = pageBytes;
  #limit: number;
  #used = 0;
  #alarm = alarm;

  /** A heap of at most so many bytes, a power of two; less where the system does not give so much. */
  constructor(bytes = largest) {
    this.memory = reserve(bytes);
    this.buffer = this.memory?.buffer;
    this.#capacity = this.buffer?.byteLength ?? 0;
    this.#limit = Math.min(this.#capacity, 2 ** 26);
    this.table = this.buffer ? new Uint32Array(this.buffer, 0, pageBytes / 4) : new Uint32Array(0);
  }

  get pages(): number {
    return this.#capacity / pageBytes;
  }

  /** The position of a block of at least so many bytes; nothing when the memory is full. */
  take(bytes: number): number | undefined {
    const size = blockBytes(bytes);
    if (size > this.#capacity) return undefined;
    this.#used += size;
    if (this.#used > this.#alarm) this.#urgeCollection();
    const found = this.#free.get(size)?.pop() ?? this.#fresh(size) ?? this.#joined(size);
    if (found === undefined) this.#used -= size;
    return found;
  }

  /** Takes back a block by its position and the bytes asked for. */
  give(start: number, bytes: number): void {
    const size = blockBytes(bytes);
    this.#add(start, size);
    this.#used -= size;
    if (this.#used < this.#alarm / 4) this.#alarm = Math.max(alarm, 2 * this.#used);
  }

  /** An ordinary buffer without references counts as garbage; pages that are not touched cost nothing. */
  #urgeCollection(): void {
    new ArrayBuffer(this.#used);
    this.#alarm = 2 * this.#used;
  }

  #add(start: number, size: number): void {
    const list = this.#free.get(size);
    if (list) list.push(start);
    else this.#free.set(size, [start]);
  }

  #fresh(size: number): number | undefined {
    if (this.#top + size > this.#limit) return undefined;
    const start = this.#top;
    this.#top += size;
    return start;
  }

  /** From neighbours that are free; when none are large enough, from more fresh memory. */
  #joined(size: number): number | undefined {
    const blocks = [...this.#free].flatMap(([bytes, starts]) =>
      starts.map((start) => ({ start, end: start + bytes }))
    ).sort((a, b) => a.start - b.start);
    const joined: { start: number; end: number }[] = [];
    for (const block of blocks) {
      const last = joined.at(-1);
      if (last?.end === block.start) last.end = block.end;
      else joined.push(block);
    }
    if (joined.at(-1)?.end === this.#top) this.#top = joined.pop()!.start;
    const found = joined.find(({ start, end }) => end - start >= size);
    const position = found?.start;
    if (found) found.start += size;
    this.#free = new Map();
    for (const { start, end } of joined) if (end > start) this.#add(start, end - start);
    if (position !== undefined) return position;
    if (this.#top + size > this.#limit) {
      this.#limit = Math.min(this.#capacity, Math.max(this.#top + size, 2 * this.#limit));
    }
    return this.#fresh(size);
  }
}

/** Sizes in eight steps to the octave, so that few of them are distinct and freed blocks fit again. */
function blockBytes(bytes: number): number {
  const step = Math.max(alignment, 2 ** (28 - Math.clz32(bytes)));
  return Math.max(alignment, Math.ceil(bytes / step) * step);
}

function reserve(most: number): WebAssembly.Memory | undefined {
  for (let bytes = most; bytes >= Math.min(most, smallest); bytes /= 2) {
    const pages = bytes / pageBytes;
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch {
      // less, then
    }
  }
  return undefined;
}
