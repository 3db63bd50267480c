/** The general tensor product: contraction over some axes, batching over others. */
import { ShapeError } from "../core/errors.ts";
import { LinearInput, type Params, type Primitive } from "../core/program.ts";
import { aval, formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { add } from "./elementwise.ts";
import { bilinearJvp, checkAxes, requireDType } from "./rules.ts";
import { transpose } from "./shape.ts";

/**
 * The axes of the operands that are contracted, and the batch axes. The result has the batch axes, then
 * the left operand's other axes, then the right's, in their order.
 */
export interface DotParams extends Params {
  readonly lhsContract: readonly number[];
  readonly rhsContract: readonly number[];
  readonly lhsBatch: readonly number[];
  readonly rhsBatch: readonly number[];
}

const others = (rank: number, ...used: (readonly number[])[]) =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !used.some((u) => u.includes(i)));

/** The axes of `source` in the order in which `used` of the other operand would be sorted. */
const sortedLike = (source: readonly number[], used: readonly number[]) =>
  used.map((u, i) => [u, source[i]!] as const).sort((a, b) => a[0] - b[0]).map(([, s]) => s);

const dotPrimitive: Primitive<DotParams> = {
  name: "dot",
  abstractEval([x, y], { lhsContract, rhsContract, lhsBatch, rhsBatch }) {
    checkAxes("dot", x.shape, [...lhsContract, ...lhsBatch]);
    checkAxes("dot", y.shape, [...rhsContract, ...rhsBatch]);
    const pairs = [...lhsContract, ...lhsBatch].map((a, i) =>
      [x.shape[a], y.shape[[...rhsContract, ...rhsBatch][i]!]] as const
    );
    const fits = lhsContract.length === rhsContract.length && lhsBatch.length === rhsBatch.length &&
      pairs.every(([a, b]) => a === b) && x.dtype === y.dtype;
    if (!fits) {
      throw new ShapeError(
        `dot: ${formatAval(x)} and ${formatAval(y)} do not fit along axes ` +
          `(${lhsContract.join(", ")}) and (${rhsContract.join(", ")})`,
        "the sizes of contracted axes, of batch axes, and the element types must agree",
      );
    }
    requireDType("dot", x, (d) => d !== "bool", "numbers");
    const left = others(x.shape.length, lhsContract, lhsBatch).map((a) => x.shape[a]!);
    const right = others(y.shape.length, rhsContract, rhsBatch).map((a) => y.shape[a]!);
    return [aval([...lhsBatch.map((a) => x.shape[a]!), ...left, ...right], x.dtype)];
  },
  jvp: bilinearJvp(() => dotPrimitive, add),
  /** x̄ contracts z̄ with y over y's free axes; ȳ likewise. */
  transpose([ct], [x, y], { lhsContract, rhsContract, lhsBatch, rhsBatch }) {
    if (!ct) return [null, null];
    const rank = (z: Tensor | LinearInput) =>
      z instanceof LinearInput ? z.aval.shape.length : z.ndim;
    const batch = lhsBatch.map((_, i) => i);
    const lhsFree = others(rank(x), lhsContract, lhsBatch);
    const rhsFree = others(rank(y), rhsContract, rhsBatch);
    if (x instanceof LinearInput) {
      const product = dot(ct, y as Tensor, {
        lhsContract: rhsFree.map((_, i) => batch.length + lhsFree.length + i),
        rhsContract: rhsFree,
        lhsBatch: batch,
        rhsBatch,
      });
      const order = [...lhsBatch, ...lhsFree, ...sortedLike(lhsContract, rhsContract)];
      return [transpose(product, order.map((_, i) => order.indexOf(i))), null];
    }
    const product = dot(ct, x, {
      lhsContract: lhsFree.map((_, i) => batch.length + i),
      rhsContract: lhsFree,
      lhsBatch: batch,
      rhsBatch: lhsBatch,
    });
    const order = [...rhsBatch, ...rhsFree, ...sortedLike(rhsContract, lhsContract)];
    return [null, transpose(product, order.map((_, i) => order.indexOf(i)))];
  },
  batch([x, y], [xBatched, yBatched], params) {
    const shift = (axes: readonly number[], by: boolean | undefined) =>
      axes.map((a) => by ? a + 1 : a);
    const lhsContract = shift(params.lhsContract, xBatched);
    const rhsContract = shift(params.rhsContract, yBatched);
    const lhsBatch = shift(params.lhsBatch, xBatched);
    const rhsBatch = shift(params.rhsBatch, yBatched);
    if (xBatched && yBatched) {
      return {
        outputs: [dot(x, y, {
          lhsContract,
          rhsContract,
          lhsBatch: [0, ...lhsBatch],
          rhsBatch: [0, ...rhsBatch],
        })],
      };
    }
    // The batch is one more free axis: the first of its operand, so it comes out before the others.
    const product = dot(x, y, { lhsContract, rhsContract, lhsBatch, rhsBatch });
    const at = xBatched ? lhsBatch.length : x.ndim - lhsContract.length;
    const rest = others(product.ndim, [at]);
    return { outputs: [transpose(product, [at, ...rest])] };
  },
};

/** The product family, by name. */
export const dotPrimitives = { dot: dotPrimitive } as const;

/** The general tensor product; see {@link DotParams}. */
export function dot(x: Tensor, y: Tensor, params: DotParams): Tensor {
  return bind(dotPrimitive, [x, y], params)[0];
}
