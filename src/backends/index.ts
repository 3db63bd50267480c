/**
 * The backends there are, and the choice among them when the user makes none: `TRILEVEL_BACKEND` if it is set;
 * else `webgpu` when a hardware adapter answers, `onnx` where native libraries load, and `reference` elsewhere.
 */
import { type BackendName, openBackend, preferBackend } from "../core/backend.ts";
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

async function choose(): Promise<BackendName> {
  const name = requested();
  // An unknown name is refused when it is opened, with the names there are.
  if (name !== undefined) return name as BackendName;
  if (await hardwareAdapterPresent()) return "webgpu";
  return typeof globalThis.process?.getBuiltinModule === "function" ? "onnx" : "reference";
}

const chosen = await choose();
preferBackend(chosen);
// A GPU takes time to open, and the first operation cannot wait.
if (chosen === "webgpu") await openBackend(chosen);
