/** Rule factories: what most primitives' rules look like, so that the rest of a rule is one line. */
import type { DType, Typed } from "../core/dtype.ts";
import { DTypeError, NotDifferentiableError, ShapeError } from "../core/errors.ts";
import { LinearInput, type Params, type Primitive, type Tangents } from "../core/program.ts";
import { type Aval, formatAval, sameShape, type Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";

/** All outputs have no tangent: integers, booleans, steps. */
export function zeroJvp<P extends Params>(self: () => Primitive<P>): Primitive<P>["jvp"] {
  return (primals, _tangents, params) => {
    const outputs = bind(self(), primals, params);
    return { outputs, tangents: outputs.map(() => null) };
  };
}

/** For a primitive that is linear in its only input: ẏ = f(ẋ). */
export function unaryLinearJvp<P extends Params>(self: () => Primitive<P>): Primitive<P>["jvp"] {
  return ([x], [dx], params): Tangents => ({
    outputs: bind(self(), [x], params),
    tangents: dx ? bind(self(), [dx], params) : [null],
  });
}

/** For a primitive linear in each of its two inputs: ẏ = f(ẋ₁, x₂) + f(x₁, ẋ₂). */
export function bilinearJvp<P extends Params>(
  self: () => Primitive<P>,
  add: (a: Tensor, b: Tensor) => Tensor,
): Primitive<P>["jvp"] {
  return ([x, y], [dx, dy], params): Tangents => {
    const left = dx && bind(self(), [dx, y], params)[0];
    const right = dy && bind(self(), [x, dy], params)[0];
    return {
      outputs: bind(self(), [x, y], params),
      tangents: [left && right ? add(left, right) : left ?? right ?? null],
    };
  };
}

/** The primitive, which makes whole numbers of whole numbers. */
export function ofWholes<P extends Params>(primitive: Primitive<P>): Primitive<P> {
  return Object.assign(primitive, { keepsWholes: true });
}

/** The type of what is one of several values of one element type: weak if all are. */
export function weakest(...types: readonly Typed[]): Typed {
  const { dtype } = types[0]!;
  const weak = types.every((t) => t.weak);
  return { dtype, weak, whole: weak && types.every((t) => t.whole) };
}

/** Throws unless all have one shape and one element type; gives the first. */
export function assertSame(name: string, inputs: readonly Aval[]): Aval {
  const [first, ...rest] = inputs;
  for (const other of rest) {
    if (!sameShape(first!.shape, other.shape)) {
      throw new ShapeError(
        `${name}: shapes differ: ${inputs.map(formatAval).join(" and ")}`,
        "broadcast them to one shape first (np functions do that)",
      );
    }
    if (first!.dtype !== other.dtype) {
      throw new DTypeError(
        `${name}: element types differ: ${inputs.map(formatAval).join(" and ")}`,
        "convert one with astype (np functions promote)",
      );
    }
  }
  return first!;
}

/** The error for an input that does not fit. */
export function refuse(name: string, x: Aval, what: string, hint: string): ShapeError {
  return new ShapeError(`${name}: ${formatAval(x)} ${what}`, hint);
}

/** Throws unless the element type is one of those a primitive is defined for. */
export function requireDType(
  name: string,
  input: Aval,
  accept: (dtype: DType) => boolean,
  what: string,
): void {
  if (accept(input.dtype)) return;
  throw new DTypeError(
    `${name} is not defined for ${formatAval(input)}`,
    `give ${what}: convert with astype`,
  );
}

/** Throws unless `axes` are distinct axes of the shape. */
export function checkAxes(name: string, shape: Shape, axes: readonly number[]): void {
  const valid = axes.every((a) => Number.isInteger(a) && a >= 0 && a < shape.length);
  if (valid && new Set(axes).size === axes.length) return;
  throw new ShapeError(
    `${name}: axes (${axes.join(", ")}) do not fit the shape [${shape.join(", ")}]`,
    `give distinct axes between 0 and ${shape.length - 1}`,
  );
}

/** The known one of a transpose rule's inputs. */
export function known(x: Tensor | LinearInput | undefined, name: string): Tensor {
  if (x === undefined || x instanceof LinearInput) {
    throw new NotDifferentiableError(
      `${name} is not linear in the inputs to transpose`,
      "linearTranspose takes functions that are linear in their arguments",
    );
  }
  return x;
}
