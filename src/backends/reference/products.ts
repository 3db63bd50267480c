/** Tensor products and convolutions: nested loops over what the definition sums. */
import type { convPrimitives } from "../../primitives/conv.ts";
import type { dotPrimitives } from "../../primitives/dot.ts";
import type { Kernels } from "./kernels.ts";
import { allocateValue, stridesOf, walk } from "./value.ts";

/** One kernel for each product. */
export const productKernels: Kernels<keyof typeof dotPrimitives | keyof typeof convPrimitives> = {
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
  conv: ([x, w], { strides, padding, lhsDilation, rhsDilation, groups }, [out]) => {
    const result = allocateValue(out!);
    const [xs, ws, os] = [stridesOf(x!.shape), stridesOf(w!.shape), stridesOf(out!.shape)];
    const [outputs, inside, ...window] = w!.shape;
    const perGroup = outputs! / groups;
    // For every output place and filter tap: where the input element is, or nothing if it is padding.
    const taps: { out: number; tap: number; input: number }[] = [];
    walk(out!.shape.slice(2), os.slice(2), (_, outOffset) => {
      walk(window, ws.slice(2), (_, tapOffset) => {
        let input = 0;
        for (let d = 0; d < window.length; d++) {
          const o = Math.floor(outOffset / os[d + 2]!) % out!.shape[d + 2]!;
          const k = Math.floor(tapOffset / ws[d + 2]!) % window[d]!;
          const place = o * strides[d]! + k * rhsDilation[d]! - padding[d]![0];
          const i = place / lhsDilation[d]!;
          if (!Number.isInteger(i) || i < 0 || i >= x!.shape[d + 2]!) return;
          input += i * xs[d + 2]!;
        }
        taps.push({ out: outOffset, tap: tapOffset, input });
      });
    });
    for (let n = 0; n < x!.shape[0]!; n++) {
      for (let o = 0; o < outputs!; o++) {
        const firstChannel = Math.floor(o / perGroup) * inside!;
        for (let c = 0; c < inside!; c++) {
          const xAt = n * xs[0]! + (firstChannel + c) * xs[1]!;
          const wAt = o * ws[0]! + c * ws[1]!;
          const oAt = n * os[0]! + o * os[1]!;
          for (const { out, tap, input } of taps) {
            result.data[oAt + out]! += x!.data[xAt + input]! * w!.data[wAt + tap]!;
          }
        }
      }
    }
    return [result];
  },
};
