/** Device memory: buffers that are used again, and reads that travel together. */
import type { DeviceBuffer } from "../../runtime/backend.ts";
import type { BackendError } from "../../core/errors.ts";
import type { Health } from "./device.ts";

/** Does something with memory when all that was asked for before is on its way. */
export type After = <T>(work: () => T | Promise<T>) => Promise<T>;

/** Memory of one tensor. */
export class WebGpuBuffer implements DeviceBuffer {
  /** The error of the run that fills it. */
  failure: Promise<BackendError | undefined> | undefined;
  freed = false;

  /** `release` gives memory back that is someone else's. */
  constructor(readonly gpu: GPUBuffer, readonly bytes: number, readonly release?: () => void) {}
}

const flags = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const;

/** Usage of every buffer that holds a tensor. */
export const storageUsage = flags.storage | flags.copySource | flags.copyTarget;
/** Usage of buffers of loop steps. */
export const uniformUsage = flags.uniform | flags.copyTarget;
const stagingUsage = flags.mapRead | flags.copyTarget;
const mapModeRead = 1;

/** Idle memory that is kept for later, at most. */
const idleLimit = 256 * 2 ** 20;

/** Hands out buffers, and takes them back. Work is done in order, so a freed buffer may be used at once. */
export class Pool {
  readonly #idle = new Map<number, GPUBuffer[]>();
  #idleBytes = 0;

  constructor(private readonly device: GPUDevice, private readonly after: After) {}

  take(bytes: number): GPUBuffer {
    const size = Math.min(roundUp(bytes), this.device.limits.maxBufferSize);
    const found = this.#idle.get(size)?.pop();
    if (found) {
      this.#idleBytes -= size;
      return found;
    }
    return this.device.createBuffer({ size, usage: storageUsage });
  }

  give(buffer: GPUBuffer): void {
    this.#idleBytes += buffer.size;
    const list = this.#idle.get(buffer.size);
    if (list) list.push(buffer);
    else this.#idle.set(buffer.size, [buffer]);
    if (this.#idleBytes > idleLimit) this.trim();
  }

  /** Destroys all idle buffers. */
  trim(): void {
    const idle = [...this.#idle.values()].flat();
    void this.after(() => idle.forEach((b) => b.destroy())); // what waits may use them still
    this.#idle.clear();
    this.#idleBytes = 0;
  }
}

/** Four sizes for each power of two, so that at most a fifth is wasted and sizes meet again. */
function roundUp(bytes: number): number {
  if (bytes <= 256) return 256;
  const quarter = 2 ** Math.max(8, Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / quarter) * quarter;
}

interface Wanted {
  readonly source: GPUBuffer;
  readonly bytes: number;
  readonly resolve: (words: Uint32Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads buffers back: all that are asked for before the next submission share one copy and one wait. */
export class Reader {
  #wanted: Wanted[] = [];

  constructor(
    private readonly device: GPUDevice,
    private readonly health: Health,
    private readonly after: After,
  ) {}

  /** The words of a buffer as they are now. */
  read(source: GPUBuffer, bytes: number): Promise<Uint32Array> {
    if (this.#wanted.length === 0) queueMicrotask(() => this.flush());
    return new Promise((resolve, reject) => {
      this.#wanted.push({ source, bytes, resolve, reject });
    });
  }

  /** Starts the reads asked for so far; called before anything may change the buffers. */
  flush(): void {
    const wanted = this.#wanted;
    if (wanted.length === 0) return;
    this.#wanted = [];
    this.after(() => this.#copy(wanted)).catch((error) =>
      wanted.forEach((w) => w.reject(this.health.error ?? error))
    );
  }

  async #copy(wanted: readonly Wanted[]): Promise<void> {
    this.health.check();
    const size = wanted.reduce((total, w) => total + w.bytes, 0);
    const staging = this.device.createBuffer({ size, usage: stagingUsage });
    const encoder = this.device.createCommandEncoder();
    let at = 0;
    for (const { source, bytes } of wanted) {
      encoder.copyBufferToBuffer(source, 0, staging, at, bytes);
      at += bytes;
    }
    this.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(mapModeRead);
    this.health.check();
    const words = new Uint32Array(staging.getMappedRange());
    at = 0;
    for (const { bytes, resolve } of wanted) {
      resolve(words.slice(at / 4, (at += bytes) / 4));
    }
    staging.unmap();
    staging.destroy();
  }
}
