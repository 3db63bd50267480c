/**
 * Memory plans: inputs and outputs of a running program have buffers of their own, everything else lies in blocks
 * that values share when they are not needed at the same time.
 */
import { BackendError } from "../../core/errors.ts";
import { formatAval } from "../../core/aval.ts";
import type { Item, Schedule } from "./schedule.ts";
import { writeContraction } from "./kernel/contraction.ts";
import { writeRows } from "./kernel/rows.ts";
import type { Kernel } from "./kernel/kernel.ts";
import { KernelWriter } from "./kernel/writer.ts";
import type { Cluster } from "./cluster.ts";
import type { Lowered } from "./lower/index.ts";
import type { Target } from "./target.ts";
import type { Loop, Region, Value } from "./value.ts";

/** A piece of memory that one value has, or several that are one after the other. */
export class Slot {
  /** First and last step of the plan in which it is touched. */
  first = Infinity;
  last = -1;
  /** Input or output number, or the block it lies in. */
  place: { readonly kind: "input" | "output" | "block"; readonly index: number } | undefined;

  constructor(readonly bytes: number, readonly region: Region) {}
}

/** One kernel, on these slots. */
export interface Dispatch {
  readonly kind: "dispatch";
  readonly kernel: Kernel;
  readonly slots: readonly Slot[];
}

/** Dispatches repeated for each step; the slots of each pair change places after every one. */
export interface Repeat {
  readonly kind: "repeat";
  readonly loop: Loop;
  readonly body: readonly Step[];
  readonly swaps: readonly (readonly [Slot, Slot])[];
}

/** The parts of a plan. */
export type Step = Dispatch | Repeat;

/** A program as steps over slots. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
  /** Bytes of each block. */
  readonly blocks: readonly number[];
  /** The most bytes in blocks that are alive at one step: no plan takes less. */
  readonly needed: number;
}

/** Plans the memory of a schedule. */
export function plan(lowered: Lowered, schedule: Schedule, target: Target): Plan {
  return new Planner(lowered, schedule, target).run();
}

class Planner {
  readonly #slots = new Map<Value, Slot>();
  readonly #lowered: Lowered;
  readonly #schedule: Schedule;
  readonly #target: Target;
  #time = 0;

  constructor(lowered: Lowered, schedule: Schedule, target: Target) {
    this.#lowered = lowered;
    this.#schedule = schedule;
    this.#target = target;
  }

  run(): Plan {
    const { inputs, outputs } = this.#lowered;
    const outer = (kind: "input" | "output") => (value: Value, index: number) => {
      const slot = this.#slot(value);
      slot.place = { kind, index };
      return slot;
    };
    const inputSlots = inputs.map(outer("input"));
    const outputSlots = outputs.map(outer("output"));
    this.#alternate(this.#schedule.items);
    const steps = this.#steps(this.#schedule.items);
    this.#measure(steps, []);
    const inside = [...new Set(this.#slots.values())].filter((s) => !s.place && s.last >= 0);
    return {
      steps,
      inputs: inputSlots,
      outputs: outputSlots,
      blocks: assign(inside),
      needed: mostAlive(inside),
    };
  }

  #slot(value: Value): Slot {
    let slot = this.#slots.get(value);
    if (!slot) {
      if (value.bytes > this.#target.maxBytes) {
        throw new BackendError(
          `${formatAval({ ...value, weak: false })} needs ${value.bytes} bytes in one buffer; ` +
            `this device's limit is ${this.#target.maxBytes}`,
          "split the tensor, or use another backend",
        );
      }
      this.#slots.set(value, slot = new Slot(value.bytes, value.region));
    }
    return slot;
  }

  #steps(items: readonly Item[]): Step[] {
    return items.flatMap((item): Step[] => {
      if (item.kind === "loop") return [this.#repeat(item.loop, item.items)];
      return this.#kernel(item.clusters);
    });
  }

  #kernel(clusters: readonly Cluster[]): Step[] {
    const fills = clusters.flatMap((c) => c.kind === "custom" && c.fill ? [c] : []);
    return [
      ...fills.map((c) => this.#write([c.fill!], new Set([c.value]))),
      this.#write(clusters, this.#schedule.stored),
    ];
  }

  #write(clusters: readonly Cluster[], stored: ReadonlySet<Value>): Dispatch {
    const kernel = KernelWriter.kernel(this.#target, (kernel) => {
      for (const cluster of clusters) {
        kernel.part(() => {
          switch (cluster.kind) {
            case "rows":
              return writeRows(kernel, cluster, stored, this.#target);
            case "contraction":
              return writeContraction(kernel, cluster, stored, this.#target.software);
            case "custom":
              return cluster.definition.write(kernel, cluster.read, cluster.value);
          }
        });
      }
    });
    return { kind: "dispatch", kernel, slots: kernel.bindings.map((b) => this.#slot(b.value)) };
  }

  /** Gives each carry of a loop two slots, so placed that the last step writes where the result is. */
  #alternate(items: readonly Item[]): void {
    for (const item of items) {
      if (item.kind !== "loop") continue;
      const { carries, length } = item.loop;
      for (const { initial, before, after, result } of carries) {
        const last = this.#slot(result);
        const other = new Slot(last.bytes, last.region);
        const [read, written] = length % 2 === 0 ? [last, other] : [other, last];
        [initial, before].forEach((v) => this.#slots.set(v, read));
        this.#slots.set(after, written);
      }
      this.#alternate(item.items);
    }
  }

  #repeat(loop: Loop, items: readonly Item[]): Repeat {
    const swaps = loop.carries.map((c) => [this.#slot(c.before), this.#slot(c.after)] as const);
    return { kind: "repeat", loop, body: this.#steps(items), swaps };
  }

  /** Numbers the steps, and notes when each slot is touched. */
  #measure(steps: readonly Step[], loops: readonly Extent[]): void {
    for (const step of steps) {
      if (step.kind === "repeat") {
        const extent: Extent = { region: step.loop.body, slots: new Set(), start: this.#time };
        this.#measure(step.body, [...loops, extent]);
        step.swaps.flat().forEach((slot) => this.#touch(slot, this.#time, [...loops, extent]));
        // Values from outside the loop are needed from its first step to the last.
        for (const slot of extent.slots) {
          slot.first = Math.min(slot.first, extent.start);
          slot.last = Math.max(slot.last, this.#time);
        }
        this.#time++;
        continue;
      }
      for (const slot of step.slots) this.#touch(slot, this.#time, loops);
      this.#time++;
    }
  }

  #touch(slot: Slot, time: number, loops: readonly Extent[]): void {
    slot.first = Math.min(slot.first, time);
    slot.last = Math.max(slot.last, time);
    const home = loops.findIndex((l) => l.region === slot.region);
    for (const loop of loops.slice(home + 1)) loop.slots.add(slot);
  }
}

/**
 * Puts slots into blocks, largest first: each into the tightest that is free all the while. Blocks are buffers, not
 * ranges of one: WebGPU lets no kernel read one part of a buffer that is declared read-only and write another.
 */
function assign(slots: readonly Slot[]): number[] {
  const blocks: { bytes: number; slots: Slot[] }[] = [];
  for (const slot of slots.toSorted((a, b) => b.bytes - a.bytes)) {
    const free = (b: { slots: readonly Slot[] }) =>
      b.slots.every((s) => s.last < slot.first || slot.last < s.first);
    let index = blocks.findLastIndex(free);
    if (index < 0) index = blocks.push({ bytes: slot.bytes, slots: [] }) - 1;
    blocks[index]!.slots.push(slot);
    slot.place = { kind: "block", index };
  }
  return blocks.map((b) => b.bytes);
}

function mostAlive(slots: readonly Slot[]): number {
  const changes = slots.flatMap(({ first, last, bytes }) => [
    { time: first, bytes },
    { time: last + 1, bytes: -bytes },
  ]);
  let [alive, most] = [0, 0];
  // Values that end at a step make room for those that begin there.
  for (const { bytes } of changes.toSorted((a, b) => a.time - b.time || a.bytes - b.bytes)) {
    most = Math.max(most, alive += bytes);
  }
  return most;
}

interface Extent {
  readonly region: Region;
  readonly slots: Set<Slot>;
  readonly start: number;
}
