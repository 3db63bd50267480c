/** Random vectors and matrices. */
import { ShapeError } from "../core/errors.ts";
import { formatAval, type Shape } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { add } from "../numpy/elementwise.ts";
import { cholesky } from "../numpy/linalg/cholesky.ts";
import { eigh } from "../numpy/linalg/eigh.ts";
import { qr } from "../numpy/linalg/qr.ts";
import { svd } from "../numpy/linalg/svd.ts";
import { diagonalOf, transposed } from "../numpy/linalg/matrices.ts";
import { matvec } from "../numpy/products.ts";
import { broadcastShapes, cast, checkCount, shapeOf, type TensorLike } from "../numpy/promote.ts";
import { count, declareOptions, floatType, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { keyed } from "./keyed.ts";
import { normal } from "./normal.ts";
import type { FloatOptions } from "./uniform.ts";

/** Options of {@link multivariateNormal}: the method for the square root of the covariance. */
export interface MultivariateOptions extends FloatOptions {
  /** `"cholesky"` (the default) needs a regular matrix; `"eigh"` and `"svd"` do not. */
  readonly method?: "cholesky" | "eigh" | "svd" | undefined;
}

/**
 * Normal vectors with a mean [n] and a covariance [n, n]; leading axes of both are broadcast to the shape, which
 * stands before the axis of the vector. With `"eigh"` and `"svd"` vectors are JAX's but for signs, which a
 * decomposition does not determine.
 *
 * ```ts
 * import { np, random } from "trilevel";
 * const cov = np.array([[2, 1], [1, 2]]);
 * const x = random.multivariateNormal(random.key(0), np.zeros(2), cov, [1000]);
 * console.assert(x.shape.join() === "1000,2");
 * ```
 *
 * @throws ShapeError unless mean and covariance fit each other and the shape.
 */
export const multivariateNormal: (
  key: Tensor,
  mean: TensorLike,
  cov: TensorLike,
  shape?: Shape | number,
  options?: MultivariateOptions,
) => Tensor = keyed(
  (key, mean, cov, shape, { method = "cholesky", dtype = "float32" } = {}) => {
    const name = "random.multivariateNormal";
    const type = { dtype, weak: false };
    const [m, s] = [cast(name, mean, type), cast(name, cov, type)];
    const n = m.shape.at(-1);
    if (n === undefined || s.ndim < 2 || s.shape.at(-1) !== n || s.shape.at(-2) !== n) {
      throw new ShapeError(
        `${name}: the mean ${formatAval(m.aval)} and the covariance ${
          formatAval(s.aval)
        } do not fit`,
        "give a mean […, n] and a covariance […, n, n]",
      );
    }
    const own = broadcastShapes(name, [m.shape.slice(0, -1), s.shape.slice(0, -2)]);
    const target = shape === undefined ? own : shapeOf(name, shape);
    if (broadcastShapes(name, [target, own]).join() !== target.join()) {
      throw new ShapeError(
        `${name}: parameters of shape [${own.join(", ")}] do not fit into [${target.join(", ")}]`,
        "ask for a shape to which the parameters can be broadcast",
      );
    }
    const x = normal(key, [...target, n], { dtype });
    return add(m, matvec(rootOf(s, method), x));
  },
  declareOptions("random.multivariateNormal", ["key", "mean", "cov", "shape"], {
    method: oneOf("cholesky", "eigh", "svd"),
    dtype: floatType,
  }),
);

/** A matrix F with F Fᵀ = S. */
function rootOf(s: Tensor, method: "cholesky" | "eigh" | "svd"): Tensor {
  if (method === "cholesky") return cholesky(s);
  const [vectors, sizes] = method === "svd" ? svd(s) : eigh(s).toReversed() as [Tensor, Tensor]; // of two
  const axes = sizes.shape.map((_, i) => i);
  const columns = [...axes.slice(0, -1), vectors.ndim - 1];
  return lax.mul(vectors, lax.broadcast(lax.sqrt(sizes), vectors.shape, columns));
}

/** The number of columns of {@link orthogonal}. */
export interface OrthogonalOptions extends FloatOptions {
  /** As many as rows unless given. */
  readonly m?: number | undefined;
}

/**
 * Matrices [n, m] with orthonormal columns (rows, if there are fewer of them), uniform among all: the Q of a normal
 * matrix, with the signs of R's diagonal (Mezzadri, 2007).
 *
 * ```ts
 * import { np, random } from "trilevel";
 * const q = random.orthogonal(random.key(0), 3);
 * console.assert(await np.allclose(np.matmul(q.T, q), np.eye(3), { atol: 1e-5 }).item() === 1);
 * ```
 */
export const orthogonal: (
  key: Tensor,
  n: number,
  shape?: Shape | number,
  options?: OrthogonalOptions,
) => Tensor = keyed((key, n, shape = [], { m = n, dtype = "float32" } = {}) => {
  const name = "random.orthogonal";
  const rows = checkCount(name, "n", n);
  const z = normal(key, [...shapeOf(name, shape), Math.max(rows, m), Math.min(rows, m)], { dtype });
  const [q, r] = qr(z);
  const signs = lax.sign(diagonalOf(r));
  const axes = signs.shape.map((_, i) => i);
  const x = lax.mul(q, lax.broadcast(signs, q.shape, [...axes.slice(0, -1), q.ndim - 1]));
  return rows < m ? transposed(x) : x;
}, declareOptions("random.orthogonal", ["key", "n", "shape"], { m: count, dtype: floatType }));
