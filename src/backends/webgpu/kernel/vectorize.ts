/**
 * Vectorization: one load or store of a `vec4` for four neighbours is cheaper than four, on GPUs and on CPUs that
 * emulate one. A kernel is written twice: the first time shows which accesses of a value can be vectors.
 */
import type { Expr, Value } from "../value.ts";
import { quarter } from "../expression.ts";

/** A place in a kernel where something is loaded or stored, once in each block. */
interface Places {
  readonly ones: Set<Expr>;
  readonly vectorized: Set<Expr>;
}

/** A block of a kernel, by how deep in its loops it is. */
interface Block {
  readonly level: number;
}

/** The accesses to values that were seen in a part of a kernel. */
export class Accesses {
  readonly #places = new Map<Value, Map<Block, Places>>();
  readonly #single = new Set<Value>();

  /** It reads or writes an element in a block. */
  add(value: Value, at: Expr, block: Block): void {
    let blocks = this.#places.get(value);
    if (!blocks) this.#places.set(value, blocks = new Map());
    let places = blocks.get(block);
    if (!places) blocks.set(block, places = { ones: new Set(), vectorized: new Set() });
    places.ones.add(at);
    const found = quarter(at);
    if (found) places.vectorized.add(found.of);
    else this.#single.add(value);
  }

  /** It needs single elements. */
  single(value: Value): void {
    this.#single.add(value);
  }

  /** The values that it touches. */
  get values(): ReadonlySet<Value> {
    return new Set([...this.#places.keys(), ...this.#single]);
  }

  /** The values whose elements' places among four neighbours are always known, where that is of use. */
  get vectorized(): ReadonlySet<Value> {
    const found = new Set<Value>();
    for (const value of this.#places.keys()) {
      if (this.#single.has(value) || value.size % 4 !== 0) continue;
      if (this.#count(value, "ones") >= 2 * this.#count(value, "vectorized")) found.add(value);
    }
    return found;
  }

  #count(value: Value, kind: keyof Places): number {
    const blocks = this.#places.get(value)?.values() ?? [];
    return [...blocks].reduce((sum, places) => sum + places[kind].size, 0);
  }

  /** True if it takes four at a time whatever is not the same element each time. */
  get neighbours(): boolean {
    const { vectorized } = this;
    const once = (value: Value) => this.#count(value, "ones") === 1;
    return vectorized.size > 0 && [...this.values].every((v) => vectorized.has(v) || once(v));
  }

  /** Loads and stores, those at each level so many times. */
  cost(times: (level: number) => number): number {
    const { vectorized } = this;
    let total = 0;
    for (const [value, blocks] of this.#places) {
      for (const [{ level }, places] of blocks) {
        total += times(level) *
          (vectorized.has(value) ? 2 * places.vectorized.size : places.ones.size);
      }
    }
    return total;
  }
}

/**
 * The values that each part of a kernel takes four at a time. What one part takes four at a time and another does not is bound
 * twice, while `room` for more buffers lasts.
 */
export function vectorize(parts: readonly Accesses[], room: number): ReadonlySet<Value>[] {
  const vectorized = parts.map((p) => new Set(p.vectorized));
  for (const value of new Set(vectorized.flatMap((f) => [...f]))) {
    if (!parts.some((p, i) => p.values.has(value) && !vectorized[i]!.has(value))) continue;
    if (room-- <= 0) vectorized.forEach((f) => f.delete(value));
  }
  return vectorized;
}
