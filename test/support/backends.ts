/**
 * The backends that are compared with the reference: `onnx` always, `webgpu` where there is an adapter, or where
 * `TRILEVEL_REQUIRE_WEBGPU` says that there must be one.
 */
import process from "node:process";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/choice.ts";
import "../../src/backends/index.ts";
import type { BackendName } from "../../src/core/source.ts";

async function open(name: BackendName): Promise<Backend | undefined> {
  try {
    return await openBackend(name);
  } catch (error) {
    if (name !== "webgpu" || process.env["TRILEVEL_REQUIRE_WEBGPU"]) throw error;
    console.warn(`webgpu is not tested: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** All that are here. */
export const backends: readonly Backend[] = (await Promise.all([
  open("onnx"),
  open("webgpu"),
])).filter((backend) => backend !== undefined);
