/** Iterations of linear algebra that optimizers are made of. */
import { requireShape } from "../options/shapeSpec.ts";
import { Tensor } from "../public.ts";
import { scan, whileLoop } from "../control/index.ts";
import * as np from "../numpy/index.ts";
import {
  count,
  declareOptions,
  key as keyKind,
  nonNegative,
  oneOf,
  requireArgument,
  size,
  tensor,
} from "../options/index.ts";
import * as random from "../random/index.ts";

/** Options of {@link powerIteration}. */
export interface PowerIterationOptions {
  /** The start of the iteration; uniform in [-1, 1] by default, and required for a function. */
  readonly v0?: Tensor;
  /** The largest number of iterations; 100. */
  readonly numIters?: number;
  /** The iteration ends once `|A v - λ v| / |λ|` is below it; 1e-6. */
  readonly errorTolerance?: number;
  /** The key from which `v0` is drawn; `random.key(0)` by default. */
  readonly key?: Tensor;
}

const checkPower = declareOptions<PowerIterationOptions>("optim.powerIteration", ["matrix"], {
  v0: tensor,
  numIters: count,
  errorTolerance: nonNegative,
  key: keyKind,
});

/**
 * The eigenvalue of largest absolute value, and its eigenvector of length 1, of a symmetric matrix [n, n] or a linear
 * function of vectors: `v ← A v / |A v|`, `λ = vᵀ A v` (von Mises & Pollaczek-Geiringer, 1929).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [value] = optim.powerIteration(np.array([[3, 0], [0, 1]]));
 * console.assert(Math.abs(await value.item() - 3) < 1e-5);
 * ```
 *
 * @throws ShapeError unless a matrix is square.
 */
export function powerIteration(
  matrix: Tensor | ((v: Tensor) => Tensor),
  options: PowerIterationOptions = {},
): [value: Tensor, vector: Tensor] {
  checkPower(options);
  const { numIters = 100, errorTolerance = 1e-6, key = random.key(0) } = options;
  const times = matrix instanceof Tensor ? (v: Tensor) => np.matmul(matrix, v) : matrix;
  const start = () => {
    const n = matrix instanceof Tensor ? matrix.shape[0]! : 0;
    const hint = "give a square matrix, or a function and `v0`";
    requireShape("optim.powerIteration: the matrix is", matrix, [n, n], hint);
    const drawn = random.uniform(key, [n], { minval: -1, maxval: 1 });
    return matrix instanceof Tensor ? np.astype(drawn, matrix.dtype) : drawn;
  };
  const unit = (v: Tensor) => v.div(np.linalg.norm(v));
  type State = { v: Tensor; product: Tensor; value: Tensor; step: Tensor };
  const v = unit(options.v0 ?? start());
  const product = times(v);
  const converged = ({ v, product, value }: State) => {
    const residual = np.linalg.norm(product.sub(v.mul(value)));
    return np.less(np.abs(residual.div(value)), errorTolerance);
  };
  const zero = np.zeros([], { dtype: product.dtype });
  const end = whileLoop<State>(
    (state) => np.logicalAnd(np.logicalNot(converged(state)), np.less(state.step, numIters)),
    ({ product, step }) => {
      const next = unit(product);
      const image = times(next);
      return { v: next, product: image, value: np.sum(next.mul(image)), step: step.add(1) };
    },
    { v, product, value: zero, step: np.zeros([], { dtype: "int32" }) },
  );
  return [end.value, unit(end.product)];
}

const checkNnls = declareOptions<{ readonly L?: Tensor }>("optim.nnls", ["A", "b", "100"], {
  L: tensor,
});

/**
 * Least squares without negative numbers: `x ≥ 0` that minimizes `|A x - b|²`, by `iters` steps of the accelerated
 * projected gradient (FISTA; Beck & Teboulle, 2009) of length `1/L`. `L` bounds the eigenvalues of `AᵀA`; it is the
 * smaller of two norms unless given. [m, n] and [m] or [m, k] → [n] or [n, k].
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const x = optim.nnls(np.eye(2), np.array([3, -1]), 50);
 * console.assert(Math.abs((await x.data())[0]! - 3) < 1e-5 && (await x.data())[1] === 0);
 * ```
 *
 * @throws ShapeError when shapes do not belong together.
 */
export function nnls(
  A: Tensor,
  b: Tensor,
  iters: number,
  options: { readonly L?: Tensor } = {},
): Tensor {
  requireArgument("optim.nnls", "iters", size, iters, ["A", "b"]);
  checkNnls(options);
  const hint = "give a matrix [m, n], and a vector [m] or vectors [m, k]";
  requireShape("optim.nnls: A is", A, ["m", "n"], hint);
  requireShape("optim.nnls: b is", b, [A.shape[0]!, "…"], hint);
  const Q = np.matmul(A.T, A);
  const q = np.matmul(A.T, b);
  const bound = options.L ??
    np.minimum(np.sqrt(np.sum(np.square(Q))), np.max(np.sum(np.abs(Q), { axis: 0 })));
  const L = np.where(np.equal(bound, 0), 1, bound);
  type State = { x: Tensor; p: Tensor; c: Tensor };
  const zeros = np.zeros([A.shape[1]!, ...b.shape.slice(1)], { dtype: A.dtype });
  const [{ x }] = scan(
    ({ x, p, c }: State, step: Tensor) => {
      const next = np.sqrt(np.square(c).mul(4).add(1)).add(1).div(2);
      const moved = np.maximum(p.sub(np.matmul(Q, p).sub(q).div(L)), 0);
      const ahead = moved.add(moved.sub(x).mul(c.sub(1).div(next)));
      return [{ x: moved, p: ahead, c: next }, step] as const;
    },
    { x: zeros, p: zeros, c: np.zeros([], { dtype: A.dtype }) },
    np.arange(iters),
  );
  return x;
}

/** Options of {@link matrixInversePthRoot}. */
export interface InverseRootOptions {
  /** The largest number of iterations; 100. */
  readonly numIters?: number;
  /** Added to the diagonal, times the largest eigenvalue; 1e-6. */
  readonly ridgeEpsilon?: number;
  /** The iteration ends once no element is farther from the identity's; 1e-6. */
  readonly errorTolerance?: number;
}

const checkRoot = declareOptions<InverseRootOptions>(
  "optim.matrixInversePthRoot",
  ["matrix", "4"],
  { numIters: count, ridgeEpsilon: nonNegative, errorTolerance: nonNegative },
);

/**
 * `A^(-1/p)` of a symmetric positive matrix [n, n], for `p` of 1, 2, 4 or 8, and the largest distance from the identity
 * that is left: the coupled Newton iteration `M ← ((1 + 1/p) I - M/p)ᵖ M`, `H ← H ((1 + 1/p) I - M/p)` (Iannazzo, 2006;
 * Shampoo).
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const [root] = optim.matrixInversePthRoot(np.eye(2).mul(16), 4);
 * console.assert(Math.abs((await root.data())[0]! - 0.5) < 1e-5);
 * ```
 *
 * @throws ShapeError unless the matrix is square; ArgumentError for another `p`.
 */
export function matrixInversePthRoot(
  matrix: Tensor,
  p: 1 | 2 | 4 | 8,
  options: InverseRootOptions = {},
): [root: Tensor, error: Tensor] {
  requireArgument("optim.matrixInversePthRoot", "p", oneOf(1, 2, 4, 8), p, ["matrix"]);
  checkRoot(options);
  const { numIters = 100, ridgeEpsilon = 1e-6, errorTolerance = 1e-6 } = options;
  const { dtype, shape: [n = 0] } = matrix;
  requireShape("optim.matrixInversePthRoot: the matrix is", matrix, [n, n], "give a square matrix");
  const [largest] = powerIteration(matrix, { numIters: 100, errorTolerance: 1e-6 });
  const ridge = np.maximum(largest, 1e-16).mul(ridgeEpsilon);
  if (n === 1) return [np.power(matrix.add(ridge), -1 / p), np.zeros([], { dtype })];
  const identity = np.astype(np.eye(n), dtype);
  const damped = matrix.add(identity.mul(ridge));
  const power = (m: Tensor) => {
    let result = m;
    for (let exponent = 1; exponent < p; exponent *= 2) result = np.matmul(result, result);
    return result;
  };
  const distance = (m: Tensor) => np.max(np.abs(m.sub(identity)));
  const z = np.divide(1 + p, np.linalg.norm(np.ravel(damped)).mul(2));
  const m = damped.mul(z);
  const h = identity.mul(np.power(z, 1 / p));
  type State = { m: Tensor; h: Tensor; last: Tensor; error: Tensor; better: Tensor; step: Tensor };
  const end = whileLoop<State>(
    ({ error, better, step }) =>
      np.logicalAnd(
        np.less(step, numIters),
        np.logicalAnd(np.greater(error, errorTolerance), better),
      ),
    ({ m, h, error, step }) => {
      const factor = identity.mul(1 + 1 / p).sub(m.div(p));
      const next = np.matmul(power(factor), m);
      const left = distance(next);
      return {
        m: next,
        h: np.matmul(h, factor),
        last: h,
        error: left,
        better: np.less(left, error.mul(1.2)),
        step: step.add(1),
      };
    },
    {
      m,
      h,
      last: h,
      error: distance(m),
      better: np.equal(np.zeros([]), 0),
      step: np.zeros([], { dtype: "int32" }),
    },
  );
  return [np.where(end.better, end.h, end.last), end.error];
}
