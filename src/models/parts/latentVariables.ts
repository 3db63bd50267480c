/**
 * Models with Gaussian latent variables, z_L → … → z_1 → x, and the evidence lower bound (ELBO) of a posterior:
 *
 *     p(x, z) = N(z_L; 0, I) Π_l N(z_l; prior_l(z_{l+1})) p(x | z_1)
 *     ELBO = E_q ln p(x | z_1) − Σ_l KL_l
 *
 * The KL of the top is in closed form unless told otherwise, those below are of the draw, ln q(z_l) − ln p(z_l | z_{l+1}).
 */
import { ArgumentError, type Tensor } from "../../public.ts";
import { requireShape } from "../../options/shapeSpec.ts";
import { type LinearParams, sigmoid } from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import { either, type Kind, listOf, oneOf, positive, required, size } from "../../options/index.ts";
import * as random from "../../random/index.ts";
import {
  divergenceFromStandard,
  drawGaussian,
  type Gaussian,
  logDensity,
  standardGaussian,
} from "./gaussians.ts";
import { type GatedParams, gatedPerceptron, glorotLinear } from "./highway.ts";

/** Options of a model with latent variables. */
export interface LatentOptions {
  /** The number of values of a datum, such as the pixels of an image. */
  readonly pixels: number;
  /** The number of latent variables. */
  readonly latent: number;
  /** The sizes of the decoder's hidden layers; none makes a linear decoder. */
  readonly hidden?: readonly number[];
  /** The activation of hidden layers. */
  readonly activation?: "elu" | "relu" | "tanh";
  /** p(x | z): `"bernoulli"` (the default) for zeros and ones, `"gaussian"` with the variance below. */
  readonly likelihood?: "bernoulli" | "gaussian";
  /** The variance of a Gaussian likelihood; 1. */
  readonly variance?: number;
  /**
   * The number of draws of z that the expectation is a mean of; 1. `"exact"`, which a linear decoder with a Gaussian likelihood
   * allows, is the expectation itself.
   */
  readonly samples?: number | "exact";
}

/** The kinds of {@link LatentOptions}, to be declared with them. */
export const latentKinds = {
  pixels: required(size),
  latent: required(size),
  hidden: listOf(size),
  activation: oneOf("elu", "relu", "tanh"),
  likelihood: oneOf("bernoulli", "gaussian"),
  variance: positive,
  samples: either(size, oneOf("exact")) as Kind<number | "exact">,
} as const;

/** Parameters of the generative model. */
export type GenerativeParams = {
  /** p(x | z_1) */
  readonly observation: NetworkParams;
  /** p(z_l | z_{l+1}) for l = 1 … L − 1. */
  readonly priors: readonly (NetworkParams & { readonly logVariance: LinearParams })[];
};
/** Parameters of a network with the mean of what is below as output. */
export type NetworkParams = { readonly network: GatedParams; readonly mean: LinearParams };

/** The ELBO of a posterior, and what it is made of. */
export interface Explained {
  /** [batch] */
  readonly bound: Tensor;
  /** E ln p(x | z): [batch]. */
  readonly likelihood: Tensor;
  /** KL of each level: [batch]. */
  readonly divergences: readonly Tensor[];
  /** Draws of each level: [samples, batch, latent]. */
  readonly draws: readonly Tensor[];
  /** The prior of each level given the draws of the level above. */
  readonly priors: readonly Gaussian[];
  /** The mean of x given the draws: [samples, batch, pixels]. */
  readonly mean: Tensor;
}

/** The functions of `latentVariables`. */
export interface LatentVariables {
  init(key: Tensor): GenerativeParams;
  /** The ELBO of x [batch, pixels] for a posterior of each level, bottom first: [batch, latent] each. */
  explain(params: GenerativeParams, q: readonly Gaussian[], x: Tensor, key: Tensor): Explained;
  /** ln of the mean of p(x, z) / q(z) over draws of z: a tighter bound of ln p(x), [batch]. */
  importance(
    params: GenerativeParams,
    q: readonly Gaussian[],
    x: Tensor,
    key: Tensor,
    samples: number,
  ): Tensor;
  /** The mean of x given z_1, [..., latent] → [..., pixels]. */
  decode(params: GenerativeParams, z: Tensor): Tensor;
  /** Means of x for draws from the prior: [count, pixels]. */
  generate(params: GenerativeParams, key: Tensor, count: number): Tensor;
  /** The prior of each level, from draws of the levels above: where λ begins. */
  prior(params: GenerativeParams, key: Tensor, like: Tensor): readonly Gaussian[];
  /** Throws unless x is [batch, pixels]. */
  check(x: Tensor): void;
}

/** Options of {@link latentVariables}: those of a model, for one level or more. */
export interface HierarchyOptions extends Omit<Required<LatentOptions>, "latent" | "hidden"> {
  /** The number of latent variables of each level, bottom first. */
  readonly latents: readonly number[];
  /** The sizes of the hidden layers below each level. */
  readonly hidden: readonly (readonly number[])[];
  readonly connection: "sequential" | "highway";
  /** The KL of the top level: its closed form, or that of the draw. */
  readonly divergence: "closed" | "sampled";
}

/** Keeps logarithms of probabilities finite, as the code of iterative amortized inference does. */
const floor = 1e-7;

/** The log variance of learned priors stays within ±15. */
const clipped = (logVariance: Tensor) => np.clip(logVariance, -15, 15);

export function latentVariables(name: string, options: HierarchyOptions): LatentVariables {
  const { pixels, latents, hidden, activation, likelihood, variance, samples } = options;
  if (samples === "exact" && (likelihood !== "gaussian" || hidden.some((h) => h.length > 0))) {
    throw new ArgumentError(
      `${name}: samples "exact" cannot be combined with ${
        likelihood === "gaussian" ? "a decoder that is not linear" : "a Bernoulli likelihood"
      }, whose expectation has no closed form`,
      'give the number of samples, or hidden: [] and likelihood: "gaussian"',
    );
  }
  const levels = latents.map((latent, l) => {
    const sizes = [latent, ...hidden[l] ?? []];
    const to = l === 0 ? pixels : latents[l - 1]!;
    return {
      network: gatedPerceptron(sizes, activation, options.connection),
      head: glorotLinear(sizes.at(-1)!, to),
    };
  });
  const top = latents.length - 1;

  /** The prediction of level l for the level below. */
  const below = (l: number, params: NetworkParams, z: Tensor) => {
    const { network, head } = levels[l]!;
    const h = network.apply(params.network, z);
    return { h, mean: head.apply(params.mean, h) };
  };
  const prior = (params: GenerativeParams, l: number, above: Tensor): Gaussian => {
    const own = params.priors[l]!;
    const { h, mean } = below(l + 1, own, above);
    return { mean, logVariance: clipped(levels[l + 1]!.head.apply(own.logVariance, h)) };
  };
  const decode = (params: GenerativeParams, z: Tensor) => {
    const { mean } = below(0, params.observation, z);
    return likelihood === "bernoulli" ? sigmoid(mean) : mean;
  };
  /** ln p(x | z) of means of x, [samples, batch, pixels] → [samples, batch]. */
  const logLikelihood = (mean: Tensor, x: Tensor) => {
    if (likelihood === "gaussian") {
      const square = np.square(x.sub(mean)).div(variance).add(Math.log(2 * Math.PI * variance));
      return np.sum(square, { axis: -1 }).mul(-0.5);
    }
    const on = x.mul(np.log(mean.add(floor)));
    return np.sum(
      on.add(np.subtract(1, x).mul(np.log(np.subtract(1, mean).add(floor)))),
      { axis: -1 },
    );
  };
  /** E_q ln p(x | z) of a linear decoder, exactly. */
  const exactly = (params: GenerativeParams, q: Gaussian, x: Tensor) => {
    const { weight } = params.observation.mean;
    const spread = np.matmul(np.exp(q.logVariance), np.square(weight).T);
    return logLikelihood(decode(params, q.mean), x)
      .sub(np.sum(spread, { axis: -1 }).div(2 * variance));
  };
  /** Draws of all levels, and the prior of each. */
  const draw = (
    params: GenerativeParams,
    q: readonly Gaussian[],
    key: Tensor,
    count: number,
  ) => {
    const keys = random.split(key, latents.length);
    const draws: Tensor[] = [];
    const priors: Gaussian[] = [];
    for (let l = top; l >= 0; l--) {
      draws[l] = drawGaussian(q[l]!, keys[l]!, count);
      priors[l] = l === top
        ? standardGaussian(q[l]!.mean, q[l]!.mean.shape)
        : prior(params, l, draws[l + 1]!);
    }
    return { draws, priors };
  };

  return {
    init(key) {
      const keys = random.split(key, 3 * latents.length);
      const parts = levels.map(({ network, head }, l) => ({
        network: network.init(keys[3 * l]!),
        mean: head.init(keys[3 * l + 1]!),
      }));
      return {
        observation: parts[0]!,
        priors: parts.slice(1).map((part, l) => ({
          ...part,
          logVariance: levels[l + 1]!.head.init(keys[3 * l + 5]!),
        })),
      };
    },
    explain(params, q, x, key) {
      const { draws, priors } = draw(params, q, key, samples === "exact" ? 1 : samples);
      const mean = decode(params, draws[0]!);
      const likelihood = samples === "exact"
        ? exactly(params, q[0]!, x)
        : np.mean(logLikelihood(mean, x), { axis: 0 });
      const divergences = q.map((own, l) =>
        l === top && options.divergence === "closed"
          ? divergenceFromStandard(own)
          : np.mean(logDensity(draws[l]!, own).sub(logDensity(draws[l]!, priors[l]!)), { axis: 0 })
      );
      const bound = divergences.reduce((sum, kl) => sum.sub(kl), likelihood);
      return { bound, likelihood, divergences, draws, priors, mean };
    },
    importance(params, q, x, key, count) {
      const { draws, priors } = draw(params, q, key, count);
      const weights = q.reduce(
        (sum, own, l) => sum.add(logDensity(draws[l]!, priors[l]!)).sub(logDensity(draws[l]!, own)),
        logLikelihood(decode(params, draws[0]!), x),
      );
      return np.logsumexp(weights, { axis: 0 }).sub(Math.log(count));
    },
    decode,
    generate(params, key, count) {
      const keys = random.split(key, latents.length);
      let z = random.normal(keys[top]!, [count, latents[top]!]);
      for (let l = top - 1; l >= 0; l--) {
        z = np.squeeze(drawGaussian(prior(params, l, z), keys[l]!, 1), 0);
      }
      return decode(params, z);
    },
    prior(params, key, like) {
      const keys = random.split(key, latents.length);
      const found: Gaussian[] = [];
      found[top] = standardGaussian(like, [like.shape[0]!, latents[top]!]);
      for (let l = top - 1; l >= 0; l--) {
        const above = drawGaussian(found[l + 1]!, keys[l]!, 1);
        found[l] = prior(params, l, np.squeeze(above, 0));
      }
      return found;
    },
    check: (x) => requireShape(`${name}: the data is`, x, ["batch", pixels], "flatten each datum"),
  };
}
