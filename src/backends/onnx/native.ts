/**
 * ONNX Runtime's native binding, as onnxruntime-node loads it. The package's own face runs a session some
 * time after it was asked to; the object beneath runs it at once and takes outputs' memory, too.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import type { Shape } from "../../core/aval.ts";
import { platform } from "../../core/platform.ts";

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
  /** The version of ONNX Runtime. */
  readonly version: string;
}

/** Members of the package that are not part of its types. */
interface Binding extends Pick<Native, "InferenceSession"> {
  /** The class of its outputs is `Tensor`. */
  initOrtOnce(logLevel: number, Tensor: TensorConstructor, isMainThread: boolean): void;
}

type TensorConstructor = new (type: string, data: TypedArray, dims: Shape) => object;

const warnings = 2;
const refusal = {};
let refusing = false;

/**
 * Runs a session whose outputs have memory. The binding would go on and make a tensor of each output with a copy
 * of its elements, which may take longer than the run: the first one is refused, and so it ends.
 */
export function runInPlace(
  session: NativeSession,
  feeds: Record<string, NativeTensor>,
  fetches: Record<string, NativeTensor>,
): void {
  refusing = true;
  try {
    session.run(feeds, fetches, noOptions);
  } catch (error) {
    if (error !== refusal) throw error;
  } finally {
    refusing = false;
  }
}

const noOptions = {};

/**
 * Loads the binding.
 *
 * @throws BackendError where there is none: in browsers, for an unknown processor, or without permission.
 */
export function loadNative(): Native {
  try {
    // Found at run time, so that bundles for browsers need not have it.
    const { createRequire } = globalThis.process.getBuiltinModule("node:module");
    const { isMainThread } = globalThis.process.getBuiltinModule("node:worker_threads");
    const require = createRequire(createRequire(import.meta.url).resolve("onnxruntime-node"));
    // CommonJS modules have no types here; this much of them is used.
    const { binding, initOrt } = require("./binding.js") as { binding: Binding; initOrt(): void };
    const { version } = require("./version.js") as { version: string };
    const { Tensor } = require("onnxruntime-common") as { Tensor: TensorConstructor };
    initOrt();
    binding.initOrtOnce(warnings, refusable(Tensor), isMainThread);
    return { InferenceSession: binding.InferenceSession, version };
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new BackendError(
      `ONNX Runtime cannot be loaded: ${reason}`,
      `${advice[platform()]}, or choose another backend: await setBackend("reference")`,
      { cause },
    );
  }
}

const advice: Record<ReturnType<typeof platform>, string> = {
  deno:
    "it is native code: install onnxruntime-node and allow reading files and loading libraries " +
    "(--allow-read --allow-ffi, or -A)",
  node: "install it with: npm install onnxruntime-node",
  browser: "the native library is for Deno and Node; in a browser: await setBackend(openOnnxWeb())",
};

/** Makes the package's tensors, for its other users, except while we refuse them. */
function refusable(Tensor: TensorConstructor): TensorConstructor {
  return class {
    constructor(...[type, data, dims]: ConstructorParameters<TensorConstructor>) {
      if (refusing) throw refusal;
      return new Tensor(type, data, dims);
    }
  };
}
