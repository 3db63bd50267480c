/** The onnx backend on ONNX Runtime's WebAssembly, from a place that the user names. */
import type { Backend } from "../runtime/backend.ts";
import { ArgumentError } from "../core/errors.ts";

/** The global objects of browsers that know where they are; workers have no document. */
interface Page {
  readonly document: { readonly baseURI: string };
  readonly location: { readonly href: string };
}

/**
 * The onnx backend on ONNX Runtime's WebAssembly, for {@link setBackend}: a fast CPU in browsers. Its files, 3.7 MB when
 * compressed, are in `onnxruntime-web/dist`: `ort-wasm-simd-threaded.mjs` and `ort-wasm-simd-threaded.wasm`. They are loaded from
 * a folder, or by a bundler that knows how. Where an import map has `onnxruntime-web`, `setBackend("onnx")` finds them.
 * There are several threads in pages that are cross-origin isolated, and one in others.
 *
 * ```ts
 * import { np, openOnnxWeb, setBackend } from "trilevel";
 * if ("document" in globalThis) {
 *   await setBackend(openOnnxWeb("./onnxruntime/")); // the page has a copy in this folder
 *   console.assert(await np.ones([4]).sum().item() === 4);
 * }
 * const byVite = () => openOnnxWeb(() => import("onnxruntime-web/ort-wasm-simd-threaded.mjs"));
 * ```
 *
 * @param from The address of the folder (absolute, or relative to the page, and in a worker to its script); or a function
 * that imports the module.
 * @throws ArgumentError for no address; BackendError if the files are not there.
 */
export async function openOnnxWeb(
  from: string | URL | (() => Promise<unknown>),
): Promise<Backend> {
  const { openOnnx } = await import("./onnx/index.ts");
  if (typeof from === "function") return await openOnnx(from);
  const { document, location } = globalThis as Partial<Page>;
  const base = document?.baseURI ?? location?.href;
  const address = `${from}`.replace(/\/?$/, "/");
  if (!URL.canParse(address, base)) {
    throw new ArgumentError(
      `openOnnxWeb: the folder must be an address, got ${JSON.stringify(`${from}`)}`,
      'give one such as "./onnxruntime/", or new URL("onnxruntime/", import.meta.url)',
    );
  }
  return await openOnnx(new URL(address, base).href);
}
