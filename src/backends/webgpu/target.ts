/** The device that kernels are written for. */

/** A device's limits, and its nature. */
export interface Target {
  /** Storage buffers that one kernel may use. */
  readonly maxBuffers: number;
  /** Bytes of one buffer. */
  readonly maxBytes: number;
  /** The CPU in disguise: shared memory is no faster than any other, and barriers cost. */
  readonly software: boolean;
  /** `createComputePipelineAsync` compiles on other threads: the kernels of a program are compiled together. */
  readonly asyncPipelines: boolean;
}

/** The target that a device is. */
export function targetOf(device: GPUDevice, info: GPUAdapterInfo): Target {
  const { maxStorageBuffersPerShaderStage, maxStorageBufferBindingSize, maxBufferSize } =
    device.limits;
  const software = isSoftware(info);
  return {
    maxBuffers: maxStorageBuffersPerShaderStage,
    maxBytes: Math.min(maxStorageBufferBindingSize, maxBufferSize),
    software,
    asyncPipelines: !software && !isDenos(device),
  };
}

/** True if a device is of Deno's own WebGPU, which compiles within the call whichever way it is asked. */
function isDenos(device: GPUDevice): boolean {
  return "Deno" in globalThis && device instanceof GPUDevice;
}

/** True if an adapter is a program that runs on the CPU. */
export function isSoftware(info: GPUAdapterInfo | undefined): boolean {
  if (!info) return false;
  return info.isFallbackAdapter || /llvmpipe|swiftshader/i.test(info.description);
}
