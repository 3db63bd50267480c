/** Registers the webgpu backend, and opens it on devices that others made. */
import { registerBackend } from "../../core/backend.ts";
import { WebGpuBackend } from "./backend.ts";
import { requestDevice } from "./device.ts";

registerBackend("webgpu", async () => new WebGpuBackend(await requestDevice()));

/** The backend on a device that was made elsewhere, such as Dawn's; it should have its limits raised. */
export function openWebGpu(device: GPUDevice): WebGpuBackend {
  return new WebGpuBackend(device);
}

export { adapterPresent, hardwareAdapterPresent, limitsOf } from "./device.ts";
export { WebGpuBackend } from "./backend.ts";
