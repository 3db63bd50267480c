/**
 * A compiled program: pipelines and bind groups made once, and for each call one command buffer. Only bind
 * groups that hold inputs or outputs depend on the call; they are kept for the buffers that come again.
 */
import type { DeviceBuffer, Executable } from "../../runtime/backend.ts";
import { type BackendError, InternalError } from "../../core/errors.ts";
import type { Program } from "../../core/program.ts";
import { withExpressions } from "./expression.ts";
import { schedule } from "./fuse.ts";
import { gridOf } from "./kernel/kernel.ts";
import { lower } from "./lower/index.ts";
import { WebGpuBuffer } from "./memory.ts";
import { type Plan, plan, type Slot, type Step } from "./plan.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Queue } from "./queue.ts";

/** A dispatch with its buffers settled: a bind group's worth of slots. */
interface Bound {
  readonly pipeline: Pipeline;
  readonly slots: readonly Slot[];
  /** The group, if it does not depend on the call. */
  fixed: GPUBindGroup | undefined;
  readonly recent: Map<string, GPUBindGroup>;
}

interface Command {
  readonly bound: Bound;
  readonly grid: readonly [x: number, y: number];
  /** Offsets of the current steps of the surrounding loops. */
  readonly offsets: number[];
}

/** The number of bind groups kept for a dispatch on inputs or outputs. */
const keptGroups = 8;

/** A program on the device. */
export class WebGpuExecutable implements Executable {
  readonly #plan: Plan;
  #commands: Command[] = [];
  readonly #blocks: GPUBuffer[];
  readonly #bound = new Map<string, Bound>();
  #disposed = false;

  constructor(program: Program, private readonly queue: Queue) {
    const { target } = queue;
    this.#plan = withExpressions(() => {
      const lowered = lower(program);
      const cut = schedule(lowered.region, lowered.outputs, target);
      return plan(lowered, cut, target);
    });
    this.#blocks = this.#plan.blocks.map((bytes) => queue.pool.take(bytes));
    this.#expand(this.#plan.steps, new Map(), []);
  }

  /** The number of dispatches a call makes. */
  get dispatches(): number {
    return this.#commands.length;
  }

  /** The error that the device reported for its kernels. */
  failure: Promise<BackendError | undefined> | undefined;

  /** Bytes that intermediates take. */
  get blockBytes(): number {
    return this.#plan.blocks.reduce((a, b) => a + b, 0);
  }

  /** Bytes of them that are alive at one time, at most. */
  get neededBytes(): number {
    return this.#plan.needed;
  }

  /** The text of each kernel. */
  get kernels(): string[] {
    const texts = (steps: readonly Step[]): string[] =>
      steps.flatMap((s) => s.kind === "dispatch" ? [s.kernel.text] : texts(s.body));
    return texts(this.#plan.steps);
  }

  #expand(
    steps: readonly Step[],
    swapped: ReadonlyMap<Slot, Slot>,
    offsets: readonly number[],
  ): void {
    for (const step of steps) {
      if (step.kind === "dispatch") {
        const { kernel } = step;
        const pipeline = this.queue.pipeline(kernel);
        const slots = step.slots.map((s) => swapped.get(s) ?? s);
        this.#commands.push({
          bound: this.#bind(pipeline, slots),
          grid: gridOf(kernel.workgroups),
          offsets: kernel.loops.map((loop) => offsets[loop]!),
        });
        continue;
      }
      const { length, reverse } = step.loop;
      this.queue.countTo(length);
      for (let i = 0; i < length; i++) {
        const inner = new Map(swapped);
        if (i % 2 === 1) {
          for (const [a, b] of step.swaps) {
            inner.set(a, swapped.get(b) ?? b);
            inner.set(b, swapped.get(a) ?? a);
          }
        }
        const at = reverse ? length - 1 - i : i;
        this.#expand(step.body, inner, [...offsets, at * this.queue.stepStride]);
      }
    }
  }

  #bind(pipeline: Pipeline, slots: readonly Slot[]): Bound {
    const key = `${pipeline.id} ${slots.map((s) => this.#number(s)).join(" ")}`;
    let bound = this.#bound.get(key);
    if (!bound) {
      const fixed = slots.every((s) => s.place!.kind === "block")
        ? this.#group(pipeline, slots, (s) => this.#blocks[s.place!.index]!)
        : undefined;
      this.#bound.set(key, bound = { pipeline, slots, fixed, recent: new Map() });
    }
    return bound;
  }

  readonly #numbers = new Map<Slot, number>();
  #number(slot: Slot): number {
    let number = this.#numbers.get(slot);
    if (number === undefined) this.#numbers.set(slot, number = this.#numbers.size);
    return number;
  }

  #group(
    pipeline: Pipeline,
    slots: readonly Slot[],
    bufferOf: (slot: Slot) => GPUBuffer,
  ): GPUBindGroup {
    return this.queue.device.createBindGroup({
      layout: pipeline.layout,
      entries: slots.map((slot, binding) => ({
        binding,
        resource: { buffer: bufferOf(slot), offset: 0, size: slot.bytes },
      })),
    });
  }

  run(inputs: readonly DeviceBuffer[], donated: ReadonlySet<number> = new Set()): DeviceBuffer[] {
    if (this.#disposed) throw new InternalError("a disposed program was run");
    const { queue } = this;
    queue.begin();
    const given = inputs.map(asBuffer);
    const handed = new Set<number>();
    const outputs = this.#plan.outputs.map((slot) => this.#output(slot, given, donated, handed));
    const bufferOf = ({ place }: Slot): WebGpuBuffer | GPUBuffer => {
      switch (place!.kind) {
        case "input":
          return given[place!.index]!;
        case "output":
          return outputs[place!.index]!;
        case "block":
          return this.#blocks[place!.index]!;
      }
    };
    const commands = this.#commands; // also when it is disposed before its turn
    const own = queue.line.add(
      () =>
        queue.recording.write(
          commands.length,
          (pass) => this.#encode(pass, commands, bufferOf),
        ),
      this.#compiled(),
    );
    const failure = firstFailure([this.failure, ...given.map((b) => b.failure), own]);
    for (const output of outputs) output.failure = failure;
    for (const i of donated) {
      if (!handed.has(i)) queue.free(given[i]!);
      else given[i]!.freed = true;
    }
    return outputs;
  }

  /** A buffer for an output: one of a donated input that is read no more when it is written, or a new one. */
  #output(
    slot: Slot,
    given: readonly WebGpuBuffer[],
    donated: ReadonlySet<number>,
    handed: Set<number>,
  ): WebGpuBuffer {
    for (const i of donated) {
      if (handed.has(i) || given[i]!.bytes !== slot.bytes || given[i]!.release) continue;
      if (this.#plan.inputs[i]!.last >= slot.first) continue;
      handed.add(i);
      return new WebGpuBuffer(given[i]!.gpu, slot.bytes);
    }
    return this.queue.allocate(slot.bytes);
  }

  /** When all kernels are compiled; undefined if they are. */
  #compiled(): Promise<unknown> | undefined {
    if (!this.queue.target.asyncPipelines) return undefined;
    const waiting = [...this.#bound.values()].flatMap(({ pipeline }) => pipeline.ready ?? []);
    return waiting.length > 0 ? Promise.all(waiting) : undefined;
  }

  #encode(
    pass: GPUComputePassEncoder,
    commands: readonly Command[],
    bufferOf: (slot: Slot) => WebGpuBuffer | GPUBuffer,
  ): void {
    const groups = new Map<Bound, GPUBindGroup>();
    let current: Pipeline | undefined;
    for (const { bound, grid: [x, y], offsets } of commands) {
      if (bound.pipeline !== current) pass.setPipeline((current = bound.pipeline).gpu);
      let group = bound.fixed ?? groups.get(bound);
      if (!group) groups.set(bound, group = this.#groupFor(bound, bufferOf));
      pass.setBindGroup(0, group);
      if (offsets.length > 0) {
        pass.setBindGroup(1, this.queue.steps(offsets.length), offsets);
      }
      pass.dispatchWorkgroups(x, y);
    }
  }

  #groupFor(
    { pipeline, slots, recent }: Bound,
    bufferOf: (slot: Slot) => WebGpuBuffer | GPUBuffer,
  ): GPUBindGroup {
    const buffers = slots.map((s) => {
      const found = bufferOf(s);
      return found instanceof WebGpuBuffer ? found.gpu : found;
    });
    const key = buffers.map((b) => this.queue.numberOf(b)).join(" ");
    let group = recent.get(key);
    if (group) return group;
    let next = 0;
    group = this.#group(pipeline, slots, () => buffers[next++]!);
    if (recent.size >= keptGroups) recent.delete(recent.keys().next().value!);
    recent.set(key, group);
    return group;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    // Runs under way come before the next use of these buffers.
    this.#blocks.forEach((b) => this.queue.pool.give(b));
    this.#bound.clear();
    this.#commands = [];
  }
}

function asBuffer(buffer: DeviceBuffer): WebGpuBuffer {
  if (!(buffer instanceof WebGpuBuffer)) throw new InternalError("a buffer of another backend");
  if (buffer.freed) throw new InternalError("a freed buffer was used");
  return buffer;
}

/** The error of compiling a program, of a run whose outputs it used, or of this run: the first there is. */
async function firstFailure(
  failures: readonly (Promise<BackendError | undefined> | undefined)[],
): Promise<BackendError | undefined> {
  for (const failure of failures) {
    const error = await failure;
    if (error) return error;
  }
  return undefined;
}
