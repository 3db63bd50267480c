/**
 * The onnx backend: a program becomes one ONNX graph, which ONNX Runtime runs on the CPU. Element-wise
 * work on large tensors, and at its end, is WebAssembly instead (`simd/`), in the same memory.
 *
 * Buffers are typed arrays. A run is done when `run` returns; what went wrong in it is kept in its
 * outputs and comes up when they are read.
 */
import {
  type Backend,
  type DeviceBuffer,
  type Executable,
  registerBackend,
} from "../../core/backend.ts";
import type { DType, TypedArray } from "../../core/dtype.ts";
import type { Aval, Program } from "../../core/program.ts";
import { unrollingPasses } from "../../compiler/optimize.ts";
import { BufferPool, OnnxBuffer } from "./buffers.ts";
import { loadNative, type Native } from "./native.ts";
import { OnnxExecutable } from "./session.ts";
import { StagedExecutable } from "./simd/executable.ts";
import { stagesOf } from "./simd/stages.ts";

class OnnxBackend implements Backend {
  readonly name = "onnx";
  readonly passes = unrollingPasses;
  readonly #native: Native = loadNative();
  readonly #pool = new BufferPool();

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
    const { data, error } = buffer as OnnxBuffer; // made by this backend
    if (error) throw error;
    return data.slice();
  }

  free(buffer: DeviceBuffer): void {
    this.#pool.give((buffer as OnnxBuffer).data); // made by this backend
  }

  compile(program: Program): Executable {
    const stages = this.#pool.heap.memory && stagesOf(program);
    return stages
      ? new StagedExecutable(program, stages, this.#native, this.#pool)
      : new OnnxExecutable(program, this.#native, this.#pool);
  }

  close(): void {
    // memory goes with its last view
  }
}

registerBackend("onnx", () => new OnnxBackend());

export { encodeProgram } from "./encode.ts";
