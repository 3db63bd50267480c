/**
 * The onnx backend: a program becomes one ONNX graph, which ONNX Runtime runs on the CPU. Element-wise
 * work on large tensors, and at its end, is WebAssembly instead (`simd/`), in the same memory. A long program
 * becomes several graphs (`pieces.ts`). Loops of small steps are functions of their own, from the first step to the
 * last, and so is a program in which there is little else (`whole/`).
 *
 * Buffers are typed arrays. A run is done when `run` returns; what went wrong in it is kept in its
 * outputs and comes up when they are read.
 *
 * With `TRILEVEL_CACHE=<directory>` in the environment when it is opened, what it compiles is kept in that directory and
 * found there by later processes (`cache/`); without, nothing is written. Removing the directory clears it.
 */
import type { Backend, DeviceBuffer, Executable } from "../../runtime/backend.ts";
import type { Pass, Program } from "../../core/program.ts";
import type { DType, TypedArray } from "../../core/dtype.ts";
import type { Aval } from "../../core/aval.ts";
import { platform } from "../../core/platform.ts";
import { onnxPassesKeeping } from "../../compiler/optimize.ts";
import { BufferPool, OnnxBuffer } from "./buffers.ts";
import { CompilationCache, warn } from "./cache/cache.ts";
import { loadNative, type Native } from "./native.ts";
import type { loadWeb } from "./web.ts";
import { piecesOf } from "./pieces.ts";
import { OnnxExecutable } from "./session.ts";
import { StagedExecutable } from "./staged.ts";
import type { Stage } from "./code.ts";
import { stagesOf } from "./simd/stages.ts";
import { isFaster, loopsToKeep, wholeStages, type Worth } from "./whole/stages.ts";

/**
 * The backend; with a cache if it is given a directory for that. `worth` says which loops are functions, and `native` is
 * ONNX Runtime, if not the native library.
 */
export class OnnxBackend implements Backend {
  readonly name = "onnx";
  readonly passes: readonly Pass[];
  readonly #pool = new BufferPool();
  readonly #cache: CompilationCache | undefined;

  constructor(
    cacheDirectory?: string,
    private readonly worth: Worth = isFaster,
    private readonly native: Native = loadNative(),
  ) {
    const own = onnxPassesKeeping((program) => loopsToKeep(program, this.worth));
    const cache = cacheDirectory === undefined ? undefined : this.#open(cacheDirectory, own);
    this.#cache = cache;
    this.passes = cache ? [{ name: "optimize", run: (program) => cache.optimize(program) }] : own;
  }

  #open(directory: string, passes: readonly Pass[]): CompilationCache | undefined {
    try {
      return new CompilationCache(directory, this.native, this.#pool.heap.pages, passes);
    } catch (cause) {
      warn(directory, cause);
      return undefined;
    }
  }

  supports(_dtype: DType): boolean {
    return true;
  }

  upload(data: TypedArray, { dtype, shape }: Aval): DeviceBuffer {
    const copy = this.#pool.take(dtype, shape);
    copy.set(data);
    return new OnnxBuffer(copy);
  }

  // deno-lint-ignore require-await -- errors of the run reject
  async download(buffer: DeviceBuffer, _aval: Aval): Promise<TypedArray> {
    return this.peek(buffer).slice();
  }

  peek(buffer: DeviceBuffer): TypedArray {
    const { data, error } = buffer as OnnxBuffer; // made by this backend
    if (error) throw error;
    return data;
  }

  free(buffer: DeviceBuffer): void {
    this.#pool.give((buffer as OnnxBuffer).data); // made by this backend
  }

  compile(program: Program): Executable {
    const divide = (program: Program) => this.#divide(program);
    const stages = this.#cache?.stagesOf(program, divide) ?? divide(program);
    const { kind, code } = stages[0]!; // no program has none
    return stages.length === 1 && kind === "graph" && code?.kind !== "kernel"
      ? new OnnxExecutable(program, this.native, this.#pool, code)
      : new StagedExecutable(program, stages, this.native, this.#pool);
  }

  #divide(program: Program): readonly Stage[] {
    const parts = this.#pool.heap.memory && wholeStages(program, this.worth);
    if (!parts) return this.#divideGraph(program);
    return parts.flatMap((s) => s.kind === "graph" ? this.#divideGraph(s.program) : [s]);
  }

  #divideGraph(program: Program): readonly Stage[] {
    const stages = this.#pool.heap.memory && stagesOf(program);
    const whole: Stage = { kind: "graph", program };
    return (stages ?? [whole]).flatMap((stage) =>
      stage.kind === "graph"
        ? piecesOf(stage.program).map((program): Stage => ({ kind: "graph", program }))
        : [stage]
    );
  }

  close(): void {
    // memory goes with its last view
  }
}

/** The directory that `TRILEVEL_CACHE` names. */
function requestedCache(): string | undefined {
  try {
    return globalThis.process?.env?.["TRILEVEL_CACHE"] || undefined;
  } catch {
    return undefined; // reading the environment was not permitted
  }
}

/**
 * The backend: on the native library, with the cache that `TRILEVEL_CACHE` asks for; in browsers, on ONNX Runtime's
 * WebAssembly, which comes from where `loadWeb` is told.
 *
 * @throws BackendError where ONNX Runtime cannot be loaded.
 */
export async function openOnnx(from?: Parameters<typeof loadWeb>[0]): Promise<Backend> {
  if (from === undefined && platform() !== "browser") return new OnnxBackend(requestedCache());
  const web = await import("./web.ts");
  return new OnnxBackend(undefined, isFaster, await web.loadWeb(from));
}
