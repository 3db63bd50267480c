/** Registers the webgpu backend, and opens it on devices that others made. */
import { registerBackend } from "../../core/backend.ts";
import { WebGpuBackend } from "./backend.ts";
import { requestDevice } from "./device.ts";
import type { Target } from "./target.ts";

registerBackend("webgpu", async () => new WebGpuBackend(await requestDevice()));

/**
 * The backend on a device that was made elsewhere, such as Dawn's through npm's `webgpu`. The device should
 * have its limits raised (see `limitsOf`); whoever made it keeps what it needs alive (with npm's `webgpu`,
 * the object that `create` gave). `target` overrides what kernels are written for.
 */
export function openWebGpu(device: GPUDevice, target: Partial<Target> = {}): WebGpuBackend {
  return new WebGpuBackend(device, target);
}

export { adapterPresent, hardwareAdapterPresent, limitsOf } from "./device.ts";
export { WebGpuBackend } from "./backend.ts";
