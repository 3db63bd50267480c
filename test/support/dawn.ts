/** Dawn, Chrome's WebGPU, for tests: on the software driver that `TRILEVEL_DAWN_ICD` names, or not at all. */
import process from "node:process";
import { WebGpuBackend } from "../../src/backends/webgpu/backend.ts";
import { limitsOf } from "../../src/backends/webgpu/device.ts";

const driver = process.env["TRILEVEL_DAWN_ICD"];
if (!driver) console.warn("Dawn is not tested: TRILEVEL_DAWN_ICD names no driver");

async function openDawn(driver: string): Promise<{ backend: WebGpuBackend; gpu: GPU }> {
  process.env["VK_DRIVER_FILES"] = driver;
  const { create } = await import("webgpu");
  const gpu = create([]);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error(`Dawn finds no adapter with ${driver}`);
  const device = await adapter.requestDevice({ requiredLimits: limitsOf(adapter) });
  return { backend: new WebGpuBackend(device, { software: false, asyncPipelines: false }), gpu };
}

/** The backend, and the object that `create` gave: the device dies with it, so that is kept. */
export const dawn = driver ? await openDawn(driver) : undefined;
