/** The webgpu backend on devices that others made. */
import type { Backend } from "../runtime/backend.ts";
import type { Target } from "./webgpu/target.ts";

export { limitsOf } from "./webgpu/device.ts";

/**
 * The webgpu backend on a device of the user's, for {@link setBackend}: one that is shared with other code, or of
 * another implementation than Deno's, such as Dawn's (npm's `webgpu`), which reads results back in a fraction of the
 * time. The device should have its limits raised, see {@link limitsOf}. The caller keeps alive
 * its adapter until it is handed over and, with npm's `webgpu`, the object that `create` gave as long as it is used.
 *
 * ```ts
 * import { limitsOf, np, openWebGpu, setBackend } from "trilevel";
 * const adapter = await navigator.gpu?.requestAdapter();
 * if (adapter) {
 *   const device = await adapter.requestDevice({ requiredLimits: limitsOf(adapter) });
 *   await setBackend(openWebGpu(device));
 *   console.assert(await np.ones([4]).sum().item() === 4);
 * }
 * ```
 *
 * @param target Overrides what kernels are written for, and how they are compiled.
 */
export async function openWebGpu(
  device: GPUDevice,
  target: Partial<Target> = {},
): Promise<Backend> {
  const { WebGpuBackend } = await import("./webgpu/backend.ts");
  return new WebGpuBackend(device, target);
}
