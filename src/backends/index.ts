/**
 * The backends there are, and the choice among them when the user makes none: `TRILEVEL_BACKEND` if it is set; else
 * `webgpu` when a hardware adapter answers, `onnx` where its native library loads, and `reference` elsewhere. When
 * the library does not load although the runtime is Deno or Node, one warning tells why.
 */
import type { BackendName } from "../core/source.ts";
import { openBackend, preferBackends } from "../runtime/backend.ts";
import { platform } from "../core/platform.ts";
import "./onnx/index.ts";
import "./reference/index.ts";
import { hardwareAdapterPresent } from "./webgpu/index.ts";

function requested(): string | undefined {
  try {
    return globalThis.process?.env?.TRILEVEL_BACKEND || undefined;
  } catch {
    return undefined; // reading the environment was not permitted
  }
}

async function choose(): Promise<readonly BackendName[]> {
  const name = requested();
  // An unknown name is refused when it is opened, with the names there are; nothing replaces a name that was asked for.
  if (name !== undefined) return [name as BackendName];
  if (await hardwareAdapterPresent()) return ["webgpu"];
  return platform() === "browser" ? ["reference"] : ["onnx", "reference"];
}

const chosen = await choose();
preferBackends(...chosen);
// A GPU takes time to open, and the first operation cannot wait.
if (chosen[0] === "webgpu") await openBackend("webgpu");
