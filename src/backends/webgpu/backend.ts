/** The webgpu backend: tensors in GPU buffers, programs as generated kernels. */
import { webgpuPasses } from "../../compiler/optimize.ts";
import type { Backend, DeviceBuffer, HostCall, HostResults } from "../../runtime/backend.ts";
import { allocate, type DType, type TypedArray } from "../../core/dtype.ts";
import { BackendError, InternalError } from "../../core/errors.ts";
import { type Aval, sizeOf } from "../../core/aval.ts";
import type { Program } from "../../core/program.ts";
import { guarded, Health } from "./device.ts";
import { WebGpuExecutable } from "./executable.ts";
import { WebGpuBuffer } from "./memory.ts";
import { Queue } from "./queue.ts";
import { type Target, targetOf } from "./target.ts";

/** A device as a backend. Elements are words of 32 bits, booleans too. */
export class WebGpuBackend implements Backend {
  readonly name = "webgpu";
  readonly passes = webgpuPasses;
  /** The adapter of the device: its vendor and architecture. */
  readonly adapterInfo: GPUAdapterInfo;
  /** The state that programs on the device share. */
  readonly queue: Queue;
  readonly #health: Health;

  /** `target` overrides what the device says of itself. */
  constructor(readonly device: GPUDevice, target: Partial<Target> = {}) {
    this.#health = new Health(device);
    this.adapterInfo = device.adapterInfo;
    const own = targetOf(device, this.adapterInfo);
    this.queue = new Queue(device, this.#health, { ...own, ...target });
  }

  supports(dtype: DType): boolean {
    return dtype !== "float64";
  }

  upload(data: TypedArray, aval: Aval): WebGpuBuffer {
    this.queue.begin();
    const words = wordsOf(data, aval.dtype);
    const buffer = this.queue.allocate(Math.max(4, words.byteLength));
    if (words.length === 0) return buffer;
    const kept = this.queue.line.busy ? words.slice() : words; // the caller may change them meanwhile
    const failure = this.queue.after(() =>
      guarded(this.device, () => this.device.queue.writeBuffer(buffer.gpu, 0, kept))
    );
    buffer.failure = failure;
    return buffer;
  }

  async download(buffer: DeviceBuffer, aval: Aval): Promise<TypedArray> {
    const source = this.#own(buffer);
    const reading = this.queue.reader.read(source.gpu, source.bytes);
    reading.catch(() => {}); // the run's own error says more, and comes first
    const error = await source.failure;
    if (error) throw error;
    const words = await reading;
    this.#health.check();
    return fromWords(words, aval);
  }

  callHost(call: HostCall, inputs: readonly DeviceBuffer[]): HostResults {
    const { queue } = this;
    queue.begin();
    const reading = inputs.map((x, i) => this.download(x, call.inputs[i]!));
    queue.reader.flush();
    const results = Promise.all(reading).then((values) => call.run(values, call.inputs));
    const buffers = call.outputs.map(({ shape }) => queue.allocate(Math.max(4, 4 * sizeOf(shape))));
    let words: Words[] | undefined;
    const ready = results.then(
      (all) => words = all.map((data, i) => wordsOf(data, call.outputs[i]!.dtype)),
      () => words = [], // the outputs are not to be read
    );
    const written = queue.line.add(() => {
      queue.recording.submit();
      if (words === undefined) {
        throw new BackendError(
          "a host function cannot be called in a program on a WebGPU device that is shared with other code: the program " +
            "cannot wait for it",
          "call it outside of compiled functions: await x.data()",
        );
      }
      words.forEach((own, i) => {
        if (own.length > 0) this.device.queue.writeBuffer(buffers[i]!.gpu, 0, own);
      });
    }, ready);
    return { buffers, done: Promise.all([results, written]) };
  }

  free(buffer: DeviceBuffer): void {
    this.queue.free(this.#own(buffer));
  }

  compile(program: Program): WebGpuExecutable {
    this.#health.check();
    let made: WebGpuExecutable | undefined;
    const failure = guarded(this.device, () => made = new WebGpuExecutable(program, this.queue));
    made!.failure = failure; // guarded runs it at once
    return made!;
  }

  get failed(): boolean {
    return this.#health.error !== undefined;
  }

  close(): void {
    this.#health.close();
    this.queue.pool.trim();
    this.device.destroy();
  }

  #own(buffer: DeviceBuffer): WebGpuBuffer {
    if (buffer instanceof WebGpuBuffer) return buffer;
    throw new InternalError("a buffer of another backend reached webgpu");
  }
}

type Words = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

function wordsOf(data: TypedArray, dtype: DType): Words {
  switch (dtype) {
    case "float32":
      return isOwn(data, Float32Array) ? data : new Float32Array(data);
    case "int32":
      return isOwn(data, Int32Array) ? data : new Int32Array(data);
    case "uint32":
      return isOwn(data, Uint32Array) ? data : new Uint32Array(data);
    case "bool":
      return Uint32Array.from(data, (x) => x === 0 ? 0 : 1);
    case "float64":
      throw new InternalError("float64 reached the webgpu backend");
  }
}

/** True if data has the right type already, in memory that is not shared. */
function isOwn<T extends Words>(data: TypedArray, type: new (size: number) => T): data is T {
  return data instanceof type && data.buffer instanceof ArrayBuffer;
}

function fromWords(words: Uint32Array, { dtype, shape }: Aval): TypedArray {
  const size = shape.reduce((a, b) => a * b, 1);
  switch (dtype) {
    case "float32":
      return new Float32Array(words.buffer, words.byteOffset, size);
    case "int32":
      return new Int32Array(words.buffer, words.byteOffset, size);
    case "uint32":
      return words.subarray(0, size);
    default: {
      const data = allocate(dtype, size);
      for (let i = 0; i < size; i++) data[i] = words[i]!;
      return data;
    }
  }
}
