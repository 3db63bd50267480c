/** Systems whose unknowns are tensors, and chains of products. */
import { ArgumentError, ShapeError } from "../../core/errors.ts";
import { formatAval, sizeOf } from "../../core/aval.ts";
import type { Tensor } from "../../core/tensor.ts";
import { axis, count, declareOperands, declareOptions, listOf } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import { managed } from "../managed.ts";
import { matmul } from "../products.ts";
import { axisOf, floatTensor, promote, type TensorLike, toFloat, toNumber } from "../promote.ts";
import { inv, solve } from "./lu.ts";

/**
 * The inverse of a tensor as a linear map from its last axes to the first `ind` (2 unless given), whose sizes
 * multiply to the same number: `tensordot(tensorinv(a), a, ind)` is the identity.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.reshape(np.eye(6), [6, 2, 3]);
 * console.assert(np.linalg.tensorinv(a, { ind: 1 }).shape.join() === "2,3,6");
 * ```
 *
 * @throws ShapeError unless both groups of axes have as many elements.
 */
export const tensorinv: (a: TensorLike, options?: { readonly ind?: number }) => Tensor = managed(
  (a, { ind = 2 } = {}) => {
    const t = floatTensor("tensorinv", a);
    const [first, last] = [t.shape.slice(0, ind), t.shape.slice(ind)];
    const n = sizeOf(first);
    if (ind < 1 || n !== sizeOf(last)) {
      throw new ShapeError(
        `tensorinv: ${formatAval(t.aval)} is not square when it is split at ind ${ind}`,
        "the first `ind` sizes and the others must have the same product",
      );
    }
    return lax.reshape(inv(lax.reshape(t, [n, n])), [...last, ...first]);
  },
  declareOptions("np.linalg.tensorinv", ["a"], { ind: count }),
);

/**
 * The tensor `x` with `tensordot(a, x, x.ndim) = b`; `axes` of `a` are moved behind the others first.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.reshape(np.eye(6), [2, 3, 2, 3]), b = np.reshape(np.arange(6), [2, 3]);
 * console.assert(await np.allclose(np.linalg.tensorsolve(a, b), b).item() === 1);
 * ```
 *
 * @throws ShapeError unless `a` is square once its axes are grouped.
 */
export const tensorsolve: (
  a: TensorLike,
  b: TensorLike,
  options?: { readonly axes?: readonly number[] },
) => Tensor = managed(
  (a, b, { axes = [] } = {}) => {
    const [given, y] = promote("tensorsolve", [a, b], toFloat) as [Tensor, Tensor]; // two in, two out
    const behind = axes.map((axis) => axisOf("tensorsolve", axis, given.ndim));
    const before = given.shape.map((_, i) => i).filter((i) => !behind.includes(i));
    const t = lax.transpose(given, [...before, ...behind]);
    const unknowns = t.shape.slice(y.ndim);
    const n = sizeOf(unknowns);
    if (n !== y.size || t.size !== n * n) {
      throw new ShapeError(
        `tensorsolve: ${formatAval(t.aval)} and ${formatAval(y.aval)} do not fit`,
        "the axes of `a` behind those of `b` must have as many elements as `b`",
      );
    }
    return lax.reshape(solve(lax.reshape(t, [n, n]), lax.reshape(y, [n])), unknowns);
  },
  declareOptions("np.linalg.tensorsolve", ["a", "b"], { axes: listOf(axis) }),
);

/**
 * The product of several matrices, in the order of multiplication that takes the fewest (Cormen and others,
 * "Introduction to Algorithms", 15.2). The first may be a row, the last a column: vectors.
 *
 * ```ts
 * import { np } from "trilevel";
 * const chain = [np.ones([2, 9]), np.ones([9, 9]), np.ones([9])];
 * console.assert(String(await np.linalg.multiDot(chain).data()) === "81,81");
 * ```
 *
 * @throws ArgumentError for fewer than two; ShapeError when they do not fit.
 */
export const multiDot: (xs: readonly TensorLike[]) => Tensor = managed((xs) => {
  if (xs.length < 2) {
    throw new ArgumentError(
      `multiDot: expected two matrices or more, got ${xs.length}`,
      "give a list of them",
    );
  }
  const tensors = promote("multiDot", xs, toNumber);
  const wrong = tensors.find((t, i) =>
    t.ndim !== 2 && !(t.ndim === 1 && (i === 0 || i === tensors.length - 1))
  );
  if (wrong) {
    throw new ShapeError(
      `multiDot: expected matrices, got ${formatAval(wrong.aval)}`,
      "the first and the last may be vectors, those between must have two axes",
    );
  }
  const first = tensors[0]!;
  const rows = [first.ndim === 1 ? 1 : first.shape[0]!];
  const sizes = rows.concat(
    tensors.map((t, i) => t.ndim === 2 ? t.shape[1]! : i === 0 ? t.size : 1),
  );
  const order = cuts(sizes);
  const multiply = (from: number, to: number): Tensor => {
    if (from === to) return tensors[from]!;
    const cut = order[from]![to]!;
    return matmul(multiply(from, cut), multiply(cut + 1, to));
  };
  return multiply(0, tensors.length - 1);
}, declareOperands("np.linalg.multiDot", ["xs"]));

/** For each stretch of a chain the place behind which to cut it. */
function cuts(sizes: readonly number[]): number[][] {
  const n = sizes.length - 1;
  const cost = Array.from({ length: n }, () => Array<number>(n).fill(0));
  const best = Array.from({ length: n }, () => Array<number>(n).fill(0));
  for (let length = 1; length < n; length++) {
    for (let i = 0; i + length < n; i++) {
      const j = i + length;
      cost[i]![j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!;
        if (total >= cost[i]![j]!) continue;
        cost[i]![j] = total;
        best[i]![j] = k;
      }
    }
  }
  return best;
}
