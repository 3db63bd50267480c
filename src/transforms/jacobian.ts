/** `jacfwd`, `jacrev`, `hessian`, `hvp`: whole derivatives, and products with second ones. */
import { ArgumentError } from "../core/errors.ts";
import { evaluate } from "../core/evaluate.ts";
import { dispose } from "../runtime/memory.ts";
import type { Tensor } from "../core/tensor.ts";
import { type MapTree, unflatten } from "../core/tree.ts";
import { convert, eq, iota, reshape, slice } from "../primitives/index.ts";
import { tensorLeaves, traceFunction } from "../core/function.ts";
import { count, declareOptions } from "../options/index.ts";
import { grad } from "./grad.ts";
import { jvp, type Optional, pushForward } from "./jvp.ts";
import { vjp } from "./vjp.ts";
import { vmap } from "./vmap.ts";

/** Options of `jacfwd`, `jacrev` and `hessian`. */
export interface JacobianOptions {
  /** The argument to differentiate in. Default 0. */
  argnums?: number;
}

/** For each output leaf, a tree like the argument, of leaves with the output's axes, then the input's. */
export type Jacobian<R, P> = MapTree<R, Tensor, P>;

/** One unit vector for each element of a tree: trees whose leaves have the unit vectors as axis 0. */
function unitVectors(leaves: readonly Tensor[]): Tensor[] {
  const total = leaves.reduce((sum, x) => sum + x.size, 0);
  let offset = 0;
  return leaves.map((x) => {
    const rows = iota([total, x.size], "int32", 0);
    // Column c of this leaf belongs to element offset + c.
    const columns = slice(iota([total, offset + x.size], "int32", 1), {
      start: [0, offset],
      limit: [total, offset + x.size],
      strides: [1, 1],
    });
    offset += x.size;
    return reshape(convert(eq(rows, columns), x.dtype), [total, ...x.shape]);
  });
}

/** Cuts axis 0 (or the last) of a stacked derivative into the leaves that it ran over. */
function cut(stacked: Tensor, axis: number, leaves: readonly Tensor[]): Tensor[] {
  let offset = 0;
  return leaves.map((x) => {
    const part = slice(stacked, {
      start: stacked.shape.map((_, i) => i === axis ? offset : 0),
      limit: stacked.shape.map((n, i) => i === axis ? offset + x.size : n),
      strides: stacked.shape.map(() => 1),
    });
    offset += x.size;
    const shape = [...stacked.shape];
    shape.splice(axis, 1, ...x.shape);
    return reshape(part, shape);
  });
}

/** Runs `f` as one program, so that what it makes on the way is freed. */
function asProgram<X, R>(name: string, f: (x: X) => R, x: X): R {
  const { program, captured, leaves, output } = traceFunction(f, [x], name, () => true);
  return unflatten(output, evaluate(program, [...captured, ...leaves]));
}

/** The function of one argument that remains when the others are given. */
function inArgument<A extends unknown[], R>(f: (...args: A) => R, args: A, n: number) {
  if (!(n in args)) {
    throw new ArgumentError(
      `argnums names argument ${n}, but there are ${args.length}`,
      "count arguments from 0",
    );
  }
  return (x: A[number]): R => f(...args.map((arg, i) => i === n ? x : arg) as A);
}

const checkJacfwd = declareOptions<JacobianOptions>("jacfwd", ["f"], { argnums: count });

/**
 * The Jacobian, one column at a time: forward mode, for functions with fewer inputs than outputs. For each
 * output leaf it gives a tree like the argument, whose leaves have the output's axes first.
 *
 * ```ts
 * import { jacfwd, np, type Tensor } from "trilevel";
 * const j = jacfwd((x: Tensor) => x.mul(x))(np.array([1, 2]));
 * console.assert(JSON.stringify(await j.array()) === "[[2,0],[0,4]]");
 * ```
 */
export function jacfwd<A extends unknown[], R>(
  f: (...args: A) => R,
  options: JacobianOptions = {},
): (...args: A) => Jacobian<R, A[number]> {
  checkJacfwd(options);
  return (...args) => {
    const n = options.argnums ?? 0;
    const g = inArgument(f, args, n);
    return asProgram("jacfwd", (x) => {
      const [leaves, structure] = tensorLeaves(x, "jacfwd: the argument");
      const push = (v: unknown) => jvp(g, [x], [v])[1];
      const columns = vmap(push, { outAxes: -1 })(unflatten(structure, unitVectors(leaves)));
      const [outputs, output] = tensorLeaves(columns, "jacfwd: the value");
      return unflatten(
        output,
        outputs.map((y) => unflatten(structure, cut(y, y.ndim - 1, leaves))),
      );
    }, args[n]);
  };
}

const checkJacrev = declareOptions<JacobianOptions>("jacrev", ["f"], { argnums: count });

/**
 * The Jacobian, one row at a time: reverse mode, for functions with fewer outputs than inputs. Laid out as
 * `jacfwd`'s.
 *
 * ```ts
 * import { jacrev, np, type Tensor } from "trilevel";
 * const j = jacrev((x: Tensor) => np.cumsum(x))(np.array([1, 2]));
 * console.assert(JSON.stringify(await j.array()) === "[[1,0],[1,1]]");
 * ```
 */
export function jacrev<A extends unknown[], R>(
  f: (...args: A) => R,
  options: JacobianOptions = {},
): (...args: A) => Jacobian<R, A[number]> {
  checkJacrev(options);
  return (...args) => {
    const n = options.argnums ?? 0;
    const g = inArgument(f, args, n);
    return asProgram("jacrev", (x) => {
      const [value, pullback] = vjp(g, x);
      const [outputs, output] = tensorLeaves(value, "jacrev: the value");
      const pull = (ct: unknown) => pullback(ct as never)[0]; // unit vectors are of the value's own type
      const rows = vmap(pull)(unflatten(output, unitVectors(outputs)));
      const [stacked, structure] = tensorLeaves(rows, "jacrev: the derivative");
      const parts = stacked.map((y) => cut(y, 0, outputs));
      return unflatten(
        output,
        outputs.map((_, i) => unflatten(structure, parts.map((p) => p[i]!))),
      );
    }, args[n]);
  };
}

const checkHessian = declareOptions<JacobianOptions>("hessian", ["f"], { argnums: count });

/**
 * The Hessian of a scalar function: forward over reverse. For trees, a tree of trees.
 *
 * ```ts
 * import { hessian, np, type Tensor } from "trilevel";
 * const h = hessian((x: Tensor) => x.mul(x).sum())(np.array([1, 2]));
 * console.assert(JSON.stringify(await h.array()) === "[[2,0],[0,2]]");
 * ```
 */
export function hessian<A extends unknown[]>(
  f: (...args: A) => Tensor,
  options: JacobianOptions = {},
): (...args: A) => Jacobian<A[number], A[number]> {
  checkHessian(options);
  const argnums = options.argnums ?? 0;
  return jacfwd(grad(f, { argnums }) as (...args: A) => A[number], options);
}

/**
 * The product of the Hessian in the first argument with a vector, without the Hessian: the derivative of
 * the gradient along `tangents` (Pearlmutter, 1994). Without primals it gives the function that takes them:
 * `hvp(f)(primals, tangents)`.
 *
 * ```ts
 * import { hvp, jit, np, type Tensor } from "trilevel";
 * const f = (x: Tensor) => x.mul(x).mul(x).sum();
 * const v = hvp(f, [np.array([1, 2])], [np.array([1, 1])]);
 * console.assert(JSON.stringify(await v.array()) === "[6,12]");
 * const product = jit(hvp(f));
 * console.assert((await product([np.array([1, 2])], [np.array([1, 0])]).data())[0] === 6);
 * ```
 *
 * @throws ArgumentError, TreeError or DTypeError when primals and tangents do not belong together.
 */
export function hvp<A extends unknown[]>(
  f: (...args: A) => Tensor,
): (primals: A, tangents: Optional<A>) => A[0];
/** The product at once. */
export function hvp<A extends unknown[]>(
  f: (...args: A) => Tensor,
  primals: A,
  tangents: Optional<A>,
): A[0];
export function hvp<A extends unknown[]>(
  f: (...args: A) => Tensor,
  ...at: [] | [primals: A, tangents: Optional<A>]
): A[0] | ((primals: A, tangents: Optional<A>) => A[0]) {
  const product = (primals: A, tangents: Optional<A>): A[0] => {
    const slope = grad(f) as (...args: A) => A[0];
    const [gradient, moved] = pushForward("hvp", slope, primals, tangents);
    dispose(gradient); // an intermediate without an owner
    return moved;
  };
  return at.length === 0 ? product : product(...at);
}
