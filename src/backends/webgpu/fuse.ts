/**
 * Cuts a program's values into kernels.
 *
 * First every value is decided on: those that are cheap, or wanted in one place only, are computed where
 * they are read; the others get memory. Then values with memory are gathered, in order, into clusters: a
 * value joins the kernel that makes what it reads if it can be computed element by element beside it,
 * else any later kernel of the same domain, else it opens its own. What is then read by its own kernel
 * only loses its memory again.
 */
import {
  type Cluster,
  ContractionCluster,
  CustomCluster,
  type Memory,
  RowCluster,
} from "./cluster.ts";
import { bitExactValues } from "./bitExact.ts";
import { blockOf, tileOf } from "./kernel/tile.ts";
import { fuseHorizontally } from "./horizontalFusion.ts";
import type { Item, LoopItem, Schedule } from "./schedule.ts";
import type { Target } from "./target.ts";
import type { Loop, Region, Value } from "./value.ts";
/** Arithmetic that is cheaper to repeat than to write down and read again. */
const cheap = 4;
/** Arithmetic that one value may compute in place. */
const longest = 400;
/** The number of values after one another, counting those that only move elements, that are computed in place. */
const deepest = 100;
/** The number of kernels that are tried for a value: those after the ones from which it reads, and the last ones. */
const asked = { next: 64, last: 8 };

/** Cuts a region with these outputs into kernels. */
export function schedule(region: Region, outputs: readonly Value[], target: Target): Schedule {
  return new Scheduler(outputs, target).run(region);
}

class Scheduler implements Memory {
  readonly stored = new Set<Value>();
  readonly #live = new Set<Value>();
  readonly #required = new Set<Value>();
  readonly #fenced = new Set<Value>();
  readonly #consumers = new Map<Value, Set<Value>>();
  readonly #leaves = new Map<Value, Set<Value>>();
  readonly #costs = new Map<Value, number>();
  readonly #depths = new Map<Value, number>();
  readonly #after = new Map<Value, Set<Value>>();
  readonly #readers = new Map<Value, Set<Value>>();
  readonly #homes = new Map<Value, Item>();

  constructor(outputs: readonly Value[], readonly target: Target) {
    this.#findLive(outputs);
    bitExactValues(this.#live, this.#required).forEach((v) => this.#required.add(v));
  }

  run(region: Region): Schedule {
    this.#decide(region);
    this.#findReaders();
    const items = this.#gather(region);
    this.#release();
    return { items: fuseHorizontally(items, this), stored: this.stored };
  }

  after(value: Value): ReadonlySet<Value> {
    return this.#after.get(value) ?? none;
  }

  leaves(value: Value): ReadonlySet<Value> {
    return this.#leaves.get(value) ?? none;
  }

  readers(value: Value): ReadonlySet<Value> {
    return this.#readers.get(value) ?? none;
  }

  required(value: Value): boolean {
    return this.#required.has(value);
  }

  cost(value: Value): number {
    return this.#costs.get(value) ?? 0;
  }

  #findLive(outputs: readonly Value[]): void {
    const stack: Value[] = [];
    const need = (value: Value, consumer?: Value) => {
      if (consumer) {
        let found = this.#consumers.get(value);
        if (!found) this.#consumers.set(value, found = new Set());
        found.add(consumer);
      }
      if (this.#live.has(value)) return;
      this.#live.add(value);
      stack.push(value);
    };
    const require = (value: Value) => {
      this.#required.add(value);
      need(value);
    };
    outputs.forEach(require);
    for (let value = stack.pop(); value; value = stack.pop()) {
      const { definition } = value;
      if (definition.kind === "loop") {
        const { carries, stacks } = definition.loop;
        carries.forEach((c) => [c.initial, c.before, c.after, c.result].forEach(require));
        stacks.forEach((s) => [s.slice, s.stack].forEach(require));
      } else if (definition.kind !== "stored") {
        for (const x of definition.inputs) need(x, value);
        if (definition.kind === "custom" && definition.initial) need(definition.initial, value);
        if (definition.kind === "pointwise" && definition.after) {
          for (const x of definition.after) {
            this.#fenced.add(x);
            need(x);
          }
        }
      }
    }
  }

  /** The live values of a region, those of each loop inside once, before the loop's results. */
  *#walk(region: Region): Generator<Value | Loop> {
    const seen = new Set<Loop>();
    for (const value of region.values) {
      if (!this.#live.has(value)) continue;
      const { definition } = value;
      if (definition.kind === "loop" && !seen.has(definition.loop)) {
        seen.add(definition.loop);
        yield definition.loop;
      }
      yield value;
    }
  }

  #decide(region: Region): void {
    for (const entry of this.#walk(region)) {
      if ("body" in entry) this.#decide(entry.body);
      else this.#decideValue(entry);
    }
  }

  #decideValue(value: Value): void {
    const { definition } = value;
    if (definition.kind === "stored" || definition.kind === "loop") {
      this.stored.add(value);
      return;
    }
    const inputs = definition.kind === "custom" && definition.initial
      ? [...definition.inputs, definition.initial]
      : definition.inputs;
    const limit = this.target.maxBuffers - 2;
    let leaves = this.#union(inputs);
    while (leaves.size > limit) {
      const widest = inputs.filter((x) =>
        !this.stored.has(x)
      ).toSorted((a, b) => this.leaves(b).size - this.leaves(a).size)[0];
      if (!widest) {
        break;
      }
      this.stored.add(widest);
      leaves = this.#union(inputs);
    }
    const own = definition.kind === "custom" ? 100 : definition.cost;
    const inner = inputs.filter((x) => !this.stored.has(x)).reduce((c, x) => c + this.cost(x), 0);
    const depths = inputs.map((x) => this.stored.has(x) ? 0 : this.#depths.get(x) ?? 0);
    this.#depths.set(value, 1 + Math.max(0, ...depths));
    const after = new Set(definition.kind === "pointwise" ? definition.after : undefined);
    for (const x of inputs) {
      if (!this.stored.has(x)) this.#after.get(x)?.forEach((v) => after.add(v));
    }
    if (after.size > 0) this.#after.set(value, after);
    this.#leaves.set(value, leaves);
    this.#costs.set(value, own + inner);
    if (definition.kind !== "pointwise" || this.#wantsMemory(value)) this.stored.add(value);
  }

  #union(inputs: readonly Value[]): Set<Value> {
    const all = new Set<Value>();
    for (const x of inputs) {
      if (this.stored.has(x)) all.add(x);
      else for (const leaf of this.leaves(x)) all.add(leaf);
    }
    return all;
  }

  #wantsMemory(value: Value): boolean {
    const cost = this.cost(value);
    const leaves = this.leaves(value);
    if (this.#required.has(value)) return true;
    // Values that cost nothing to compute need not wait behind a fence.
    if (this.#fenced.has(value) && leaves.size > 0) return true;
    if (cost > longest || this.#depths.get(value)! > deepest) return true;
    const consumers = [...this.#consumers.get(value) ?? []];
    const simple = cost <= cheap && leaves.size <= 2;
    if (consumers.length > 1 && !simple) return true;
    return consumers.some((c) => {
      if (c.region !== value.region) return !simple;
      // A product's kernel says in several places how to read an operand.
      if (c.definition.kind === "contraction" && cost > longest / 4) return true;
      const times = readsOf(c, value, this.target) / Math.max(1, value.size);
      return (times > 8 && cost > 2 * cheap) || (times > 2 && cost > 8 * cheap);
    });
  }

  /** The stored values that read each stored value. */
  #findReaders(): void {
    for (const value of this.stored) {
      for (const leaf of this.leaves(value)) {
        let readers = this.#readers.get(leaf);
        if (!readers) this.#readers.set(leaf, readers = new Set());
        readers.add(value);
      }
    }
  }

  #gather(region: Region): Item[] {
    const items: Item[] = [];
    const homes = new Map<Value, number>();
    for (const entry of this.#walk(region)) {
      if ("body" in entry) {
        const item: LoopItem = { kind: "loop", loop: entry, items: this.#gather(entry.body) };
        items.push(item);
        const results = [
          ...entry.carries.map((c) => c.result),
          ...entry.stacks.map((s) => s.stack),
        ];
        results.forEach((v) => homes.set(v, items.length - 1));
        continue;
      }
      const { kind } = entry.definition;
      if (kind === "stored" || kind === "loop" || !this.stored.has(entry) || entry.size === 0) {
        continue;
      }
      const at = this.#home(entry, items, homes);
      homes.set(entry, at);
      this.#homes.set(entry, items[at]!);
    }
    return items;
  }

  /** The place of the kernel that computes a value: an earlier one's, or a new one's. */
  #home(value: Value, items: Item[], homes: ReadonlyMap<Value, number>): number {
    const needs = [...this.leaves(value)].map((v) => homes.get(v) ?? -1);
    const fences = [...this.after(value)].map((v) => homes.get(v) ?? -1);
    const first = Math.max(-1, ...needs, ...fences.map((at) => at + 1));
    const recent = Math.max(0, items.length - asked.last);
    for (let at = first < 0 ? recent : first; at < items.length; at++) {
      if (at === first + asked.next) at = Math.max(at, recent);
      const item = items[at]!;
      if (item.kind === "loop") continue;
      const joined = item.clusters[0]!.with(value);
      if (!joined) continue;
      item.clusters[0] = joined;
      return at;
    }
    items.push({ kind: "kernel", clusters: [this.#open(value)] });
    return items.length - 1;
  }

  #open(value: Value): Cluster {
    const { definition } = value;
    switch (definition.kind) {
      case "contraction":
        return new ContractionCluster(this, value, definition);
      case "custom":
        return new CustomCluster(this, value, definition);
      default:
        return RowCluster.of([value], this)!; // one value has a common domain with itself
    }
  }

  /** Takes the memory of what only its own kernel reads. */
  #release(): void {
    for (const [value, home] of this.#homes) {
      if (this.#required.has(value) || value.definition.kind === "custom") continue;
      const elsewhere = [...this.readers(value)].some((r) => this.#homes.get(r) !== home);
      if (!elsewhere) this.stored.delete(value);
    }
  }
}

const none: ReadonlySet<Value> = new Set();

/** The number of elements of `value` a consumer reads. */
function readsOf({ definition, size }: Value, value: Value, { software }: Target): number {
  switch (definition.kind) {
    case "reduction":
      return definition.domain.reduce((a, b) => a * b, 1);
    case "contraction": {
      const { batch, m, n, k } = definition;
      const tile = software ? blockOf(definition) : tileOf(definition);
      const [left] = definition.inputs;
      return left === value
        ? batch * m * k * Math.ceil(n / tile.n)
        : batch * n * k * Math.ceil(m / tile.m);
    }
    case "custom": {
      const times = definition.reads[definition.inputs.indexOf(value)] ?? 1;
      return times * value.size;
    }
    default:
      return size;
  }
}
