/** Convolution and correlation of two vectors. */
import { ShapeError } from "../core/errors.ts";
import { formatAval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOptions, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { convGeneralDilated } from "./conv.ts";
import { managed } from "./managed.ts";
import { promote, type TensorLike, toFloat } from "./promote.ts";

/** The part of the result that is wanted. */
export interface OverlapOptions {
  /** `"full"`: wherever the two meet; `"same"`: as many as the longer one has; `"valid"`: where all of one does. */
  readonly mode?: "full" | "same" | "valid" | undefined;
}

type Overlap = (x: TensorLike, y: TensorLike, options?: OverlapOptions) => Tensor;

/** Sums of products of the longer vector and the other, moved along it. */
function overlap(
  name: string,
  otherwise: "full" | "valid",
  arrange: (kernel: Tensor) => Tensor,
  restore: (y: Tensor) => Tensor,
): Overlap {
  return managed(
    (x, y, { mode = otherwise } = {}) => {
      const [a, b] = promote(name, [x, y], toFloat) as [Tensor, Tensor]; // two in, two out
      if (a.ndim !== 1 || b.ndim !== 1 || a.size * b.size === 0) {
        throw new ShapeError(
          `${name}: expected two vectors with elements, got ${formatAval(a.aval)} and ${
            formatAval(b.aval)
          }`,
          "flatten them: np.ravel(x)",
        );
      }
      const swapped = a.size < b.size;
      const [signal, kernel] = swapped ? [b, a] : [a, b];
      const n = kernel.size;
      const half = Math.floor(n / 2);
      const padding = { full: [n - 1, n - 1], same: [half, n - half - 1], valid: [0, 0] } as const;
      const sums = convGeneralDilated(
        lax.reshape(signal, [1, signal.size, 1]),
        lax.reshape(arrange(kernel), [n, 1, 1]),
        { padding: [padding[mode]] },
      );
      const flat = lax.reshape(sums, [sums.size]);
      return swapped ? restore(flat) : flat;
    },
    declareOptions(`np.${name}`, ["x", "y"], { mode: oneOf("full", "same", "valid") }),
  );
}

/**
 * The convolution of two vectors, in floats: `zₙ = Σₘ xₘ yₙ₋ₘ`, of which all is given unless a `mode` says
 * otherwise.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [x, y] = [np.array([1, 2, 3]), np.array([0, 1, 0.5])];
 * console.assert(String(await np.convolve(x, y).data()) === "0,1,2.5,4,1.5");
 * console.assert(String(await np.convolve(x, y, { mode: "same" }).data()) === "1,2.5,4");
 * ```
 *
 * @throws ShapeError unless both are vectors with elements.
 */
export const convolve: Overlap = overlap(
  "convolve",
  "full",
  (kernel) => lax.reverse(kernel, [0]),
  (y) => y,
);

/**
 * The correlation of two vectors, in floats: `zₙ = Σₘ xₘ₊ₙ yₘ`, where all of the shorter one meets the other, unless a
 * `mode` says otherwise.
 */
export const correlate: Overlap = overlap(
  "correlate",
  "valid",
  (kernel) => kernel,
  (y) => lax.reverse(y, [0]),
);
