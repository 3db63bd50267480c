/** Tensor products: nested loops over what the definition sums. */
import type { dotPrimitives } from "../../../primitives/dot.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, stridesOf, walk } from "../value.ts";

/** One kernel for each product. */
export const dotKernels: Kernels<keyof typeof dotPrimitives> = {
  dot: ([x, y], { lhsContract, rhsContract, lhsBatch, rhsBatch }, [out]) => {
    const result = allocateValue(out!);
    const xs = stridesOf(x!.shape);
    const ys = stridesOf(y!.shape);
    const free = (rank: number, ...used: (readonly number[])[]) =>
      Array.from({ length: rank }, (_, i) => i).filter((i) => !used.some((u) => u.includes(i)));
    const lhsFree = free(x!.shape.length, lhsContract, lhsBatch);
    const rhsFree = free(y!.shape.length, rhsContract, rhsBatch);
    const summed = lhsContract.map((a) => x!.shape[a]!);
    const integer = !(result.data instanceof Float64Array);
    const lhs: number[] = [];
    const rhs: number[] = [];
    const lhsSteps = [...lhsBatch, ...lhsFree].map((a) => xs[a]!).concat(rhsFree.map(() => 0));
    const rhsSteps = [
      ...rhsBatch.map((a) => ys[a]!),
      ...lhsFree.map(() => 0),
      ...rhsFree.map((a) => ys[a]!),
    ];
    walk(summed, lhsContract.map((a) => xs[a]!), (_, offset) => lhs.push(offset));
    walk(summed, rhsContract.map((a) => ys[a]!), (_, offset) => rhs.push(offset));
    const rhsStart = new Float64Array(result.data.length);
    walk(out!.shape, rhsSteps, (position, offset) => rhsStart[position] = offset);
    walk(out!.shape, lhsSteps, (position, offset) => {
      const other = rhsStart[position]!;
      let sum = 0;
      for (let k = 0; k < lhs.length; k++) {
        const a = x!.data[offset + lhs[k]!]!;
        const b = y!.data[other + rhs[k]!]!;
        sum = integer ? (sum + Math.imul(a, b)) | 0 : sum + a * b;
      }
      result.data[position] = sum;
    });
    return [result];
  },
};
