/**
 * The backends there are, each loaded when it is opened, and the choice among them when the user makes none:
 * `TRILEVEL_BACKEND` if it is set; else `webgpu` when a hardware adapter answers, `onnx` where ONNX Runtime loads, and
 * `reference` elsewhere. When it does not load, one warning tells why.
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

function expected(): BackendName {
  // An unknown name is refused when it is opened, with the names there are.
  return requested() as BackendName | undefined ?? "onnx";
}

async function openBest(): Promise<Backend> {
  const name = requested();
  // Nothing replaces a name that was asked for.
  if (name !== undefined) return await openBackend(name as BackendName);
  if (await hardwareAdapterPresent()) return tell("webgpu", "there is a GPU");
  try {
    return await tell("onnx", "no GPU answers");
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    const [reason] = error.message.split("\n");
    console.warn(
      `Trilevel computes on the backend "reference", because "onnx" did not open: ${reason}\n` +
        `  ${error.hint}`,
    );
    return await openBackend("reference");
  }
}

/** Opens a backend. In browsers, where readers of the console did not choose what the page runs on, a line says which. */
async function tell(name: BackendName, reason: string): Promise<Backend> {
  const backend = await openBackend(name);
  if (platform() === "browser") {
    console.info(`Trilevel computes on the backend "${name}", because ${reason}.`);
  }
  return backend;
}

async function hardwareAdapterPresent(): Promise<boolean> {
  if (!globalThis.navigator?.gpu) return false;
  return await (await import("./webgpu/device.ts")).hardwareAdapterPresent();
}
