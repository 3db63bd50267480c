/** `evalShape` and `makeProgram`: looking at a function without running it. */
import type { DType } from "../core/dtype.ts";
import { formatProgram } from "../core/printer.ts";
import { outputAvals, type Program } from "../core/program.ts";
import type { Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { flatten, type MapTree, unflatten } from "../core/tree.ts";
import { toTensor, traceFunction, traceLeaves } from "../core/function.ts";

/** A shape and an element type, standing for a tensor that need not exist. */
export class ShapeDType {
  /** Stands for a tensor of this type. */
  constructor(
    /** The size of each axis. */
    readonly shape: Shape,
    /** The element type. */
    readonly dtype: DType = "float32",
  ) {}
}

/**
 * Shapes and element types of what `f` would return, without computing anything. Arguments may be
 * tensors, or `new ShapeDType(shape, dtype)` in their place.
 *
 * ```ts
 * import { evalShape, np, ShapeDType, type Tensor } from "trilevel";
 * const y = evalShape((a: Tensor) => np.matmul(a, a.T), new ShapeDType([1000, 50]));
 * console.assert(y.shape.join() === "1000,1000" && y.dtype === "float32");
 * ```
 */
export function evalShape<R>(
  // Arguments may be of another type than the function's: that is the point.
  // deno-lint-ignore no-explicit-any
  f: (...args: any[]) => R,
  ...args: readonly unknown[]
): MapTree<R, Tensor, ShapeDType> {
  const flat = args.map(flatten);
  const avals = flat.flatMap(([leaves]) =>
    leaves.map((leaf) =>
      leaf instanceof ShapeDType
        ? { shape: leaf.shape, dtype: leaf.dtype, weak: false }
        : toTensor(leaf, "evalShape: an argument").aval
    )
  );
  const { program, output } = traceLeaves(f, flat.map(([, s]) => s), avals, "evalShape");
  return unflatten(output, outputAvals(program).map((a) => new ShapeDType(a.shape, a.dtype)));
}

/** A traced function, which prints itself as a program. */
export class TracedProgram {
  /** A program and what it was traced with. */
  constructor(
    /** Takes the captured tensors, then the leaves of all arguments. */
    readonly program: Program,
    /** The tensors that the function closes over. */
    readonly captured: readonly Tensor[],
  ) {}

  /** One equation a line. */
  toString(): string {
    return formatProgram(this.program);
  }

  /** The text that the consoles of Node and Deno show. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/**
 * The program that `f` becomes for arguments like these. What `f` closes over are its first inputs.
 *
 * ```ts
 * import { grad, makeProgram, np, type Tensor } from "trilevel";
 * const program = makeProgram(grad((x: Tensor) => np.sin(x)), np.array(0));
 * console.assert(String(program).includes("cos"));
 * ```
 */
export function makeProgram<A extends unknown[]>(
  f: (...args: A) => unknown,
  ...args: A
): TracedProgram {
  const { program, captured } = traceFunction(f, args, "makeProgram");
  return new TracedProgram(program, captured);
}
