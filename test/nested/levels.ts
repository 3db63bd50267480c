/** A model of which everything is known in closed form, for tests. */
import { grad, type Level, type NestedArray, np, type Tensor } from "trilevel";

/** Numbers with ten digits need double precision. */
export const f64 = (values: NestedArray): Tensor => np.array(values, { dtype: "float64" });

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
