/**
 * Functions that find the elements for which a condition holds. Their number depends on values, whereas shapes are
 * static: the caller gives the `size` of the result, which is cut off or filled up.
 */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  axis,
  count,
  declareOptions,
  either,
  integer,
  listOf,
  required,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { stack } from "./joining.ts";
import { asTensor, axisOf, checkCount, stretch, type TensorLike, truth } from "./promote.ts";
import { integers, take } from "./taking.ts";
import { unravelIndex } from "./grids.ts";
import { managedWithOptions } from "./managed.ts";
import { filled, type FillOptions, firstTrue, type SizeOptions } from "./sized.ts";

export type { FillOptions, SizeOptions } from "./sized.ts";

function flatPlaces(name: string, x: TensorLike, size: number): [Tensor, Tensor, Tensor] {
  const t = truth(x);
  if (t.ndim === 0) {
    throw new ShapeError(
      `${name}: expected at least one axis, got a scalar`,
      "make a vector of it: np.atleast1d(x)",
    );
  }
  const [places, total] = firstTrue(lax.reshape(t, [t.size]), size);
  return [t, places, filled(size, total)];
}

/** Options of {@link nonzero}, which fills up with one index for all axes or with one for each. */
export interface NonzeroOptions extends SizeOptions {
  /** The index behind the last; 0 unless given. */
  readonly fillValue?: TensorLike | readonly TensorLike[] | undefined;
}

/**
 * The indices of elements that are not 0, in row-major order: one int32 vector of the given `size` for each axis.
 * In JAX the size may be left out where values are known; here it may not.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [rows, columns] = np.nonzero(np.array([[0, 5], [6, 0]]), { size: 3, fillValue: -1 });
 * console.assert(String(await rows!.data()) === "0,1,-1");
 * console.assert(String(await columns!.data()) === "1,0,-1");
 * ```
 *
 * @throws ShapeError for a scalar.
 */
export const nonzero: (x: TensorLike, options: NonzeroOptions) => Tensor[] = managedWithOptions(
  (x: TensorLike, { size, fillValue }: NonzeroOptions) => {
    const [t, places, valid] = flatPlaces("nonzero", x, size);
    const found = t.size === 0 ? t.shape.map(() => places) : unravelIndex(places, t.shape);
    const fills = typeof fillValue === "object" && "length" in fillValue
      ? fillValue
      : t.shape.map(() => fillValue as TensorLike | undefined); // not the list of the line above
    if (fills.length !== t.ndim) {
      throw new ArgumentError(
        `nonzero: ${fills.length} fill values do not fit ${formatAval(t.aval)}`,
        "give one for all axes, or one for each",
      );
    }
    return found.map((index, i) => {
      const fill = fills[i] ?? 0;
      const other = stretch("nonzero", integers("nonzero", fill), [size]);
      return lax.select(valid, index, other);
    });
  },
  declareOptions<NonzeroOptions>("np.nonzero", ["x"], {
    size: required(count),
    fillValue: either(tensorLike, listOf(tensorLike)),
  }),
);

/** The indices of {@link nonzero} as rows of a matrix `[size, axes]`. */
export const argwhere: (x: TensorLike, options: FillOptions) => Tensor = managedWithOptions(
  (x: TensorLike, options: FillOptions) => stack(nonzero(x, options), { axis: -1 }),
  declareOptions<FillOptions>("np.argwhere", ["x"], {
    size: required(count),
    fillValue: tensorLike,
  }),
);

/** Options of {@link maskIndices}. */
export interface MaskIndicesOptions extends SizeOptions {
  /** The option `k` of the function; 0 unless given. */
  readonly k?: number | undefined;
}

/**
 * The row and column numbers of the elements of an n by n matrix that a function such as `np.triu` keeps: two int32
 * vectors of the given `size`, 0 behind the last.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [rows, columns] = np.maskIndices(3, np.triu, { k: 1, size: 3 });
 * console.assert(String(await rows.data()) === "0,0,1" && String(await columns.data()) === "1,2,2");
 * ```
 */
export const maskIndices: (
  n: number,
  keep: (x: Tensor, options: { readonly k: number }) => Tensor,
  options: MaskIndicesOptions,
) => [rows: Tensor, columns: Tensor] = managedWithOptions(
  (
    n: number,
    keep: (x: Tensor, options: { readonly k: number }) => Tensor,
    { k = 0, size }: MaskIndicesOptions,
  ): [Tensor, Tensor] => {
    const side = checkCount("maskIndices", "n", n);
    const [rows, columns] = nonzero(keep(lax.full([side, side], 1, "float32"), { k }), { size });
    return [rows!, columns!];
  },
  declareOptions<MaskIndicesOptions>("np.maskIndices", ["n", "np.triu"], {
    k: integer,
    size: required(count),
  }),
);

/** The numbers of places of the flattened tensor that are not 0, int32; 0 behind the last unless given. */
export const flatnonzero: (x: TensorLike, options: FillOptions) => Tensor = managedWithOptions(
  (x: TensorLike, options: FillOptions) => {
    const t = asTensor(x);
    return nonzero(lax.reshape(t, [t.size]), options)[0]!;
  },
  declareOptions<FillOptions>("np.flatnonzero", ["x"], {
    size: required(count),
    fillValue: tensorLike,
  }),
);

/** Options of {@link compress}. */
export interface CompressOptions extends FillOptions {
  /** An axis; the flattened tensor unless given. */
  readonly axis?: number | undefined;
}

/**
 * The parts along an axis for which a vector of booleans is true, the given `size` of them; behind the last
 * `fillValue` (0 unless given). A vector shorter than the axis is false for the rest.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([5, -1, 7]);
 * console.assert(String(await np.compress(np.greater(x, 0), x, { size: 2 }).data()) === "5,7");
 * ```
 *
 * @throws ShapeError unless the condition is a vector not longer than the axis.
 */
export const compress: (
  condition: TensorLike,
  x: TensorLike,
  options: CompressOptions,
) => Tensor = managedWithOptions(
  (condition: TensorLike, x: TensorLike, { size, axis, fillValue = 0 }: CompressOptions) => {
    const t = asTensor(x);
    const y = axis === undefined ? lax.reshape(t, [t.size]) : t;
    const along = axisOf("compress", axis ?? 0, y.ndim);
    const length = y.shape[along]!;
    const mask = truth(condition);
    if (mask.ndim !== 1 || mask.size > length) {
      throw new ShapeError(
        `compress: the condition ${formatAval(mask.aval)} does not fit ${formatAval(y.aval)}`,
        `give a vector of ${length} booleans at most`,
      );
    }
    const [places, total] = firstTrue(mask, size);
    const nowhere = lax.full([size], length, "int32");
    return take(y, lax.select(filled(size, total), places, nowhere), { axis: along, fillValue });
  },
  declareOptions<CompressOptions>("np.compress", ["condition", "x"], {
    size: required(count),
    axis,
    fillValue: tensorLike,
  }),
);

/** The elements for which a condition holds, in row-major order; see {@link compress}. */
export const extract: (condition: TensorLike, x: TensorLike, options: FillOptions) => Tensor =
  managedWithOptions(
    (condition: TensorLike, x: TensorLike, options: FillOptions) => {
      const mask = truth(condition);
      return compress(lax.reshape(mask, [mask.size]), x, options);
    },
    declareOptions<FillOptions>("np.extract", ["condition", "x"], {
      size: required(count),
      fillValue: tensorLike,
    }),
  );
