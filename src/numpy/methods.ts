/**
 * Chained methods: `x.mul(2).sum()` is `np.sum(np.multiply(x, 2))`. Each does what the function of its
 * name does, with the tensor as first operand.
 */
import type { DType } from "../core/dtype.ts";
import type { Shape } from "../core/aval.ts";
import { Tensor } from "../core/tensor.ts";
import * as cumulative from "./cumulative.ts";
import * as elementwise from "./elementwise.ts";
import * as indexing from "./indexing.ts";
import * as logic from "./logic.ts";
import * as products from "./products.ts";
import type { TensorLike } from "./promote.ts";
import * as reductions from "./reductions.ts";
import * as shapes from "./shape.ts";
import * as sorting from "./sorting.ts";
import * as special from "./special.ts";
import * as taking from "./taking.ts";
import * as updates from "./updates.ts";

/**
 * The methods that the array language gives to every tensor.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2], [3, 4]]);
 * console.assert(await x.mul(2).add(1).sum().item() === 24);
 * console.assert(String(await x.T.data()) === "1,3,2,4");
 * console.assert(await x.slice(-1, 0).item() === 3);
 * ```
 */
export interface TensorMethods {
  /** `x + y`; for booleans, or. */
  add(y: TensorLike): Tensor;
  /** `x - y`. */
  sub(y: TensorLike): Tensor;
  /** `x · y`; for booleans, and. */
  mul(y: TensorLike): Tensor;
  /** `x / y` as floats. */
  div(y: TensorLike): Tensor;
  /** The remainder of `x / y` with the sign of `y`. */
  mod(y: TensorLike): Tensor;
  /** `x` to the power `y`. */
  pow(y: TensorLike): Tensor;
  /** The larger of `x` and `y`. */
  maximum(y: TensorLike): Tensor;
  /** The smaller of `x` and `y`. */
  minimum(y: TensorLike): Tensor;
  /** `x` held between two bounds. */
  clip(min?: TensorLike | null, max?: TensorLike | null): Tensor;
  /** `-x`. */
  neg(): Tensor;
  /** `|x|`. */
  abs(): Tensor;
  /** -1, 0 or 1. */
  sign(): Tensor;
  /** `x²`. */
  square(): Tensor;
  /** `√x`. */
  sqrt(): Tensor;
  /** `1 / √x`. */
  rsqrt(): Tensor;
  /** `1 / x`. */
  reciprocal(): Tensor;
  /** `eˣ`. */
  exp(): Tensor;
  /** The natural logarithm. */
  log(): Tensor;
  /** `log(1 + x)`. */
  log1p(): Tensor;
  /** `eˣ - 1`. */
  expm1(): Tensor;
  /** The sine. */
  sin(): Tensor;
  /** The cosine. */
  cos(): Tensor;
  /** The hyperbolic tangent. */
  tanh(): Tensor;
  /** The logistic function. */
  sigmoid(): Tensor;
  /** The largest whole number not above `x`. */
  floor(): Tensor;
  /** The smallest whole number not below `x`. */
  ceil(): Tensor;
  /** The nearest whole number, ties to even. */
  round(decimals?: number): Tensor;

  /** `x = y`, as booleans. */
  equal(y: TensorLike): Tensor;
  /** `x ≠ y`, as booleans. */
  notEqual(y: TensorLike): Tensor;
  /** `x < y`, as booleans. */
  less(y: TensorLike): Tensor;
  /** `x ≤ y`, as booleans. */
  lessEqual(y: TensorLike): Tensor;
  /** `x > y`, as booleans. */
  greater(y: TensorLike): Tensor;
  /** `x ≥ y`, as booleans. */
  greaterEqual(y: TensorLike): Tensor;
  /** Both are true. */
  and(y: TensorLike): Tensor;
  /** One is true, or both. */
  or(y: TensorLike): Tensor;
  /** It is not true. */
  not(): Tensor;

  /** The sum. */
  sum(options?: reductions.ReduceOptions): Tensor;
  /** The mean. */
  mean(options?: reductions.ReduceOptions): Tensor;
  /** The product. */
  prod(options?: reductions.ReduceOptions): Tensor;
  /** The largest element. */
  max(options?: reductions.ReduceOptions): Tensor;
  /** The smallest element. */
  min(options?: reductions.ReduceOptions): Tensor;
  /** The variance. */
  var(options?: reductions.VarianceOptions): Tensor;
  /** The standard deviation. */
  std(options?: reductions.VarianceOptions): Tensor;
  /** True if all elements are true. */
  all(options?: reductions.ReduceOptions): Tensor;
  /** True if some element is true. */
  any(options?: reductions.ReduceOptions): Tensor;
  /** The index of the largest element. */
  argmax(options?: reductions.ArgOptions): Tensor;
  /** The index of the smallest element. */
  argmin(options?: reductions.ArgOptions): Tensor;
  /** Running sums. */
  cumsum(options?: cumulative.CumulativeOptions): Tensor;
  /** Running products. */
  cumprod(options?: cumulative.CumulativeOptions): Tensor;
  /** Elements in ascending order. */
  sort(options?: sorting.SortOptions): Tensor;
  /** The indices that sort the elements. */
  argsort(options?: sorting.SortOptions): Tensor;

  /** The matrix product. */
  matmul(y: TensorLike): Tensor;
  /** NumPy's dot. */
  dot(y: TensorLike): Tensor;

  /** The same elements in another shape; one size may be -1. */
  reshape(shape: Shape | number): Tensor;
  /** One axis of all elements. */
  ravel(): Tensor;
  /** One axis of all elements. */
  flatten(): Tensor;
  /** Axes in another order; turned around unless given. */
  transpose(axes?: readonly number[]): Tensor;
  /** Axes in reverse order. */
  readonly T: Tensor;
  /** The last two axes exchanged. */
  readonly mT: Tensor;
  /** Two axes exchanged. */
  swapaxes(first: number, second: number): Tensor;
  /** Axes of size 1 taken away. */
  squeeze(axis?: number | readonly number[]): Tensor;
  /** New axes of size 1. */
  expandDims(axis: number | readonly number[]): Tensor;
  /** Repeated to fill a shape. */
  broadcastTo(shape: Shape | number): Tensor;
  /** Elements in reverse order along axes. */
  flip(axis?: number | readonly number[]): Tensor;
  /** Another element type. */
  astype(dtype: DType): Tensor;

  /** Elements at a static or computed place; see `np.slice`. */
  slice(...index: readonly indexing.Index[]): Tensor;
  /** Elements along an axis; see `np.take`. */
  take(indices: TensorLike, options?: taking.TakeOptions): Tensor;
  /** A place at which a copy can differ; see `np.at`. */
  at(...index: readonly indexing.Index[]): updates.Place;
}

declare module "../core/tensor.ts" {
  // Merging an interface into the class is how it learns of methods that are added elsewhere.
  interface Tensor extends TensorMethods {}
}

/** A function whose first operand becomes `this`. */
function method<Rest extends readonly unknown[]>(
  f: (x: Tensor, ...rest: Rest) => Tensor,
): (this: Tensor, ...rest: Rest) => Tensor {
  return function (...rest) {
    return f(this, ...rest);
  };
}

const methods: Omit<TensorMethods, "T" | "mT"> & ThisType<Tensor> = {
  add: method(elementwise.add),
  sub: method(elementwise.subtract),
  mul: method(elementwise.multiply),
  div: method(elementwise.divide),
  mod: method(elementwise.mod),
  pow: method(elementwise.power),
  maximum: method(elementwise.maximum),
  minimum: method(elementwise.minimum),
  clip: method(elementwise.clip),
  neg: method(elementwise.negative),
  abs: method(elementwise.abs),
  sign: method(elementwise.sign),
  square: method(elementwise.square),
  sqrt: method(elementwise.sqrt),
  rsqrt: method(elementwise.rsqrt),
  reciprocal: method(elementwise.reciprocal),
  exp: method(elementwise.exp),
  log: method(elementwise.log),
  log1p: method(elementwise.log1p),
  expm1: method(elementwise.expm1),
  sin: method(elementwise.sin),
  cos: method(elementwise.cos),
  tanh: method(elementwise.tanh),
  sigmoid: method(special.sigmoid),
  floor: method(elementwise.floor),
  ceil: method(elementwise.ceil),
  round: method(elementwise.round),
  equal: method(logic.equal),
  notEqual: method(logic.notEqual),
  less: method(logic.less),
  lessEqual: method(logic.lessEqual),
  greater: method(logic.greater),
  greaterEqual: method(logic.greaterEqual),
  and: method(logic.logicalAnd),
  or: method(logic.logicalOr),
  not: method(logic.logicalNot),
  sum: method(reductions.sum),
  mean: method(reductions.mean),
  prod: method(reductions.prod),
  max: method(reductions.max),
  min: method(reductions.min),
  var: method(reductions.variance),
  std: method(reductions.std),
  all: method(reductions.all),
  any: method(reductions.any),
  argmax: method(reductions.argmax),
  argmin: method(reductions.argmin),
  cumsum: method(cumulative.cumsum),
  cumprod: method(cumulative.cumprod),
  sort: method(sorting.sort),
  argsort: method(sorting.argsort),
  matmul: method(products.matmul),
  dot: method(products.dot),
  reshape: method(shapes.reshape),
  ravel: method(shapes.ravel),
  flatten: method(shapes.ravel),
  transpose: method(shapes.transpose),
  swapaxes: method(shapes.swapaxes),
  squeeze: method(shapes.squeeze),
  expandDims: method(shapes.expandDims),
  broadcastTo: method(shapes.broadcastTo),
  flip: method(shapes.flip),
  astype: method(elementwise.astype),
  slice: method(indexing.slice),
  take: method(taking.take),
  at(...index) {
    return updates.at(this, ...index);
  },
};

for (const [name, value] of Object.entries(methods)) {
  // Not enumerable, as methods of a class are.
  Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
}
Object.defineProperty(Tensor.prototype, "T", {
  get(this: Tensor) {
    return shapes.transpose(this);
  },
  configurable: true,
});
Object.defineProperty(Tensor.prototype, "mT", {
  get(this: Tensor) {
    return shapes.matrixTranspose(this);
  },
  configurable: true,
});
