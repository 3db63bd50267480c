/** Counting: how many elements there are of each number, and in each of several bins. */
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { formatAval, sizeOf } from "../core/aval.ts";
import { Tensor } from "../core/tensor.ts";
import {
  boolean,
  count,
  declareOptions,
  either,
  finite,
  listOf,
  nullable,
  pairOf,
  required,
  size,
  tensor,
  tensorLike,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { linspace } from "./spaces.ts";
import { diff } from "./cumulative.ts";
import { ravelMultiIndex } from "./grids.ts";
import { where } from "./logic.ts";
import { managed, managedWithOptions } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import { asTensor, floatTensor, promote, type TensorLike, toFloat } from "./promote.ts";
import { searchsorted } from "./sorting.ts";
import { integers } from "./taking.ts";

const c = lax.fullLike;

/** Options of {@link bincount}. */
export interface BincountOptions {
  /** The numbers 0 … length - 1 are counted; larger ones are left out. */
  readonly length: number;
  /** The weight of each element, in the shape of the tensor; 1 unless given. */
  readonly weights?: TensorLike | undefined;
}

/**
 * Counts how often each of the numbers 0 … length - 1 occurs, int32, or adds up their weights. Negative numbers count as
 * 0, larger ones are left out, as in JAX, where the length may be left out if values are known.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([0, 2, 2], { dtype: "int32" });
 * console.assert(String(await np.bincount(x, { length: 3 }).data()) === "1,0,2");
 * ```
 *
 * @throws DTypeError unless numbers are integers; ShapeError unless weights have their shape.
 */
export const bincount: (x: TensorLike, options: BincountOptions) => Tensor = managedWithOptions(
  (x: TensorLike, { length, weights = 1 }: BincountOptions) => {
    const t = integers("bincount", x);
    const given = typeof weights === "number"
      ? lax.full(t.shape, weights, Number.isInteger(weights) ? "int32" : "float32")
      : asTensor(weights);
    if (given.shape.join() !== t.shape.join()) {
      throw new ShapeError(
        `bincount: weights ${formatAval(given.aval)} do not fit ${formatAval(t.aval)}`,
        "give one weight for each element",
      );
    }
    // One more place, for what is left out.
    const place = lax.min(lax.max(t, c(t, 0)), c(t, length));
    const sums = lax.scatter(
      lax.full([length + 1], 0, given.dtype),
      lax.reshape(place, [t.size, 1]),
      lax.reshape(given, [t.size]),
      "add",
    );
    return stretchOf(sums, 0, 0, length);
  },
  declareOptions<BincountOptions>("np.bincount", ["x"], {
    length: required(count),
    weights: tensorLike,
  }),
);

/**
 * The number of the bin that each element belongs to, int32: 0 before the first edge. Edges increase or
 * decrease; an element on an edge belongs to the bin behind it, or (`right`) before it.
 *
 * ```ts
 * import { np } from "trilevel";
 * const bins = np.digitize(np.array([0.5, 1, 9]), np.array([0, 1, 2]));
 * console.assert(String(await bins.data()) === "1,2,3");
 * ```
 */
export const digitize: (
  x: TensorLike,
  bins: TensorLike,
  options?: { readonly right?: boolean },
) => Tensor = managed(
  (x, bins, { right = false } = {}) => {
    const edges = asTensor(bins);
    if (edges.ndim !== 1) {
      throw new ShapeError(
        `digitize: expected a vector of edges, got ${formatAval(edges.aval)}`,
        "give the edges in order: np.array([0, 1, 2])",
      );
    }
    const n = edges.size;
    const t = asTensor(x);
    if (n === 0) return lax.full(t.shape, 0, "int32");
    const first = lax.reshape(stretchOf(edges, 0, 0, 1), []);
    const last = lax.reshape(stretchOf(edges, 0, n - 1, n), []);
    const up = searchsorted(edges, t, { side: right ? "left" : "right" });
    const down = searchsorted(lax.reverse(edges, [0]), t, { side: right ? "left" : "right" });
    return where(lax.ge(last, first), up, lax.sub(c(down, n), down));
  },
  declareOptions("np.digitize", ["x", "bins"], { right: boolean }),
);

/** The number of bins of equal width, or their edges. */
export type Bins = number | Tensor;

/** Bins, and what is counted in them. */
export interface HistogramOptions {
  /** The number of bins (10 unless given), or a vector of edges. */
  readonly bins?: Bins | undefined;
  /** The lower edge of the first bin and the upper edge of the last; the smallest and largest element unless given. */
  readonly range?: readonly [number, number] | undefined;
  /** The weight of each element; 1 unless given. */
  readonly weights?: TensorLike | undefined;
  /** True to divide by the sum and by the bins' widths, so that the integral is 1. */
  readonly density?: boolean | undefined;
}

const binsKind = either(size, tensor);
const rangeKind = pairOf(finite);

/** The edges of the bins that {@link histogram} counts in. */
export const histogramBinEdges: (
  x: TensorLike,
  options?: Pick<HistogramOptions, "bins" | "range">,
) => Tensor = managed(
  (x, { bins = 10, range } = {}) => edgesOf(floatTensor("histogramBinEdges", x), bins, range),
  declareOptions("np.histogramBinEdges", ["x"], { bins: binsKind, range: rangeKind }),
);

function edgesOf(
  x: Tensor,
  bins: Bins,
  range: readonly [number, number] | null | undefined,
): Tensor {
  if (bins instanceof Tensor) {
    if (bins.ndim === 1) return lax.convert(bins, x.dtype);
    throw new ShapeError(
      `histogram: expected a vector of edges, got bins ${formatAval(bins.aval)}`,
      "give the edges in order: np.array([0, 1, 2])",
    );
  }
  const all = x.shape.map((_, i) => i);
  const scalar = (n: number) => lax.full([], n, x.dtype);
  const [low, high] = range
    ? [scalar(range[0]), scalar(range[1])]
    : x.size === 0
    ? [scalar(0), scalar(1)]
    : [lax.reduceMin(x, all), lax.reduceMax(x, all)];
  // A range without a width is widened to both sides.
  const half = lax.select(lax.eq(low, high), c(low, 0.5), c(low, 0));
  return linspace(lax.sub(low, half), lax.add(high, half), bins + 1);
}

/**
 * The number of elements in each bin, or the sum of their weights, as floats; and the edges of the bins. A bin contains
 * its lower edge, the last bin both of its edges. Found by bisection.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [counts, edges] = np.histogram(np.array([0, 1, 1, 4]), { bins: 2 });
 * console.assert(String(await counts.data()) === "3,1");
 * console.assert(String(await edges.data()) === "0,2,4");
 * ```
 */
export const histogram: (
  x: TensorLike,
  options?: HistogramOptions,
) => [counts: Tensor, edges: Tensor] = managed(
  (x, { bins = 10, range, weights, density = false } = {}) => {
    const given = weights ?? lax.fullLike(floatTensor("histogram", x), 1);
    const [t, w] = promote("histogram", [x, given], toFloat) as [Tensor, Tensor];
    const edges = edgesOf(t, bins, range);
    const counts = counted([lax.reshape(t, [t.size])], [edges], lax.reshape(w, [w.size]));
    return [density ? densities(counts, [edges]) : counts, edges];
  },
  declareOptions("np.histogram", ["x"], {
    bins: binsKind,
    range: rangeKind,
    weights: tensorLike,
    density: boolean,
  }),
);

/** Sums of weights in the boxes that edges make, of points given coordinate by coordinate. */
function counted(points: readonly Tensor[], edges: readonly Tensor[], weights: Tensor): Tensor {
  const places = points.map((x, i) => {
    const bins = edges[i]!;
    const n = bins.size;
    const found = searchsorted(bins, x, { side: "right" });
    const end = lax.broadcast(lax.reshape(stretchOf(bins, 0, n - 1, n), []), x.shape, []);
    return lax.select(lax.eq(x, end), lax.sub(found, c(found, 1)), found);
  });
  // With a bin before the first, and one behind the last, for what is outside.
  const shape = edges.map((e) => e.size + 1);
  const numbers = ravelMultiIndex(places, shape);
  const sums = lax.reshape(bincount(numbers, { length: sizeOf(shape), weights }), shape);
  return lax.slice(sums, {
    start: shape.map(() => 1),
    limit: shape.map((n) => n - 1),
    strides: shape.map(() => 1),
  });
}

/** Counts divided by their sum and by the boxes' sizes. */
function densities(counts: Tensor, edges: readonly Tensor[]): Tensor {
  const floats = floatTensor("histogram", counts);
  const total = lax.reduceSum(floats, floats.shape.map((_, i) => i));
  const shares = lax.div(floats, lax.broadcast(total, floats.shape, []));
  return edges.reduce(
    (y, e, axis) => lax.div(y, lax.broadcast(lax.convert(diff(e), y.dtype), y.shape, [axis])),
    shares,
  );
}

/** Bins for each coordinate, and what is counted in them. */
export interface HistogramddOptions {
  /** The number of bins along all axes (10 unless given); or, for each axis, their number or a vector of edges. */
  readonly bins?: number | readonly Bins[] | undefined;
  /** For each axis where its bins begin and end, or null for the smallest and largest. */
  readonly range?: readonly (readonly [number, number] | null)[] | undefined;
  /** The weight of each point; 1 unless given. */
  readonly weights?: TensorLike | undefined;
  /** True to divide by the sum and by the bins' sizes, so that the integral is 1. */
  readonly density?: boolean | undefined;
}

const manyKinds = {
  bins: either(size, listOf(binsKind)),
  range: listOf(nullable(rangeKind)),
  weights: tensorLike,
  density: boolean,
} as const;

/**
 * The number of points, rows of a matrix `[points, coordinates]`, in each box; and the edges along each axis. Counts
 * are int32 unless there are weights, or `density`.
 *
 * @throws ShapeError unless points are a matrix; ArgumentError unless there are bins for each coordinate.
 */
export const histogramdd: (
  points: TensorLike,
  options?: HistogramddOptions,
) => [counts: Tensor, edges: Tensor[]] = managed(
  (points, { bins = 10, range, weights, density = false } = {}) => {
    const t = floatTensor("histogramdd", points);
    if (t.ndim !== 2) {
      throw new ShapeError(
        `histogramdd: expected a matrix, got ${formatAval(t.aval)}`,
        "give a row for each point",
      );
    }
    const [n, axes] = t.shape as [number, number]; // two axes: see above
    const all = typeof bins === "number" ? Array<Bins>(axes).fill(bins) : bins;
    if (all.length !== axes || (range && range.length !== axes)) {
      throw new ArgumentError(
        `histogramdd: expected bins and a range for each of ${axes} coordinates, got ${all.length} bins and ${
          range?.length ?? axes
        } ranges`,
        "give one for each coordinate",
      );
    }
    const columns = all.map((_, i) => lax.reshape(stretchOf(t, 1, i, i + 1), [n]));
    const edges = columns.map((x, i) => edgesOf(x, all[i]!, range?.[i]));
    const given = weights === undefined
      ? lax.full([n], 1, "int32")
      : floatTensor("histogramdd", weights);
    const counts = counted(columns, edges, given);
    return [density ? densities(counts, edges) : counts, edges];
  },
  declareOptions("np.histogramdd", ["points"], manyKinds),
);

/**
 * The number of points, given by their coordinates, in each box; see {@link histogramdd}.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [counts] = np.histogram2d(np.array([0, 1, 1]), np.array([0, 1, 1]), { bins: 2 });
 * console.assert(String(await counts.data()) === "1,0,0,2");
 * ```
 */
export const histogram2d: (
  x: TensorLike,
  y: TensorLike,
  options?: HistogramddOptions,
) => [counts: Tensor, xEdges: Tensor, yEdges: Tensor] = managed(
  (x, y, options) => {
    const [a, b] = promote("histogram2d", [x, y], toFloat) as [Tensor, Tensor];
    if (a.ndim !== 1 || a.shape.join() !== b.shape.join()) {
      throw new ShapeError(
        `histogram2d: expected two vectors of one size, got ${formatAval(a.aval)} and ${
          formatAval(b.aval)
        }`,
        "give the two coordinates of every point",
      );
    }
    const columns = [a, b].map((t) => lax.reshape(t, [t.size, 1]));
    const [counts, edges] = histogramdd(lax.concatenate(columns, 1), options);
    return [counts, edges[0]!, edges[1]!];
  },
  declareOptions("np.histogram2d", ["x", "y"], manyKinds),
);
