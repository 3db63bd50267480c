/**
 * Mixtures fitted by expectation maximization, whose steps are closed forms: of Gaussians, of Bernoulli vectors, and soft
 * k-means, a mixture of Gaussians of one known variance (Dempster, Laird & Rubin, 1977; Neal & Hinton, 1998).
 *
 * Three levels: weights across sets of points, the parameters λ of K clusters for each set, assignments γ for each point.
 * The weights are a prior: each cluster has κ imaginary points beside those of its set. K is not in them.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams } from "../nn/checks.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  nonNegative,
  positive,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import { type Adjoint, implicit } from "../implicit/index.ts";
import { type FixedPointSolver, forward } from "../solvers/index.ts";

/** Options of {@link gaussianMixture} and {@link bernoulliMixture}. */
export interface MixtureOptions<W, Z> {
  /** The number of coordinates of a point. */
  readonly size: number;
  /** The number K of clusters. */
  readonly clusters: number;
  /** The number of steps, each an E and an M step; 50. */
  readonly steps?: number;
  /** The solver of the fixed point; `forward()`, which is EM. */
  readonly solver?: FixedPointSolver;
  /** The adjoint, which differentiates the fixed point; `implicit()`. */
  readonly adjoint?: Adjoint;
  /** The number κ of imaginary points that `init` gives each cluster; 0, which is maximum likelihood. */
  readonly strength?: number;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: MixtureLevel<W, Z>) => MixtureLevel<W, Z>;
}

/** Options of {@link softKMeans}. */
export interface SoftKMeansOptions extends MixtureOptions<SoftKMeansParams, Means> {
  /** The inverse temperature β = 1/σ² that `init` gives; 1. */
  readonly inverseTemperature?: number;
}

/** λ of {@link softKMeans}. */
export type Means = {
  /** μ: [batch, clusters, size]. */
  readonly mean: Tensor;
};
/** λ of {@link bernoulliMixture}. */
export type BernoulliClusters = Means & {
  /** π, which sums to 1 over clusters: [batch, clusters]. */
  readonly weight: Tensor;
};
/** λ of {@link gaussianMixture}. */
export type GaussianClusters = BernoulliClusters & {
  /** σ² of each coordinate: [batch, clusters, size]. */
  readonly variance: Tensor;
};

/** Weights of {@link bernoulliMixture}: the imaginary points. */
export type BernoulliMixtureParams = {
  /** log κ, a number; −∞ is maximum likelihood. */
  readonly logStrength: Tensor;
  /** The mean of the imaginary points: [size]; of Bernoulli vectors its logits. */
  readonly center: Tensor;
};
/** Weights of {@link gaussianMixture}. */
export type GaussianMixtureParams = BernoulliMixtureParams & {
  /** The log of the variance of the imaginary points: [size]. */
  readonly logSpread: Tensor;
};
/** Weights of {@link softKMeans}. */
export type SoftKMeansParams = BernoulliMixtureParams & {
  /** log β, a number. */
  readonly logInverseTemperature: Tensor;
};

/** The inner optimization of a mixture; its step also gives γ, [batch, points, clusters]. */
export type MixtureLevel<W, Z> = Level<W, Tensor, Z, Tensor>;

/** A mixture. */
export interface Mixture<W, Z> {
  /** Weights from a random key. */
  init(key: Tensor): W;
  /** Fits points [batch, points, size]; `ys` is γ. The key draws the points at which clusters begin. */
  apply(params: W, points: Tensor, key: Tensor): Inferred<Z, Tensor>;
  /**
   * The negative log-likelihood −log p of other points of the same sets, [batch, others, size], under the mixture that
   * was found in some points; the mean over points. It differs from the objective that EM climbs, so that weights learn
   * through the fixed point.
   */
  loss(
    params: W,
    points: Tensor,
    others: Tensor,
    key: Tensor,
  ): [loss: Tensor, output: Inferred<Z, Tensor>];
  /** log p(x; λ) of each point: [batch, points]. */
  logLikelihood(params: W, clusters: Z, points: Tensor): Tensor;
  /** The inner optimization. */
  readonly level: MixtureLevel<W, Z>;
}

/** The parts in which the mixtures differ. */
interface Family<W, Z extends Means> {
  readonly name: string;
  readonly fields: readonly string[];
  init(): W;
  /** The first clusters, from a point of the set for each: [batch, clusters, size]. */
  begin(places: Tensor, points: Tensor): Z;
  /** log π_k + log p(x_n; k): [batch, points, clusters]. */
  joint(params: W, z: Z, points: Tensor): Tensor;
  /** The M step, for assignments γ. */
  maximize(params: W, gamma: Tensor, points: Tensor): Z;
  /** The log-likelihood of the imaginary points: [batch]. */
  imaginary(params: W, z: Z): Tensor;
  /** By what the objective is divided; 1 unless given. */
  scale?(params: W): Tensor;
}

const kinds = {
  size: required(size),
  clusters: required(size),
  steps: count,
  solver: sharedOptions.solver,
  adjoint: sharedOptions.adjoint,
  strength: nonNegative,
} as const;
const levelKind = <W, Z>() =>
  callable<NonNullable<MixtureOptions<W, Z>["level"]>>("(level) => ({ ...level, init })");

/** Keeps variances, and probabilities in logarithms, from 0: a cluster of one point would be infinitely likely. */
const floor = 1e-6;

function mixture<W, Z extends Means>(
  family: Family<W, Z>,
  { size, clusters, steps = 50, adjoint = implicit(), solver = forward(), level: change }:
    MixtureOptions<W, Z>,
): Mixture<W, Z> {
  const { name } = family;
  const requirePoints = (x: Tensor) =>
    requireShape(`${name}: the points are`, x, ["batch", "points", size], "a batch of sets");
  const own: MixtureLevel<W, Z> = {
    init(_, points, key) {
      const [batch, n] = points.shape as readonly [number, number];
      if (n < clusters) {
        throw new ArgumentError(
          `${name}: ${clusters} clusters begin at one point each, but a set has only ${n} points`,
          "give fewer clusters, or more points",
        );
      }
      const order = np.argsort(random.uniform(key, [batch, n]), { axis: 1 });
      const chosen = np.expandDims(order.slice(":", [0, clusters]), 2);
      return family.begin(np.takeAlongAxis(points, chosen, { axis: 1 }), points);
    },
    step(params, z, points) {
      const gamma = np.softmax(family.joint(params, z, points), { axis: -1 });
      return [family.maximize(params, gamma, points), gamma] as const;
    },
    objective(params, z, points) {
      const likelihood = np.sum(
        np.logsumexp(family.joint(params, z, points), { axis: -1 }),
        { axis: -1 },
      ).add(family.imaginary(params, z));
      return family.scale ? likelihood.div(family.scale(params)) : likelihood;
    },
  };
  const level = change?.(own) ?? own;
  const solve = infer(level, { steps, solver, adjoint, batchAxis: 0, noise: "fixed" });
  const model: Mixture<W, Z> = {
    init: () => family.init(),
    apply(params, points, key) {
      requireParams(name, params, family.fields);
      requirePoints(points);
      return solve(params, points, key);
    },
    logLikelihood: (params, z, points) =>
      np.logsumexp(family.joint(params, z, points), { axis: -1 }),
    loss(params, points, others, key) {
      requirePoints(others);
      const found = model.apply(params, points, key);
      return [np.mean(model.logLikelihood(params, found.value, others)).neg(), found];
    },
    level,
  };
  return model;
}

/** N_k, the number of points that clusters have: [batch, clusters, 1]. */
const totals = (gamma: Tensor) => np.expandDims(np.sum(gamma, { axis: 1 }), 2);

/** π = N_k / N. */
const shares = (gamma: Tensor) => np.mean(gamma, { axis: 1 });

/** (Σ_n γ_nk x_n + κ c) / (N_k + κ): the mean of real and imaginary points, of each cluster. */
function means(gamma: Tensor, x: Tensor, kappa: Tensor, center: Tensor): Tensor {
  const sum = np.matmul(np.swapaxes(gamma, 1, 2), x);
  return sum.add(kappa.mul(center)).div(totals(gamma).add(kappa));
}

/** x_n − μ_k: [batch, points, clusters, size]. */
const apart = (x: Tensor, mean: Tensor) => np.expandDims(x, 2).sub(np.expandDims(mean, 1));

/** Σ over clusters and coordinates. */
const overClusters = (x: Tensor) => np.sum(x, { axis: [1, 2] });

const number = (value: number) => np.array(value);

const checkGaussian = declareOptions<MixtureOptions<GaussianMixtureParams, GaussianClusters>>(
  "gaussianMixture",
  [],
  { ...kinds, level: levelKind<GaussianMixtureParams, GaussianClusters>() },
);

/**
 * A mixture of Gaussians with diagonal covariances. One step, with κ imaginary points of mean c and variance v in each
 * cluster (a conjugate prior; κ = 0 is plain EM):
 *
 *     γ_nk ∝ π_k N(x_n; μ_k, σ_k²),   N_k = Σ_n γ_nk,   π_k = N_k / N
 *     μ_k = (Σ_n γ_nk x_n + κ c) / (N_k + κ)
 *     σ_k² = (Σ_n γ_nk (x_n − μ_k)² + κ ((c − μ_k)² + v)) / (N_k + κ)
 *
 * No step lowers Σ_n log Σ_k π_k N(x_n; μ_k, σ_k²) + κ Σ_k E log N(·; μ_k, σ_k²), `level.objective`. Clusters begin at random points of their
 * set, with its variance. Variances are at least 10⁻⁶.
 *
 * ```ts
 * import { gaussianMixture } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = gaussianMixture({ size: 1, clusters: 2 });
 * const points = np.array([[[0], [1], [10], [11]]]);
 * const { value, ys } = model.apply(model.init(random.key(0)), points, random.key(1));
 * const means = [...await value.mean.data()].sort((a, b) => a - b);
 * console.assert(Math.abs(means[0]! - 0.5) < 1e-3 && Math.abs(means[1]! - 10.5) < 1e-3);
 * console.assert(ys.shape.join() === "1,4,2");
 * ```
 *
 * @throws ShapeError for points of another size; ArgumentError for more clusters than points.
 */
export function gaussianMixture(
  options: MixtureOptions<GaussianMixtureParams, GaussianClusters>,
): Mixture<GaussianMixtureParams, GaussianClusters> {
  checkGaussian(options);
  const { size, clusters, strength = 0 } = options;
  return mixture({
    name: "gaussianMixture",
    fields: ["logStrength", "center", "logSpread"],
    init: () => ({
      logStrength: number(Math.log(strength)),
      center: np.zeros([size]),
      logSpread: np.zeros([size]),
    }),
    begin: (places, points) => ({
      weight: np.full([points.shape[0]!, clusters], 1 / clusters, { dtype: points.dtype }),
      mean: places,
      variance: np.maximum(np.variance(points, { axis: 1, keepdims: true }), floor)
        .mul(np.onesLike(places)),
    }),
    joint(_, { weight, mean, variance }, points) {
      const v = np.expandDims(variance, 1);
      const terms = np.square(apart(points, mean)).div(v).add(np.log(v.mul(2 * Math.PI)));
      return np.log(np.expandDims(weight, 1)).sub(np.sum(terms, { axis: -1 }).mul(0.5));
    },
    maximize({ logStrength, center, logSpread }, gamma, points) {
      const kappa = np.exp(logStrength);
      const mean = means(gamma, points, kappa, center);
      const real = np.sum(np.expandDims(gamma, 3).mul(np.square(apart(points, mean))), { axis: 1 });
      const unreal = np.square(center.sub(mean)).add(np.exp(logSpread));
      const variance = real.add(kappa.mul(unreal)).div(totals(gamma).add(kappa));
      return { weight: shares(gamma), mean, variance: np.maximum(variance, floor) };
    },
    imaginary({ logStrength, center, logSpread }, { mean, variance }) {
      const square = np.square(center.sub(mean)).add(np.exp(logSpread));
      const terms = square.div(variance).add(np.log(variance.mul(2 * Math.PI)));
      return overClusters(terms).mul(np.exp(logStrength)).mul(-0.5);
    },
  }, options);
}

const checkBernoulli = declareOptions<MixtureOptions<BernoulliMixtureParams, BernoulliClusters>>(
  "bernoulliMixture",
  [],
  { ...kinds, level: levelKind<BernoulliMixtureParams, BernoulliClusters>() },
);

/**
 * A mixture of Bernoulli vectors, for points of zeros and ones. One step, with κ imaginary points of mean c = σ(`center`):
 *
 *     γ_nk ∝ π_k Π_d μ_kd^x_nd (1 − μ_kd)^(1 − x_nd),   N_k = Σ_n γ_nk,   π_k = N_k / N
 *     μ_k = (Σ_n γ_nk x_n + κ c) / (N_k + κ)
 *
 * Clusters begin half way between random points of their set and its mean. In logarithms μ is kept 10⁻⁶ from 0 and 1.
 *
 * ```ts
 * import { bernoulliMixture } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = bernoulliMixture({ size: 3, clusters: 2 });
 * const points = np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]]]);
 * const { ys } = model.apply(model.init(random.key(0)), points, random.key(2));
 * console.assert(ys.shape.join() === "1,4,2");
 * ```
 *
 * @throws ShapeError for points of another size; ArgumentError for more clusters than points.
 */
export function bernoulliMixture(
  options: MixtureOptions<BernoulliMixtureParams, BernoulliClusters>,
): Mixture<BernoulliMixtureParams, BernoulliClusters> {
  checkBernoulli(options);
  const { size, clusters, strength = 0 } = options;
  /** x log μ + (1 − x) log(1 − μ), for each cluster. */
  const explain = (x: Tensor, mean: Tensor) => {
    const mu = np.swapaxes(np.clip(mean, floor, 1 - floor), 1, 2);
    return np.matmul(x, np.log(mu)).add(np.matmul(np.subtract(1, x), np.log1p(mu.neg())));
  };
  return mixture({
    name: "bernoulliMixture",
    fields: ["logStrength", "center"],
    init: () => ({ logStrength: number(Math.log(strength)), center: np.zeros([size]) }),
    begin: (places, points) => ({
      weight: np.full([points.shape[0]!, clusters], 1 / clusters, { dtype: points.dtype }),
      mean: places.add(np.mean(points, { axis: 1, keepdims: true })).mul(0.5),
    }),
    joint: (_, { weight, mean }, points) =>
      np.log(np.expandDims(weight, 1)).add(explain(points, mean)),
    maximize: ({ logStrength, center }, gamma, points) => ({
      weight: shares(gamma),
      mean: means(gamma, points, np.exp(logStrength), np.sigmoid(center)),
    }),
    imaginary({ logStrength, center }, { mean }) {
      const c = np.expandDims(np.sigmoid(center), [0, 1]);
      return overClusters(explain(c, mean)).mul(np.exp(logStrength));
    },
  }, options);
}

const checkSoftKMeans = declareOptions<SoftKMeansOptions>("softKMeans", [], {
  ...kinds,
  inverseTemperature: positive,
  level: levelKind<SoftKMeansParams, Means>(),
});

/**
 * Soft k-means: a mixture of Gaussians of variance 1/β that all have the same weight. One step:
 *
 *     γ_n = softmax_k(−β ‖x_n − μ_k‖² / 2),   μ_k = (Σ_n γ_nk x_n + κ c) / (N_k + κ)
 *
 * It climbs (1/β) Σ_n log Σ_k exp(−β ‖x_n − μ_k‖² / 2) − κ Σ_k ‖c − μ_k‖² / 2, which is `level.objective` up to a constant in
 * μ. All means become one where β is below one over the largest eigenvalue of the points' covariance. β may be learned,
 * through the fixed point: `oneStep()` can give its gradient the wrong sign, so the default adjoint is `implicit()`.
 *
 * ```ts
 * import { softKMeans } from "trilevel/models";
 * import { grad, np, random } from "trilevel";
 * const model = softKMeans({ size: 1, clusters: 2, inverseTemperature: 2 });
 * const [seen, others] = [np.array([[[0], [1], [4], [5]]]), np.array([[[0.4], [4.6]]])];
 * const params = model.init(random.key(0));
 * const loss = (p: typeof params) => model.loss(p, seen, others, random.key(1))[0];
 * console.assert(await grad(loss)(params).logInverseTemperature.item() < 0); // colder would be better
 * ```
 *
 * @throws ShapeError for points of another size; ArgumentError for more clusters than points.
 */
export function softKMeans(options: SoftKMeansOptions): Mixture<SoftKMeansParams, Means> {
  checkSoftKMeans(options);
  const { inverseTemperature = 1, ...rest } = options;
  const { size, clusters, strength = 0 } = options;
  const beta = ({ logInverseTemperature }: SoftKMeansParams) => np.exp(logInverseTemperature);
  const squared = (points: Tensor, mean: Tensor) =>
    np.sum(np.square(apart(points, mean)), { axis: -1 });
  return mixture({
    name: "softKMeans",
    fields: ["logStrength", "center", "logInverseTemperature"],
    init: () => ({
      logStrength: number(Math.log(strength)),
      center: np.zeros([size]),
      logInverseTemperature: number(Math.log(inverseTemperature)),
    }),
    begin: (places) => ({ mean: places }),
    joint: (params, { mean }, points) =>
      squared(points, mean).mul(beta(params)).mul(-0.5)
        .add(params.logInverseTemperature.sub(Math.log(2 * Math.PI)).mul(size / 2))
        .sub(Math.log(clusters)),
    maximize: ({ logStrength, center }, gamma, points) => ({
      mean: means(gamma, points, np.exp(logStrength), center),
    }),
    imaginary: (params, { mean }) =>
      overClusters(np.square(params.center.sub(mean)))
        .mul(beta(params)).mul(np.exp(params.logStrength)).mul(-0.5),
    scale: beta,
  }, rest);
}
