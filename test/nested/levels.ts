/** Levels of the literature in closed form, for tests. */
import { grad, type Level, type NestedArray, np, type Tensor } from "trilevel";

/** Numbers with ten digits need double precision. */
export const f64 = (values: NestedArray): Tensor => np.array(values, { dtype: "float64" });

/** A Gaussian mixture's parameters, [clusters] each. */
export type Mixture = { readonly pi: Tensor; readonly mu: Tensor; readonly variance: Tensor };

const squared = (x: Tensor, mu: Tensor) => np.square(np.expandDims(x, 1).sub(mu));

/** log π_k + log N(x_n; μ_k, σ_k²), [points, clusters] */
const gaussianTerms = ({ pi, mu, variance }: Mixture, x: Tensor) =>
  np.log(pi).sub(squared(x, mu).div(variance.mul(2)))
    .sub(np.log(variance.mul(2 * Math.PI)).mul(0.5));

/** EM for a mixture of Gaussians in one dimension, from a start w. */
export const gaussianMixture: Level<Mixture, Tensor, Mixture, Tensor> = {
  init: (w) => w,
  step(_, z, x) {
    const gamma = np.softmax(gaussianTerms(z, x), { axis: 1 });
    const total = np.sum(gamma, { axis: 0 });
    const mu = np.matmul(x, gamma).div(total);
    const variance = np.sum(gamma.mul(squared(x, mu)), { axis: 0 }).div(total);
    return [{ pi: total.div(x.shape[0]!), mu, variance }, gamma] as const;
  },
  objective: (_, z, x) => np.sum(np.logsumexp(gaussianTerms(z, x), { axis: 1 })),
};

/** A Bernoulli mixture's parameters: [clusters], and [clusters, pixels]. */
export type Masks = { readonly pi: Tensor; readonly mu: Tensor };

const bernoulliTerms = ({ pi, mu }: Masks, x: Tensor) =>
  np.log(pi).add(np.matmul(x, np.log(mu).T))
    .add(np.matmul(np.subtract(1, x), np.log(np.subtract(1, mu)).T));

/** EM for a mixture of Bernoulli vectors. */
export const bernoulliMixture: Level<Masks, Tensor, Masks, Tensor> = {
  init: (w) => w,
  step(_, z, x) {
    const gamma = np.softmax(bernoulliTerms(z, x), { axis: 1 });
    const total = np.sum(gamma, { axis: 0 });
    const mu = np.matmul(gamma.T, x).div(np.expandDims(total, 1));
    return [{ pi: total.div(x.shape[0]!), mu }, gamma] as const;
  },
  objective: (_, z, x) => np.sum(np.logsumexp(bernoulliTerms(z, x), { axis: 1 })),
};

/** Weights of soft k-means: the inverse temperature, and the first means [clusters, size]. */
export type SoftKMeans = { readonly beta: Tensor; readonly start: Tensor };

const distances = (x: Tensor, mu: Tensor) =>
  np.sum(np.square(np.expandDims(x, 1).sub(mu)), { axis: -1 });

/** Soft k-means, which climbs (1/β) Σ_n log Σ_k exp(-β ‖x_n - μ_k‖² / 2). */
export const softKMeans: Level<SoftKMeans, Tensor, Tensor> = {
  init: ({ start }) => start,
  step({ beta }, mu, x) {
    const gamma = np.softmax(distances(x, mu).mul(beta).mul(-0.5), { axis: 1 });
    return np.matmul(gamma.T, x).div(np.expandDims(np.sum(gamma, { axis: 0 }), 1));
  },
  objective: ({ beta }, mu, x) =>
    np.sum(np.logsumexp(distances(x, mu).mul(beta).mul(-0.5), { axis: 1 })).div(beta),
};

/** A linear Gaussian model x = W z + b + noise of variance s, with the prior N(0, I); W [3, 2], b [3]. */
export type LinearGaussian = { readonly w: Tensor; readonly b: Tensor; readonly s: number };

/** The mean and log variance of a diagonal Gaussian posterior, [..., 2] each. */
export type Posterior = { readonly mu: Tensor; readonly logVariance: Tensor };

/** The closed-form ELBO of a diagonal Gaussian q(z), for each x [..., 3]. */
export function elbo(
  { w, b, s }: LinearGaussian,
  { mu, logVariance }: Posterior,
  x: Tensor,
): Tensor {
  const variance = np.exp(logVariance);
  const error = x.sub(np.matmul(mu, w.T)).sub(b);
  const spread = np.matmul(variance, np.square(w).T);
  const likelihood = np.sum(np.square(error).add(spread), { axis: -1 }).div(-2 * s)
    .sub(1.5 * Math.log(2 * Math.PI * s));
  const divergence = np.sum(variance.add(np.square(mu)).sub(1).sub(logVariance), { axis: -1 });
  return likelihood.sub(divergence.mul(0.5));
}

/** Stochastic variational inference: λ ← λ + α ∇_λ ELBO from the prior. */
export function variational(alpha: number): Level<LinearGaussian, Tensor, Posterior> {
  return {
    init: (_, x) => {
      const zero = np.zeros([...x.shape.slice(0, -1), 2], { dtype: x.dtype });
      return { mu: zero, logVariance: zero };
    },
    step(w, z, x) {
      const slope = grad((z: Posterior) => np.sum(elbo(w, z, x)))(z);
      return {
        mu: z.mu.add(slope.mu.mul(alpha)),
        logVariance: z.logVariance.add(slope.logVariance.mul(alpha)),
      };
    },
    objective: elbo,
  };
}

/** The model of the oracles. */
export const linearGaussian = (): LinearGaussian => ({
  w: f64([[1, 0.5], [-0.3, 0.8], [0.2, -0.6]]),
  b: f64([0.1, -0.2, 0.3]),
  s: 0.25,
});
