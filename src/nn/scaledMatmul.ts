/** Products of matrices whose entries are scaled in blocks. */
import { ShapeError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { declareOperands } from "../options/index.ts";

const check = declareOperands("nn.scaledMatmul", ["lhs", "rhs", "lhsScales", "rhsScales"]);

/**
 * `A Bᵀ` of matrices whose rows are stored in blocks with one scale each, with the meaning of
 * `jax.nn.scaled_matmul`: lhs [batch, m, k] and rhs [batch, n, k], times scales [batch, m, k / size] and
 * [batch, n, k / size'], give [batch, m, n]. There are no small floats here: this computes in the operands' type.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const a = np.array([[[1, 2, 3]]]), b = np.array([[[4, 5, 6]]]);
 * const half = np.full([1, 1, 1], 0.5);
 * console.assert(await nn.scaledMatmul(a, b, half, half).item() === 8);
 * ```
 *
 * @throws ShapeError unless all have three axes that fit, and blocks fill the last one.
 */
export function scaledMatmul(
  lhs: Tensor,
  rhs: Tensor,
  lhsScales: Tensor,
  rhsScales: Tensor,
  ...rest: readonly unknown[]
): Tensor {
  check(rest[0], [lhs, rhs, lhsScales, rhsScales, ...rest]);
  const fits = (x: Tensor, scales: Tensor) =>
    x.ndim === 3 && scales.ndim === 3 && x.shape[0] === scales.shape[0] &&
    x.shape[1] === scales.shape[1] && x.shape[2]! % scales.shape[2]! === 0;
  const same = lhs.shape[0] === rhs.shape[0] && lhs.shape[2] === rhs.shape[2];
  if (!fits(lhs, lhsScales) || !fits(rhs, rhsScales) || !same) {
    const shapes = [lhs, rhs, lhsScales, rhsScales].map((x) => `[${x.shape.join(", ")}]`);
    throw new ShapeError(
      `nn.scaledMatmul: ${shapes.join(", ")}`,
      "give [batch, m, k], [batch, n, k], and scales [batch, m, blocks] and [batch, n, blocks] that divide k",
    );
  }
  const scaled = (x: Tensor, scales: Tensor) =>
    x.mul(np.repeat(scales, x.shape[2]! / scales.shape[2]!, { axis: 2 }));
  return np.einsum("bmk,bnk->bmn", scaled(lhs, lhsScales), scaled(rhs, rhsScales));
}
