/** Eigenvalues of general matrices: real ones have complex eigenvalues, which are pairs of reals here. */
import type { Tensor } from "../../core/tensor.ts";
import { declareOperands } from "../../options/index.ts";
import * as lax from "../../primitives/index.ts";
import type { Complex } from "../complex.ts";
import { ldexp } from "../floatParts.ts";
import { managed } from "../managed.ts";
import { overLeading } from "../overLeading.ts";
import type { TensorLike } from "../promote.ts";
import { solveMatrices } from "./lu.ts";
import {
  diagonalOf,
  forRows,
  identityLike,
  matrix,
  product,
  rowAt,
  transposed,
  whereIndices,
  withDerivative,
  withRow,
} from "./matrices.ts";
import { complexProduct, type Pair, quotient, times } from "./pairs.ts";
import { schur, subdiagonal } from "./schur.ts";

const c = lax.fullLike;

/**
 * `[w, V]` with `A V = V diag(w)`, of real matrices […, n, n]: eigenvalues and eigenvectors, as pairs `{ re, im }` (as in
 * JAX, where results are complex even if all eigenvalues are real; the imaginary parts of those are exactly 0). They come
 * in no particular order, conjugate pairs next to each other with the positive imaginary part first. Eigenvectors are
 * columns of length 1 whose largest element is real and positive. A matrix that is not finite gives NaN.
 *
 * By balancing, reduction to Hessenberg form, and the QR algorithm with double shifts (Golub and Van Loan, "Matrix
 * computations", 7.5): about n² steps, each of which touches the whole matrix. It is meant for small matrices, above all
 * on `webgpu`, where a loop takes all steps that it might need. For symmetric matrices, `np.linalg.eigh` is faster and
 * more exact.
 *
 * With `B = V⁻¹ Ȧ V`, the derivatives are `ẇ = diag B` and `V̇ = V C`, `Cᵢⱼ = Bᵢⱼ / (wⱼ - wᵢ)`, with a diagonal of C
 * that keeps lengths and phases (Giles, "An extended collection of matrix derivative results", 2008). JAX has the
 * first only. Both exist where eigenvalues are distinct, to all orders.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [w, v] = np.linalg.eig(np.array([[0, 1], [-4, 0]])); // ±2i
 * console.assert(await np.allclose(w.im, np.array([2, -2])).item() === 1);
 * console.assert(v.re.shape.join() === "2,2");
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const eig: (a: TensorLike) => [values: Complex, vectors: Complex] = managed((a) => {
  const [re, im, vRe, vIm] = decompose(matrix("eig", a));
  return [{ re, im }, { re: vRe, im: vIm }];
}, declareOperands("np.linalg.eig", ["a"]));

/**
 * The eigenvalues of {@link eig}, as a pair `{ re, im }`.
 *
 * ```ts
 * import { grad, np, type Tensor } from "trilevel";
 * const a = np.array([[1, 2], [3, 4]]);
 * const { re } = np.linalg.eigvals(a);
 * console.assert(await np.allclose(np.sum(re), 5).item() === 1); // the trace
 * const slope = grad((x: Tensor) => np.sum(np.linalg.eigvals(x).re))(a);
 * console.assert(await np.allclose(slope, np.eye(2), { atol: 1e-5 }).item() === 1);
 * ```
 *
 * @throws ShapeError when `a` is not square.
 */
export const eigvals: (a: TensorLike) => Complex = managed((a) => {
  const [re, im] = withDerivative(
    [matrix("eigvals", a)],
    (x) => overLeading("eigvals", (one) => valuesOf(one!), [x!], [2]),
    (x, dx) => {
      const [re, im, ...vectors] = decompose(x!);
      const b = changed(vectors as Pair, dx!);
      return [re, im, diagonalOf(b[0]), diagonalOf(b[1])];
    },
  );
  return { re: re!, im: im! };
}, declareOperands("np.linalg.eigvals", ["a"]));

function decompose(a: Tensor): [re: Tensor, im: Tensor, vRe: Tensor, vIm: Tensor] {
  const results = withDerivative(
    [a],
    (x) => overLeading("eig", (one) => ofOne(one!), [x!], [2]),
    (x, dx) => {
      const [re, im, vRe, vIm] = decompose(x!);
      const v: Pair = [vRe, vIm];
      const b = changed(v, dx!);
      return [re, im, vRe, vIm, diagonalOf(b[0]), diagonalOf(b[1]), ...moved([re, im], v, b)];
    },
  );
  return results as [Tensor, Tensor, Tensor, Tensor]; // four in `ofOne`
}

/** `V⁻¹ Ȧ V`, by the real matrix `[[Re V, -Im V], [Im V, Re V]]` of twice the size. */
function changed([re, im]: Pair, da: Tensor): Pair {
  const [rows, columns] = [re.ndim - 2, re.ndim - 1];
  const n = re.shape.at(-1)!;
  const v = lax.concatenate([
    lax.concatenate([re, lax.neg(im)], columns),
    lax.concatenate([im, re], columns),
  ], rows);
  const moved = lax.concatenate([product(da, re), product(da, im)], rows);
  const both = solveMatrices(v, moved);
  const part = (from: number) =>
    lax.slice(both, {
      start: both.shape.map((_, axis) => axis === rows ? from : 0),
      limit: both.shape.map((size, axis) => axis === rows ? from + n : size),
      strides: both.shape.map(() => 1),
    });
  return [part(0), part(n)];
}

/** `V C`: see {@link eig}. */
function moved([wRe, wIm]: Pair, v: Pair, b: Pair): Tensor[] {
  const shape = b[0].shape;
  const kept = wRe.shape.map((_, axis) => axis);
  const gap = (w: Tensor) =>
    lax.sub(
      lax.broadcast(w, shape, [...kept.slice(0, -1), shape.length - 1]),
      lax.broadcast(w, shape, kept),
    );
  const inner: Pair = [whereIndices(b[0], lax.ne), whereIndices(b[1], lax.ne)];
  const weights = quotient(inner, [whereIndices(gap(wRe), lax.ne, 1), gap(wIm)]);
  const u = complexProduct(v, weights);
  const columns = (x: Tensor) => lax.broadcast(x, shape, [...kept.slice(0, -1), shape.length - 1]);
  const total = (x: Tensor) => lax.reduceSum(x, [shape.length - 2]);
  // Lengths stay: Re (vᴴ u) is taken out. The largest element stays real: so is its phase.
  const along = total(lax.add(lax.mul(v[0], u[0]), lax.mul(v[1], u[1])));
  const atLargest = largestOf(lax.stopGradient(lax.add(lax.mul(v[0], v[0]), lax.mul(v[1], v[1]))));
  const chosen = (x: Tensor) => total(lax.select(atLargest, x, c(x, 0)));
  const phase = lax.div(chosen(u[1]), chosen(v[0]));
  const turn: Pair = [columns(along), columns(phase)];
  const [tRe, tIm] = times(v, turn);
  return [lax.sub(u[0], tRe), lax.sub(u[1], tIm)];
}

/** True at the first largest element of each column. */
function largestOf(size: Tensor): Tensor {
  const axis = size.ndim - 2;
  const kept = size.shape.map((_, i) => i).filter((i) => i !== axis);
  const place = lax.broadcast(lax.argMax(size, axis), size.shape, kept);
  return lax.eq(lax.iota(size.shape, "int32", axis), place);
}

/** The eigenvalues of the Schur form, and of each row's block what turns it into a triangle. */
function blocks(t: Tensor) {
  const n = t.shape[0]!;
  const sub = subdiagonal(t);
  const next = (x: Tensor) => moveBy(x, 1);
  const before = (x: Tensor) => moveBy(x, -1);
  const isSecond = lax.ne(sub, c(sub, 0));
  const isFirst = lax.ne(next(sub), c(sub, 0));
  const own = diagonalOf(t);
  // In both rows of a block [[a, b], [c, d]].
  const pick = (first: Tensor, second: Tensor) => lax.select(isSecond, second, first);
  const a = pick(own, before(own));
  const d = pick(next(own), own);
  const side = pick(next(sub), sub);
  const upper = next(subdiagonal(transposed(t)));
  const b = pick(upper, before(upper));
  const p = lax.mul(lax.sub(a, d), c(a, 0.5));
  const bc = lax.mul(b, side);
  const discriminant = lax.add(lax.mul(p, p), bc);
  const real = lax.ge(discriminant, c(p, 0));
  const root = lax.sqrt(lax.abs(discriminant));
  // Of both real ones, d + z is free of cancellation, and d - bc / z as well.
  const z = lax.add(p, lax.select(lax.ge(p, c(p, 0)), root, lax.neg(root)));
  const safe = lax.select(lax.eq(z, c(z, 0)), c(z, 1), z);
  const other = lax.neg(lax.div(bc, safe));
  const moved = lax.select(real, pick(z, lax.select(lax.eq(z, c(z, 0)), z, other)), p);
  const height = lax.select(real, c(root, 0), root);
  const alone = lax.not(lax.or(isFirst, isSecond));
  const re = lax.select(alone, own, lax.add(d, moved));
  const im = lax.select(alone, c(own, 0), pick(height, lax.neg(height)));
  return { n, re, im, alone, isFirst, isSecond, side, first: lax.select(real, z, p), height };

  /** Elements one row on (1: each sees the next one's) or back, 0 at the end. */
  function moveBy(x: Tensor, by: 1 | -1): Tensor {
    const padded = lax.pad(x, { low: [by === 1 ? 0 : 1], high: [by === 1 ? 1 : 0], interior: [0] });
    const start = by === 1 ? 1 : 0;
    return lax.slice(padded, { start: [start], limit: [start + x.size], strides: [1] });
  }
}

function valuesOf(a: Tensor): Tensor[] {
  if (a.size === 0) return [lax.full([0], 0, a.dtype), lax.full([0], 0, a.dtype)];
  const { t, exponent } = schur(a, false);
  const { re, im } = blocks(t);
  return [ldexp(re, exponent), ldexp(im, exponent)];
}

function ofOne(a: Tensor): Tensor[] {
  if (a.size === 0) return [...valuesOf(a), a, a];
  const { t, q, balance, exponent } = schur(a, true);
  const { re, im, turn } = triangleOf(t);
  const triangle = complexProduct(adjoint(turn), complexProduct([t, c(t, 0)], turn));
  const inner = vectorsOf(triangle, [re, im]);
  const spread = lax.broadcast(balance, a.shape, [0]);
  const [vRe, vIm] = complexProduct([q!, c(q!, 0)], complexProduct(turn, inner))
    .map((x) => lax.mul(x, spread)) as [Tensor, Tensor];
  const isReal = lax.broadcast(lax.eq(im, c(im, 0)), a.shape, [1]);
  const [nRe, nIm] = normalized([vRe, vIm]);
  return [ldexp(re, exponent), ldexp(im, exponent), nRe, lax.select(isReal, c(nIm, 0), nIm)];
}

const adjoint = ([re, im]: Pair): Pair => [transposed(re), lax.neg(transposed(im))];

/**
 * The eigenvalues, and the unitary matrix that makes the Schur form a triangle: in each block of two rows,
 * `[[u, -v], [v, ū]]` with the eigenvector `(u, v) = (w₁ - d, c) / r` of its first eigenvalue.
 */
function triangleOf(t: Tensor): { re: Tensor; im: Tensor; turn: Pair } {
  const { n, re, im, alone, isFirst, isSecond, side, first, height } = blocks(t);
  const largest = lax.max(lax.max(lax.abs(first), lax.abs(side)), height);
  const unit = lax.select(lax.or(alone, lax.eq(largest, c(largest, 0))), c(largest, 1), largest);
  const [x, y, s] = [first, height, side].map((value) => lax.div(value, unit)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const square = lax.add(lax.add(lax.mul(x, x), lax.mul(y, y)), lax.mul(s, s));
  const r = lax.sqrt(lax.select(alone, c(square, 1), square));
  const [uRe, uIm, v] = [x, y, s].map((value) => lax.div(value, r)) as [Tensor, Tensor, Tensor];
  const zero = c(v, 0);
  const [row, column] = [0, 1].map((axis) => lax.iota([n, n], "int32", axis)) as [Tensor, Tensor];
  const one = c(row, 1);
  const onDiagonal = lax.eq(row, column);
  const above = lax.eq(lax.add(row, one), column);
  const below = lax.eq(row, lax.add(column, one));
  const inRow = (value: Tensor) => lax.broadcast(value, [n, n], [0]);
  const put = (diagonal: Tensor, right: Tensor, left: Tensor) =>
    lax.select(
      onDiagonal,
      inRow(diagonal),
      lax.select(
        above,
        inRow(lax.select(isFirst, right, zero)),
        lax.select(below, inRow(lax.select(isSecond, left, zero)), c(inRow(v), 0)),
      ),
    );
  return {
    re,
    im,
    turn: [
      put(lax.select(alone, c(v, 1), uRe), lax.neg(v), v),
      put(lax.select(alone, zero, lax.select(isSecond, lax.neg(uIm), uIm)), zero, zero),
    ],
  };
}

/**
 * Eigenvectors of a triangle T, by substitution upwards: `xᵢ = -Σⱼ Tᵢⱼ xⱼ / (Tᵢᵢ - w)`, all columns at once. Equal
 * eigenvalues are treated as if they differed by rounding; columns that grow are scaled on the way.
 */
function vectorsOf(triangle: Pair, w: Pair): Pair {
  const n = w[0].size;
  const epsilon = w[0].dtype === "float64" ? 2 ** -52 : 2 ** -23;
  const start = [identityLike(triangle[0]), c(triangle[0], 0)];
  const columns = lax.iota([n], "int32", 0);
  const results = forRows(n, start, (i, xRe, xIm) => {
    const spread = (x: Tensor) => lax.broadcast(x, [n], []);
    const later = lax.gt(columns, spread(i));
    const row = triangle.map((part) => {
      const own = rowAt(part, i);
      return lax.reshape(lax.select(later, own, c(own, 0)), [1, n]);
    }) as [Tensor, Tensor];
    const sums = complexProduct(row, [xRe!, xIm!]).map((x) => lax.neg(lax.reshape(x, [n]))) as [
      Tensor,
      Tensor,
    ];
    const gap: Pair = [
      lax.sub(spread(rowAt(w[0], i)), w[0]),
      lax.sub(spread(rowAt(w[1], i)), w[1]),
    ];
    const tiny = lax.lt(
      lax.max(lax.abs(gap[0]), lax.abs(gap[1])),
      c(gap[0], epsilon),
    );
    const [yRe, yIm] = quotient(sums, [
      lax.select(tiny, c(gap[0], epsilon), gap[0]),
      lax.select(tiny, c(gap[1], 0), gap[1]),
    ]);
    const set = (x: Tensor, value: Tensor) => withRow(x, i, lax.select(later, value, rowAt(x, i)));
    const [re, im] = [set(xRe!, yRe), set(xIm!, yIm)];
    const size = lax.max(c(yRe, 1), lax.max(lax.abs(yRe), lax.abs(yIm)));
    const by = lax.broadcast(lax.select(later, size, c(size, 1)), [n, n], [1]);
    return [lax.div(re, by), lax.div(im, by)];
  }, true);
  return results as [Tensor, Tensor]; // two go in
}

/** Columns of length 1 whose largest element is real and positive. */
function normalized([re, im]: Pair): Pair {
  const axis = [0];
  const largest = lax.reduceMax(lax.max(lax.abs(re), lax.abs(im)), axis);
  const unit = lax.select(lax.eq(largest, c(largest, 0)), c(largest, 1), largest);
  const by = (x: Tensor) => lax.broadcast(x, re.shape, [1]);
  const [x, y] = [lax.div(re, by(unit)), lax.div(im, by(unit))];
  const squares = lax.add(lax.mul(x, x), lax.mul(y, y));
  const atLargest = largestOf(squares);
  const chosen = (part: Tensor) => lax.reduceSum(lax.select(atLargest, part, c(part, 0)), axis);
  const [p, q] = [chosen(x), chosen(y)];
  const size = lax.sqrt(lax.add(lax.mul(p, p), lax.mul(q, q)));
  const length = lax.mul(size, lax.sqrt(lax.reduceSum(squares, axis)));
  const turned = times([x, y], [by(lax.div(p, length)), by(lax.neg(lax.div(q, length)))]);
  // The largest component is made exactly real.
  return [turned[0], lax.select(atLargest, c(turned[1], 0), turned[1])];
}
