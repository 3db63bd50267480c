/**
 * Measures of how strongly a step contracts: norms of its Jacobian J = ∂f/∂z, from products with it alone. All may be
 * compiled, and with `batchAxis` give one number per sample.
 */
import { foriLoop } from "../control/index.ts";
import { tensorLeaves, traceLeaves } from "../core/function.ts";
import { evaluate } from "../core/evaluate.ts";
import type { Tensor } from "../core/tensor.ts";
import { declareOptions, key, size } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { key as randomKey, normal } from "../random/index.ts";
import { type BatchAxis, batchAxisKind, Packing } from "../solvers/packing.ts";
import { inner, like, rowNorm, safeDivide, scaleRows } from "../solvers/rows.ts";
import type { RowMap } from "../solvers/solver.ts";
import { linearize, linearTranspose } from "../transforms/linearize.ts";

/** Options of the estimates. */
export interface PowerOptions {
  /** The key of the random vectors. Default `random.key(0)`. */
  key?: Tensor;
  /**
   * Iterations: 20 for `jacobianSpectralNorm` and 40 for `jacobianSpectralRadius`; random vectors for
   * `jacobianPenalty`, where the default is 1.
   */
  steps?: number;
  /** The axis of every leaf of z that counts samples, as in `fixedPointIteration`. Default: none, one number for all. */
  batchAxis?: BatchAxis;
}

/** A function of trees as a map of rows, at a point. */
function asRows<Z>(name: string, f: (z: Z) => Z, z: Z, batchAxis: BatchAxis | undefined) {
  const [leaves, structure] = tensorLeaves(z, `${name}: z`);
  const avals = leaves.map((x) => ({ ...x.aval, weak: false }));
  const { program, captured } = traceLeaves(f, [structure], avals, `${name}: f`);
  const packing = new Packing(name, avals, structure, batchAxis);
  const carried = packing.carried(leaves);
  const map: RowMap = (rows) =>
    packing.pack(evaluate(program, [...captured, ...packing.unpack(rows, carried)]));
  const scalar = (x: Tensor) => batchAxis === undefined ? lax.reshape(x, []) : x;
  return { map, point: packing.pack(leaves), scalar };
}

function unit(v: Tensor): Tensor {
  const length = rowNorm(v);
  return scaleRows(safeDivide(like(length, 1), length), v);
}

function start(point: Tensor, key: Tensor | undefined): Tensor {
  return unit(normal(key ?? randomKey(0), point.shape, { dtype: floatOf(point) }));
}

const checkJacobianSpectralNorm = declareOptions<PowerOptions>("jacobianSpectralNorm", ["f", "z"], {
  steps: size,
  batchAxis: batchAxisKind,
  key,
});

/**
 * The largest singular value of J at z: how much a step can stretch a difference. By power iteration on JᵀJ,
 * v ← Jᵀ(Jv)/‖·‖, σ = ‖Jv‖ (products by `jvp` and `vjp`); a lower bound that grows with `steps`.
 *
 * ```ts
 * import { jacobianSpectralNorm, np, type Tensor } from "trilevel";
 * const norm = jacobianSpectralNorm((z: Tensor) => z.mul(np.array([3, 1])), np.zeros([2]));
 * console.assert(Math.abs(await norm.item() - 3) < 1e-3);
 * ```
 */
export function jacobianSpectralNorm<Z>(
  f: (z: Z) => Z,
  z: Z,
  options: PowerOptions = {},
): Tensor {
  checkJacobianSpectralNorm(options);
  const { key, steps = 20, batchAxis } = options;
  const { map, point, scalar } = asRows("jacobianSpectralNorm", f, z, batchAxis);
  const [, jacobian] = linearize(map, point);
  const transposed = linearTranspose((v: Tensor) => jacobian(v), point);
  const v = foriLoop(0, steps, (_, v) => unit(transposed(jacobian(v))[0]), start(point, key));
  return scalar(rowNorm(jacobian(v)));
}

const checkJacobianSpectralRadius = declareOptions<PowerOptions>("jacobianSpectralRadius", [
  "f",
  "z",
], {
  steps: size,
  batchAxis: batchAxisKind,
  key,
});

/**
 * The spectral radius of J at z: the rate at which iteration contracts in the long run. It is the geometric mean
 * of the growth of a vector under repeated J, the first half of the steps left out; unlike a Rayleigh
 * quotient it is right for complex eigenvalues (0.9 times a rotation by 90° gives 0.9, not 0).
 *
 * ```ts
 * import { jacobianSpectralRadius, np, type Tensor } from "trilevel";
 * const turn = np.array([[0, -0.9], [0.9, 0]]);
 * const radius = jacobianSpectralRadius((z: Tensor) => np.matmul(z, turn), np.zeros([2]));
 * console.assert(Math.abs(await radius.item() - 0.9) < 1e-4);
 * ```
 */
export function jacobianSpectralRadius<Z>(
  f: (z: Z) => Z,
  z: Z,
  options: PowerOptions = {},
): Tensor {
  checkJacobianSpectralRadius(options);
  const { key, steps = 40, batchAxis } = options;
  const { map, point, scalar } = asRows("jacobianSpectralRadius", f, z, batchAxis);
  const [, jacobian] = linearize(map, point);
  const counted = Math.max(1, Math.ceil(steps / 2));
  const push = (v: Tensor) => jacobian(v);
  const settled = foriLoop(0, steps - counted, (_, v) => unit(push(v)), start(point, key));
  const zero = lax.full([point.shape[0]!], 0, point.dtype);
  const [, logs] = foriLoop(0, counted, (_, [v, sum]: readonly [Tensor, Tensor]) => {
    const next = push(v);
    return [unit(next), lax.add(sum, lax.log(rowNorm(next)))] as const;
  }, [settled, zero] as const);
  return scalar(lax.exp(lax.mul(logs, like(logs, 1 / counted))));
}

const checkJacobianPenalty = declareOptions<PowerOptions>("jacobianPenalty", ["f", "z"], {
  steps: size,
  batchAxis: batchAxisKind,
  key,
});

/**
 * An estimate of ‖J‖²_F / n, to be added to a loss (Bai et al., 2021, "Stabilizing equilibrium models by Jacobian
 * regularization"): the mean of ‖vᵀJ‖²/n over `steps` random v with independent standard normal entries
 * (Hutchinson's estimator). It is differentiable in everything f depends on.
 *
 * ```ts
 * import { jacobianPenalty, np, type Tensor } from "trilevel";
 * const twice = (z: Tensor) => z.mul(2);
 * const penalty = await jacobianPenalty(twice, np.zeros([100]), { steps: 10 }).item();
 * console.assert(Math.abs(penalty - 4) < 1);
 * ```
 */
export function jacobianPenalty<Z>(
  f: (z: Z) => Z,
  z: Z,
  options: PowerOptions = {},
): Tensor {
  checkJacobianPenalty(options);
  const { key, steps = 1, batchAxis } = options;
  const { map, point, scalar } = asRows("jacobianPenalty", f, z, batchAxis);
  const [, jacobian] = linearize(map, point);
  const transposed = linearTranspose((v: Tensor) => jacobian(v), point);
  const n = point.shape[1]!;
  const samples = normal(key ?? randomKey(0), [steps, ...point.shape], { dtype: floatOf(point) });
  let sum = lax.full([point.shape[0]!], 0, point.dtype);
  for (let i = 0; i < steps; i++) {
    const v = lax.reshape(
      lax.slice(samples, {
        start: [i, 0, 0],
        limit: [i + 1, ...point.shape],
        strides: [1, 1, 1],
      }),
      point.shape,
    );
    const row = transposed(v)[0];
    sum = lax.add(sum, inner(row, row));
  }
  return scalar(lax.mul(sum, like(sum, 1 / (steps * n))));
}

function floatOf(x: Tensor): "float32" | "float64" {
  return x.dtype === "float64" ? "float64" : "float32";
}

const checkRelativeResidual = declareOptions<Pick<PowerOptions, "batchAxis">>(
  "relativeResidual",
  ["f", "z"],
  { batchAxis: batchAxisKind },
);

/** ‖f(z) - z‖ / (‖f(z)‖ + 10⁻⁹): how far z is from a fixed point. */
export function relativeResidual<Z>(
  f: (z: Z) => Z,
  z: Z,
  options: Pick<PowerOptions, "batchAxis"> = {},
): Tensor {
  checkRelativeResidual(options);
  const { batchAxis } = options;
  const { map, point, scalar } = asRows("relativeResidual", f, z, batchAxis);
  const next = map(point);
  const size = rowNorm(next);
  return scalar(lax.div(rowNorm(lax.sub(next, point)), lax.add(size, like(size, 1e-9))));
}
