/**
 * Prepares the operands of an instruction: numbers become tensors, element types are promoted, shapes are
 * broadcast, and negative axes are counted from the end.
 */
import { coerce, isFloat, isInteger, promoteTypes, type Typed } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { describeValue } from "../core/describeValue.ts";
import { formatAval, type Shape } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";

/** An operand: a tensor, or a number or a boolean, which stands for a scalar. */
export type TensorLike = Tensor | number | boolean;

/** An axis, several, or (undefined) all; negative ones count from the end. */
export type Axes = number | readonly number[] | undefined;

/** A tensor as it is; a number as a weak float32; a boolean as a bool. */
export function asTensor(x: TensorLike): Tensor {
  if (x instanceof Tensor) return x;
  if (typeof x === "number") return literal(x, "float32", true);
  if (typeof x === "boolean") return literal(x ? 1 : 0, "bool");
  throw new ArgumentError(
    `a tensor was expected, not ${describeValue(x)}`,
    // TypeScript believes that nothing else can come.
    (x as unknown) instanceof Promise
      ? "await it first"
      : "make a tensor of it first: np.array(x), or np.stack(list) if it is a list of tensors",
  );
}

/** The text for an operand in an error. */
function show(x: TensorLike): string {
  return x instanceof Tensor ? formatAval(x.aval) : String(x);
}

/**
 * The type in which operands meet. A bare number is a weak float32, except that a whole number is a
 * weak int32 among integers and booleans: `x.mul(2)` keeps an int32 tensor int32.
 */
export function commonType(inputs: readonly TensorLike[]): Typed {
  return promoteTypes(...inputs.map((x) => asTensor(x).aval));
}

/** An operand as a tensor of a given type. */
export function cast(name: string, x: TensorLike, { dtype, weak }: Typed): Tensor {
  if (typeof x === "number") {
    if (isInteger(dtype) && coerce(x, dtype) !== x + 0) {
      throw new DTypeError(
        `${name}: the number ${x} is not a value of ${dtype}`,
        `convert the tensor it meets with astype("float32"), or give a number in ${dtype}'s range`,
      );
    }
    return literal(x, dtype, weak);
  }
  const tensor = asTensor(x);
  const { source } = tensor;
  // A number need not be converted by an instruction.
  if (source.kind === "literal") return literal(source.value, dtype, weak);
  return lax.convert(tensor, dtype, weak);
}

/** Operands in the type in which they meet, in their own shapes. */
export function promote(
  name: string,
  inputs: readonly TensorLike[],
  adjust: (type: Typed) => Typed = (type) => type,
): Tensor[] {
  const type = adjust(commonType(inputs));
  return inputs.map((x) => cast(name, x, type));
}

/** Floats stay; everything else becomes float32: for functions that are defined on reals. */
export function toFloat(type: Typed): Typed {
  return isFloat(type.dtype) ? type : { dtype: "float32", weak: type.weak };
}

/** Numbers stay; booleans become int32: for functions that count or compare. */
export function toNumber(type: Typed): Typed {
  return type.dtype === "bool" ? { dtype: "int32", weak: false } : type;
}

/** One operand as a float. */
export function floatTensor(name: string, x: TensorLike): Tensor {
  return promote(name, [x], toFloat)[0]!;
}

/** One operand as a number: booleans as 0 and 1. */
export function numberTensor(name: string, x: TensorLike): Tensor {
  return promote(name, [x], toNumber)[0]!;
}

/** The shape that several shapes are stretched to: sizes agree from the end, 1 fits everything. */
export function broadcastShapes(name: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((s) => s[axis - rank + s.length] ?? 1);
    const size = sizes.find((n) => n !== 1) ?? 1;
    if (sizes.some((n) => n !== 1 && n !== size)) {
      throw new ShapeError(
        `${name}: shapes do not fit: ${shapes.map((s) => `[${s.join(", ")}]`).join(" and ")}`,
        "sizes must be equal, or 1, counted from the last axis: reshape or expandDims first",
      );
    }
    return size;
  });
}

/** A tensor stretched to a shape. */
export function stretch(name: string, x: Tensor, shape: Shape): Tensor {
  const offset = shape.length - x.ndim;
  if (offset < 0 || x.shape.some((n, i) => n !== 1 && n !== shape[i + offset])) {
    throw new ShapeError(
      `${name}: ${formatAval(x.aval)} does not fit into shape [${shape.join(", ")}]`,
      "sizes must be equal, or 1 in the tensor, counted from the last axis",
    );
  }
  return lax.broadcast(x, shape, x.shape.map((_, i) => i + offset));
}

/** Operands in one type and one shape. */
export function align(
  name: string,
  inputs: readonly TensorLike[],
  adjust?: (type: Typed) => Typed,
): Tensor[] {
  const tensors = promote(name, inputs, adjust);
  const shape = broadcastShapes(name, tensors.map((x) => x.shape));
  return tensors.map((x) => stretch(name, x, shape));
}

/** Two operands in one type and one shape. */
export function alignPair(
  name: string,
  x: TensorLike,
  y: TensorLike,
  adjust?: (type: Typed) => Typed,
): [Tensor, Tensor] {
  const [a, b] = align(name, [x, y], adjust);
  return [a!, b!];
}

/** An axis counted from the start. */
export function axisOf(name: string, axis: number, rank: number): number {
  const found = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(axis) && found >= 0 && found < rank) return found;
  throw new ShapeError(
    `${name}: axis ${axis} is out of range for a tensor with ${rank} ${
      rank === 1 ? "axis" : "axes"
    }`,
    rank === 0 ? "a scalar has no axes" : `give an axis from ${-rank} to ${rank - 1}`,
  );
}

/** Axes counted from the start, in increasing order; all of them when none are given. */
export function axesOf(name: string, axes: Axes, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = typeof axes === "number" ? [axes] : axes;
  if (!Array.isArray(list)) {
    throw new ArgumentError(
      `${name}: expected a list of axes, got ${describeValue(list)}`,
      "give an axis, or a list of axes",
    );
  }
  const found = list.map((axis) => axisOf(name, axis, rank));
  if (new Set(found).size !== found.length) {
    throw new ShapeError(`${name}: axes (${list.join(", ")}) name one axis twice`, "name it once");
  }
  return found.sort((a, b) => a - b);
}

/** Throws unless a size, a count or a shape's entry is a whole number ≥ 0. */
export function checkCount(name: string, what: string, n: number): number {
  if (Number.isInteger(n) && n >= 0) return n;
  const found = typeof n === "number" ? n : describeValue(n);
  throw new ArgumentError(`${name}: ${what} is ${found}`, "give a whole number, 0 or more");
}

const isShape = (x: unknown): x is Shape => Array.isArray(x);

/** Throws unless a shape is a list of whole numbers ≥ 0; a number is a shape of one axis. */
export function shapeOf(name: string, shape: Shape | number): Shape {
  const list: unknown = typeof shape === "number" ? [shape] : shape;
  if (!isShape(list)) {
    throw new ArgumentError(
      `${name}: the shape is ${describeValue(list)}`,
      "give a list of sizes, [2, 3], or one number",
    );
  }
  list.forEach((n) => checkCount(name, "a size of the shape", n));
  return list;
}

/** Throws unless operands are integers or booleans. */
export function requireIntegers(name: string, inputs: readonly TensorLike[]): void {
  const wrong = inputs.find((x) => x instanceof Tensor && isFloat(x.dtype) && !x.aval.whole);
  if (wrong === undefined) return;
  throw new DTypeError(
    `${name} is not defined for ${show(wrong)}`,
    'give integers or booleans: convert with astype("int32")',
  );
}

/** An operand as booleans: elements that are not 0 are true, NaN too. */
export function truth(x: TensorLike): Tensor {
  const t = asTensor(x);
  return t.dtype === "bool" ? t : lax.ne(t, lax.fullLike(t, 0));
}
