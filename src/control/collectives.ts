/**
 * Operations between the elements of a batch: a function that is mapped by `vmap` with an `axisName` sums over that
 * axis, looks at other elements, or asks which one it is. As in JAX (`jax.lax`), to the derivatives.
 */
import { axisSizeOf } from "../core/axisNames.ts";
import { isFloat } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { tensorLeaves } from "../core/function.ts";
import { formatAval } from "../core/aval.ts";
import { literal, type Tensor } from "../core/tensor.ts";
import { type MapTree, unflatten } from "../core/tree.ts";
import { boolean, declareOptions, integer } from "../options/index.ts";
import * as lax from "../primitives/index.ts";

/** The name of an axis, or several, which together count as one. */
export type AxisName = string | readonly string[];

const namesOf = (axisName: AxisName) => typeof axisName === "string" ? [axisName] : axisName;

/** Applies an operation to all leaves of a tree. */
function eachLeaf<T>(
  name: string,
  tree: T,
  f: (x: Tensor) => Tensor,
): MapTree<T, Tensor | number | boolean, Tensor> {
  const [leaves, structure] = tensorLeaves(tree, `${name}: argument 0`);
  return unflatten(structure, leaves.map(f));
}

/** Booleans count as whole numbers in sums. */
const summable = (x: Tensor) => x.dtype === "bool" ? lax.convert(x, "int32") : x;

function overNames(
  name: string,
  axisName: AxisName,
  f: (x: Tensor, params: { axisName: string; size: number }) => Tensor,
): (x: Tensor) => Tensor {
  const axes = namesOf(axisName).map((n) => ({ axisName: n, size: axisSizeOf(n, name) }));
  return (x) => axes.reduce(f, x);
}

/**
 * The sum over the elements of a batch, the same in each. `x` is a tree; its booleans are counted. Its derivative is
 * that of JAX's: the cotangent of each element's x is the sum of all elements' cotangents.
 *
 * ```ts
 * import { np, psum, type Tensor, vmap } from "trilevel";
 * const shares = vmap((x: Tensor) => x.div(psum(x, "batch")), { axisName: "batch" });
 * console.assert(String(await shares(np.array([1, 3])).data()) === "0.25,0.75");
 * ```
 *
 * @throws ArgumentError when no enclosing `vmap` names this axis, as in all functions with an `axisName`.
 */
export function psum<T>(x: T, axisName: AxisName): MapTree<T, Tensor | number | boolean, Tensor> {
  const sum = overNames("psum", axisName, lax.psum);
  return eachLeaf("psum", x, (leaf) => sum(summable(leaf)));
}

/**
 * The mean over the elements of a batch, of every leaf of a tree; whole numbers become reals.
 *
 * ```ts
 * import { np, pmean, type Tensor, vmap } from "trilevel";
 * const centered = vmap((x: Tensor) => x.sub(pmean(x, "batch")), { axisName: "batch" });
 * console.assert(String(await centered(np.array([1, 3])).data()) === "-1,1");
 * ```
 */
export function pmean<T>(x: T, axisName: AxisName): MapTree<T, Tensor | number | boolean, Tensor> {
  const sum = overNames("pmean", axisName, lax.psum);
  const size = axisSize(axisName);
  return eachLeaf("pmean", x, (leaf) => {
    const total = sum(summable(leaf));
    const real = isFloat(total.dtype) ? total : lax.convert(total, "float32");
    return lax.div(real, lax.full(real.shape, size, real.dtype));
  });
}

/**
 * The largest of each leaf's value over the elements of a batch. Where several attain it, its derivative is shared among
 * them (JAX has no derivative for it inside the mapped function).
 *
 * ```ts
 * import { np, pmax, type Tensor, vmap } from "trilevel";
 * const ofLargest = vmap((x: Tensor) => x.div(pmax(x, "batch")), { axisName: "batch" });
 * console.assert(String(await ofLargest(np.array([1, 4])).data()) === "0.25,1");
 * ```
 */
export function pmax<T>(x: T, axisName: AxisName): MapTree<T, Tensor | number | boolean, Tensor> {
  return eachLeaf("pmax", x, overNames("pmax", axisName, lax.pmax));
}

/**
 * The smallest of each leaf's value over the elements of a batch; see {@link pmax}.
 *
 * ```ts
 * import { np, pmin, type Tensor, vmap } from "trilevel";
 * const above = vmap((x: Tensor) => x.sub(pmin(x, "batch")), { axisName: "batch" });
 * console.assert(String(await above(np.array([1, 4])).data()) === "0,3");
 * ```
 */
export function pmin<T>(x: T, axisName: AxisName): MapTree<T, Tensor | number | boolean, Tensor> {
  return eachLeaf("pmin", x, overNames("pmin", axisName, lax.pmin));
}

/** Options of {@link allGather}. */
export interface AllGatherOptions {
  /** The axis of the result that counts the elements. Default 0. */
  axis?: number;
  /** Along an axis that is there, one after the other, rather than along a new one. Default false. */
  tiled?: boolean;
}

const checkGather = declareOptions<AllGatherOptions>("allGather", ["x", "axisName"], {
  axis: integer,
  tiled: boolean,
});

/**
 * The values of all elements of a batch, stacked along a new axis; the same in each.
 *
 * ```ts
 * import { allGather, np, type Tensor, vmap } from "trilevel";
 * const ranks = vmap(
 *   (x: Tensor) => np.sum(allGather(x, "batch").less(x)),
 *   { axisName: "batch" },
 * );
 * console.assert(String(await ranks(np.array([5, 1, 3])).data()) === "2,0,1");
 * ```
 */
export function allGather<T>(
  x: T,
  axisName: string,
  options: AllGatherOptions = {},
): MapTree<T, Tensor | number | boolean, Tensor> {
  checkGather(options);
  const { axis = 0, tiled = false } = options;
  const params = paramsOf("allGather", axisName);
  return eachLeaf("allGather", x, (leaf) => {
    const all = lax.allGather(leaf, params);
    const at = axisOf("allGather", axis, tiled ? leaf : all);
    return tiled ? merged(moved(all, 0, at), at) : moved(all, 0, at);
  });
}

/** Options of {@link psumScatter}. */
export interface PsumScatterOptions {
  /** The axis that is given out to the elements. Default 0. */
  scatterDimension?: number;
  /** The axis is cut into as many parts as there are elements, rather than into single rows. Default false. */
  tiled?: boolean;
}

const checkScatter = declareOptions<PsumScatterOptions>("psumScatter", ["x", "axisName"], {
  scatterDimension: integer,
  tiled: boolean,
});

/**
 * The sum over the elements of a batch, of which element i gets row i (or part i, if `tiled`): the transpose of
 * {@link allGather}.
 *
 * ```ts
 * import { np, psumScatter, type Tensor, vmap } from "trilevel";
 * const sums = vmap((x: Tensor) => psumScatter(x, "batch"), { axisName: "batch" });
 * console.assert(String(await sums(np.array([[1, 2], [3, 4]])).data()) === "4,6");
 * ```
 *
 * @throws ShapeError when the axis does not have as many rows, or cannot be cut into as many parts, as there are elements.
 */
export function psumScatter<T>(
  x: T,
  axisName: string,
  options: PsumScatterOptions = {},
): MapTree<T, Tensor | number | boolean, Tensor> {
  checkScatter(options);
  const { scatterDimension = 0, tiled = false } = options;
  const params = paramsOf("psumScatter", axisName);
  return eachLeaf("psumScatter", x, (leaf) => {
    const at = axisOf("psumScatter", scatterDimension, leaf);
    return lax.psumScatter(rowsOf("psumScatter", summable(leaf), at, params.size, tiled), params);
  });
}

/** Options of {@link allToAll}. */
export interface AllToAllOptions {
  /**
   * The axis is cut into as many parts as there are elements, and parts are put one after the other, rather than single
   * rows that are stacked. Default false.
   */
  tiled?: boolean;
}

const checkToAll = declareOptions<AllToAllOptions>(
  "allToAll",
  ["x", "axisName", "splitAxis", "concatAxis"],
  { tiled: boolean },
);

/**
 * Gives row i along `splitAxis` to element i of the batch, and stacks what an element gets along `concatAxis`.
 *
 * ```ts
 * import { allToAll, np, type Tensor, vmap } from "trilevel";
 * const turned = vmap((x: Tensor) => allToAll(x, "batch", 0, 0), { axisName: "batch" });
 * console.assert(String(await turned(np.array([[1, 2], [3, 4]])).data()) === "1,3,2,4");
 * ```
 *
 * @throws ShapeError when `splitAxis` does not have as many rows, or cannot be cut into as many parts, as there are
 * elements.
 */
export function allToAll<T>(
  x: T,
  axisName: string,
  splitAxis: number,
  concatAxis: number,
  options: AllToAllOptions = {},
): MapTree<T, Tensor | number | boolean, Tensor> {
  checkToAll(options);
  const { tiled = false } = options;
  const params = paramsOf("allToAll", axisName);
  return eachLeaf("allToAll", x, (leaf) => {
    const [from, to] = [splitAxis, concatAxis].map((a) => axisOf("allToAll", a, leaf)) as [
      number,
      number,
    ]; // of two, two
    const rows = lax.allToAll(rowsOf("allToAll", leaf, from, params.size, tiled), params);
    return tiled ? merged(moved(rows, 0, to), to) : moved(rows, 0, to);
  });
}

/**
 * Exchanges an axis of x with that of the batch: {@link allToAll} along one axis.
 *
 * ```ts
 * import { np, pswapaxes, type Tensor, vmap } from "trilevel";
 * const turned = vmap((x: Tensor) => pswapaxes(x, "batch", 0), { axisName: "batch" });
 * console.assert(String(await turned(np.array([[1, 2], [3, 4]])).data()) === "1,3,2,4");
 * ```
 */
export function pswapaxes<T>(
  x: T,
  axisName: string,
  axis: number,
): MapTree<T, Tensor | number | boolean, Tensor> {
  return allToAll(x, axisName, axis, axis);
}

/**
 * Sends values between the elements of a batch: each pair is [source, destination]. Elements that receive nothing get
 * zeros.
 *
 * ```ts
 * import { np, ppermute, type Tensor, vmap } from "trilevel";
 * const shifted = vmap((x: Tensor) => ppermute(x, "batch", [[0, 1], [1, 2]]), { axisName: "batch" });
 * console.assert(String(await shifted(np.array([5, 6, 7])).data()) === "0,5,6");
 * ```
 *
 * @throws ArgumentError when an element sends or gets twice, or does not exist.
 */
export function ppermute<T>(
  x: T,
  axisName: string,
  perm: readonly (readonly [source: number, destination: number])[],
): MapTree<T, Tensor | number | boolean, Tensor> {
  const params = paramsOf("ppermute", axisName);
  const sources = Array<number>(params.size).fill(-1);
  const sent = new Set<number>();
  for (const [source, destination] of perm) {
    const valid = [source, destination].every((n) =>
      Number.isInteger(n) && n >= 0 && n < params.size
    );
    if (!valid || sent.has(source) || sources[destination]! >= 0) {
      throw new ArgumentError(
        `ppermute: the pair [${source}, ${destination}] does not fit an axis of size ${params.size}`,
        "each element sends to at most one, and gets from at most one; elements count from 0",
      );
    }
    sent.add(source);
    sources[destination] = source;
  }
  return eachLeaf("ppermute", x, (leaf) => lax.ppermute(leaf, { ...params, sources }));
}

/**
 * Element i of the batch gets the value of element `perm[i]`.
 *
 * ```ts
 * import { np, pshuffle, type Tensor, vmap } from "trilevel";
 * const turned = vmap((x: Tensor) => pshuffle(x, "batch", [1, 2, 0]), { axisName: "batch" });
 * console.assert(String(await turned(np.array([5, 6, 7])).data()) === "6,7,5");
 * ```
 *
 * @throws ArgumentError when `perm` is no permutation of the elements.
 */
export function pshuffle<T>(
  x: T,
  axisName: string,
  perm: readonly number[],
): MapTree<T, Tensor | number | boolean, Tensor> {
  const size = axisSizeOf(axisName, "pshuffle");
  if (perm.length !== size) {
    throw new ArgumentError(
      `pshuffle: expected ${size} sources, one for each element of the axis, got ${perm.length}`,
      "give a permutation of all elements; ppermute may leave some out",
    );
  }
  return ppermute(x, axisName, perm.map((source, i) => [source, i]));
}

/**
 * The number of this element in its batch, an int32 scalar. With several names it counts along the last one first.
 *
 * ```ts
 * import { axisIndex, np, type Tensor, vmap } from "trilevel";
 * const weighted = vmap((x: Tensor) => x.mul(axisIndex("batch")), { axisName: "batch" });
 * console.assert(String(await weighted(np.array([5, 6, 7])).data()) === "0,6,14");
 * ```
 */
export function axisIndex(axisName: AxisName): Tensor {
  return namesOf(axisName).reduce((index: Tensor | undefined, name) => {
    const params = paramsOf("axisIndex", name);
    const own = lax.axisIndex(params);
    return index ? lax.add(lax.mul(index, literal(params.size, "int32")), own) : own;
  }, undefined) ?? literal(0, "int32");
}

/**
 * The number of elements of an axis, known while tracing.
 *
 * ```ts
 * import { axisSize, np, type Tensor, vmap } from "trilevel";
 * const shared = vmap((x: Tensor) => x.div(axisSize("batch")), { axisName: "batch" });
 * console.assert(String(await shared(np.array([2, 4])).data()) === "1,2");
 * ```
 */
export function axisSize(axisName: AxisName): number {
  return namesOf(axisName).reduce((size, name) => size * axisSizeOf(name, "axisSize"), 1);
}

function paramsOf(name: string, axisName: string): { axisName: string; size: number } {
  return { axisName, size: axisSizeOf(axisName, name) };
}

/** An axis that is there, counted from the front. */
function axisOf(name: string, axis: number, x: Tensor): number {
  const at = axis < 0 ? axis + x.ndim : axis;
  if (Number.isInteger(at) && at >= 0 && at < x.ndim) return at;
  throw new ShapeError(
    `${name}: ${formatAval(x.aval)} has no axis ${axis}`,
    `give an axis from ${-x.ndim} to ${x.ndim - 1}`,
  );
}

/** The rows, or parts, of an axis as a new axis 0. */
function rowsOf(name: string, x: Tensor, axis: number, size: number, tiled: boolean): Tensor {
  const n = x.shape[axis]!;
  if (tiled ? n % size !== 0 : n !== size) {
    throw new ShapeError(
      `${name}: axis ${axis} of ${formatAval(x.aval)} cannot be shared among ${size} elements`,
      tiled
        ? "its size must be a multiple of the number of elements"
        : "it must have one row for each element; with tiled: true, as many for each",
    );
  }
  if (!tiled) return moved(x, axis, 0);
  const parts = [...x.shape.slice(0, axis), size, n / size, ...x.shape.slice(axis + 1)];
  return moved(lax.reshape(x, parts), axis, 0);
}

function moved(x: Tensor, from: number, to: number): Tensor {
  const rest = x.shape.map((_, i) => i).filter((i) => i !== from);
  return lax.transpose(x, [...rest.slice(0, to), from, ...rest.slice(to)]);
}

/** An axis and the one behind it as one. */
function merged(x: Tensor, axis: number): Tensor {
  const { shape } = x;
  return lax.reshape(x, [
    ...shape.slice(0, axis),
    shape[axis]! * shape[axis + 1]!,
    ...shape.slice(axis + 2),
  ]);
}
