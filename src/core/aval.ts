/** Abstract values: the shape and the element type that are known of a value before it exists, and the atoms that have them. */
import { checkDType, type DType, type Typed } from "./dtype.ts";

/** A shape: the size of each axis. */
export type Shape = readonly number[];

/** The properties of a value that are known before it exists. */
export interface Aval extends Typed {
  /** The size of each axis. */
  readonly shape: Shape;
}

let count = 0;

/** A value inside a program, defined once: by the inputs or by one equation. */
export class Var {
  /** A number of its own. */
  readonly id: number = count++;

  /** A new variable. */
  constructor(
    /** The abstract value: shape and element type. */
    readonly aval: Aval,
  ) {}
}

/** A scalar constant inside a program. */
export class Literal {
  /** A number of this type; its shape is []. */
  constructor(
    /** The number. */
    readonly value: number,
    /** Its type. */
    readonly aval: Aval,
  ) {}
}

/** An operand of an equation. */
export type Atom = Var | Literal;

/** The number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** True if two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** An abstract value; strong unless said otherwise. */
export function aval(shape: Shape, dtype: DType, weak = false): Aval {
  checkDType(dtype);
  return { shape, dtype, weak };
}

/** `float32[2,3]`, with a star for a weak type, and two for that of a whole number. */
export function formatAval(a: Aval): string {
  return `${a.dtype}${a.weak ? a.whole ? "**" : "*" : ""}[${a.shape.join(",")}]`;
}
