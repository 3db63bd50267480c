/**
 * Linear algebra, as `np.linalg`: matrices are the last two axes, all axes before them a batch. Everything is
 * written in loops over rows, for matrices of some hundred rows; derivatives are closed formulas, exact
 * to every order.
 *
 * ```ts
 * import { np } from "trilevel";
 * const a = np.array([[4, 1], [1, 3]]);
 * const x = np.linalg.solve(a, np.array([1, 2]));
 * const l = np.linalg.cholesky(a);
 * console.assert(x.shape.join() === "2" && l.shape.join() === "2,2");
 * ```
 *
 * @module
 */
export { cholesky } from "./linalg/cholesky.ts";
export { det } from "./linalg/det.ts";
export { eig, eigvals } from "./linalg/eig.ts";
export { eigh, eigvalsh } from "./linalg/eigh.ts";
export { expm } from "./linalg/expm.ts";
export {
  choFactor,
  type CholeskyFactor,
  type CholeskyOptions,
  choSolve,
  lu,
  luFactor,
  type LuFactors,
  luSolve,
  type LuSolveOptions,
} from "./linalg/factors.ts";
export { inv, matrixPower, slogdet, solve, trace } from "./linalg/lu.ts";
export { lstsq, matrixRank, pinv, type RankOptions } from "./linalg/leastSquares.ts";
export {
  cond,
  matrixNorm,
  norm,
  type NormOptions,
  vectorNorm,
  type VectorNormOptions,
} from "./linalg/norm.ts";
export { qr } from "./linalg/qr.ts";
export { svd, svdvals } from "./linalg/svd.ts";
export { multiDot, tensorinv, tensorsolve } from "./linalg/tensors.ts";
export { type TriangularOptions, triangularSolve } from "./linalg/triangular.ts";
