/**
 * ONNX Runtime as WebAssembly, for browsers: the files that npm's `onnxruntime-web` has for its CPU. The package's own face
 * makes and runs sessions some time after it was asked to; the functions beneath do it at once.
 *
 * Its memory is its own, so the tensors of a run are copied in and out.
 */
import { byteSize, type DType } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import { sizeOf } from "../../core/aval.ts";
import type { Native, NativeSession, NativeTensor, SessionOptions } from "./native.ts";

/** The exports of ONNX Runtime that are used here. Numbers are addresses, or codes of errors where not 0. */
interface Runtime {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
  _OrtInit(threads: number, logLevel: number): number;
  _OrtGetLastError(code: number, message: number): number;
  _OrtCreateSessionOptions(
    optimization: number,
    memoryArena: boolean,
    memoryPattern: boolean,
    executionMode: number,
    profile: boolean,
    profilePrefix: number,
    logId: number,
    logSeverity: number,
    logVerbosity: number,
    optimizedModel: number,
  ): number;
  _OrtReleaseSessionOptions(options: number): number;
  _OrtCreateSession(model: number, bytes: number, options: number): number;
  _OrtReleaseSession(session: number): number;
  _OrtCreateTensor(
    type: number,
    data: number,
    bytes: number,
    dims: number,
    rank: number,
    location: number,
  ): number;
  _OrtReleaseTensor(tensor: number): number;
  _OrtRun(
    session: number,
    inputNames: number,
    inputs: number,
    inputCount: number,
    outputNames: number,
    outputCount: number,
    outputs: number,
    options: number,
  ): number;
}

type Factory = (options: { readonly numThreads: number }) => Promise<Runtime>;

/** The numbers of element types in ONNX. */
const typeNumbers: Readonly<Record<DType, number>> = {
  float32: 1,
  int32: 6,
  bool: 9,
  float64: 11,
  uint32: 12,
};
const optimizations = { disabled: 0, basic: 1, extended: 2, all: 99 } as const;
const errorsOnly = 3;
const sequential = 0;
const onCpu = 1;
const word = 4;
const alignment = 64;

// More threads than this wait for each other longer than they compute, in programs of a size for browsers.
const mostThreads = 4;

/** The number of threads: one, except in pages that may share memory between threads. */
export function threadsHere(): number {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean }; // of browsers alone
  if (!crossOriginIsolated) return 1;
  return Math.min(mostThreads, navigator.hardwareConcurrency);
}

/** The name of the module and, with another ending, of its WebAssembly. */
const name = "ort-wasm-simd-threaded";

/**
 * Loads ONNX Runtime: its module from a folder, or as a function imports it; from where an import map has `onnxruntime-web`
 * if neither is given.
 *
 * @throws BackendError if it is not there.
 */
export async function loadWeb(from?: string | (() => Promise<unknown>)): Promise<Native> {
  try {
    const module = await (typeof from === "function" ? from() : importFrom(from));
    const runtime = await start((module as { default: Factory }).default); // of the package's module
    return {
      version: "web",
      InferenceSession: class extends WebSession {
        constructor() {
          super(runtime);
        }
      },
    };
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new BackendError(
      `ONNX Runtime cannot be loaded: ${reason}`,
      "copy the folder `dist` of npm's onnxruntime-web to where the page is, and: " +
        'await setBackend(openOnnxWeb("./dist/"))',
      { cause },
    );
  }
}

/** Not by a literal name: bundlers that find the package would fail on what it has for Node. */
function importFrom(folder: string | undefined): Promise<unknown> {
  const address = folder === undefined
    ? `onnxruntime-web/${name}.mjs`
    : new URL(`${name}.mjs`, folder).href;
  return import(/* @vite-ignore */ /* webpackIgnore: true */ address);
}

async function start(factory: Factory): Promise<Runtime> {
  const numThreads = threadsHere();
  const runtime = await factory({ numThreads });
  if (runtime._OrtInit(numThreads, errorsOnly)) throw lastError(runtime);
  return runtime;
}

/** A model, loaded. */
class WebSession implements NativeSession {
  #session = 0;
  readonly #names = new Map<string, number>();

  constructor(private readonly runtime: Runtime) {}

  loadModel(
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
    { graphOptimizationLevel, logSeverityLevel }: SessionOptions,
  ): void {
    const { runtime } = this;
    const level = optimizations[graphOptimizationLevel];
    const options = runtime._OrtCreateSessionOptions(
      ...[level, true, true, sequential, false, 0, 0, logSeverityLevel, 0, 0] as const,
    );
    const model = take(runtime, length);
    try {
      runtime.HEAPU8.set(new Uint8Array(buffer, offset, length), model);
      this.#session = runtime._OrtCreateSession(model, length, options);
      if (this.#session === 0) throw lastError(runtime);
    } finally {
      runtime._free(model);
      runtime._OrtReleaseSessionOptions(options);
    }
  }

  run(feeds: Record<string, NativeTensor>, fetches: Record<string, NativeTensor>): void {
    const { runtime } = this;
    const [inputs, outputs] = [Object.entries(feeds), Object.entries(fetches)];
    const all = [...inputs, ...outputs];
    // Elements of all tensors, then a list of names, a list of tensors, and the sizes of each.
    const starts: number[] = [];
    let bytes = 0;
    for (const [, { type, dims }] of all) {
      starts.push(bytes);
      bytes += aligned(byteSize(type) * sizeOf(dims));
    }
    const lists = bytes;
    bytes += all.reduce((sum, [, { dims }]) => sum + word * dims.length, 2 * word * all.length);
    const block = take(runtime, bytes);
    const handles: number[] = [];
    try {
      const [names, tensors] = [block + lists, block + lists + word * all.length];
      let sizes = tensors + word * all.length;
      for (const [i, [name, { type, dims, data }]] of all.entries()) {
        const start = block + starts[i]!;
        const size = byteSize(type) * sizeOf(dims);
        if (i < inputs.length) runtime.HEAPU8.set(bytesOf(data), start);
        runtime.HEAPU32.set(dims, sizes / word);
        const tensor = runtime._OrtCreateTensor(
          ...[typeNumbers[type], start, size, sizes, dims.length, onCpu] as const,
        );
        if (tensor === 0) throw lastError(runtime);
        handles.push(tensor);
        sizes += word * dims.length;
        runtime.HEAPU32[names / word + i] = this.#nameOf(name);
        runtime.HEAPU32[tensors / word + i] = tensor;
      }
      const skip = word * inputs.length;
      const failed = runtime._OrtRun(
        this.#session,
        ...[names, tensors, inputs.length] as const,
        ...[names + skip, outputs.length, tensors + skip] as const,
        0,
      );
      if (failed) throw lastError(runtime);
      for (const [i, [, { data }]] of outputs.entries()) {
        const start = block + starts[inputs.length + i]!;
        bytesOf(data).set(runtime.HEAPU8.subarray(start, start + data.byteLength));
      }
    } finally {
      handles.forEach((tensor) => runtime._OrtReleaseTensor(tensor));
      runtime._free(block);
    }
  }

  dispose(): void {
    this.runtime._OrtReleaseSession(this.#session);
    this.#names.forEach((address) => this.runtime._free(address));
    this.#names.clear();
  }

  /** The address of a name, which ends with a zero. */
  #nameOf(name: string): number {
    let address = this.#names.get(name);
    if (address === undefined) {
      const text = new TextEncoder().encode(`${name}\0`);
      address = take(this.runtime, text.length);
      this.runtime.HEAPU8.set(text, address);
      this.#names.set(name, address);
    }
    return address;
  }
}

const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

const bytesOf = ({ buffer, byteOffset, byteLength }: NativeTensor["data"]) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Memory of ONNX Runtime's, of at least so many bytes. */
function take(runtime: Runtime, bytes: number): number {
  const address = runtime._malloc(bytes);
  if (address === 0) throw new Error(`there is no memory for ${bytes} bytes`);
  return address;
}

/** The error of the last call that failed. */
function lastError(runtime: Runtime): Error {
  const place = take(runtime, 2 * word);
  runtime._OrtGetLastError(place, place + word);
  const message = runtime.HEAPU32[place / word + 1]!;
  runtime._free(place);
  if (message === 0) return new Error("it does not say why");
  const end = runtime.HEAPU8.indexOf(0, message);
  return new Error(new TextDecoder().decode(runtime.HEAPU8.slice(message, end)));
}
