/** Functions of functions: of vectors along an axis, of single elements, and by pieces. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOperands, declareOptions, text } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { where } from "./logic.ts";
import { asTensor, axisOf, cast, stretch, type TensorLike } from "./promote.ts";
import { overLeading } from "./overLeading.ts";
import { expandDims, moveaxis } from "./shape.ts";

const checkAlong = declareOperands("np.applyAlongAxis", ["f", "axis", "x"]);

/**
 * Applies a function of vectors to those along an axis. The axes of its result take the place of that axis.
 *
 * ```ts
 * import { np, type Tensor } from "trilevel";
 * const x = np.array([[3, 1], [2, 4]]);
 * const ranges = np.applyAlongAxis((v: Tensor) => np.ptp(v), 1, x);
 * console.assert(String(await ranges.data()) === "2,2");
 * ```
 */
export function applyAlongAxis(
  f: (x: Tensor) => TensorLike,
  axis: number,
  x: TensorLike,
  ...rest: readonly unknown[]
): Tensor {
  checkAlong(rest[0], [f, axis, x, ...rest]);
  const t = asTensor(x);
  const along = axisOf("applyAlongAxis", axis, t.ndim);
  const last = moveaxis(t, along, -1);
  const [y] = overLeading("applyAlongAxis", (v) => [asTensor(f(v!))], [last], [1]);
  const own = Array.from({ length: y!.ndim - t.ndim + 1 }, (_, i) => i);
  return moveaxis(y!, own.map((i) => t.ndim - 1 + i), own.map((i) => along + i));
}

const checkOver = declareOperands("np.applyOverAxes", ["f", "x", "axes"]);

/** Applies a function of a tensor and an axis for one axis after the other; axes are kept. */
export function applyOverAxes(
  f: (x: Tensor, axis: number) => TensorLike,
  x: TensorLike,
  axes: number | readonly number[],
  ...rest: readonly unknown[]
): Tensor {
  checkOver(rest[0], [f, x, axes, ...rest]);
  return [axes].flat().reduce((t, axis) => {
    const along = axisOf("applyOverAxes", axis, t.ndim);
    const y = asTensor(f(t, along));
    if (y.ndim === t.ndim) return y;
    if (y.ndim === t.ndim - 1) return expandDims(y, along);
    throw new ShapeError(
      `applyOverAxes: expected as many axes as in ${
        formatAval(t.aval)
      }, or one less, but the function returned ${formatAval(y.aval)}`,
      "it must keep the axes, or reduce the one that it is given",
    );
  }, asTensor(x));
}

/** Options of {@link vectorize}. */
export interface VectorizeOptions {
  /** Names of the axes of a single operand and result: `"(m,n),(n)->(m)"`; scalars unless given. */
  readonly signature?: string | undefined;
}

const checkVectorize = declareOptions<VectorizeOptions>("np.vectorize", ["f"], { signature: text });

/**
 * A function of single elements as one of tensors, whose leading axes are broadcast. Elements are scalars, or what
 * a signature says. It is batched like `vmap`: nothing is looped over.
 *
 * ```ts
 * import { np, type Tensor } from "trilevel";
 * const apply = np.vectorize((m: Tensor, v: Tensor) => np.dot(m, v), { signature: "(i,j),(j)->(i)" });
 * console.assert(apply(np.ones([5, 2, 3]), np.ones([3])).shape.join() === "5,2");
 * ```
 *
 * @throws ArgumentError for an invalid signature; ShapeError for operands that do not fit it.
 */
export function vectorize(
  f: (...xs: Tensor[]) => TensorLike,
  options: VectorizeOptions = {},
): (...xs: readonly TensorLike[]) => Tensor {
  checkVectorize(options);
  const { signature } = options;
  const named = signature === undefined ? undefined : axesOf(signature);
  return (...xs) => {
    const tensors = xs.map(asTensor);
    const axes = named ?? tensors.map(() => []);
    if (axes.length !== tensors.length) {
      throw new ArgumentError(
        `vectorize: expected the ${axes.length} operands of the signature ${signature}, got ${tensors.length}`,
        `give ${axes.length}`,
      );
    }
    const sizes = new Map<string, number>();
    tensors.forEach((t, i) =>
      axes[i]!.forEach((axis, k) => {
        const n = t.shape[t.ndim - axes[i]!.length + k];
        if (n !== undefined && (sizes.get(axis) ?? n) === n) {
          sizes.set(axis, n);
          return;
        }
        throw new ShapeError(
          `vectorize: operand ${i} is ${formatAval(t.aval)}, which does not fit (${
            axes[i]!.join(",")
          }) of ${signature}`,
          "give these axes last, and axes of one name in one size",
        );
      })
    );
    const ranks = axes.map((names) => names.length);
    return overLeading(
      "vectorize",
      (...elements) => [asTensor(f(...elements))],
      tensors,
      ranks,
    )[0]!;
  };
}

/** The names of the axes of each operand. */
function axesOf(signature: string): string[][] {
  const group = /\(([\w\s,]*)\)/g;
  const plain = signature.replace(/\s/g, "");
  if (!/^\(([\w,]*)\)(,\([\w,]*\))*->\([\w,]*\)$/.test(plain)) {
    throw new ArgumentError(
      `vectorize: the signature is ${JSON.stringify(signature)}`,
      'name the axes of each operand and of the result: "(m,n),(n)->(m)"',
    );
  }
  return [...plain.split("->")[0]!.matchAll(group)].map(([, names]) =>
    names!.split(",").filter(Boolean)
  );
}

const checkPiecewise = declareOperands("np.piecewise", ["x", "conditions", "functions"]);

/**
 * A function by pieces: where a condition holds, the value of its function (or a number), of the last one if several
 * do; where none holds, that of one function more, or 0. In the type of `x`. All functions are computed everywhere, so
 * that their derivatives must be finite where others are wanted; see `np.where`.
 *
 * ```ts
 * import { np, type Tensor } from "trilevel";
 * const x = np.array([-2, 3]);
 * const y = np.piecewise(x, [np.less(x, 0)], [(x: Tensor) => x.neg(), 10]);
 * console.assert(String(await y.data()) === "2,10");
 * ```
 *
 * @throws ArgumentError unless there are as many functions as conditions, or one more.
 */
export function piecewise(
  x: TensorLike,
  conditions: readonly TensorLike[],
  functions: readonly (TensorLike | ((x: Tensor) => TensorLike))[],
  ...rest: readonly unknown[]
): Tensor {
  checkPiecewise(rest[0], [x, conditions, functions, ...rest]);
  const [n, m] = [conditions.length, functions.length];
  if (m !== n && m !== n + 1) {
    throw new ArgumentError(
      `piecewise: expected ${n} or ${n + 1} functions for ${n} conditions, got ${m}`,
      "give one for each condition, and optionally one more for where no condition holds",
    );
  }
  const t = asTensor(x);
  const type = { dtype: t.dtype, weak: false };
  const value = (f: (typeof functions)[number]) =>
    cast("piecewise", typeof f === "function" ? f(t) : f, type);
  const otherwise = m > n ? value(functions[n]!) : lax.fullLike(t, 0);
  return conditions.reduce<Tensor>(
    (y, condition, i) => where(condition, value(functions[i]!), y),
    stretch("piecewise", otherwise, t.shape),
  );
}
