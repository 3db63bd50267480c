/** WebGPU for tests: a device of one's own, or undefined (and a line saying so) where there is none. */
import process from "node:process";
import { adapterPresent, limitsOf } from "../../src/backends/webgpu/device.ts";

/** Whether WebGPU can be tested here; throws where `TRILEVEL_REQUIRE_WEBGPU` says that it must be. */
export async function webgpuPresent(): Promise<boolean> {
  if (await adapterPresent()) return true;
  if (process.env["TRILEVEL_REQUIRE_WEBGPU"]) throw new Error("there is no WebGPU adapter");
  console.warn("webgpu is not tested: there is no adapter");
  return false;
}

// As long as their devices are asked about them.
const adapters: GPUAdapter[] = [];

/** A new device, with the limits that programs use. */
export async function newDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("there is no WebGPU adapter");
  adapters.push(adapter);
  return await adapter.requestDevice({ requiredLimits: limitsOf(adapter) });
}
