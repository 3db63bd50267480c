/**
 * The backends there are, each loaded when it is opened, and the choice among them when the user makes none:
 * `TRILEVEL_BACKEND` if it is set; else `webgpu` when a hardware adapter answers, `onnx` where its native library
 * loads, and `reference` elsewhere. When the library does not load although the runtime is Deno or Node, one warning
 * tells why.
 */
import type { Backend } from "../runtime/backend.ts";
import { openBackend, registerBackend, registerChoice } from "../runtime/choice.ts";
import { BackendError } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import type { BackendName } from "../core/source.ts";

registerBackend("webgpu", async () => (await import("./webgpu/index.ts")).openOwnDevice());
registerBackend("onnx", async () => (await import("./onnx/index.ts")).openOnnx());
registerBackend("reference", async () => (await import("./reference/index.ts")).reference);
registerChoice({ open: openBest, expected });

function requested(): string | undefined {
  try {
    return globalThis.process?.env?.TRILEVEL_BACKEND || undefined;
  } catch {
    return undefined; // reading the environment was not permitted
  }
}

/** The CPU's backend in this runtime. */
const cpu = (): BackendName => platform() === "browser" ? "reference" : "onnx";

function expected(): BackendName {
  // An unknown name is refused when it is opened, with the names there are.
  return requested() as BackendName | undefined ?? cpu();
}

async function openBest(): Promise<Backend> {
  const name = requested();
  // Nothing replaces a name that was asked for.
  if (name !== undefined) return await openBackend(name as BackendName);
  if (await hardwareAdapterPresent()) return await openBackend("webgpu");
  try {
    return await openBackend(cpu());
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    const [reason] = error.message.split("\n");
    console.warn(
      `Trilevel computes on the backend "reference", because "${cpu()}" did not open: ${reason}\n` +
        `  ${error.hint}`,
    );
    return await openBackend("reference");
  }
}

async function hardwareAdapterPresent(): Promise<boolean> {
  if (!globalThis.navigator?.gpu) return false;
  return await (await import("./webgpu/device.ts")).hardwareAdapterPresent();
}
