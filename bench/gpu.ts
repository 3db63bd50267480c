/** Counts what any library does on Deno's WebGPU: bytes of live buffers, and dispatches. */

let live = 0;
let peak = 0;
let dispatches = 0;

/** The most bytes that buffers had at one time. */
export function peakGpuBytes(): number {
  return peak;
}

/** Dispatches since the last time. */
export function takeDispatches(): number {
  const n = dispatches;
  dispatches = 0;
  return n;
}

if ("GPUDevice" in globalThis) {
  const sizes = new WeakMap<GPUBuffer, number>();
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    sizes.set(buffer, descriptor.size);
    live += descriptor.size;
    peak = Math.max(peak, live);
    return buffer;
  };
  const { destroy } = GPUBuffer.prototype;
  GPUBuffer.prototype.destroy = function () {
    live -= sizes.get(this) ?? 0;
    sizes.delete(this);
    return destroy.call(this);
  };
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (x, y, z) {
    dispatches++;
    return dispatchWorkgroups.call(this, x, y, z);
  };
}
