/** The queue that all programs on a device share: pipelines, memory, and the order of work. */
import { LruCache } from "../../core/lru.ts";
import type { Health } from "./device.ts";
import type { Kernel } from "./kernel/kernel.ts";
import { WorkQueue } from "./workQueue.ts";
import { Pool, Reader, uniformUsage, WebGpuBuffer } from "./memory.ts";
import { Pipeline } from "./pipeline.ts";
import { Recording } from "./recording.ts";
import type { Target } from "./target.ts";

const compute = 4; // GPUShaderStage.COMPUTE, which not every host has as a global

/** The number of compiled kernels kept for programs to come. */
const keptPipelines = 512;

/** A device and what was made on it. */
export class Queue {
  readonly line = new WorkQueue();
  readonly recording: Recording;
  readonly pool: Pool;
  readonly reader: Reader;
  /** Bytes between two steps in the buffer of step numbers. */
  readonly stepStride: number;
  /** Functions that submit the commands of other users of the device; they are called before our own work. */
  readonly beforeWork = new Set<() => void>();
  // Programs keep theirs; one that is gone from here is only compiled again if a new program wants it.
  readonly #pipelines = new LruCache<Pipeline>(keptPipelines, () => {});
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #stepGroups = new Map<number, GPUBindGroup>();
  #steps: { readonly buffer: GPUBuffer; readonly length: number } | undefined;
  #numbers = new WeakMap<GPUBuffer, number>();
  #count = 0;
  #made = 0;

  constructor(
    readonly device: GPUDevice,
    readonly health: Health,
    readonly target: Target,
  ) {
    this.recording = new Recording(device);
    this.pool = new Pool(device, (work) => this.after(work));
    this.reader = new Reader(device, health, (work) => this.after(work));
    this.stepStride = device.limits.minUniformBufferOffsetAlignment;
  }

  /** Before anything changes memory: the device is sound, and what was asked for before is on its way. */
  begin(): void {
    this.health.check();
    for (const submit of this.beforeWork) submit();
    this.reader.flush();
  }

  /** Does something with memory when all that was asked for before is on its way. */
  after<T>(work: () => T | Promise<T>): Promise<T> {
    return this.line.add(() => {
      this.recording.submit();
      return work();
    });
  }

  allocate(bytes: number): WebGpuBuffer {
    return new WebGpuBuffer(this.pool.take(bytes), bytes);
  }

  free(buffer: WebGpuBuffer): void {
    if (buffer.freed) return;
    buffer.freed = true;
    this.reader.flush();
    if (buffer.release) void this.after(buffer.release);
    else this.pool.give(buffer.gpu);
  }

  /** A number for a buffer, the same each time. */
  numberOf(buffer: GPUBuffer): number {
    let number = this.#numbers.get(buffer);
    if (number === undefined) this.#numbers.set(buffer, number = this.#count++);
    return number;
  }

  /** Compiles a kernel, or finds it compiled: programs share those of the same text. Those of a program are asked for together. */
  pipeline(kernel: Kernel): Pipeline {
    const found = this.#pipelines.get(kernel.text);
    if (found) return found;
    const { device } = this;
    const layout = this.#layout(
      kernel.bindings.map((b) => b.access).join(),
      () =>
        kernel.bindings.map(({ access }) => ({
          type: access === "read" ? "read-only-storage" : "storage",
        })),
    );
    const groups = [layout];
    if (kernel.loops.length > 0) groups.push(this.#stepLayout(kernel.loops.length));
    const module = device.createShaderModule({ code: kernel.text });
    const descriptor = {
      layout: device.createPipelineLayout({ bindGroupLayouts: groups }),
      compute: { module, entryPoint: "main" },
    };
    const aside = this.target.asyncPipelines;
    const pipeline = new Pipeline(device, descriptor, this.#made++, layout, aside);
    return this.#pipelines.add(kernel.text, pipeline);
  }

  #layout(key: string, buffers: () => GPUBufferBindingLayout[]): GPUBindGroupLayout {
    let found = this.#layouts.get(key);
    if (!found) {
      const entries = buffers().map((buffer, binding) => ({
        binding,
        visibility: compute,
        buffer,
      }));
      this.#layouts.set(key, found = this.device.createBindGroupLayout({ entries }));
    }
    return found;
  }

  #stepLayout(loops: number): GPUBindGroupLayout {
    return this.#layout(
      `steps ${loops}`,
      () => Array.from({ length: loops }, () => ({ type: "uniform", hasDynamicOffset: true })),
    );
  }

  /** Makes sure that loops can count to `length`. */
  countTo(length: number): void {
    if (this.#steps && this.#steps.length >= length) return;
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(length)));
    const words = new Uint32Array(size * this.stepStride / 4);
    for (let i = 0; i < size; i++) words[i * this.stepStride / 4] = i;
    const buffer = this.device.createBuffer({ size: words.byteLength, usage: uniformUsage });
    this.device.queue.writeBuffer(buffer, 0, words);
    this.#steps = { buffer, length: size };
    this.#stepGroups.clear();
  }

  /** The bind group of the steps of so many loops, to be set with their offsets. */
  steps(loops: number): GPUBindGroup {
    let found = this.#stepGroups.get(loops);
    if (!found) {
      const { buffer } = this.#steps!; // countTo came before
      const entries = Array.from({ length: loops }, (_, binding) => ({
        binding,
        resource: { buffer, offset: 0, size: 4 },
      }));
      found = this.device.createBindGroup({ layout: this.#stepLayout(loops), entries });
      this.#stepGroups.set(loops, found);
    }
    return found;
  }
}
