/** The function while it is being written: its code, its scratch memory, and loops over addresses. */
import { Body, type Code, i32 } from "../simd/assembler.ts";
import type { Address, Root, Source } from "./place.ts";

const alignment = 16;

/** Memory by offsets: what is taken and given back while code is written is taken and given back while it runs. */
class Scratch {
  #free: { start: number; end: number }[] = [{ start: 0, end: Infinity }];
  /** The bytes that were in use at once, from the first to the last. */
  most = 0;

  take(bytes: number): number {
    const size = rounded(bytes);
    const gap = this.#free.find(({ start, end }) => end - start >= size)!; // the last one has no end
    const { start } = gap;
    gap.start += size;
    if (gap.start === gap.end) this.#free.splice(this.#free.indexOf(gap), 1);
    this.most = Math.max(this.most, start + size);
    return start;
  }

  give(start: number, bytes: number): void {
    const end = start + rounded(bytes);
    const all = [...this.#free, { start, end }].sort((a, b) => a.start - b.start);
    this.#free = [];
    for (const gap of all) {
      const last = this.#free.at(-1);
      if (last && last.end === gap.start) last.end = gap.end;
      else this.#free.push(gap);
    }
  }
}

const rounded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** A pointer that goes through memory in a loop: its start, and the bytes that it moves along each level. */
export interface Stream {
  readonly from: Address;
  readonly steps: readonly number[];
}

/** A function that is being written. */
export class Writer extends Body {
  readonly #scratch = new Scratch();
  /** The variable that has the position of the scratch memory. */
  readonly scratchBase: Code = this.local("i32");
  /** The variable that says, at the end, if an index was out of range. */
  readonly failure: Code = this.local("i32");

  /** The bytes of scratch memory that it needs. */
  get scratchBytes(): number {
    return this.#scratch.most;
  }

  /** Memory for a value; a variable for a single element. */
  take(root: Root): Source {
    if (root.size === 1) return { splat: this.local("v128") };
    return { base: this.scratchBase, offset: this.#scratch.take(4 * root.size) };
  }

  /** Takes memory back that nothing reads any more. */
  give(root: Root): void {
    if (root.size > 1) this.#scratch.give((root.source as Address).offset, 4 * root.size);
  }

  /** Remembers that something went wrong where the code does not say 0. */
  noteFailure(code: Code): void {
    this.set(this.failure, i32.or(this.failure, code));
  }

  /** The address in a variable of its own: from there, offsets may go both ways. */
  pointer({ base, offset }: Address): Address {
    const value = offset === 0 ? base : i32.add(base, i32.constant(offset));
    return { base: this.set(this.local("i32"), value), offset: 0 };
  }

  /** Does `inside` a number of times, which is known. */
  times(count: number, inside: (step: Code) => void): void {
    const step = this.set(this.local("i32"), i32.constant(0));
    this.loop(() => {
      inside(step);
      this.set(step, i32.add(step, i32.constant(1)));
      return i32.lt(step, i32.constant(count));
    });
  }

  /** Goes through all levels, the last one fastest; written out, or as loops. */
  over(
    sizes: readonly number[],
    streams: readonly Stream[],
    writtenOut: boolean,
    inside: (at: readonly Address[]) => void,
  ): void {
    const level = (l: number, at: readonly Address[]): void => {
      if (l === sizes.length) return inside(at);
      const [size, steps] = [sizes[l]!, streams.map((s) => s.steps[l]!)];
      if (size === 0) return;
      if (size === 1) return level(l + 1, at);
      if (writtenOut) {
        for (let i = 0; i < size; i++) {
          level(l + 1, at.map((a, k) => ({ ...a, offset: a.offset + i * steps[k]! })));
        }
        return;
      }
      this.scoped(() => {
        // Streams that move alike share a pointer.
        const pointers = new Map<string, { readonly base: Code; readonly step: number }>();
        const moving = at.map((a, k) => {
          const step = steps[k]!;
          if (step === 0) return a;
          const back = streams[k]!.steps.slice(l).some((s) => s < 0);
          const from = back ? a : { base: a.base, offset: 0 };
          const key = back ? `${k}` : `${a.base.join()}:${step}`;
          let found = pointers.get(key);
          if (!found) pointers.set(key, found = { base: this.pointer(from).base, step });
          return { base: found.base, offset: back ? 0 : a.offset };
        });
        this.times(size, () => {
          level(l + 1, moving);
          for (const { base, step } of pointers.values()) {
            this.set(base, i32.add(base, i32.constant(step)));
          }
        });
      });
    };
    level(0, streams.map((s) => s.from));
  }
}
