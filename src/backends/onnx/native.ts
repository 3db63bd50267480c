/**
 * ONNX Runtime's native binding, as onnxruntime-node loads it. The package's own face runs a session some
 * time after it was asked to; the object beneath runs it at once and takes outputs' memory, too.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import type { Shape } from "../../core/program.ts";

/** A tensor as the binding reads and writes it. */
export interface NativeTensor {
  readonly type: DType;
  readonly dims: Shape;
  readonly location: "cpu";
  data: TypedArray;
}

/** The options that we set; https://onnxruntime.ai/docs/api/js/interfaces/InferenceSession.SessionOptions.html */
export interface SessionOptions {
  readonly graphOptimizationLevel: "disabled" | "basic" | "extended" | "all";
  readonly intraOpNumThreads: number;
  readonly interOpNumThreads: number;
  readonly logSeverityLevel: number;
  readonly extra?: object;
  readonly enableCpuMemArena?: boolean;
  readonly enableMemPattern?: boolean;
}

/** A loaded model. */
export interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: SessionOptions): void;
  run(
    feeds: Record<string, NativeTensor>,
    fetches: Record<string, NativeTensor>,
    options: object,
  ): void;
  dispose(): void;
}

/** Makes sessions. */
export interface Native {
  readonly InferenceSession: new () => NativeSession;
}

/**
 * Loads the binding.
 *
 * @throws BackendError where there is none: in browsers, or for an unknown processor.
 */
export function loadNative(): Native {
  try {
    // Found at run time, so that bundles for browsers need not have it.
    const { createRequire } = globalThis.process.getBuiltinModule("node:module");
    const main = createRequire(import.meta.url).resolve("onnxruntime-node");
    const { binding, initOrt } = createRequire(main)("./binding.js");
    initOrt();
    // A CommonJS module has no type here; this much of it is used.
    return binding as Native;
  } catch (cause) {
    throw new BackendError(
      `ONNX Runtime cannot be loaded: ${cause instanceof Error ? cause.message : cause}`,
      `run under Deno with onnxruntime-node installed and permission for native code (-A), or choose ` +
        `another backend: await setBackend("reference")`,
      { cause },
    );
  }
}
