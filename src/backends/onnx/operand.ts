/**
 * Operands: the values of a program's variables while it is being lowered. A broadcast is not carried out: the value
 * in the graph keeps axes of size 1, or fewer axes, and ONNX repeats it where it meets others. Only an
 * operation that needs all elements in place makes them.
 */
import type { DType } from "../../core/dtype.ts";
import { type Aval, type Shape, sizeOf } from "../../core/aval.ts";
import type { Graph, Value } from "./graph.ts";
import { expand, reshape } from "./values.ts";

/** A value, and the shape that the program sees, to which it stretches by ONNX's rules. */
export interface Operand {
  readonly value: Value;
  readonly shape: Shape;
}

/** The operand that a value is as it stands. */
export function operand(value: Value, shape: Shape = value.shape): Operand {
  return { value, shape };
}

/** The value with all its elements in place. */
export function full(g: Graph, { value, shape }: Operand): Value {
  return expand(g, value, shape);
}

/** The value with all axes that the program sees, those that repeat being of size 1. */
export function aligned(g: Graph, { value, shape }: Operand): Value {
  const missing = shape.length - value.shape.length;
  return reshape(g, value, [...Array<number>(missing).fill(1), ...value.shape]);
}

/** One value everywhere. */
export function filled(g: Graph, { shape, dtype }: Aval, value: number): Operand {
  return { value: g.scalar(dtype, value), shape };
}

/** A stand-in for a value without elements, which no node ever receives. */
export function empty({ shape, dtype }: { shape: Shape; dtype: DType }): Operand {
  return { value: { name: "", shape, type: dtype }, shape };
}

/** True if there are no elements. */
export function isEmpty({ shape }: { readonly shape: Shape }): boolean {
  return sizeOf(shape) === 0;
}
