/** The GPU: how it is found, what it allows, and what happens when it fails. */
import { BackendError } from "../../core/errors.ts";
import { platform } from "../../core/platform.ts";
import { isSoftware } from "./target.ts";

/** The limits that are raised to what the adapter allows. */
const raised = [
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
] as const;

/** The limits to ask of an adapter, as `requiredLimits`: whatever programs can use. */
export function limitsOf(adapter: GPUAdapter): Record<string, number> {
  return Object.fromEntries(raised.map((name) => [name, adapter.limits[name]]));
}

// Deno ends the process when a device is asked about an adapter that was collected: ours live as long as their devices.
const adapters = new WeakMap<GPUDevice, GPUAdapter>();

/** Finds an adapter and opens its device. @throws BackendError when there is none. */
export async function requestDevice(): Promise<GPUDevice> {
  const adapter = await findAdapter();
  if (!adapter) {
    throw new BackendError(
      "no WebGPU adapter was found",
      platform() === "browser"
        ? "use a browser with WebGPU, on a page from https or localhost, and switch its hardware acceleration on; or " +
          'compute on the CPU: await setBackend("reference")'
        : 'install a Vulkan driver (Mesa has a software one), or: await setBackend("onnx")',
    );
  }
  const device = await adapter.requestDevice({ requiredLimits: limitsOf(adapter) });
  adapters.set(device, adapter);
  return device;
}

/**
 * Without a desktop, Mesa's layer that asks the desktop for its preferred GPU only complains on the terminal: it
 * is left out.
 */
function quietWithoutDesktop(): void {
  const { process } = globalThis;
  try {
    if (process?.platform !== "linux" || process.env.XDG_RUNTIME_DIR) return;
    process.env.NODEVICE_SELECT ??= "1";
  } catch {
    // the environment may not be touched: then it complains
  }
}

async function findAdapter(): Promise<GPUAdapter | null> {
  quietWithoutDesktop();
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu) return null;
  try {
    return await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch {
    return null; // a driver that cannot even be asked is no driver
  }
}

/** True if any adapter answers, software included. */
export async function adapterPresent(): Promise<boolean> {
  return await findAdapter() !== null;
}

/** True if an adapter answers that is a piece of hardware, and not the CPU in disguise. */
export async function hardwareAdapterPresent(): Promise<boolean> {
  const adapter = await findAdapter();
  if (!adapter) return false;
  return !isSoftware(adapter.info);
}

/** The failure of a device as a whole; after the first one, everything fails with the same error. */
export class Health {
  #error: BackendError | undefined;
  #closing = false;

  constructor(device: GPUDevice) {
    device.addEventListener("uncapturederror", (event) => {
      this.fail(errorOf((event as GPUUncapturedErrorEvent).error));
    });
    device.lost.then(({ reason, message }) => {
      if (this.#closing) return;
      this.fail(
        new BackendError(
          `the GPU device was lost (${reason}): ${message}`,
          'tensors on it are lost, and other backends still work; open a new device: await setBackend("webgpu")',
        ),
      );
    });
  }

  /** The first error. */
  get error(): BackendError | undefined {
    return this.#error;
  }

  fail(error: BackendError): void {
    this.#error ??= error;
  }

  /** Throws if the device is no longer sound. */
  check(): void {
    if (this.#error) throw this.#error;
  }

  /** The device is about to be destroyed on purpose. */
  close(): void {
    this.#closing = true;
    this.fail(
      new BackendError(
        "the webgpu backend was closed",
        'open it again: await setBackend("webgpu")',
      ),
    );
  }
}

/** A WebGPU error as one of ours. */
export function errorOf(error: GPUError): BackendError {
  const memory = /OutOfMemory/.test(error.constructor.name);
  return new BackendError(
    memory ? `the GPU is out of memory: ${error.message}` : `WebGPU: ${error.message}`,
    memory
      ? "free tensors (dispose, scope, using), use smaller batches, or donate inputs"
      : "This is a bug in Trilevel's webgpu backend; please report it with the program.",
  );
}

/**
 * Runs `f` and gives the first error that the device found in what it did; undefined when all was well.
 * `f` must not wait.
 */
export function guarded(device: GPUDevice, f: () => void): Promise<BackendError | undefined> {
  const filters = ["validation", "out-of-memory", "internal"] as const;
  filters.forEach((filter) => device.pushErrorScope(filter));
  let found: Promise<GPUError | null>[];
  try {
    f();
  } finally {
    found = filters.map(() => device.popErrorScope());
  }
  return Promise.all(found).then(
    (errors) => {
      const error = errors.find((e) => e !== null);
      return error ? errorOf(error) : undefined;
    },
    // A lost device has no scopes any more; its loss is reported by itself.
    () => undefined,
  );
}
