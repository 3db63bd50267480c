/** Diagonals and triangles of matrices. */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { axis, declareOptions, integer } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import type { DiagonalOptions } from "./creation.ts";
import { managed } from "./managed.ts";
import { diagonalIndices, diagonalOfLast } from "./parts.ts";
import { asTensor, axisOf, numberTensor, type TensorLike } from "./promote.ts";

/** A diagonal: 0 (the default) is the main one, positive ones are above it. */
export interface TriangleOptions {
  /** Its number. */
  readonly k?: number | undefined;
}

function triangle(
  name: string,
  inside: (i: Tensor, j: Tensor) => Tensor,
): (x: TensorLike, options?: TriangleOptions) => Tensor {
  return managed(
    (x, { k = 0 } = {}) => {
      const t = asTensor(x);
      const [rows, columns] = t.shape.slice(-2);
      if (rows === undefined || columns === undefined) {
        throw new ShapeError(
          `${name}: expected at least two axes, got ${formatAval(t.aval)}`,
          "give matrices: shape […, m, n]",
        );
      }
      const mask = inside(...diagonalIndices(name, rows, columns, k));
      return lax.select(
        lax.broadcast(mask, t.shape, [t.ndim - 2, t.ndim - 1]),
        t,
        lax.fullLike(t, 0),
      );
    },
    declareOptions(`np.${name}`, ["x"], { k: integer }),
  );
}

/**
 * Matrices (the last two axes) with zeros above a diagonal.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.tril(np.ones([2, 2])).data()) === "1,0,1,1");
 * console.assert(String(await np.triu(np.ones([2, 2]), { k: 1 }).data()) === "0,1,0,0");
 * ```
 */
export const tril: (x: TensorLike, options?: TriangleOptions) => Tensor = triangle("tril", lax.ge);
/** Matrices (the last two axes) with zeros below a diagonal. */
export const triu: (x: TensorLike, options?: TriangleOptions) => Tensor = triangle("triu", lax.le);

/** The axes that hold the matrices, and the diagonal. */
export interface DiagonalAxes {
  /** 0 (the default) is the main diagonal, positive ones are above it. */
  readonly offset?: number | undefined;
  /** The rows' axis; the first unless given. */
  readonly axis1?: number | undefined;
  /** The columns' axis; the second unless given. */
  readonly axis2?: number | undefined;
}

/** A diagonal of matrices, along a new last axis. */
export const diagonal: (x: TensorLike, options?: DiagonalAxes) => Tensor = managed(
  (x, { offset = 0, axis1 = 0, axis2 = 1 } = {}) => {
    const t = asTensor(x);
    const [rows, columns] = [axisOf("diagonal", axis1, t.ndim), axisOf("diagonal", axis2, t.ndim)];
    if (rows === columns) {
      throw new ShapeError(
        `diagonal: expected two different axes, got axis ${rows} twice`,
        "name the axis of the rows and that of the columns",
      );
    }
    const rest = t.shape.map((_, i) => i).filter((i) => i !== rows && i !== columns);
    return diagonalOfLast(lax.transpose(t, [...rest, rows, columns]), offset);
  },
  declareOptions("np.diagonal", ["x"], { offset: integer, axis1: axis, axis2: axis }),
);

/** The sum of a diagonal of matrices. */
export const trace: (x: TensorLike, options?: DiagonalAxes) => Tensor = managed(
  (x, options) => {
    const values = diagonal(numberTensor("trace", x), options);
    return lax.reduceSum(values, [values.ndim - 1]);
  },
  declareOptions("np.trace", ["x"], { offset: integer, axis1: axis, axis2: axis }),
);

/**
 * A vector as the diagonal of a matrix of zeros, or the diagonal of a matrix as a vector.
 *
 * ```ts
 * import { np } from "trilevel";
 * const m = np.diag(np.array([1, 2]));
 * console.assert(String(await m.data()) === "1,0,0,2");
 * console.assert(String(await np.diag(m).data()) === "1,2");
 * ```
 *
 * @throws ShapeError for other numbers of axes.
 */
export const diag: (x: TensorLike, options?: Pick<DiagonalOptions, "k">) => Tensor = managed(
  (x, { k = 0 } = {}) => {
    const t = asTensor(x);
    if (t.ndim === 2) return diagonalOfLast(t, k);
    if (t.ndim !== 1) {
      throw new ShapeError(
        `diag: expected a vector or a matrix, got ${formatAval(t.aval)}`,
        "np.diagonal takes the diagonals of many matrices",
      );
    }
    const size = t.size + Math.abs(k);
    if (t.size === 0) return lax.full([size, size], 0, t.dtype);
    // In the flattened matrix the diagonal is every (size + 1)-th element.
    const low = k >= 0 ? k : -k * size;
    const high = size * size - low - ((t.size - 1) * (size + 1) + 1);
    return lax.reshape(lax.pad(t, { low: [low], high: [high], interior: [size] }), [size, size]);
  },
  declareOptions("np.diag", ["x"], { k: integer }),
);
