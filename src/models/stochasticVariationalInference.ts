/**
 * Stochastic variational inference (Hoffman et al., 2013) in the form of a level: the posterior N(μ, eˢ) of a datum's latent
 * variables climbs the evidence lower bound (ELBO) by gradient steps, and the weights of the generative model climb it at the
 * end (Eq. 2 and 3 of Chang et al., 2022). No network infers anything.
 */
import type { Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as np from "../numpy/index.ts";
import { boolean, callable, count, declareOptions, positive } from "../options/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import { type Adjoint, unrolled } from "../implicit/index.ts";
import * as random from "../random/index.ts";
import { grad, stopGradient } from "../transforms/index.ts";
import { type Gaussian, standardGaussian } from "./parts/gaussians.ts";
import {
  type GenerativeParams,
  latentKinds,
  type LatentOptions,
  latentVariables,
} from "./parts/latentVariables.ts";
import { type LatentModel, oneLevel } from "./vae.ts";

/** Options of {@link stochasticVariationalInference}. */
export interface StochasticVariationalInferenceOptions extends LatentOptions {
  /** The number of gradient steps; 20. */
  readonly steps?: number;
  /** The size α of a step; 0.05. */
  readonly rate?: number;
  /**
   * The adjoint, which differentiates the iteration. Unless given, the posterior is a constant to the weights, as in the
   * original: where the ELBO has its maximum all adjoints agree with that.
   */
  readonly adjoint?: Adjoint;
  /** Draws new latents in every step, or the same ones in all. New ones unless the adjoint is that of a fixed point. */
  readonly redraw?: boolean;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (
    own: StochasticVariationalInferenceLevel,
  ) => StochasticVariationalInferenceLevel;
}

const checkOptions = declareOptions<StochasticVariationalInferenceOptions>(
  "stochasticVariationalInference",
  [],
  {
    ...latentKinds,
    steps: count,
    rate: positive,
    adjoint: sharedOptions.adjoint,
    redraw: boolean,
    level: callable<NonNullable<StochasticVariationalInferenceOptions["level"]>>(
      "(level) => ({ ...level, init })",
    ),
  },
);

/** The inner optimization of {@link stochasticVariationalInference}: data [batch, pixels], λ of [batch, latent]. */
export type StochasticVariationalInferenceLevel = Level<GenerativeParams, Tensor, Gaussian>;

/** The model that {@link stochasticVariationalInference} makes. */
export interface StochasticVariationalInference
  extends LatentModel<GenerativeParams, Gaussian, Inferred<Gaussian, null>> {
  /** The inner optimization. */
  readonly level: StochasticVariationalInferenceLevel;
}

/**
 * Stochastic variational inference. One step, from the prior (μ = s = 0):
 *
 *     λ ← λ + α ∇_λ ELBO(λ; x),   λ = (μ, s)
 *
 * ```ts
 * import { stochasticVariationalInference } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = stochasticVariationalInference({
 *   pixels: 3,
 *   latent: 2,
 *   hidden: [],
 *   likelihood: "gaussian",
 *   samples: "exact",
 *   steps: 200,
 * });
 * const params = model.init(random.key(0));
 * const [x, key] = [np.array([[1, -2, 0.5]]), random.key(1)];
 * const { value } = model.apply(params, x, key);
 * const first = model.level.init(params, x, key);
 * const gain = model.bound(params, value, x, key).sub(model.bound(params, first, x, key));
 * console.assert(await gain.item() > 0);
 * ```
 *
 * @throws ShapeError for data of another size; ArgumentError for `samples: "exact"` where no expectation is known.
 */
export function stochasticVariationalInference(
  options: StochasticVariationalInferenceOptions,
): StochasticVariationalInference {
  checkOptions(options);
  const name = "stochasticVariationalInference";
  const { latent, steps = 20, rate = 0.05, adjoint, redraw } = options;
  const latents = latentVariables(name, { ...oneLevel(options, [500]), divergence: "closed" });
  const bound: StochasticVariationalInference["bound"] = (params, q, x, key) =>
    latents.explain(params, [q], x, key).bound;

  const own: StochasticVariationalInferenceLevel = {
    init: (_, x) => standardGaussian(x, [x.shape[0]!, latent]),
    step(params, q, x, { key }) {
      const slope = grad((q: Gaussian) => np.sum(bound(params, q, x, key)))(q);
      return {
        mean: q.mean.add(slope.mean.mul(rate)),
        logVariance: q.logVariance.add(slope.logVariance.mul(rate)),
      };
    },
    objective: (params, q, x, { key }) => bound(params, q, x, key),
  };
  const level = options.level?.(own) ?? own;
  const solve = infer(level, {
    steps,
    adjoint: adjoint ?? unrolled(),
    batchAxis: 0,
    ...redraw !== undefined && { noise: redraw ? "fresh" : "fixed" },
  });
  const model: StochasticVariationalInference = {
    init: (key) => latents.init(key),
    apply(params, x, key) {
      requireParams(name, params, ["observation", "priors"]);
      latents.check(x);
      return solve(params, x, key);
    },
    bound,
    loss(params, x, key) {
      const [a, b] = random.split(key);
      const found = model.apply(params, x, a);
      const { mean, logVariance } = found.value;
      const q = adjoint
        ? found.value
        : { mean: stopGradient(mean), logVariance: stopGradient(logVariance) };
      return [np.mean(bound(params, q, x, b)).neg(), { ...found, value: q }];
    },
    importance: (params, q, x, key, samples) => latents.importance(params, [q], x, key, samples),
    reconstruct: (params, { mean }) => latents.decode(params, mean),
    generate: (params, key, count) => latents.generate(params, key, count),
    level,
  };
  return model;
}
