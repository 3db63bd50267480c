/** Host memory of tensors, used again when it is free: a training step needs the same sizes each time. */
import { allocate, byteSize, type DType, type TypedArray } from "../../core/dtype.ts";
import type { DeviceBuffer } from "../../runtime/backend.ts";
import { type Shape, sizeOf } from "../../core/aval.ts";
import { Heap } from "./simd/memory.ts";

/** A tensor's memory, or why there is none. */
export class OnnxBuffer implements DeviceBuffer {
  readonly bytes: number;

  constructor(readonly data: TypedArray, readonly error?: Error) {
    this.bytes = data.byteLength;
  }
}

/** Memory in the heap that kernels see; ordinary memory for what does not fit there. */
export class BufferPool {
  constructor(readonly heap = new Heap()) {}

  /** Memory for a tensor, with anything in it. */
  take(dtype: DType, shape: Shape): TypedArray {
    const size = sizeOf(shape);
    const start = this.heap.take(size * byteSize(dtype));
    return start === undefined
      ? allocate(dtype, size)
      : view(dtype, this.heap.buffer!, start, size);
  }

  /** The same memory for elements of another type of the same size. */
  retype(data: TypedArray, dtype: DType): TypedArray {
    return view(dtype, data.buffer, data.byteOffset, data.length);
  }

  /** True if memory is in the heap. */
  holds(data: TypedArray): boolean {
    return data.buffer === this.heap.buffer;
  }

  /** Takes back memory that is not read any more. */
  give(data: TypedArray): void {
    if (this.holds(data)) this.heap.give(data.byteOffset, data.byteLength);
  }
}

function view(dtype: DType, buffer: ArrayBufferLike, start: number, size: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, start, size);
    case "float64":
      return new Float64Array(buffer, start, size);
    case "int32":
      return new Int32Array(buffer, start, size);
    case "uint32":
      return new Uint32Array(buffer, start, size);
    case "bool":
      return new Uint8Array(buffer, start, size);
  }
}
