/**
 * Iterative amortized inference (Marino, Yue & Mandt, 2018): a network learns to improve the posterior estimate of a datum
 * from what the gradient of the evidence lower bound (ELBO), or the errors of the model, say about it. Each iterate trains the
 * one application of the network that led to it.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import type { LinearParams } from "../nn/index.ts";
import { infer, type Inferred, type Level } from "../nested/index.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  callable,
  declareOptions,
  either,
  type Kind,
  listOf,
  oneOf,
  required,
  size,
} from "../options/index.ts";
import { sharedOptions } from "../implicit/options.ts";
import { type Adjoint, truncated, unrolled } from "../implicit/index.ts";
import * as random from "../random/index.ts";
import { grad, stopGradient } from "../transforms/index.ts";
import * as tree from "../tree.ts";
import { encode, type Encoding, encodings, encodingSize, errorOf } from "./parts/encodings.ts";
import { drawGaussian, type Gaussian } from "./parts/gaussians.ts";
import { type GatedParams, gatedPerceptron, glorotLinear } from "./parts/highway.ts";
import {
  type GenerativeParams,
  latentKinds,
  type LatentOptions,
  latentVariables,
} from "./parts/latentVariables.ts";
import type { LatentModel } from "./vae.ts";

/** Options of {@link iterativeAmortizedInference}; the defaults are those of the original's MNIST with one level. */
export interface IterativeAmortizedInferenceOptions
  extends Omit<LatentOptions, "latent" | "hidden"> {
  /** The number of latent variables; of each level, bottom first, where there are several. */
  readonly latent: number | readonly number[];
  /** The sizes of the decoder's hidden layers below each level; twice 512. */
  readonly hidden?: readonly (readonly number[])[];
  /** The sizes of the inference network's hidden layers, of each level; twice 512. */
  readonly inference?: readonly (readonly number[])[];
  /** The layers of the decoder: plain (the default), or gated as those of the inference network. */
  readonly connection?: "sequential" | "highway";
  /**
   * The inputs of the inference network, see {@link Encoding}. Default: `["data", "logGradient", "signGradient", "mean", "logVariance"]`.
   */
  readonly inputs?: readonly Encoding[];
  /**
   * The gradient that it sees is that of the `"mean"` loss of the batch, as in the original (the default), and depends on the
   * size of the batch; or of the `"sum"`, and does not.
   */
  readonly gradientOf?: "mean" | "sum";
  /** The number T of steps; 5. */
  readonly steps?: number;
  /**
   * The adjoint of the iteration; `truncated({ steps: 1 })`: each iterate trains one application of the network. An adjoint of
   * the fixed point differentiates the last iterate alone.
   */
  readonly adjoint?: Adjoint;
  /**
   * If true, gradients of top errors pass to the draw of the step before, and through it to earlier steps, as they do in the
   * original's code, while everything else is cut. Default false: all is cut.
   */
  readonly leak?: boolean;
  /** Changes the level before it is solved, as `(level) => ({ ...level, init })` does. */
  readonly level?: (
    own: IterativeAmortizedInferenceLevel,
  ) => IterativeAmortizedInferenceLevel;
}

const lists = listOf(listOf(size));
const checkOptions = declareOptions<IterativeAmortizedInferenceOptions>(
  "iterativeAmortizedInference",
  [],
  {
    ...latentKinds,
    latent: required(either(size, listOf(size)) as Kind<number | readonly number[]>),
    hidden: lists,
    inference: lists,
    connection: oneOf("sequential", "highway"),
    inputs: listOf(oneOf(...encodings)),
    gradientOf: oneOf("mean", "sum"),
    steps: size,
    adjoint: sharedOptions.adjoint,
    leak: boolean,
    level: callable<NonNullable<IterativeAmortizedInferenceOptions["level"]>>(
      "(level) => ({ ...level, init })",
    ),
  },
);

/** Parameters of the inference network of a level: proposals for μ and s, and gates that keep the old ones. */
export type InferenceParams = {
  readonly network: GatedParams;
  readonly mean: LinearParams;
  readonly logVariance: LinearParams;
  readonly meanGate: LinearParams;
  readonly logVarianceGate: LinearParams;
};
/** Parameters of {@link iterativeAmortizedInference}. */
export type IterativeAmortizedInferenceParams = {
  /** Of each level, bottom first. */
  readonly inference: readonly InferenceParams[];
  readonly generative: GenerativeParams;
};

/** λ: a posterior for each level, bottom first. */
export type LevelPosteriors = readonly Gaussian[];

/** The inner optimization of {@link iterativeAmortizedInference}. */
export type IterativeAmortizedInferenceLevel = Level<
  IterativeAmortizedInferenceParams,
  Tensor,
  LevelPosteriors
>;

/** The model that {@link iterativeAmortizedInference} makes. */
export interface IterativeAmortizedInference extends
  LatentModel<
    IterativeAmortizedInferenceParams,
    LevelPosteriors,
    Inferred<LevelPosteriors, null, "last" | "all">
  > {
  /** The inner optimization. */
  readonly level: IterativeAmortizedInferenceLevel;
}

/** A tree of tensors as constants. */
const cut = <T>(x: T): T => tree.map((leaf: Tensor) => stopGradient(leaf), x) as T; // of the same form

/**
 * Iterative amortized inference. With the encodings e of the estimate, one step is
 *
 *     h = highway(e(λ, ∇, x)),   γ = σ(V h + c)
 *     μ ← γ μ + (1 − γ) (W h + b),   and s likewise, within ±15
 *
 * from λ₀, the prior. Levels are updated bottom first; a draw of the new posterior is what the next level has below it.
 * The inference network learns from the mean of −ELBO over λ_1 … λ_T, where λ_t is a constant to step t + 1, and so
 * are its gradients; the generative model learns from λ_T alone.
 *
 * ```ts
 * import { iterativeAmortizedInference } from "trilevel/models";
 * import { np, random } from "trilevel";
 * const model = iterativeAmortizedInference({
 *   pixels: 6,
 *   latent: [3, 2],
 *   hidden: [[8], [8]],
 *   inference: [[8], [8]],
 *   inputs: ["data", "bottomError", "topError", "mean", "logVariance"],
 *   samples: 1,
 *   steps: 2,
 * });
 * const params = model.init(random.key(0));
 * const { value, each } = model.apply(params, np.ones([4, 6]), random.key(1));
 * console.assert(value[1]!.mean.shape.join() === "4,2" && each![0]!.mean.shape.join() === "2,4,3");
 * ```
 *
 * @throws ShapeError for data of another size; ArgumentError for options that contradict each other.
 */
export function iterativeAmortizedInference(
  options: IterativeAmortizedInferenceOptions,
): IterativeAmortizedInference {
  checkOptions(options);
  const name = "iterativeAmortizedInference";
  const {
    pixels,
    likelihood = "bernoulli",
    variance = 1,
    samples = 10,
    activation = "elu",
    connection = "sequential",
    inputs = ["data", "logGradient", "signGradient", "mean", "logVariance"],
    gradientOf = "mean",
    steps = 5,
    leak = false,
    adjoint = leak ? unrolled() : truncated({ steps: 1 }),
  } = options;
  const sizes = [options.latent].flat() as readonly number[];
  const wide = sizes.map(() => [512, 512]);
  const { hidden = wide, inference = wide } = options;
  refuseContradictions({ ...options, inputs, likelihood, hidden, inference }, sizes);
  const latents = latentVariables(name, {
    pixels,
    likelihood,
    variance,
    samples,
    activation,
    connection,
    latents: sizes,
    hidden,
    divergence: "closed",
  });
  const networks = sizes.map((latent, l) => {
    const from = encodingSize(inputs, latent, sizes[l - 1] ?? pixels);
    const all = [from, ...inference[l]!];
    return {
      network: gatedPerceptron(all, activation, "highway"),
      head: glorotLinear(all.at(-1)!, latent),
    };
  });

  const own: IterativeAmortizedInferenceLevel = {
    init: ({ generative }, x, key) => cut(latents.prior(generative, key, x)),
    step(params, old, x, { key }) {
      const [a, b] = random.split(key);
      const loss = (q: LevelPosteriors) => {
        const found = latents.explain(params.generative, q, x, a);
        const total = np.sum(found.bound).neg();
        return [gradientOf === "mean" ? total.div(x.shape[0]!) : total, found] as const;
      };
      const [slopes, { draws, priors, mean }] = grad(loss, { hasAux: true })(old);
      const q = leak ? cut(old) : old;
      const keys = random.split(b, sizes.length);
      let data = x.sub(0.5);
      let bottomError = np.mean(x.sub(stopGradient(mean)), { axis: 0 });
      let bottomVariance: Tensor | number = variance;
      return q.map((own, l) => {
        const sight = {
          q: own,
          slope: cut(slopes[l]!),
          data,
          bottomError,
          bottomVariance,
          draws: draws[l]!,
          prior: priors[l]!,
        };
        const next = update(params.inference[l]!, l, own, encode(inputs, sight));
        const drawn = drawGaussian(next, keys[l]!, 1);
        data = np.squeeze(drawn, 0);
        bottomError = np.mean(errorOf(drawn, priors[l]!), { axis: 0 });
        bottomVariance = np.mean(np.exp(stopGradient(priors[l]!.logVariance)), {
          axis: priors[l]!.logVariance.ndim === 3 ? 0 : [],
        });
        return next;
      });
    },
    objective: ({ generative }, q, x, { key }) => latents.explain(generative, q, x, key).bound,
  };
  const update = (params: InferenceParams, l: number, old: Gaussian, seen: Tensor): Gaussian => {
    const { network, head } = networks[l]!;
    const h = network.apply(params.network, seen);
    const moved = (before: Tensor, proposal: LinearParams, gate: LinearParams) => {
      const gamma = np.sigmoid(head.apply(gate, h));
      return gamma.mul(before).add(np.subtract(1, gamma).mul(head.apply(proposal, h)));
    };
    const logVariance = moved(old.logVariance, params.logVariance, params.logVarianceGate);
    return {
      mean: moved(old.mean, params.mean, params.meanGate),
      logVariance: np.clip(logVariance, -15, 15),
    };
  };

  const level = options.level?.(own) ?? own;
  // An adjoint of the fixed point differentiates one iterate, whatever was on the way to it.
  const last = adjoint.kind === "atSolution"
    ? infer(level, { steps, adjoint, batchAxis: 0 })
    : undefined;
  const all = last ? undefined : infer(level, { steps, adjoint, collect: "all", batchAxis: 0 });
  const model: IterativeAmortizedInference = {
    init(key) {
      const [first, second] = random.split(key);
      const keys = random.split(first, 5 * sizes.length);
      return {
        inference: networks.map(({ network, head }, l) => ({
          network: network.init(keys[5 * l]!),
          mean: head.init(keys[5 * l + 1]!),
          logVariance: head.init(keys[5 * l + 2]!),
          meanGate: head.init(keys[5 * l + 3]!),
          logVarianceGate: head.init(keys[5 * l + 4]!),
        })),
        generative: latents.init(second),
      };
    },
    apply(params, x, key) {
      requireParams(name, params, ["inference", "generative"]);
      latents.check(x);
      return all ? all(params, x, key) : last!(params, x, key);
    },
    bound: ({ generative }, q, x, key) => latents.explain(generative, q, x, key).bound,
    loss(params, x, key) {
      const [a, b, c] = random.split(key, 3);
      const found = model.apply(params, x, a);
      const { each, value } = found;
      // −ELBO of every iterate in one go: iterates are laid out along the batch.
      const iterates = each ?? tree.map((leaf: Tensor) => np.expandDims(leaf, 0), value);
      const count = iterates[0]!.mean.shape[0]!;
      const flat = tree.map(
        (leaf: Tensor) => leaf.reshape([count * x.shape[0]!, leaf.shape.at(-1)!]),
        iterates,
      );
      const many = np.tile(x, [count, 1]);
      const fixed = { ...params, generative: cut(params.generative) };
      const learned = np.mean(model.bound(fixed, flat, many, b)).neg();
      const end = np.mean(model.bound(params, cut(value), x, c)).neg();
      // The value is that of the last iterate; the inference network's gradient is that of the mean over all.
      return [end.add(learned).sub(stopGradient(learned)), found];
    },
    importance: ({ generative }, q, x, key, samples) =>
      latents.importance(generative, q, x, key, samples),
    reconstruct: ({ generative }, q) => latents.decode(generative, q[0]!.mean),
    generate: ({ generative }, key, count) => latents.generate(generative, key, count),
    level,
  };
  return model;
}

function refuseContradictions(
  { inputs, likelihood, hidden, inference, leak, adjoint }:
    & IterativeAmortizedInferenceOptions
    & Required<
      Pick<IterativeAmortizedInferenceOptions, "inputs" | "likelihood" | "hidden" | "inference">
    >,
  sizes: readonly number[],
): void {
  const refuse = (message: string, hint: string): never => {
    throw new ArgumentError(`iterativeAmortizedInference: ${message}`, hint);
  };
  if (inputs.length === 0) refuse("`inputs` is empty", `give some of ${encodings.join(", ")}`);
  if (sizes.length === 0) refuse("`latent` has no level", "give latent: 64, or latent: [64, 32]");
  for (const [option, given] of Object.entries({ hidden, inference })) {
    if (given.length !== sizes.length || (option === "inference" && given.some((g) => !g.length))) {
      refuse(
        `${option} has ${given.length} lists of layers for ${sizes.length} levels`,
        `give a list of sizes for each level, as ${option}: ${
          JSON.stringify(sizes.map(() => [512, 512]))
        }`,
      );
    }
  }
  if (inputs.includes("bottomNormError") && likelihood === "bernoulli") {
    refuse(
      '"bottomNormError" with a Bernoulli likelihood, which has no variance of its own',
      'give "bottomError", or likelihood: "gaussian"',
    );
  }
  if (leak && adjoint) {
    refuse(
      "`leak` cannot be combined with `adjoint`, which itself says what is cut",
      "leave one of them out",
    );
  }
}
