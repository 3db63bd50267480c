/** Convolutions: nested loops over pixels, channels and the taps of the filters. */
import type { convPrimitives } from "../../../primitives/conv.ts";
import type { Kernels } from "./table.ts";
import { allocateValue, stridesOf, walk } from "../value.ts";

/** One kernel for each convolution. */
export const convKernels: Kernels<keyof typeof convPrimitives> = {
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
