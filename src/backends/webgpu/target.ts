/** What kernels are written for. */

/** A device's limits, and its nature. */
export interface Target {
  /** Storage buffers that one kernel may use. */
  readonly maxBuffers: number;
  /** Bytes of one buffer. */
  readonly maxBytes: number;
  /** The CPU in disguise: shared memory is no faster than any other, and barriers cost. */
  readonly software: boolean;
}

/** The target that a device is. */
export function targetOf({ limits }: GPUDevice, info: GPUAdapterInfo): Target {
  const { maxStorageBuffersPerShaderStage, maxStorageBufferBindingSize, maxBufferSize } = limits;
  return {
    maxBuffers: maxStorageBuffersPerShaderStage,
    maxBytes: Math.min(maxStorageBufferBindingSize, maxBufferSize),
    software: isSoftware(info),
  };
}

/** Whether an adapter is a program that runs on the CPU. */
export function isSoftware(info: GPUAdapterInfo | undefined): boolean {
  if (!info) return false;
  return info.isFallbackAdapter || /llvmpipe|swiftshader/i.test(info.description);
}
