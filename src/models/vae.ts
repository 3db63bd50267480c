/**
 * The variational autoencoder (Kingma & Welling, 2014) in the form of a level: λ = (μ, s) is the posterior N(μ, eˢ) of the latent
 * variables of a datum, and its iteration is a single step, in which an encoder gives λ at once.
 */
import type { Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import type { LinearParams } from "../nn/index.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as np from "../numpy/index.ts";
import { callable, declareOptions, listOf, oneOf, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { type Gaussian, standardGaussian } from "./parts/gaussians.ts";
import { type GatedParams, gatedPerceptron, glorotLinear } from "./parts/highway.ts";
import {
  type GenerativeParams,
  latentKinds,
  type LatentOptions,
  latentVariables,
} from "./parts/latentVariables.ts";

/** Options of {@link vae}; the defaults are the paper's. */
export interface VaeOptions extends LatentOptions {
  /** The sizes of the encoder's hidden layers; one of 500. */
  readonly encoder?: readonly number[];
  /** The KL from the prior: in `"closed"` form (the default), or `"sampled"`, ln q(z) − ln p(z) at the draws of z. */
  readonly divergence?: "closed" | "sampled";
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (own: VaeLevel) => VaeLevel;
}

const checkOptions = declareOptions<VaeOptions>("vae", [], {
  ...latentKinds,
  encoder: listOf(size),
  divergence: oneOf("closed", "sampled"),
  level: callable<NonNullable<VaeOptions["level"]>>("(level) => ({ ...level, init })"),
});

/** Parameters of {@link vae}. */
export type VaeParams = {
  readonly encoder: {
    readonly network: GatedParams;
    readonly mean: LinearParams;
    readonly logVariance: LinearParams;
  };
  readonly generative: GenerativeParams;
};

/** The inner optimization of {@link vae}: data [batch, pixels], and λ of [batch, latent]. */
export type VaeLevel = Level<VaeParams, Tensor, Gaussian>;

/** A model with latent variables whose posterior is λ: what the systems of posterior inference have in common. */
export interface LatentModel<Params, Posterior, Found> {
  /** Parameters from a random key. */
  init(key: Tensor): Params;
  /** The posteriors of data [batch, pixels]. */
  apply(params: Params, x: Tensor, key: Tensor): Found;
  /** −ELBO of a batch, as a mean, and the posteriors. */
  loss(params: Params, x: Tensor, key: Tensor): [loss: Tensor, output: Found];
  /** The evidence lower bound of each datum at a posterior: [batch]. */
  bound(params: Params, posterior: Posterior, x: Tensor, key: Tensor): Tensor;
  /** A tighter bound of ln p(x): ln of the mean of p(x, z) / q(z) over draws of z, [batch]. */
  importance(
    params: Params,
    posterior: Posterior,
    x: Tensor,
    key: Tensor,
    samples: number,
  ): Tensor;
  /** The mean of a datum at the posterior's mean: [batch, pixels]. */
  reconstruct(params: Params, posterior: Posterior): Tensor;
  /** Means of data for draws from the prior: [count, pixels]. */
  generate(params: Params, key: Tensor, count: number): Tensor;
}

/** The model that {@link vae} makes. */
export interface Vae extends LatentModel<VaeParams, Gaussian, Inferred<Gaussian, null>> {
  /** The inner optimization. */
  readonly level: VaeLevel;
}

/**
 * A variational autoencoder. With the encoder's h and draws z = μ + exp(s / 2) ε,
 *
 *     μ = W h + b,   s = V h + c
 *     ELBO = E_q ln p(x | z) − ½ Σ (eˢ + μ² − 1 − s)
 *
 * Layers begin with Glorot's weights.
 *
 * ```ts
 * import { vae } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = vae({ pixels: 16, latent: 3, encoder: [8], hidden: [8] });
 * const params = model.init(random.key(0));
 * const [loss, { value }] = model.loss(params, np.ones([5, 16]), random.key(1));
 * console.assert(value.mean.shape.join() === "5,3" && await loss.item() > 0);
 * ```
 *
 * @throws ShapeError for data of another size; ArgumentError for `samples: "exact"` where no expectation is known.
 */
export function vae(options: VaeOptions): Vae {
  checkOptions(options);
  const { pixels, latent, encoder = [500], divergence = "closed" } = options;
  const { activation = "tanh" } = options;
  const latents = latentVariables("vae", { ...oneLevel(options, [500]), activation, divergence });
  const sizes = [pixels, ...encoder];
  const network = gatedPerceptron(sizes, activation, "sequential");
  const head = glorotLinear(sizes.at(-1)!, latent);
  const bound: Vae["bound"] = (params, q, x, key) =>
    latents.explain(params.generative, [q], x, key).bound;

  const own: VaeLevel = {
    init: (_, x) => standardGaussian(x, [x.shape[0]!, latent]),
    step({ encoder }, _, x) {
      const h = network.apply(encoder.network, x);
      return {
        mean: head.apply(encoder.mean, h),
        logVariance: head.apply(encoder.logVariance, h),
      };
    },
    objective: (params, q, x, { key }) => bound(params, q, x, key),
  };
  const level = options.level?.(own) ?? own;
  const solve = infer(level, { steps: 1, batchAxis: 0 });
  const model: Vae = {
    init(key) {
      const [a, b, c, d] = random.split(key, 4);
      return {
        encoder: { network: network.init(a), mean: head.init(b), logVariance: head.init(c) },
        generative: latents.init(d),
      };
    },
    apply(params, x, key) {
      requireParams("vae", params, ["encoder", "generative"]);
      latents.check(x);
      return solve(params, x, key);
    },
    bound,
    loss(params, x, key) {
      const [a, b] = random.split(key);
      const found = model.apply(params, x, a);
      return [np.mean(bound(params, found.value, x, b)).neg(), found];
    },
    importance: (params, q, x, key, samples) =>
      latents.importance(params.generative, [q], x, key, samples),
    reconstruct: (params, { mean }) => latents.decode(params.generative, mean),
    generate: (params, key, count) => latents.generate(params.generative, key, count),
    level,
  };
  return model;
}

/** Options of a model of one level, with their defaults. */
export const oneLevel = (
  {
    pixels,
    latent,
    likelihood = "bernoulli",
    variance = 1,
    samples = 1,
    activation = "tanh",
    ...rest
  }: LatentOptions,
  hidden: readonly number[],
) => ({
  pixels,
  likelihood,
  variance,
  samples,
  activation,
  latents: [latent],
  hidden: [rest.hidden ?? hidden],
  connection: "sequential" as const,
});
