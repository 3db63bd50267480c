/** Values of the reference backend: row-major arrays in double precision, integers as they are. */
import type { DeviceBuffer } from "../../runtime/backend.ts";
import { allocate, isFloat, type TypedArray } from "../../core/dtype.ts";
import { type Aval, type Shape, sizeOf } from "../../core/aval.ts";

/** An array with its shape. */
export interface Value extends DeviceBuffer {
  readonly shape: Shape;
  readonly data: TypedArray;
}

/** Memory for a value; float32 too is kept in double precision. */
export function allocateValue({ shape, dtype }: Aval): Value {
  const data = allocate(isFloat(dtype) ? "float64" : dtype, sizeOf(shape));
  return { shape, data, bytes: data.byteLength };
}

/** Distance in memory between neighbours along each axis. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/**
 * Calls `visit(position, offset)` for each element of a shape in row-major order, where `offset` moves
 * by `steps[i]` along axis i.
 */
export function walk(
  shape: Shape,
  steps: readonly number[],
  visit: (position: number, offset: number) => void,
  start = 0,
): void {
  const size = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  let offset = start;
  for (let position = 0; position < size; position++) {
    visit(position, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += steps[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      offset -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
