/** Diagonal Gaussians, as posteriors and priors of latent variables: draws, densities and divergences. */
import type { Tensor } from "../../public.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";

/** N(μ, eˢ) with a diagonal covariance; the last axis counts coordinates. */
export type Gaussian = {
  /** μ */
  readonly mean: Tensor;
  /** s = ln σ² */
  readonly logVariance: Tensor;
};

/** N(0, I) of a shape. */
export const standardGaussian = (like: Tensor, shape: readonly number[]): Gaussian => {
  const zero = np.zeros(shape, { dtype: like.dtype });
  return { mean: zero, logVariance: zero };
};

/** Draws μ + σ ε, on a new first axis. */
export function drawGaussian(
  { mean, logVariance }: Gaussian,
  key: Tensor,
  samples: number,
): Tensor {
  const noise = random.normal(key, [samples, ...mean.shape], { dtype: floatOf(mean) });
  return mean.add(np.exp(logVariance.mul(0.5)).mul(noise));
}

const floatOf = ({ dtype }: Tensor) => dtype === "float64" ? "float64" : "float32";

/** ln N(z; μ, eˢ), summed over the last axis. */
export function logDensity(z: Tensor, { mean, logVariance }: Gaussian): Tensor {
  const square = np.square(z.sub(mean)).div(np.exp(logVariance));
  return np.sum(square.add(logVariance).add(Math.log(2 * Math.PI)), { axis: -1 }).mul(-0.5);
}

/** KL(q ‖ N(0, I)) = ½ Σ (eˢ + μ² − 1 − s), summed over the last axis. */
export const divergenceFromStandard = ({ mean, logVariance }: Gaussian): Tensor =>
  np.sum(np.exp(logVariance).add(np.square(mean)).sub(1).sub(logVariance), { axis: -1 }).mul(0.5);

/** N(μ, v) with a diagonal covariance; the last axis counts coordinates. */
export type Normal = {
  readonly mean: Tensor;
  /** v */
  readonly variance: Tensor;
};

/**
 * λ = (μ, s), halves of the last axis, as N(μ, softplus(min(s, most)) + floor): the posteriors of IODINE, which bounds
 * nothing, and of EfficientMORL.
 */
export function softplusNormal(
  lambda: Tensor,
  bounds?: { readonly floor: number; readonly most: number },
): Normal {
  const [mean, s] = np.split(lambda, 2, { axis: -1 }) as [Tensor, Tensor]; // two halves
  if (bounds === undefined) return { mean, variance: np.softplus(s) };
  return { mean, variance: np.softplus(np.minimum(s, bounds.most)).add(bounds.floor) };
}

/** μ + √v ε */
export const drawNormal = ({ mean, variance }: Normal, noise: Tensor): Tensor =>
  mean.add(np.sqrt(variance).mul(noise));

/** KL(q ‖ p) = ½ Σ [ln(v_p / v_q) + (v_q + (μ_q − μ_p)²) / v_p − 1], summed over the last axis. */
export function normalDivergence(
  q: Normal,
  p: { readonly mean: Tensor | number; readonly variance: Tensor | number },
): Tensor {
  const square = np.square(q.mean.sub(p.mean));
  const ratio = q.variance.add(square).div(p.variance);
  const log = typeof p.variance === "number" ? Math.log(p.variance) : np.log(p.variance);
  const logRatio = np.subtract(log, np.log(q.variance));
  return np.sum(logRatio.add(ratio).sub(1), { axis: -1 }).mul(0.5);
}
