/** Host memory of tensors, used again when sizes return: a training step's always do. */
import { byteSize, type DType, type TypedArray } from "../../core/dtype.ts";
import type { DeviceBuffer } from "../../core/backend.ts";
import { type Shape, sizeOf } from "../../core/program.ts";

/** A tensor's memory, or why there is none. */
export class OnnxBuffer implements DeviceBuffer {
  readonly bytes: number;

  constructor(readonly data: TypedArray, readonly error?: Error) {
    this.bytes = data.byteLength;
  }
}

// Below this, memory is made faster than it is found again.
const smallest = 4096;
const mostBytes = 2 ** 28;

/** Freed memory by its size. */
export class BufferPool {
  readonly #free = new Map<number, ArrayBufferLike[]>();
  #bytes = 0;

  /** Memory for a tensor, with anything in it. */
  take(dtype: DType, shape: Shape): TypedArray {
    const size = sizeOf(shape);
    const bytes = size * byteSize(dtype);
    const found = bytes < smallest ? undefined : this.#free.get(bytes)?.pop();
    if (found) this.#bytes -= bytes;
    return view(dtype, found ?? new ArrayBuffer(bytes));
  }

  /** Takes memory back that nobody reads any more. */
  give(data: TypedArray): void {
    const { buffer, byteLength } = data;
    if (byteLength < smallest || this.#bytes + byteLength > mostBytes) return;
    if (buffer.byteLength !== byteLength) return;
    this.#bytes += byteLength;
    const list = this.#free.get(byteLength);
    if (list) list.push(buffer);
    else this.#free.set(byteLength, [buffer]);
  }

  clear(): void {
    this.#free.clear();
    this.#bytes = 0;
  }
}

function view(dtype: DType, buffer: ArrayBufferLike): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "bool":
      return new Uint8Array(buffer);
  }
}
