/**
 * Helpers of decompositions. A decomposition is written for one matrix, as a loop over its rows with masks instead of
 * growing shapes, and mapped over leading axes. Its derivative is a closed formula, not that of the loop.
 */
import { isFloat } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { formatAval } from "../../core/aval.ts";
import { inputAvals } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { trace, traceClosed } from "../../core/trace.ts";
import { lazy } from "../../primitives/calls/custom.ts";
import * as lax from "../../primitives/index.ts";
import { floatTensor, promote, type TensorLike, toFloat } from "../promote.ts";

/** A function of tensors that gives several. */
export type Several = (...xs: Tensor[]) => Tensor[];

/** Operands as floats with at least two axes, the last two square if asked for. */
export function matrix(name: string, x: TensorLike, square = true): Tensor {
  return checkMatrix(name, floatTensor(name, x), square);
}

/** Two operands in one float type, the first of them square matrices. */
export function matrixPair(name: string, a: TensorLike, b: TensorLike): [Tensor, Tensor] {
  const [x, y] = promote(name, [a, b], toFloat);
  return [checkMatrix(name, x!, true), y!];
}

function checkMatrix(name: string, x: Tensor, square: boolean): Tensor {
  const [m, n] = x.shape.slice(-2);
  if (n !== undefined && (!square || m === n)) return lax.convert(x, x.dtype);
  throw new ShapeError(
    `${name}: expected ${square ? "square matrices" : "matrices"}, got ${formatAval(x.aval)}`,
    `give a tensor of shape ${square ? "[…, n, n]" : "[…, m, n]"}`,
  );
}

/**
 * Runs a step for each row number, first to last or the other way, on values that it changes. What the
 * step gives beside them is stacked.
 */
export function forRows(
  count: number,
  init: readonly Tensor[],
  step: (k: Tensor, ...state: Tensor[]) => Tensor[],
  reverse = false,
): Tensor[] {
  // No step could be traced on matrices without rows: there is no pivot to look for.
  if (count === 0) return [...init];
  const avals = init.map((x) => ({ ...x.aval, weak: false }));
  const { program, captured } = trace(
    (...xs) => step(xs.at(-1)!, ...xs.slice(0, -1)),
    [...avals, { shape: [], dtype: "int32", weak: false }],
  );
  return lax.scan([...captured, ...init, lax.iota([count], "int32", 0)], {
    body: program,
    consts: captured.length,
    carry: init.length,
    length: count,
    reverse,
  });
}

/**
 * The function with a derivative of its own: `rule` takes the inputs and the tangents of those that are
 * floats, and gives the outputs and theirs. It may use the function itself, so derivatives exist to all orders.
 */
export function withDerivative(inputs: readonly Tensor[], f: Several, rule: Several): Tensor[] {
  const program = traceClosed(f, inputs.map((x) => ({ ...x.aval, weak: false })));
  const avals = inputAvals(program);
  return lax.customJvpCall(inputs, {
    program,
    rule: lazy(() => traceClosed(rule, [...avals, ...avals.filter((a) => isFloat(a.dtype))])),
    consts: 0,
  });
}

/** The row of this number. */
export function rowAt(x: Tensor, k: Tensor): Tensor {
  return lax.gather(x, lax.reshape(k, [1]));
}

/** The matrix with another row of this number. */
export function withRow(x: Tensor, k: Tensor, row: Tensor): Tensor {
  return lax.scatter(x, lax.reshape(k, [1]), row, "set");
}

/** The last two axes exchanged. */
export function transposed(x: Tensor): Tensor {
  const axes = x.shape.map((_, i) => i);
  return lax.transpose(x, [...axes.slice(0, -2), x.ndim - 1, x.ndim - 2]);
}

/** Products of matrices, leading axes alike. */
export function product(a: Tensor, b: Tensor): Tensor {
  const lead = a.shape.slice(0, -2).map((_, i) => i);
  return lax.dot(a, b, {
    lhsContract: [a.ndim - 1],
    rhsContract: [b.ndim - 2],
    lhsBatch: lead,
    rhsBatch: lead,
  });
}

/** u vᵀ of two vectors. */
export function outer(u: Tensor, v: Tensor): Tensor {
  const shape = [u.size, v.size];
  return lax.mul(lax.broadcast(u, shape, [0]), lax.broadcast(v, shape, [1]));
}

/** The matrix where a comparison of row and column numbers holds, another value elsewhere. */
export function whereIndices(
  x: Tensor,
  holds: (row: Tensor, column: Tensor) => Tensor,
  otherwise = 0,
): Tensor {
  const [row, column] = [-2, -1].map((axis) => lax.iota(x.shape, "int32", x.ndim + axis));
  return lax.select(holds(row!, column!), x, lax.fullLike(x, otherwise));
}

/** The identity, in the type and leading axes of other matrices. */
export function identityLike(x: Tensor, rows = x.shape.at(-2)!, columns = rows): Tensor {
  const shape = [...x.shape.slice(0, -2), rows, columns];
  return whereIndices(lax.full(shape, 1, x.dtype), lax.eq);
}

/** The diagonals of square matrices. */
export function diagonalOf(x: Tensor): Tensor {
  return lax.reduceSum(whereIndices(x, lax.eq), [x.ndim - 1]);
}

/** The sum of the diagonals. */
export function traceOf(x: Tensor): Tensor {
  return lax.reduceSum(whereIndices(x, lax.eq), [x.ndim - 2, x.ndim - 1]);
}

/** Throws unless a right-hand side has as many rows as a matrix. */
export function checkRows(name: string, a: Tensor, b: Tensor): void {
  if (b.ndim >= 2 && b.shape.at(-2) === a.shape.at(-2)) return;
  throw new ShapeError(
    `${name}: ${formatAval(a.aval)} and ${formatAval(b.aval)} do not fit`,
    "the right-hand side is one vector […n], or matrices with as many rows as the left-hand side",
  );
}

/** Throws unless a number is whole. */
export function checkWhole(name: string, what: string, n: number): void {
  if (Number.isInteger(n)) return;
  throw new DTypeError(`${name}: ${what} is ${n}`, "give a whole number");
}
