/** The webgpu backend, on a device that it asks for itself. */
import type { Backend } from "../../runtime/backend.ts";
import { WebGpuBackend } from "./backend.ts";
import { requestDevice } from "./device.ts";

/** The backend on a device of its own. @throws BackendError when there is none. */
export async function openOwnDevice(): Promise<Backend> {
  return new WebGpuBackend(await requestDevice());
}

export { WebGpuBackend };
