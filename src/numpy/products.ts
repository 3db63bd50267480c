/** Products of vectors, matrices and tensors: special cases of one contraction; see einsum.ts. */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  axis,
  count,
  declareOperands,
  declareOptions,
  either,
  integer,
  listOf,
  pairOf,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { contract } from "./contract.ts";
import { einsum } from "./einsum.ts";
import { type Binary, multiply, subtract } from "./elementwise.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import { asTensor, axisOf, commonType, promote, type TensorLike, toNumber } from "./promote.ts";
import { moveaxis } from "./shape.ts";

/** A product of numbers; booleans are multiplied as such, and give booleans. */
function product(name: string, f: (x: Tensor, y: Tensor) => Tensor): Binary {
  return managed((x, y) => {
    const boolean = commonType([x, y]).dtype === "bool";
    const [a, b] = promote(name, [x, y], toNumber);
    const z = f(a!, b!);
    return boolean ? lax.convert(z, "bool") : z;
  }, declareOperands(`np.${name}`, ["x", "y"]));
}

function misfit(name: string, x: Tensor, y: Tensor, hint: string): ShapeError {
  return new ShapeError(
    `${name}: ${formatAval(x.aval)} and ${formatAval(y.aval)} do not fit`,
    hint,
  );
}

/**
 * The matrix product over the last two axes; leading axes are broadcast, vectors count as a row on the
 * left and as a column on the right.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[1, 2], [3, 4]]);
 * console.assert(String(await np.matmul(a, a).data()) === "7,10,15,22");
 * console.assert(np.matmul(np.ones([5, 2, 3]), np.ones([3, 4])).shape.join() === "5,2,4");
 * ```
 *
 * @throws ShapeError for scalars, and when inner sizes differ.
 */
export const matmul: Binary = product("matmul", (x, y) => {
  const inner = y.shape.at(y.ndim === 1 ? 0 : -2);
  if (x.ndim === 0 || y.ndim === 0 || x.shape.at(-1) !== inner) {
    throw misfit(
      "matmul",
      x,
      y,
      "the last size on the left must be the second to last (a vector's only one) on the right",
    );
  }
  const leading = (t: Tensor) => {
    const rank = Math.max(0, t.ndim - 2);
    return Array.from({ length: rank }, (_, i) => `…${rank - 1 - i}`);
  };
  const longer = x.ndim > y.ndim ? x : y;
  const row = x.ndim === 1 ? [] : ["i"];
  const column = y.ndim === 1 ? [] : ["k"];
  return contract("matmul", [
    { x, axes: [...leading(x), ...row, "j"] },
    { x: y, axes: [...leading(y), "j", ...column] },
  ], [...leading(longer), ...row, ...column]);
});

/**
 * NumPy's dot: the product of scalars, else the sum over the last axis on the left and the second to
 * last on the right (a vector's only one), whose other axes follow.
 */
export const dot: Binary = product("dot", (x, y) => {
  if (x.ndim === 0 || y.ndim === 0) return over(x, y, [], []);
  const right = Math.max(0, y.ndim - 2);
  if (x.shape.at(-1) !== y.shape[right]) {
    throw misfit("dot", x, y, "the sizes of the axes that are summed over must agree");
  }
  return over(x, y, [x.ndim - 1], [right]);
});

function over(
  x: Tensor,
  y: Tensor,
  lhsContract: readonly number[],
  rhsContract: readonly number[],
): Tensor {
  return lax.dot(x, y, { lhsContract, rhsContract, lhsBatch: [], rhsBatch: [] });
}

/** The sum of the products of all elements, as vectors. */
export const vdot: Binary = product("vdot", (x, y) => {
  if (x.size !== y.size) throw misfit("vdot", x, y, "give as many elements on both sides");
  return over(lax.reshape(x, [x.size]), lax.reshape(y, [y.size]), [0], [0]);
});

/** The sum over the last axis of both. */
export const inner: Binary = product("inner", (x, y) => {
  if (x.ndim === 0 || y.ndim === 0) return over(x, y, [], []);
  if (x.shape.at(-1) !== y.shape.at(-1)) {
    throw misfit("inner", x, y, "the last sizes must agree");
  }
  return over(x, y, [x.ndim - 1], [y.ndim - 1]);
});

/** Every element of the one times every element of the other, both flattened. */
export const outer: Binary = product(
  "outer",
  (x, y) => over(lax.reshape(x, [x.size]), lax.reshape(y, [y.size]), [], []),
);

/** The dot product along one axis (the last unless given); the others are broadcast. */
export const vecdot: (
  x: TensorLike,
  y: TensorLike,
  options?: { readonly axis?: number },
) => Tensor = managed(
  (x, y, { axis = -1 } = {}) => {
    const last = (z: TensorLike) => {
      const t = asTensor(z);
      const at = axisOf("vecdot", axis, t.ndim);
      return lax.transpose(t, [...t.shape.map((_, i) => i).filter((i) => i !== at), at]);
    };
    const [a, b] = [last(x), last(y)];
    if (a.shape.at(-1) !== b.shape.at(-1)) throw misfit("vecdot", a, b, "the sizes must agree");
    return einsum("...i,...i->...", a, b);
  },
  declareOptions("np.vecdot", ["x", "y"], { axis }),
);

/**
 * The sum over some axes of both: the last `axes` of the left and the first of the right, or two lists
 * of axes, pair by pair.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(np.tensordot(np.ones([2, 3, 4]), np.ones([3, 4, 5])).shape.join() === "2,5");
 * console.assert(
 *   np.tensordot(np.ones([2, 3]), np.ones([4, 2]), { axes: [[0], [1]] }).shape.join() === "3,4",
 * );
 * ```
 */
export const tensordot: (
  x: TensorLike,
  y: TensorLike,
  options?: { readonly axes?: number | readonly [readonly number[], readonly number[]] },
) => Tensor = managed(
  (x, y, { axes = 2 } = {}) => {
    const f = product("tensordot", (a, b) => {
      const [left, right] = typeof axes === "number"
        ? [
          Array.from({ length: axes }, (_, i) => a.ndim - axes + i),
          Array.from({ length: axes }, (_, i) => i),
        ]
        : axes;
      const from = left.map((axis) => axisOf("tensordot", axis, a.ndim));
      const to = right.map((axis) => axisOf("tensordot", axis, b.ndim));
      if (from.length !== to.length || from.some((axis, i) => a.shape[axis] !== b.shape[to[i]!])) {
        throw misfit("tensordot", a, b, "give pairs of axes of equal sizes");
      }
      return over(a, b, from, to);
    });
    return f(x, y);
  },
  declareOptions("np.tensordot", ["x", "y"], { axes: either(count, pairOf(listOf(integer))) }),
);

/** The Kronecker product: every element of the one times the whole of the other, as blocks. */
export const kron: Binary = product("kron", (x, y) => {
  const rank = Math.max(x.ndim, y.ndim);
  const padded = (t: Tensor) => [...Array<number>(rank - t.ndim).fill(1), ...t.shape];
  const [a, b] = [padded(x), padded(y)];
  const blocks = over(lax.reshape(x, a), lax.reshape(y, b), [], []);
  const order = a.flatMap((_, i) => [i, rank + i]);
  return lax.reshape(lax.transpose(blocks, order), a.map((n, i) => n * b[i]!));
});

/** The axes of the vectors of {@link cross}. */
export interface CrossOptions {
  /** For both operands and the result; the last unless given. */
  readonly axis?: number | undefined;
  /** For the first operand alone. */
  readonly axisa?: number | undefined;
  /** For the second operand alone. */
  readonly axisb?: number | undefined;
  /** For the result alone. */
  readonly axisc?: number | undefined;
}

/**
 * The cross product of vectors of three elements, or two: then the third is 0, and of two such vectors only the third
 * element is given. Other axes are broadcast.
 *
 * ```ts
 * import { np } from "trilevel";
 * const z = np.cross(np.array([1, 0, 0]), np.array([0, 1, 0]));
 * console.assert(String(await z.data()) === "0,0,1");
 * ```
 *
 * @throws ShapeError for other sizes.
 */
export const cross: (x: TensorLike, y: TensorLike, options?: CrossOptions) => Tensor = managed(
  (x, y, { axis, axisa = axis ?? -1, axisb = axis ?? -1, axisc = axis ?? -1 } = {}) => {
    const [a, b] = promote("cross", [x, y], toNumber) as [Tensor, Tensor]; // two in, two out
    const last = (t: Tensor, at: number) => moveaxis(t, axisOf("cross", at, t.ndim), -1);
    const [u, v] = [last(a, axisa), last(b, axisb)];
    const [m, n] = [u.shape.at(-1)!, v.shape.at(-1)!];
    if (m < 2 || m > 3 || n < 2 || n > 3) {
      throw misfit("cross", a, b, "give vectors of two or three elements");
    }
    const at = (t: Tensor, i: number) => {
      const k = t.ndim - 1;
      if (i >= t.shape[k]!) return lax.full(t.shape.slice(0, -1), 0, t.dtype);
      return lax.reshape(stretchOf(t, k, i, i + 1), t.shape.slice(0, -1));
    };
    const minor = (i: number, j: number) =>
      subtract(multiply(at(u, i), at(v, j)), multiply(at(u, j), at(v, i)));
    if (m === 2 && n === 2) return minor(0, 1);
    const parts = [minor(1, 2), minor(2, 0), minor(0, 1)].map((t) =>
      lax.reshape(t, [...t.shape, 1])
    );
    const z = lax.concatenate(parts, parts[0]!.ndim - 1);
    return moveaxis(z, -1, axisOf("cross", axisc, z.ndim));
  },
  declareOptions("np.cross", ["x", "y"], { axis, axisa: axis, axisb: axis, axisc: axis }),
);

/** Matrices (the last two axes) times vectors (the last axis); the others are broadcast. */
export const matvec: Binary = managed(
  (x, y) => einsum("...ij,...j->...i", ...promote("matvec", [x, y], toNumber)),
  declareOperands("np.matvec", ["x", "y"]),
);
/** Vectors (the last axis) times matrices (the last two axes); the others are broadcast. */
export const vecmat: Binary = managed(
  (x, y) => einsum("...i,...ij->...j", ...promote("vecmat", [x, y], toNumber)),
  declareOperands("np.vecmat", ["x", "y"]),
);
