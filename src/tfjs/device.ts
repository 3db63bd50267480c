/** tfjs's webgpu backend on our device, so that tensors change hands without a copy. */
import {
  type BackendValues,
  type DataId,
  engine,
  registerBackend,
  removeBackend,
  type Tensor as TfTensor,
} from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { type Aval, type Shape, sizeOf } from "../core/aval.ts";
import type { WebGpuBackend } from "../backends/webgpu/backend.ts";
import { WebGpuBuffer } from "../backends/webgpu/memory.ts";

/** tfjs's backend, made to wait for our work and to notify us when it releases memory. */
export class SharedDevice extends WebGPUBackend {
  readonly #lent = new Map<DataId, () => void>();

  constructor(private readonly own: WebGpuBackend) {
    super(own.device, own.adapterInfo);
    // tfjs collects commands and submits them later: before ours, which may depend on them.
    own.queue.beforeWork.add(() => this.submitPending());
    own.queue.line.stopWaiting();
  }

  /** The memory of one of its tensors; undefined if that is elsewhere. */
  borrow(x: TfTensor, { shape }: Aval): WebGpuBuffer | undefined {
    const { dataId } = x;
    if (!this.tensorMap.has(dataId)) return undefined;
    this.incRef(dataId);
    this.uploadToGPU(dataId);
    this.submitPending();
    // Tensors on the GPU are buffers here: textures come from video frames only.
    const buffer = this.tensorMap.get(dataId).resource as GPUBuffer;
    return new WebGpuBuffer(buffer, sizeOf(shape) * 4, () => this.disposeData(dataId));
  }

  /** A tensor of tfjs on our memory; `release` is called when it is disposed. */
  lend(
    buffer: WebGpuBuffer,
    shape: Shape,
    dtype: "float32" | "int32" | "bool",
    release: () => void,
  ): TfTensor {
    const data = { buffer: buffer.gpu, zeroCopy: true };
    const tensor = this.createTensorFromGPUData(data, [...shape], dtype);
    this.#lent.set(tensor.dataId, release);
    return tensor;
  }

  /** Submits what tfjs has collected. */
  submitPending(): void {
    if (!this["commandEncoder"]) return; // private, and the only way to know
    this.endComputePassEncoder();
    this.submitQueue();
  }

  override submitQueue(): void {
    super.submitQueue();
    this.#release();
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const gone = super.disposeData(dataId, force);
    this.#release();
    return gone;
  }

  #release(): void {
    for (const [dataId, release] of this.#lent) {
      if (this.tensorMap.has(dataId)) continue;
      this.#lent.delete(dataId);
      release();
    }
  }

  /** Buffers may be larger than their tensors, which tfjs does not expect. */
  override async read(dataId: DataId): Promise<BackendValues> {
    const { shape, dtype } = this.tensorMap.get(dataId);
    const values = await super.read(dataId);
    // Our tensors' values are typed arrays; strings never get to a GPU.
    return dtype === "string" ? values : (values as Float32Array).subarray(0, sizeOf(shape));
  }
}

const shared = new WeakMap<WebGpuBackend, SharedDevice>();

/** tfjs's backend on the device of ours; undefined if tfjs has opened a device of its own. */
export function shareDevice(own: WebGpuBackend): SharedDevice | undefined {
  let device = shared.get(own);
  if (device) return device;
  if ("webgpu" in engine().registry) return undefined;
  removeBackend("webgpu"); // only known so far, not opened
  const made = device = new SharedDevice(own);
  registerBackend("webgpu", () => made, 3);
  shared.set(own, made);
  return device;
}
