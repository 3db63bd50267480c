/** Indices of grids: of all places, of diagonals and triangles, and as single numbers. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, type Shape, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  declareOperands,
  declareOptions,
  dtype,
  integer,
  integerType,
  oneOf,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { array, type DTypeOptions } from "./creation.ts";
import { stack } from "./joining.ts";
import { managed } from "./managed.ts";
import {
  asTensor,
  broadcastShapes,
  checkCount,
  shapeOf,
  stretch,
  type TensorLike,
} from "./promote.ts";
import { integers } from "./taking.ts";

/**
 * The indices of all places of a shape, one grid for each axis along a new first one; int32 unless given.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.indices([2, 2]).data()) === "0,0,1,1,0,1,0,1");
 * ```
 */
export const indices: (shape: Shape, options?: DTypeOptions) => Tensor = managed(
  (shape, { dtype = "int32" } = {}) => {
    const sizes = shapeOf("indices", shape);
    if (sizes.length === 0) return lax.full([0], 0, dtype);
    return stack(sizes.map((_, axis) => lax.iota(sizes, dtype, axis)));
  },
  declareOptions("np.indices", ["shape"], { dtype }),
);

/**
 * Vectors of indices as an open grid: each along its own axis, so that together they name all
 * combinations.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [rows, columns] = np.ix_([np.arange(2), np.arange(3)]);
 * console.assert(rows!.shape.join() === "2,1" && columns!.shape.join() === "1,3");
 * ```
 */
export const ix_: (vectors: readonly TensorLike[]) => Tensor[] = managed(
  (vectors) =>
    vectors.map((x, axis) => {
      const t = asTensor(x);
      if (t.ndim !== 1) {
        throw new ShapeError(
          `ix_: expected vectors, got ${formatAval(t.aval)}`,
          "give vectors of indices: np.ravel(x)",
        );
      }
      return lax.reshape(t, vectors.map((_, i) => i === axis ? t.size : 1));
    }),
  declareOperands("np.ix_", ["vectors"]),
);

/** Applies a function to all indices of a shape at once: it gets one grid of indices for each axis. */
export const fromfunction: (
  f: (...indices: Tensor[]) => Tensor,
  shape: Shape,
  options?: DTypeOptions,
) => Tensor = managed(
  (f, shape, { dtype = "float32" } = {}) => {
    const sizes = shapeOf("fromfunction", shape);
    return asTensor(f(...sizes.map((_, axis) => lax.iota(sizes, dtype, axis))));
  },
  declareOptions("np.fromfunction", ["f", "shape"], { dtype }),
);

/** Row and column numbers of the places that are wanted, in order. */
function places(
  rows: number,
  columns: number,
  wanted: (i: number, j: number) => boolean,
): [Tensor, Tensor] {
  const found: [number, number][] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) if (wanted(i, j)) found.push([i, j]);
  }
  const column = (axis: 0 | 1) =>
    found.length === 0
      ? lax.full([0], 0, "int32")
      : array(Int32Array.from(found, (place) => place[axis]));
  return [column(0), column(1)];
}

/** The triangle of a matrix. */
export interface TriangleIndexOptions {
  /** The diagonal that bounds it: 0 (the default) the main one, positive ones above it. */
  readonly k?: number | undefined;
  /** The number of columns; as many as rows unless given. */
  readonly m?: number | undefined;
}

type TriangleIndices = (
  n: number,
  options?: TriangleIndexOptions,
) => [rows: Tensor, columns: Tensor];
type TriangleIndicesFrom = (
  x: TensorLike,
  options?: Pick<TriangleIndexOptions, "k">,
) => [rows: Tensor, columns: Tensor];

const triangleIndices = (
  name: string,
  inside: (i: number, j: number) => boolean,
): TriangleIndices =>
  managed((n, { k = 0, m = n } = {}) => {
    const [rows, columns] = [checkCount(name, "n", n), checkCount(name, "m", m)];
    return places(rows, columns, (i, j) => inside(i + k, j));
  }, declareOptions(`np.${name}`, ["n"], { k: integer, m: integer }));

const triangleIndicesFrom = (name: string, of: TriangleIndices): TriangleIndicesFrom =>
  managed((x, { k = 0 } = {}) => {
    const t = asTensor(x);
    const [n, m] = t.shape;
    if (t.ndim !== 2) {
      throw new ShapeError(
        `${name}: expected a matrix, got ${formatAval(t.aval)}`,
        "give a tensor of two axes",
      );
    }
    return of(n!, { k, m: m! });
  }, declareOptions(`np.${name}`, ["x"], { k: integer }));

/**
 * Row and column numbers, int32, of the places at and below a diagonal of an `n × m` matrix.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [rows, columns] = np.trilIndices(2);
 * console.assert(String(await rows.data()) === "0,1,1");
 * console.assert(String(await columns.data()) === "0,0,1");
 * ```
 */
export const trilIndices: TriangleIndices = triangleIndices("trilIndices", (i, j) => i >= j);
/** Row and column numbers, int32, of the places at and above a diagonal of an `n × m` matrix. */
export const triuIndices: TriangleIndices = triangleIndices("triuIndices", (i, j) => i <= j);
/** As {@link trilIndices}, for the shape of a matrix. */
export const trilIndicesFrom: TriangleIndicesFrom = triangleIndicesFrom(
  "trilIndicesFrom",
  trilIndices,
);
/** As {@link triuIndices}, for the shape of a matrix. */
export const triuIndicesFrom: TriangleIndicesFrom = triangleIndicesFrom(
  "triuIndicesFrom",
  triuIndices,
);

/** The indices of the main diagonal of `ndim` axes (2 unless given) of size `n`, one vector for each axis. */
export const diagIndices: (n: number, ndim?: number) => Tensor[] = managed(
  (n, ndim = 2) =>
    Array.from(
      { length: checkCount("diagIndices", "ndim", ndim) },
      () => lax.iota([checkCount("diagIndices", "n", n)], "int32", 0),
    ),
  declareOperands("np.diagIndices", ["n", "ndim"]),
);

/** As {@link diagIndices}, for the shape of a tensor, whose sizes must be equal. */
export const diagIndicesFrom: (x: TensorLike) => Tensor[] = managed((x) => {
  const t = asTensor(x);
  if (t.ndim < 2 || t.shape.some((n) => n !== t.shape[0])) {
    throw new ShapeError(
      `diagIndicesFrom: expected two axes or more of one size, got ${formatAval(t.aval)}`,
      "give a square matrix, or a tensor of which all axes have one size",
    );
  }
  return diagIndices(t.shape[0]!, t.ndim);
}, declareOperands("np.diagIndicesFrom", ["x"]));

/**
 * Numbers of places of the flattened tensor as indices, one tensor for each axis. Negative numbers count from the
 * end; those outside are moved to the nearest place, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [rows, columns] = np.unravelIndex(5, [2, 4]);
 * console.assert(await rows!.item() === 1 && await columns!.item() === 1);
 * console.assert(await np.ravelMultiIndex([rows!, columns!], [2, 4]).item() === 5);
 * ```
 *
 * @throws DTypeError unless numbers are integers.
 */
export const unravelIndex: (numbers: TensorLike, shape: Shape) => Tensor[] = managed(
  (numbers, shape) => {
    const sizes = shapeOf("unravelIndex", shape);
    const given = integers("unravelIndex", numbers);
    const c = (n: number) => lax.fullLike(given, n);
    const total = sizeOf(sizes);
    const counted = lax.select(lax.lt(given, c(0)), lax.add(given, c(total)), given);
    let rest = lax.min(lax.max(counted, c(0)), c(Math.max(0, total - 1)));
    const found: Tensor[] = [];
    for (const size of sizes.toReversed()) {
      found.unshift(lax.rem(rest, c(Math.max(1, size))));
      rest = lax.div(rest, c(Math.max(1, size)));
    }
    return found;
  },
  declareOperands("np.unravelIndex", ["numbers", "shape"]),
);

/** The treatment of indices that are out of bounds. */
export interface RavelOptions {
  /** `"clip"` (the default) moves them to the nearest place, `"wrap"` counts them around. */
  readonly mode?: "clip" | "wrap" | undefined;
  /** `"int32"` (the default) or `"uint32"`. */
  readonly dtype?: Tensor["dtype"] | undefined;
}

/**
 * Indices, one tensor for each axis, as numbers of places of the flattened tensor; see {@link unravelIndex}. There
 * is no mode `"raise"`, since values are not checked: indices that are out of bounds are clipped by default.
 *
 * @throws ArgumentError unless there is one tensor for each axis.
 */
export const ravelMultiIndex: (
  indices: readonly TensorLike[],
  shape: Shape,
  options?: RavelOptions,
) => Tensor = managed(
  (indices, shape, { mode = "clip", dtype = "int32" } = {}) => {
    const sizes = shapeOf("ravelMultiIndex", shape);
    if (indices.length !== sizes.length) {
      throw new ArgumentError(
        `ravelMultiIndex: expected one tensor of indices for each of ${sizes.length} axes, got ${indices.length}`,
        "give one for each axis",
      );
    }
    const given = indices.map((x) => integers("ravelMultiIndex", x));
    const outer = broadcastShapes("ravelMultiIndex", given.map((x) => x.shape));
    const sum = given.reduce((sum, x, axis) => {
      const t = stretch("ravelMultiIndex", x, outer);
      const size = lax.fullLike(t, Math.max(1, sizes[axis]!));
      const last = lax.sub(size, lax.fullLike(t, 1));
      const inside = mode === "clip"
        ? lax.min(lax.max(t, lax.fullLike(t, 0)), last)
        : lax.rem(lax.add(lax.rem(t, size), size), size);
      return lax.add(lax.mul(sum, size), inside);
    }, lax.full(outer, 0, "int32"));
    return lax.convert(sum, dtype);
  },
  declareOptions("np.ravelMultiIndex", ["indices", "shape"], {
    mode: oneOf("clip", "wrap"),
    dtype: integerType,
  }),
);
