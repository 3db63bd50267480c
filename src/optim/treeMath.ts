/**
 * Arithmetic on whole trees of parameters, and looking into the states of optimizers: `optax.tree`.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const params = { w: np.array([3, 0]), b: np.array(4) };
 * const halved = optim.tree.scale(0.5, params);
 * console.assert(await optim.tree.norm(halved).item() === 2.5);
 * ```
 *
 * @module
 */
import { ArgumentError, type DType, type Tensor } from "../public.ts";
import { boolean, declareOptions, nonNegative, oneOf } from "../options/index.ts";
import * as tree from "../tree.ts";
import * as np from "../numpy/index.ts";
import * as random from "../random/index.ts";
import { floatType, mapLeaves, tensors, vdot as product } from "./leaves.ts";
import type { Scalar } from "./transformation.ts";

export {
  biasCorrection,
  updateInfinityMoment,
  updateMoment,
  updateMomentPerElemNorm,
} from "./moments.ts";

/** x + y + …, leaf by leaf. */
export function add<T>(x: T, y: T, ...others: readonly T[]): T {
  return [y, ...others].reduce((sum, z) => mapLeaves((a, b) => np.add(a, b), sum, z), x);
}

/** x - y, leaf by leaf. */
export function sub<T>(x: T, y: T): T {
  return mapLeaves((a, b) => np.subtract(a, b), x, y);
}

/** x · y, leaf by leaf. */
export function mul<T>(x: T, y: T): T {
  return mapLeaves((a, b) => np.multiply(a, b), x, y);
}

/** x / y, leaf by leaf. */
export function div<T>(x: T, y: T): T {
  return mapLeaves((a, b) => np.divide(a, b), x, y);
}

/** All leaves times one number. */
export function scale<T>(scalar: Scalar, x: T): T {
  return mapLeaves((a) => np.multiply(a, scalar), x);
}

/** x + scalar · y. */
export function addScale<T>(x: T, scalar: Scalar, y: T): T {
  return mapLeaves((a, b) => np.add(a, np.multiply(b, scalar)), x, y);
}

/** Σ xᵀy over all leaves: the inner product of trees. */
export function vdot<T>(x: T, y: T): Tensor {
  return product(x, y);
}

/** The sum of all elements of all leaves. */
export function sum(of: unknown): Tensor {
  return tensors(of).map((x) => np.sum(x)).reduce((a, b) => np.add(a, b), np.array(0));
}

/** The largest element of all leaves. */
export function max(of: unknown): Tensor {
  return tensors(of).map((x) => np.max(x)).reduce((a, b) => np.maximum(a, b));
}

/** The smallest element of all leaves. */
export function min(of: unknown): Tensor {
  return tensors(of).map((x) => np.min(x)).reduce((a, b) => np.minimum(a, b));
}

/** The number of elements of all leaves. */
export function size(of: unknown): number {
  return tensors(of).reduce((count, x) => count + x.size, 0);
}

/** Options of {@link norm}. */
export interface TreeNormOptions {
  /** Of the absolute values: the root of the sum of squares (2, the default), the sum (1), or the largest ("inf"). */
  ord?: 1 | 2 | "inf";
  /** The square of the norm, without a root. Default false. */
  squared?: boolean;
}

const checkNorm = declareOptions<TreeNormOptions>("optim.tree.norm", ["of"], {
  ord: oneOf(2, 1, "inf"),
  squared: boolean,
});

/** The norm of all elements together. */
export function norm(of: unknown, options: TreeNormOptions = {}): Tensor {
  checkNorm(options);
  const { ord = 2, squared = false } = options;
  if (ord === 2) {
    const total = product(of, of);
    return squared ? total : np.sqrt(total);
  }
  const absolute = mapLeaves((x) => np.abs(x), of);
  const value = ord === 1 ? sum(absolute) : max(absolute);
  return squared ? np.square(value) : value;
}

/** Zeros in the place of all elements. */
export function zerosLike<T>(of: T): T {
  return mapLeaves((x) => np.zerosLike(x), of);
}

/** Ones in the place of all elements. */
export function onesLike<T>(of: T): T {
  return mapLeaves((x) => np.onesLike(x), of);
}

/** One number in the place of all elements. */
export function fullLike<T>(of: T, value: Scalar): T {
  return mapLeaves((x) => np.fullLike(x, value), of);
}

/** All elements moved into an interval. */
export function clip<T>(of: T, low?: Scalar, high?: Scalar): T {
  return mapLeaves((x) => np.clip(x, low, high), of);
}

/** All leaves in another element type. */
export function cast<T>(of: T, dtype: DType): T {
  return mapLeaves((x) => np.astype(x, dtype), of);
}

/** Each leaf in the element type of the other tree's. */
export function castLike<T>(of: T, like: T): T {
  return mapLeaves((x, y) => np.astype(x, y.dtype), of, like);
}

/** The widest float type among the leaves. */
export function dtype(of: unknown): DType {
  return floatType(of);
}

/** condition ? x : y, for all leaves. */
export function where<T>(condition: Tensor | boolean, x: T, y: T): T {
  return mapLeaves((a, b) => np.where(condition, a, b), x, y);
}

/** Options of {@link allclose}. */
export interface TreeCloseOptions {
  /** The relative tolerance. Default 1e-5. */
  rtol?: number;
  /** The absolute tolerance. Default 1e-8. */
  atol?: number;
  /** NaN is close to NaN. Default false. */
  equalNan?: boolean;
}

const checkClose = declareOptions<TreeCloseOptions>("optim.tree.allclose", ["x", "y"], {
  rtol: nonNegative,
  atol: nonNegative,
  equalNan: boolean,
});

/** A boolean scalar: true if all elements of two trees are close. */
export function allclose<T>(x: T, y: T, options: TreeCloseOptions = {}): Tensor {
  checkClose(options);
  const close = mapLeaves((a, b) => np.allclose(a, b, options), x, y);
  return tensors(close).reduce((a, b) => np.logicalAnd(a, b), np.array(true));
}

/** All leaves with further axes in front, along which they are repeated. */
export function batchShape<T>(of: T, shape: readonly number[] = []): T {
  return mapLeaves((x) => np.broadcastTo(x, [...shape, ...x.shape]), of);
}

/** A key for each leaf. */
export function splitKeyLike<T>(key: Tensor, like: T): T {
  const keys = random.split(key, tensors(like).length);
  let next = 0;
  return mapLeaves(() => keys[next++]!, like);
}

/** Random leaves of the tree's shapes and types, each with a key of its own; normal unless another `sampler` is given. */
export function randomLike<T>(
  key: Tensor,
  like: T,
  sampler: (key: Tensor, shape: readonly number[]) => Tensor = (k, shape) =>
    random.normal(k, shape),
): T {
  return mapLeaves(
    (k, x) => np.astype(sampler(k, x.shape), x.dtype),
    splitKeyLike(key, like),
    like,
  );
}

/** All values that a tree, as a rule a state, holds under a key, each with its path. */
export function getAllWithPath(of: unknown, key: string): [path: string, value: unknown][] {
  const found: [string, unknown][] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null || isLeaf(node)) return;
    for (const [name, value] of Object.entries(node)) {
      const at = Array.isArray(node) ? `${path}[${name}]` : `${path}.${name}`;
      if (name === key && !Array.isArray(node)) found.push([at, value]);
      visit(value, at);
    }
  };
  visit(of, "");
  return found;
}

/**
 * The value that a tree, as a rule a state, holds under a key.
 *
 * ```ts
 * import { np, optim, Tensor } from "trilevel";
 * const state = optim.chain(optim.clip(1), optim.adam(0.1)).init({ w: np.zeros([2]) });
 * const later = optim.tree.set(state, { count: np.array(7, { dtype: "int32" }) });
 * const count = optim.tree.get(later, "count");
 * console.assert(count instanceof Tensor && await count.item() === 7);
 * ```
 *
 * @throws ArgumentError when there is none, or more than one.
 */
export function get(of: unknown, key: string): unknown {
  const found = getAllWithPath(of, key);
  if (found.length === 1) return found[0]![1];
  throw new ArgumentError(
    `optim.tree.get: ${found.length} values are named "${key}"` +
      (found.length > 0 ? `: ${found.map(([path]) => path).join(", ")}` : ""),
    "give a key that occurs once; getAllWithPath gives all that have it",
  );
}

/** The tree with other values under some keys, wherever they occur. @throws ArgumentError when a key does not. */
export function set<T>(of: T, values: { readonly [key: string]: unknown }): T {
  for (const key of Object.keys(values)) {
    if (getAllWithPath(of, key).length > 0) continue;
    throw new ArgumentError(
      `optim.tree.set: nothing is named "${key}"`,
      "give keys that the tree has",
    );
  }
  const visit = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null || isLeaf(node)) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        Object.hasOwn(values, key) ? values[key] : visit(value),
      ]),
    );
  };
  return visit(of) as T; // the same structure, but for what was replaced
}

function isLeaf(node: unknown): boolean {
  return tree.structure(node).kind === "leaf";
}
