/** Products of matrices whose elements have scales, with the arguments and the meaning of `jax.nn.scaled_matmul`. */
import { ShapeError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { declareOperands } from "../options/index.ts";
import { requireShape } from "../options/shapeSpec.ts";

const checkOperands = declareOperands("nn.scaledMatmul", ["lhs", "rhs", "lhsScales", "rhsScales"]);

/**
 * `A Bᵀ` of [batch, m, k] and [batch, n, k], of which each block of elements along k has a scale: `Aᵢₖ sᵢₖ` with scales
 * [batch, m, blocks], where the number of blocks divides k, and likewise B. It multiplies numbers that were rounded to
 * few bits block by block, such as weights in int32; the result [batch, m, n] is float. JAX computes it in hardware for
 * floats of 8 and 4 bits, which have no element type here.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const a = np.array([[[1, 2, 3]]]), b = np.array([[[4, 5, 6]]]);
 * const half = np.full([1, 1, 1], 0.5);
 * console.assert(await nn.scaledMatmul(a, b, half, half).item() === 8);
 * ```
 *
 * @throws ShapeError when sizes differ, or blocks do not divide k.
 */
export function scaledMatmul(
  lhs: Tensor,
  rhs: Tensor,
  lhsScales: Tensor,
  rhsScales: Tensor,
): Tensor {
  checkOperands(arguments[4]);
  const name = "nn.scaledMatmul";
  const hint = "both matrices have their contracted axis last";
  requireShape(`${name}: the left-hand side is`, lhs, ["batch", "m", "k"], hint);
  const [batch, , k] = lhs.shape as [number, number, number]; // as required
  requireShape(`${name}: the right-hand side is`, rhs, [batch, "n", k], hint);
  return np.einsum(
    "bmk,bnk->bmn",
    scaled(`${name}: the scales of the left-hand side are`, lhs, lhsScales),
    scaled(`${name}: the scales of the right-hand side are`, rhs, rhsScales),
  );
}

function scaled(what: string, x: Tensor, scales: Tensor): Tensor {
  const [batch, rows, k] = x.shape as [number, number, number]; // as required
  requireShape(what, scales, [batch, rows, "blocks"], "give one for each block of each row");
  const blocks = scales.shape[2]!;
  if (blocks === 0 || k % blocks !== 0) {
    throw new ShapeError(`${what} ${blocks} for ${k} elements`, "give a number that divides them");
  }
  const parts = np.reshape(x, [batch, rows, blocks, k / blocks]);
  return np.reshape(parts.mul(np.expandDims(scales, 3)), [batch, rows, k]);
}
