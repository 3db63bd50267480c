/**
 * The arrays that samples are made of: a typed array and its shape, on the host, nothing more.
 *
 * Images are `[height, width, channels]`, in general `[…, height, width, channels]`: whatever stands
 * before the last three axes (the objects of a set of masks, the frames of a video) is a batch to every
 * function that works on pictures.
 */

import { SampleShapeError } from "./errors.ts";

/** The element types of host arrays. */
export type TypedArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** A host array in row-major order. */
export interface NdArray<D extends TypedArray = TypedArray> {
  /** The elements. */
  readonly data: D;
  /** The length of every axis; `[]` is one number. */
  readonly shape: readonly number[];
}

const constructors = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const satisfies Record<DType, unknown>;

/** The names of the element types. */
export type DType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "float64";

/** The name of an array's element type. */
export function dtypeOf(data: TypedArray): DType {
  for (const [name, constructor] of Object.entries(constructors)) {
    if (data instanceof constructor) return name as DType;
  }
  throw new SampleShapeError(
    `${Object.prototype.toString.call(data)} is not a supported typed array`,
    {
      hint: `Use one of ${Object.keys(constructors).join(", ")}`,
    },
  );
}

/** A zeroed typed array of `length` elements. */
export function allocate(dtype: DType, length: number): TypedArray {
  return new constructors[dtype](length);
}

/** The bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** Reads `bytes` as elements of `dtype` in the machine's (little-endian) order; copies. */
export function fromBytes(dtype: DType, bytes: Uint8Array): TypedArray {
  const array = allocate(dtype, bytes.byteLength / bytesPerElement(dtype));
  new Uint8Array(array.buffer).set(bytes);
  return array;
}

/** The bytes of an array, without copying. */
export function toBytes({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * An array of a shape.
 *
 * @throws {SampleShapeError} when `data` does not have as many elements as `shape`.
 */
export function ndarray<D extends TypedArray>(data: D, shape: readonly number[]): NdArray<D> {
  if (elements(shape) !== data.length) {
    throw new SampleShapeError(`${data.length} elements do not make an array of shape [${shape}]`, {
      hint: "Check the order and the number of axes",
    });
  }
  return { data, shape };
}

/** True if a field of a sample is an array (and not JSON). */
export function isNdArray(field: unknown): field is NdArray {
  return typeof field === "object" && field !== null && "data" in field && "shape" in field &&
    ArrayBuffer.isView(field.data);
}

/**
 * Stacks arrays of one shape and type along a new first axis.
 *
 * @throws {SampleShapeError} when shapes or types differ.
 */
export function stack(arrays: readonly NdArray[], name = "array"): NdArray {
  const first = arrays[0];
  if (first === undefined) {
    throw new SampleShapeError(`there is no ${name} to stack`, { hint: "Give at least one" });
  }
  const dtype = dtypeOf(first.data);
  const data = allocate(dtype, arrays.length * first.data.length);
  arrays.forEach((array, i) => {
    const same = array.shape.length === first.shape.length &&
      array.shape.every((length, axis) => length === first.shape[axis]) &&
      dtypeOf(array.data) === dtype;
    if (!same) {
      throw new SampleShapeError(
        `"${name}" differs between samples: ${dtype}[${first.shape}] and ` +
          `${dtypeOf(array.data)}[${array.shape}]`,
        { hint: "Resize, crop or pad to one shape with map(), or use batchSize 1" },
      );
    }
    data.set(array.data, i * first.data.length);
  });
  return { data, shape: [arrays.length, ...first.shape] };
}
